#pragma once

#include <limits>

#include "residual/wiring/stream_mix.hpp"
#include "residual/wiring/wiring.hpp"

namespace residual {

/// n streams h_1 .. h_n that all start as the embedding and are mixed at every sub-layer by numbers a, b that `Source` computes,
/// which may be others for each token:
///
///     u = sum_i a_i0 h_i,   o = f(LN(u)),   h'_j = b_j o + sum_i a_ij h_i,   y = LN(sum_j h_j)
///
/// A source is written as a scheme is, of one sub-layer: Params::carve(c, list, source, dim, n, k), Tape::carve(c, list, source,
/// dim, n), numbers(p, t, f, n, h, a, b), which overwrites a and b (StreamMix), and pull(p, t, f, n, h, da, db, dh, g), which may
/// overwrite da and db, and adds to dh and g; check(n); norms(), a tuple of references.
template <class S, class Source, class Norm, class LastNorm>
struct MixedStreams {
  using Scalar = S;
  Norm norm;
  LastNorm last;
  Index n;
  Source source;

  bool operator==(const MixedStreams&) const = default;
  Index dim() const { return norm.dim; }
  auto norms() { return std::tuple_cat(std::tie(norm, last), source.norms()); }
  Index streams() const { return n; }
  void check() const {
    expect(n > 0, "Hyper-connections: n is ", n, ", but there must be 1 stream or more, for example 4.");
    expect(double(n) * (double(n) + double(dim())) < double(std::numeric_limits<Index>::max() / 4),
           "Hyper-connections: n is ", n, " and the streams are ", dim(),
           " wide, but no memory holds a token's numbers; give fewer streams.");
    source.check(n);
  }

  struct Params {
    PerSite<ParamsOf<Norm>> norm;
    PerSite<typename Source::Params> source;
    ParamsOf<LastNorm> last;
    void carve(ParamListing<S>& list, const MixedStreams& w) {
      list.each_site("norm", norm, w.norm);
      list.each_site("hc", source, [&](auto& c, auto& s, Site k) { s.carve(c, list, w.source, w.dim(), w.n, k); });
      list.once("norm.", last, w.last);
    }
  };
  struct Tape {
    PerSite<TapeOf<Norm>> norm;
    PerSite<typename Source::Tape> source;
    PerSite<TokensView<S>> h;        ///< the streams in front of the sub-layer, one below the other
    PerSite<TokensView<S>> a, b, o;  ///< the numbers, and what the sub-layer computed
    TapeOf<LastNorm> last;
    void carve(TapeListing<S>& list, const MixedStreams& w) {
      const Index rows = list.kept_tokens(), count = w.n;
      list.each_site(norm, w.norm);
      list.each_site("", source, [&](auto& c, auto& s, Site) { s.carve(c, list, w.source, w.dim(), count); });
      list.each_site("", h, [&](auto& c, auto& m, Site) { c("", m, count * rows, w.dim()); });
      list.each_site("", a, [&](auto& c, auto& m, Site) { c("", m, rows, count * (1 + count)); });
      list.each_site("", b, [&](auto& c, auto& m, Site) { c("", m, rows, count); });
      list.each_site("", o, [&](auto& c, auto& m, Site) { c("", m, rows, w.dim()); });
      list.once(last, w.last);
    }
  };

  void forward(const Params& p, Tape& t, Sublayers<S>& f, In<S> x0, Out<S> y) const {
    const auto LN = f.bind(norm, p.norm, t.norm);
    const auto& pass = f.pass();
    auto h = f.streams(n, x0);
    auto room = f.temps(pass.keep ? 0 : n);  // for the streams in front of a sub-layer, where no tape is
    auto u = f.temp(), o = f.temp();
    auto a = pass.workspace.temp(f.tokens(), n * (1 + n)), b = pass.workspace.temp(f.tokens(), n);
    const StreamMix<S> mix(pass.executor, n, a, b);
    for (const Site k : f.sites()) {
      const Out<S> before = pass.keep ? Out<S>(t.h[k]) : room.all();
      f.to(before) = h.all();
      source.numbers(p.source[k], t.source[k], f, n, before, a, b);
      mix.read(before, u);  // u = sum_i a_i0 h_i
      LN[k](u, u);
      f[k](u, o);                     // o = f(LN(u))
      mix.write(before, o, h.all());  // h'_j = b_j o + sum_i a_ij h_i
      f.keep(a, t.a[k]);
      f.keep(b, t.b[k]);
      f.keep(o, t.o[k]);
    }
    u = h[0];
    for (Index j = 1; j < n; ++j) u += h[j];
    f.bind(last, p.last, t.last)(u, y);
  }
  void backward(const Params& p, const Tape& t, Sublayers<S>& f, In<S>, In<S> dy, Out<S> dx0, Params& g) const {
    const auto LN = f.bind(norm, p.norm, t.norm, g.norm);
    const auto& pass = f.pass();
    auto du = f.zeros(), u = f.temp(), d_o = f.temp();
    f.bind(last, p.last, t.last, g.last).pull(dy, du);
    auto dh = f.streams(n, du);
    auto dnext = f.temps(n);
    auto da = pass.workspace.temp(f.tokens(), n * (1 + n)), db = pass.workspace.temp(f.tokens(), n);
    for (const Site k : f.sites_backwards()) {
      const StreamMix<S> mix(pass.executor, n, t.a[k], t.b[k]);
      dnext.all() = dh.all();
      mix.pull_branch(dnext.all(), d_o);  // do = sum_j b_j dh'_j
      auto dLN = f.zeros();
      f[k].pull(LN[k].output(u), d_o, dLN);
      du.setZero();
      LN[k].pull(dLN, du);                          // du = LN^T f^T do
      mix.pull_streams(du, dnext.all(), dh.all());  // dh_i = a_i0 du + sum_j a_ij dh'_j
      mix.pull_numbers(t.h[k], t.o[k], du, dnext.all(), da, db);
      source.pull(p.source[k], t.source[k], f, n, t.h[k], da, db, dh, g.source[k]);
    }
    for (Index i = 0; i < n; ++i) f.to(dx0) += dh[i];
  }
};

}  // namespace residual
