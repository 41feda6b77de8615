#pragma once

#include <tuple>
#include <utility>
#include <vector>

#include "residual/model/input.hpp"
#include "residual/model/sublayer.hpp"

namespace residual {

/// `depth` blocks of the sub-layers F..., wired by the scheme W. `dropout` acts on every f(x), before the scheme sees it.
template <class W, class... F>
  requires Wiring<W, typename W::Scalar> &&(Layer<F>&&...) struct Stack {
    using Scalar = typename W::Scalar;
    using S = Scalar;
    using Step = typename W::Step;
    using Last = typename W::Last;
    static constexpr std::size_t slots = sizeof...(F);

    W wiring;
    std::tuple<F...> sublayers;
    Index depth;
    double dropout = 0;
    bool operator==(const Stack&) const = default;

    /// Whether some sub-layer attends to a memory.
    static constexpr bool reads_memory = (requires { F::reads_memory; } || ...);
    using Input = residual::Input<S>;
    using Gradient = InputGradient<S>;
    /// What decoding starts from, where sub-layers attend to a memory.
    struct Source {
      Batch batch;
      In<S> memory;
    };

    Index dim() const { return wiring.dim(); }
    Index output_rows(const Input& input) const { return input.batch.tokens(); }
    Index output_cols() const { return dim(); }
    void check(const Input& input) const { expect_input(input, dim(), reads_memory); }
    void check(const Input& input, const Past& past) const { expect_step(input, dim(), past); }
    void check(const Input& input, const Gradient& dinput) const {
      if (dinput.x.data() != nullptr) expect_shape("The gradient of x", dinput.x, input.x.rows(), dim());
      if (dinput.memory.data() != nullptr)
        expect_shape("The gradient of memory", dinput.memory, input.memory.rows(), dim());
    }

    struct BlockParams {
      std::tuple<typename F::Params...> f;
      std::array<typename Step::Params, slots> step;
      void carve(Carver<S>& c, const Stack& stack) {
        each_slot([&](auto i) {
          c(std::tuple_element_t<i, std::tuple<F...>>::name, std::get<i>(f), std::get<i>(stack.sublayers));
        });
        for (std::size_t i = 0; i < slots; ++i) c.numbered(Step::name, Index(i) + 1, ".", step[i], stack.wiring.step);
      }
    };
    struct Params {
      std::vector<BlockParams> layers;
      typename Last::Params last;
      void carve(Carver<S>& c, const Stack& stack) {
        layers.resize(std::size_t(stack.depth));
        for (std::size_t i = 0; i < layers.size(); ++i) c.numbered("layers.", Index(i), ".", layers[i], stack);
        c("norm.", last, stack.wiring.last);
      }
    };

    struct BlockTape {
      std::tuple<typename F::Tape...> f;
      std::array<typename Step::Tape, slots> step;
      void carve(Carver<S>& c, const Stack& stack, const Pass<S>& pass) {
        each_slot([&](auto i) {
          c("", std::get<i>(f), std::get<i>(stack.sublayers), pass);
          c("", step[i], stack.wiring.step, pass);
        });
      }
    };
    struct Tape {
      std::vector<BlockTape> layers;
      typename Last::Tape last;
      void carve(Carver<S>& c, const Stack& stack, const Pass<S>& pass) {
        layers.resize(std::size_t(stack.depth));
        if (!pass.keep) return;  // then each call of a layer borrows its tape's memory
        for (auto& layer : layers) c("", layer, stack, pass);
        c("", last, stack.wiring.last, pass);
      }
      void carve(Carver<S>& c, const Stack& stack, const Input& input, const Call<S>& call) {
        carve(c, stack, make_pass(input, call));
      }
    };

    /// What the sub-layers need of the tokens before, and of the memory.
    struct Cache {
      std::vector<std::tuple<CacheOf<F>...>> layers;
      void carve(Carver<S>& c, const Stack& stack, const Room& room) {
        layers.resize(std::size_t(stack.depth));
        for (auto& layer : layers) {
          each_slot([&](auto i) { c("", std::get<i>(layer), std::get<i>(stack.sublayers), room); });
        }
      }
      void copy(Index from, Index to, Index count) {
        for (auto& layer : layers) each_slot([&](auto i) { std::get<i>(layer).copy(from, to, count); });
      }
    };

    /// With a cache the tokens continue the call's past, of which it holds what the sub-layers need.
    void forward(const Params& p, Tape& t, const Input& input, const Call<S>& call, Out<S> y,
                 Cache* cache = nullptr) const {
      forward(p, t, make_pass(input, call), input.x, y, call.observer, cache);
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
          const auto& weights = std::get<i>(p.layers[b].f);
          auto& tape = std::get<i>(t.layers[b].f);
          auto& kept = std::get<i>(cache.layers[b]);
          if constexpr (requires { f.remember(weights, tape, kept, pass); }) {
            with_tape(f, tape, pass, [&] { f.remember(weights, tape, kept, pass); });
          }
        });
      }
    }
    void backward(const Params& p, Tape& t, const Input& input, const Call<S>& call, In<S> dy, const Gradient& dinput,
                  Params& g) const {
      auto dmemory = call.workspace.zeros(dinput.memory.data() == nullptr ? input.memory.rows() : 0, dim());
      auto pass = make_pass(input, call);
      new (&pass.dmemory) Out<S>(dinput.memory.data() == nullptr ? Out<S>(dmemory) : dinput.memory);
      backward(p, t, pass, dy, dinput.x, g, call.observer);
    }

    /// y = the stack's output for the embedding x, both [tokens x dim]; y may be x's memory.
    void forward(const Params& p, Tape& t, const Pass<S>& pass, In<S> x0, Out<S> y, Observer<S>* observer = nullptr,
                 Cache* cache = nullptr) const {
      Streams<S> x(pass, wiring.streams(), dim());
      wiring.enter(x0, x);
      for (Index block = 0; block < depth; ++block) {
        each_slot([&](auto slot) {
          at(p, t, pass, block, slot, nullptr, cache, observer, [&](const auto& f, const auto& step, Site site) {
            wiring.forward(x, f, step, site);
            if (observer != nullptr) observer->streams(site, x);
          });
        });
      }
      wiring.exit(x, Bound<Last>{wiring.last, p.last, t.last, pass}, y);
    }

    /// Adds to g and, unless it is an empty window, to dx0 the gradient of <y, dy>.
    void backward(const Params& p, Tape& t, const Pass<S>& pass, In<S> dy, Out<S> dx0, Params& g,
                  Observer<S>* observer = nullptr) const {
      Streams<S> dx(pass, wiring.streams(), dim());
      for (Index k = 0; k < dx.count(); ++k) dx[k] = Tokens<S>::Zero(dy.rows(), dim());
      wiring.exit_pull(dy, Bound<Last>{wiring.last, p.last, t.last, pass, &g.last}, dx);
      for (Index block = depth - 1; block >= 0; --block) {
        each_slot([&](auto i) {
          constexpr auto slot = std::integral_constant<std::size_t, slots - 1 - i>();
          at(p, t, pass, block, slot, &g, nullptr, observer, [&](const auto& f, const auto& step, Site site) {
            wiring.backward(dx, f, step, site);
            if (observer != nullptr) observer->stream_gradients(site, dx);
          });
        });
      }
      if (dx0.data() != nullptr) wiring.enter_pull(dx, dx0);
    }

   private:
    template <class Visit>
    static void each_slot(Visit&& visit) {
      [&]<std::size_t... I>(std::index_sequence<I...>) { (visit(std::integral_constant<std::size_t, I>()), ...); }
      (std::make_index_sequence<slots>());
    }

    /// Calls visit(f, step, site) with what belongs to one sub-layer.
    template <std::size_t slot, class Visit>
    void at(const Params& p, Tape& t, const Pass<S>& pass, Index block, std::integral_constant<std::size_t, slot>,
            Params* g, Cache* cache, Observer<S>* observer, Visit&& visit) const {
      const Site site{block, Index(slot), depth, Index(slots)};
      auto own = pass;
      own.site = pass.site + std::uint64_t(site.number());
      const auto b = std::size_t(block);
      auto* gradient = g == nullptr ? nullptr : &g->layers[b];
      using L = std::tuple_element_t<slot, std::tuple<F...>>;
      const Sublayer<L> f({std::get<slot>(sublayers), std::get<slot>(p.layers[b].f), std::get<slot>(t.layers[b].f), own,
                           gradient == nullptr ? nullptr : &std::get<slot>(gradient->f),
                           cache == nullptr ? nullptr : &std::get<slot>(cache->layers[b])},
                          dropout, observer, site);
      const Bound<Step> step{wiring.step, p.layers[b].step[slot], t.layers[b].step[slot], own,
                             gradient == nullptr ? nullptr : &gradient->step[slot]};
      visit(f, step, site);
    }
  };

}  // namespace residual
