#pragma once

#include <algorithm>
#include <array>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "residual/layers/channel.hpp"
#include "residual/model/input.hpp"
#include "residual/model/running_stack.hpp"
#include "residual/model/stack_cache.hpp"

namespace residual {

/// Whether names differ from each other.
template <std::size_t count>
constexpr bool all_differ(const std::array<std::string_view, count>& names) {
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (names[i] == names[j]) return false;
    }
  }
  return true;
}

/// `depth` blocks of the sub-layers F..., wired by the residual scheme W.
template <class W, class... F>
struct Stack {
  using Scalar = typename W::Scalar;
  using S = Scalar;
  static constexpr std::size_t slots = sizeof...(F);  ///< sub-layers of a block
  static_assert(is_wiring<W>() && (is_layer<F>() && ...));
  static_assert(slots > 0, "A stack needs sub-layers: Stack<Scheme, SelfAttention<float>, FeedForward<float>>.");
  static_assert((std::same_as<typename F::Scalar, S> && ...), "Make the scheme and all sub-layers of one scalar.");
  static_assert(
      all_differ<slots>({std::string_view(F::name)...}),
      "Two sub-layers of a stack have one name, so their parameters would have the same names: give one of them "
      "another, as Named<\"ffn1.\", FeedForward<float>>.");

  W wiring;                                  ///< the residual scheme
  std::tuple<F...> sublayers;                ///< of every block, in order
  Index depth = -1;                          ///< how many blocks: must be given
  double dropout = 0;                        ///< of every f(x), before the scheme sees it
  Recompute recompute = Recompute::nothing;  ///< what backward computes again
  bool operator==(const Stack&) const = default;

  /// Whether some sub-layer attends to a memory.
  static constexpr bool reads_memory = (requires { F::reads_memory; } || ...);
  using Input = residual::Input<S>;
  using Gradient = InputGradient<S>;
  /// What decoding starts from, where sub-layers attend to a memory.
  struct Source {
    Batch batch;   ///< the sequences of the memory
    In<S> memory;  ///< [memory tokens x dim]
  };

  /// The width: features of a token.
  Index dim() const { return wiring.dim(); }
  /// Sub-layers in all: Site::number() of them is less.
  Index sites() const { return depth * Index(slots); }
  /// Residual streams of the scheme.
  Index streams() const { return stream_count(wiring); }
  /// Whether no sub-layer sees tokens behind the one it computes: one that mixes tokens says so by a field `causal`.
  bool causal() const {
    bool all = true;
    each_slot([&](auto i) {
      const auto& f = std::get<i>(sublayers);
      using L = std::decay_t<decltype(f)>;
      if constexpr (requires { f.causal; }) {
        all = all && f.causal;
      } else if constexpr (L::mixes_tokens && !requires { L::reads_memory; }) {
        all = false;
      }
    });
    return all;
  }
  /// The most tokens in front of a step's that the step reads in some block: what endless decoding has to keep. Throws when a
  /// sub-layer has no limit.
  Index look_back() const {
    Index most = 0;
    each_slot([&](auto i) {
      const auto& f = std::get<i>(sublayers);
      using L = std::decay_t<decltype(f)>;
      for (Index block = 0; block < depth; ++block) {
        if constexpr (requires { f.look_back(block); }) {
          most = std::max(most, f.look_back(block));
        } else {
          expect(
              !L::mixes_tokens || requires { L::reads_memory; }, "Stack: sub-layer ", std::size_t(i),
              " of a block mixes tokens, but does not say how many an endless decoding has to keep for it; give it "
              "`Index look_back(Index block) const`.");
        }
      }
    });
    return most;
  }
  /// Heads of self-attention, for masks that differ by head; 1 without any.
  Index heads() const { return heads_that<false>(); }
  /// Heads of cross-attention; 1 without any.
  Index memory_heads() const { return heads_that<true>(); }
  /// Rows of y: the tokens.
  Index output_rows(const Input& input) const { return input.batch.tokens(); }
  /// Columns of y: the width.
  Index output_cols() const { return dim(); }

