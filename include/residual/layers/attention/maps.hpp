#pragma once

#include <concepts>
#include <optional>
#include <type_traits>

#include "residual/layers/attention/heads.hpp"
#include "residual/layers/channel.hpp"
#include "residual/layers/layer.hpp"

namespace residual {

/// What stands between attention's projections and its softmax, and changes queries, keys and values in place: positions,
/// norms.
///
///     check(heads)                         throws where it does not fit
///     forward (p, t, pass, heads, x)       x.q, x.k, x.v = map(x.q, x.k, x.v)
///     backward(p, t, pass, heads, dx, g)   dx: the gradients of the map's output, then those of its input
template <class M>
concept AttentionMap = std::equality_comparable<M> &&
    requires(const M& map, const typename M::Params& p, typename M::Params& g, typename M::Tape& t,
             const typename M::Tape& kept, const Heads& heads, const Pass<typename M::Scalar>& pass,
             Carver<typename M::Scalar>& c, const QKV<Out<typename M::Scalar>>& x) {
  g.carve(c, map);
  t.carve(c, map, pass, heads);
  map.check(heads);
  map.forward(p, t, pass, heads, x);
  map.backward(p, kept, pass, heads, x, g);
};

/// A map that a model may have or not, as it turns out at run time.
template <AttentionMap M>
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
  /// The map's, which takes no memory without it.
  struct OwnChannel : ChannelOf<M> {
    void carve(Carver<S>& c, const Optional& optional, const Pass<S>& pass, const Heads& heads) {
      if (optional.map) ChannelOf<M>::carve(c, *optional.map, pass, heads);
    }
  };
  using Channel = std::conditional_t<Channelled<M>, OwnChannel, NoChannel>;
  void forward(const Params& p, Tape& t, const Pass<S>& pass, const Heads& heads, const QKV<Out<S>>& x) const {
    if (map) map->forward(p, t, pass, heads, x);
  }
  void backward(const Params& p, const Tape& t, const Pass<S>& pass, const Heads& heads, const QKV<Out<S>>& dx,
                Params& g) const {
    if (map) map->backward(p, t, pass, heads, dx, g);
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
