#pragma once

#include <vector>

#include "residual/layers/attention/maps.hpp"
#include "residual/layers/rms_norm.hpp"

namespace residual {

/// QK-norm, Henry et al. 2020 (arXiv:2010.04245): queries and keys pass a norm before their products. A norm of a head's
/// width normalises each head with one gain for all heads (Qwen 3), one of the whole width all heads together (OLMo 2).
template <class S, Norm N = RMSNorm<S>>
struct QKNorm {
  using Scalar = S;
  N q, k;
  bool operator==(const QKNorm&) const = default;

  void check(const Heads& heads) const {
    expect_width("q", q.dim, heads.head_dim, heads.q_width());
    expect_width("k", k.dim, heads.head_dim, heads.kv_width());
    q.check();
    k.check();
  }

  struct Params {
    typename N::Params q, k;
    void carve(Carver<S>& c, const QKNorm& map) {
      c("q_norm.", q, map.q);
      c("k_norm.", k, map.k);
    }
  };
  struct Tape {
    std::vector<typename N::Tape> q, k;
    void carve(Carver<S>& c, const QKNorm& map, const Pass<S>& pass, const Heads& heads) {
      carve(c, q, map.q, pass, heads.q_width());
      carve(c, k, map.k, pass, heads.kv_width());
    }

   private:
    static void carve(Carver<S>& c, std::vector<typename N::Tape>& tapes, const N& norm, const Pass<S>& pass,
                      Index width) {
      const auto count = std::size_t(width / norm.dim);
      if (tapes.size() != count) tapes = std::vector<typename N::Tape>(count);
      for (auto& tape : tapes) tape.carve(c, norm, pass);
    }
  };

  void forward(const Params& p, Tape& t, const Pass<S>& pass, const Heads&, const QKV<Out<S>>& x) const {
    forward(q, p.q, t.q, pass, x.q);
    forward(k, p.k, t.k, pass, x.k);
  }
  void backward(const Params& p, const Tape& t, const Pass<S>& pass, const Heads&, const QKV<Out<S>>& dx,
                Params& g) const {
    backward(q, p.q, t.q, pass, dx.q, g.q);
    backward(k, p.k, t.k, pass, dx.k, g.k);
  }

 private:
  static void expect_width(const char* what, Index dim, Index head_dim, Index width) {
    expect(dim == head_dim || dim == width, "QKNorm: the norm of ", what, " is ", dim, " wide, but a head is ",
           head_dim, " and all heads together are ", width, "; make it as wide as one of these.");
  }
  static void forward(const N& norm, const typename N::Params& p, std::vector<typename N::Tape>& tapes,
                      const Pass<S>& pass, Out<S> x) {
    for (std::size_t h = 0; h < tapes.size(); ++h) {
      Out<S> part = x.cols_from(Index(h) * norm.dim, norm.dim);
      norm.forward(p, tapes[h], pass, part, part);
    }
  }
  static void backward(const N& norm, const typename N::Params& p, const std::vector<typename N::Tape>& tapes,
                       const Pass<S>& pass, Out<S> dx, typename N::Params& g) {
    auto dy = pass.workspace.temp(dx.rows(), norm.dim);
    for (std::size_t h = 0; h < tapes.size(); ++h) {
      Out<S> part = dx.cols_from(Index(h) * norm.dim, norm.dim);
      dy = part;
      part.setZero();
      norm.backward(p, tapes[h], pass, dy, part, g);
    }
  }
};

}  // namespace residual