  /// Throws std::invalid_argument when a field cannot be.
  void check() const {
    expect(depth >= 0, "Stack: depth is ", depth, ", but it must be given, 0 or more; it is the number of blocks.");
    expect_rate("Stack: dropout", dropout);
    expect_known("Stack: recompute", recompute, Recompute::blocks, "Recompute::nothing");
    if constexpr (requires { wiring.check(); }) wiring.check();
    each_slot([&](auto i) {
      const auto& f = std::get<i>(sublayers);
      f.check();
      if constexpr (requires { f.check_depth(depth); }) f.check_depth(depth);
      if constexpr (requires { f.dim; }) {
        expect(f.dim == dim(), "Stack: sub-layer ", std::size_t(i), " of a block is ", f.dim,
               " wide, but the residual scheme was made for ", dim(), "; give both the same width.");
      }
    });
  }
  /// Throws unless the input fits.
  void check(const Input& input) const { expect_input(input, dim(), reads_memory, heads(), memory_heads()); }
  /// Throws unless the input is a step of decoding that continues the context.
  void check(const Input& input, const CachedContext& context) const {
    expect_step(input, dim(), context, reads_memory, heads(), memory_heads());
  }
  /// Throws unless the windows for gradients have the shapes of the input.
  void check(const Input& input, const Gradient& dinput) const {
    if (dinput.x.wanted()) {
      expect_shape("The gradient of x", dinput.x, input.x.rows(), dim(), "the shape of x");
    }
    if (dinput.memory.wanted()) {
      expect_shape("The gradient of memory", dinput.memory, input.memory.rows(), dim(), "the shape of memory");
    }
  }

  /// The parameters of all blocks, and those of the scheme.
  struct Params {
    std::vector<std::tuple<typename F::Params...>> layers;  ///< a block each
    typename W::Params wiring;
    void carve(Carver<S>& c, const Stack& stack) {
      if (Index(layers.size()) != stack.depth) layers = decltype(layers)(std::size_t(stack.depth));
      for (Index block = 0; block < stack.depth; ++block) {
        c.within("layers.", block, ".", [&] {
          each_slot([&](auto i) {
            using L = std::tuple_element_t<i, std::tuple<F...>>;
            auto& params = std::get<i>(layers[std::size_t(block)]);
            const auto& f = std::get<i>(stack.sublayers);
            if constexpr (BlocksDiffer<L>) {
              c(L::name, params, f, block);
            } else {
              c(L::name, params, f);
            }
          });
          carve_wiring(c, stack, block);
        });
      }
      carve_wiring(c, stack, stack.depth);
    }

   private:
    void carve_wiring(Carver<S>& c, const Stack& stack, Index part) {
      ParamListing<S> list(c, stack.depth, Index(slots), part, stack.dim());
      wiring.carve(list, stack.wiring);
    }
  };

  /// What sub-layers and scheme keep for backward.
  struct Tape {
    std::vector<std::tuple<typename F::Tape...>> layers;  ///< a block each
    typename W::Tape wiring;
    std::tuple<ChannelOf<F>...> channels;  ///< what blocks share
    PerSite<char> called;                  ///< whether the sub-layer was, in this pass
    Matrices<S> saved;    ///< the streams in front of each block but the first, when only these are kept
    Index recalled = -1;  ///< the block that the blocks' tapes are of, when they share memory
    void carve(Carver<S>& c, const Stack& stack, const Pass<S>& pass) {
      if (Index(layers.size()) != stack.depth) layers = decltype(layers)(std::size_t(stack.depth));
      called.resize(stack.depth, Index(slots));
      called.fill(0);
      const bool shared = stack.checkpoints(pass);
      saved.carve(c, shared ? std::max<Index>(stack.depth - 1, 0) * stack.streams() : 0, pass.tokens(), stack.dim());
      each_channel([&](auto i) {
        auto& channel = std::get<i>(channels);
        c("", channel, std::get<i>(stack.sublayers), pass);
        for (auto& block : layers) std::get<i>(block).join(channel);
      });
      const Index begin = c.size();
      Pass<S> own = pass;
      for (own.block = 0; own.block < stack.depth; ++own.block) {
        if (shared) c.go_to(begin);
        carve_block(c, stack, own);
      }
      c.go_to(c.size());
      TapeListing<S> list(c, stack.depth, Index(slots), stack.depth, pass);
      wiring.carve(list, stack.wiring);
    }
    void carve(Carver<S>& c, const Stack& stack, const Input& input, const Call<S>& call) {
      carve(c, stack, make_pass(input, call));
    }

