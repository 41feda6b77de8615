#pragma once

#include <tuple>
#include <utility>
#include <vector>

#include "residual/layers/dropout.hpp"
#include "residual/model/input.hpp"
#include "residual/wiring/wiring.hpp"

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

    Index dim() const { return wiring.dim(); }
    Index output_rows(const Input& input) const { return input.batch.tokens(); }
    Index output_cols() const { return dim(); }
    void check(const Input& input) const { expect_input(input, dim(), reads_memory); }
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
        const Index start = c.mark();
        each_slot([&](auto i) {
          if (!pass.keep) c.rewind(start);  // one sub-layer at a time
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
        const Index start = c.mark();
        for (auto& layer : layers) {
          if (!pass.keep) c.rewind(start);
          c("", layer, stack, pass);
        }
        c("", last, stack.wiring.last, pass);
      }
      void carve(Carver<S>& c, const Stack& stack, const Input& input, const Call<S>& call) {
        carve(c, stack, make_pass(input, call));
      }
    };

    void forward(const Params& p, Tape& t, const Input& input, const Call<S>& call, Out<S> y) const {
      forward(p, t, make_pass(input, call), input.x, y, call.observer);
    }
    void backward(const Params& p, Tape& t, const Input& input, const Call<S>& call, In<S> dy, const Gradient& dinput,
                  Params& g) const {
      auto dmemory = call.workspace.zeros(dinput.memory.data() == nullptr ? input.memory.rows() : 0, dim());
      auto pass = make_pass(input, call);
      new (&pass.dmemory) Out<S>(dinput.memory.data() == nullptr ? Out<S>(dmemory) : dinput.memory);
      backward(p, t, pass, dy, dinput.x, g, call.observer);
    }

    /// y = the stack's output for the embedding x, both [tokens x dim].
    void forward(const Params& p, Tape& t, const Pass<S>& pass, In<S> x0, Out<S> y,
                 Observer<S>* observer = nullptr) const {
      Streams<S> x(pass.workspace, wiring.streams(), x0.rows(), dim());
      wiring.enter(x0, x);
      for (Index block = 0; block < depth; ++block) {
        each_slot([&](auto slot) {
          at(p, t, pass, block, slot, nullptr, observer, [&](const auto& f, const auto& step, Site site) {
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
      Streams<S> dx(pass.workspace, wiring.streams(), dy.rows(), dim());
      wiring.exit_pull(dy, Bound<Last>{wiring.last, p.last, t.last, pass, &g.last}, dx);
      for (Index block = depth - 1; block >= 0; --block) {
        each_slot([&](auto i) {
          constexpr auto slot = std::integral_constant<std::size_t, slots - 1 - i>();
          at(p, t, pass, block, slot, &g, observer, [&](const auto& f, const auto& step, Site site) {
            wiring.backward(dx, f, step, site);
            if (observer != nullptr) observer->stream_gradients(site, dx);
          });
        });
      }
      if (dx0.data() != nullptr) wiring.enter_pull(dx, dx0);
    }

   private:
    /// A sub-layer with its dropout, and whoever looks on.
    template <class L>
    struct Sublayer final : Branch<S> {
      Sublayer(Bound<L> bound, double rate, Observer<S>* onlooker, Site where)
          : f(bound), drop(rate, f.pass, Purpose::residual), observer(onlooker), site(where) {}
      Bound<L> f;
      Dropout<S> drop;
      Observer<S>* observer;
      Site site;

      void operator()(In<S> x, Out<S> y) const override {
        f(x, y);
        apply(y);
        if (observer != nullptr) observer->branch(site, x, y);
      }
      void pull(In<S> dy, Out<S> dx) const override {
        if (observer != nullptr) observer->branch_gradient(site, dy);
        if (!drop.active()) return f.pull(dy, dx);
        auto df = f.pass.workspace.temp(dy.rows(), dy.cols());
        df = dy;
        apply(df);
        f.pull(df, dx);
      }
      void apply(Out<S> y) const {
        for (Index i = 0; drop.active() && i < y.rows(); ++i) drop(i, 0, y.cols(), y.row_data(i));
      }
    };

    template <class Visit>
    static void each_slot(Visit&& visit) {
      [&]<std::size_t... I>(std::index_sequence<I...>) { (visit(std::integral_constant<std::size_t, I>()), ...); }
      (std::make_index_sequence<slots>());
    }

    /// Calls visit(f, step, site) with what belongs to one sub-layer.
    template <std::size_t slot, class Visit>
    void at(const Params& p, Tape& t, const Pass<S>& pass, Index block, std::integral_constant<std::size_t, slot>,
            Params* g, Observer<S>* observer, Visit&& visit) const {
      const Site site{block, Index(slot), depth, Index(slots)};
      auto own = pass;
      own.site = pass.site + std::uint64_t(site.number());
      const auto b = std::size_t(block);
      auto* gradient = g == nullptr ? nullptr : &g->layers[b];
      using L = std::tuple_element_t<slot, std::tuple<F...>>;
      const Sublayer<L> f({std::get<slot>(sublayers), std::get<slot>(p.layers[b].f), std::get<slot>(t.layers[b].f), own,
                           gradient == nullptr ? nullptr : &std::get<slot>(gradient->f)},
                          dropout, observer, site);
      const Bound<Step> step{wiring.step, p.layers[b].step[slot], t.layers[b].step[slot], own,
                             gradient == nullptr ? nullptr : &gradient->step[slot]};
      visit(f, step, site);
    }
  };

}  // namespace residual
