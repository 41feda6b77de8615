#pragma once

#include <concepts>
#include <optional>

#include "residual/layers/attention/heads.hpp"
#include "residual/layers/layer.hpp"

namespace residual {

/// What stands between attention's projections and its softmax, and changes queries and keys in place: positions, norms.
///
///     check(heads)                                throws where it does not fit
///     forward (p, t, pass, heads, q, k)           q, k = map(q, k)
///     backward(p, t, pass, heads, dq, dk, g)      dq, dk: those of the map's output, then those of its input
template <class M>
concept QueryKeyMap = std::equality_comparable<M> &&
    requires(const M& map, const typename M::Params& p, typename M::Params& g, typename M::Tape& t,
             const typename M::Tape& kept, const Heads& heads, const Pass<typename M::Scalar>& pass,
             Carver<typename M::Scalar>& c, Out<typename M::Scalar> m) {
  g.carve(c, map);
  t.carve(c, map, pass, heads);
  map.check(heads);
  map.forward(p, t, pass, heads, m, m);
  map.backward(p, kept, pass, heads, m, m, g);
};

/// A map that a model may have or not, as it turns out at run time.
template <QueryKeyMap M>
struct Optional {
  using Scalar = typename M::Scalar;
  using S = Scalar;
  std::optional<M> map = {};
  bool operator==(const Optional&) const = default;
  void check(const Heads& heads) const {
    if (map) map->check(heads);
  }

  struct Params : M::Params {
    void carve(Carver<S>& c, const Optional& optional) {
      if (optional.map) M::Params::carve(c, *optional.map);
    }
  };
  struct Tape : M::Tape {
    void carve(Carver<S>& c, const Optional& optional, const Pass<S>& pass, const Heads& heads) {
      if (optional.map) M::Tape::carve(c, *optional.map, pass, heads);
    }
  };
  void forward(const Params& p, Tape& t, const Pass<S>& pass, const Heads& heads, Out<S> q, Out<S> k) const {
    if (map) map->forward(p, t, pass, heads, q, k);
  }
  void backward(const Params& p, const Tape& t, const Pass<S>& pass, const Heads& heads, Out<S> dq, Out<S> dk,
                Params& g) const {
    if (map) map->backward(p, t, pass, heads, dq, dk, g);
  }
};

/// T(), where T can begin without anything given; else throws.
template <class T>
T default_part() {
  if constexpr (std::default_initializable<T>) {
    return T();
  } else {
    detail::refuse(
        {"SelfAttention: a map or an inner norm was left out that has no default; give it as .maps = {..} "
         "or .inner = ..."});
  }
}

}  // namespace residual