   private:
    void carve_block(Carver<S>& c, const Stack& stack, const Pass<S>& pass) {
      if (pass.keep && stack.recompute != Recompute::sublayers) {  // else each call borrows memory
        each_slot(
            [&](auto i) { c("", std::get<i>(layers[std::size_t(pass.block)]), std::get<i>(stack.sublayers), pass); });
      }
      TapeListing<S> list(c, stack.depth, Index(slots), pass.block, pass);
      wiring.carve(list, stack.wiring);
    }
  };

  using Cache = StackCache<Stack, F...>;

  /// y = the stack's output for the embedding x, both [tokens x dim]. With a cache the tokens continue the call's context, of
  /// which it holds what the sub-layers need.
  void forward(const Params& p, Tape& t, const Input& input, const Call<S>& call, Out<S> y,
               Cache* cache = nullptr) const {
    const Pass<S> pass = make_pass(input, call);
    RunningStack<Stack> f(*this, p, t, pass, call.observer, cache, input.x);
    wiring.forward(p.wiring, t.wiring, f, input.x, y);
  }
  /// Adds to g and, where wanted, to dinput the gradient of <y, dy>.
  void backward(const Params& p, Tape& t, const Input& input, const Call<S>& call, In<S> dy, const Gradient& dinput,
                Params& g) const {
    const auto wanted_or = [](const Out<S>& wanted, auto& unwanted) {
      return wanted.data() ? wanted : Out<S>(unwanted);
    };
    auto dx = call.workspace.zeros(dinput.x.data() == nullptr ? dy.rows() : 0, dim());
    auto dmemory = call.workspace.zeros(dinput.memory.data() == nullptr ? input.memory.rows() : 0, dim());
    Pass<S> pass = make_pass(input, call);
    pass.dmemory.show(wanted_or(dinput.memory, dmemory));
    each_channel([&](auto i) { std::get<i>(t.channels).clear(); });
    pass.linear_inputs = nullptr;  // forward has shown what is computed again
    RunningStack<Stack> f(*this, p, t, pass, call.observer, nullptr, input.x, &g);
    wiring.backward(p.wiring, t.wiring, f, input.x, dy, wanted_or(dinput.x, dx), g.wiring);
  }

  /// The input of `remember`: no token yet in each of as many sequences as the source has.
  Input input_of(const Source& source, const Batch& empty) const {
    return {
        .batch = empty, .x = In<S>(nullptr, 0, dim(), dim()), .memory_batch = source.batch, .memory = source.memory};
  }
  /// Computes what the sub-layers need of the memory, for all steps to come.
  void remember(const Params& p, Tape& t, Cache& cache, const Input& input, const Call<S>& call) const {
    const auto pass = make_pass(input, call);
    for (std::size_t b = 0; b < cache.layers.size(); ++b) {
      each_slot([&](auto i) {
        const auto& f = std::get<i>(sublayers);
        const auto& weights = std::get<i>(p.layers[b]);
        auto& tape = std::get<i>(t.layers[b]);
        auto& kept = std::get<i>(cache.layers[b]);
        if constexpr (requires { f.remember(weights, tape, kept, pass); }) {
          const BorrowedTape memory(f, tape, pass, !pass.keep);
          f.remember(weights, tape, kept, pass);
        }
      });
    }
  }

 private:
  friend class RunningStack<Stack>;
  friend Cache;

  /// Heads of the sub-layers that attend to a memory, or to their own tokens; 0 where they differ.
  template <bool read_memory>
  Index heads_that() const {
    Index heads = -1;
    each_slot([&](auto i) {
      const auto& f = std::get<i>(sublayers);
      using L = std::decay_t<decltype(f)>;
      if constexpr (
          read_memory == requires { L::reads_memory; } && requires { f.heads; }) {
        heads = heads < 0 || heads == f.heads ? f.heads : 0;
      }
    });
    return heads < 0 ? 1 : heads;
  }

  /// Whether a pass keeps the streams in front of each block alone, so that the blocks' tapes share memory.
  bool checkpoints(const Pass<S>& pass) const { return pass.keep && recompute == Recompute::blocks; }

  template <class Visit>
  static void each_slot(Visit&& visit) {
    [&]<std::size_t... I>(std::index_sequence<I...>) { (visit(std::integral_constant<std::size_t, I>()), ...); }
    (std::make_index_sequence<slots>());
  }
  /// That for the sub-layers whose blocks share something.
  template <class Visit>
  static void each_channel(Visit&& visit) {
    each_slot([&](auto i) {
      if constexpr (Channelled<std::tuple_element_t<i, std::tuple<F...>>>) visit(i);
    });
  }
};

}  // namespace residual
