#pragma once

#include "residual/layers/attention/attention.hpp"
#include "residual/layers/linear.hpp"

namespace residual {

/// Attention between its projections, Vaswani et al. 2017 (arXiv:1706.03762): q, k and v are linear maps of x, side by side
/// in one weight, and
///
///     y = Attention(q, k, v) W_out + b_out
template <class S>
struct MultiHead {
  Index dim;
  Attention<S> attention;
  bool qkv_bias, bias;

  const Heads& heads() const { return attention.heads; }
  Linear<S> in_proj() const { return {dim, heads().width(), qkv_bias}; }
  Linear<S> out_proj() const { return {heads().q_width(), dim, bias}; }

  struct Params {
    typename Linear<S>::Params in_proj, out_proj;
    void carve(Carver<S>& c, const MultiHead& m) {
      const Heads& h = m.heads();
      const std::initializer_list<TensorPart> qkv = {{"q", h.q_width(), Projection::query},
                                                     {"k", h.kv_width(), Projection::key},
                                                     {"v", h.kv_width(), Projection::value}};
      c("in_proj_", in_proj, m.in_proj(), qkv);
      c("out_proj.", out_proj, m.out_proj(), Projection::output);
    }
  };

  /// The columns begin .. begin + count of in_proj: out = x W + b.
  void project(const Params& p, const Pass<S>& pass, Index begin, Index count, In<S> x, Out<S> out) const {
    const Weight<S> W = p.in_proj.weight;
    const In<S> b = p.in_proj.bias;
    affine<S>(pass, x, W.cols_from(begin, count), qkv_bias ? b.cols_from(begin, count) : In<S>(), out);
  }
  /// Its gradient: dx += dout W^T, and those of W and b.
  void project_pull(const Params& p, const Pass<S>& pass, Index begin, Index count, In<S> x, In<S> dout, Out<S> dx,
                    Params& g) const {
    const In<S> W = p.in_proj.weight;
    Out<S> dW = g.in_proj.weight, db = g.in_proj.bias;
    affine_pull<S>(pass.executor, x, W.cols_from(begin, count), dout, dx, dW.cols_from(begin, count),
                   qkv_bias ? db.cols_from(begin, count) : Out<S>());
  }

  /// What `attend` does with the heads' outputs before their projection.
  enum class Inner {
    none,
    of_o,        ///< a function of o
    of_o_and_q,  ///< one that reads the queries, too
  };
  /// y = inner(o, memory) W_out + b_out with o = Attention(qkv); o lies in `kept` where backward reads it, else in y and
  /// then, unless the queries are still read, in q's memory. inner(o, u) returns o, or what it has written to u.
  template <class Keys, class Map>
  void attend(const Params& p, const Pass<S>& pass, const Keys& keys, const Mask<S>& mask, const QKV<In<S>>& qkv,
              In<S> sinks, Out<S> q_memory, Out<S> kept, Out<S> stats, Out<S> y, Map&& inner, Inner kind) const {
    const Index width = heads().q_width();
    const bool in_y = !pass.keep && width <= dim, keeps_q = pass.keep || kind == Inner::of_o_and_q;
    auto memory = pass.workspace.temp(pass.keep || in_y ? 0 : y.rows(), width);
    Out<S> o = pass.keep ? kept : in_y ? y.cols_from(0, width) : Out<S>(memory);
    attention.forward(pass, keys, mask, qkv, o, stats, sinks);
    auto mapped = pass.workspace.temp(keeps_q && kind != Inner::none ? y.rows() : 0, width);
    affine<S>(pass, keeps_q ? inner(In<S>(o), Out<S>(mapped)) : inner(pass.copied(o, q_memory), q_memory),
              p.out_proj.weight, p.out_proj.bias, y);
  }
};

}  // namespace residual
