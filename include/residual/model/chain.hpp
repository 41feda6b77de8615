#pragma once

#include <vector>

#include "residual/model/chain_shape.hpp"

namespace residual {

/// Parts one after another, as nn.Sequential: layers, norms and stacks map rows to rows, a Pool the rows of each
/// sequence to one row.
///
///     y = part_n(... part_1(part_0(x)))
///
/// A part's parameters are named by its number, "0.weight", "1.layers.0.linear1.weight", or as Named says. Every stack
/// reads the input's memory, if it attends to one, and, in front of the pooling, its attn_mask and positions.
template <class... P>
struct Chain {
  using Shape = ChainShape<P...>;
  using Scalar = typename Shape::template Part<0>::Scalar;
  using S = Scalar;
  static constexpr std::size_t size = Shape::size;  ///< parts
  static_assert((std::same_as<typename P::Scalar, S> && ...), "Make all parts of a Chain of one scalar.");
  static_assert(Shape::names_differ(),
                "Two parts of a Chain have one name: give one of them another, as named<\"head.\">(...).");
  static_assert(Shape::no_name_is_a_number(),
                "A part of a Chain without a name is named by its number: let names of your own begin with a letter.");
  static_assert(!Shape::remembers_too_late(),
                "A stack that attends to a memory stands in front of a chain's pooling, where there are sequences.");
  static constexpr bool pools = Shape::pooling < size;       ///< whether y is [sequences x out]
  static constexpr bool reads_mask = Shape::reads_mask;      ///< whether a part in front of the pooling does
  static constexpr bool reads_memory = Shape::reads_memory;  ///< whether some part attends to a memory

  std::tuple<P...> parts;  ///< in order
  bool operator==(const Chain&) const = default;

  using Input = residual::Input<S>;
  using Gradient = InputGradient<S>;

  /// How many features x has.
  Index input_cols() const { return PartCalls<Part<0>>::input_cols(std::get<0>(parts)); }
  /// How many features y has.
  Index output_cols() const { return PartCalls<Part<size - 1>>::output_cols(std::get<size - 1>(parts)); }
  /// Rows of y: the sequences where a part pools, else the tokens.
  Index output_rows(const Input& input) const { return rows<size>(input); }
  /// How many of its layers draw dropout.
  Index sites() const { return sites_before<size>(); }

  /// Throws std::invalid_argument when a part is wrong or does not take what the one before gives.
  void check() const {
    Shape::each_part([&](auto i) {
      const auto& part = std::get<i>(parts);
      part.check();
      if constexpr (i > 0) {
        const Index given = PartCalls<Part<i - 1>>::output_cols(std::get<i - 1>(parts));
        const Index taken = PartCalls<Part<i>>::input_cols(part);
        expect(given == taken, "Chain: part ", i - 1, " gives ", given, " features, but part ", std::size_t(i),
               " takes ", taken, "; make them equally wide, or put a Linear between them.");
      }
    });
  }
  /// Throws unless the input fits.
  void check(const Input& input) const {
    expect_shape("x", input.x, input.batch.tokens(), input_cols());
    expect_positions(input.positions, input.batch);
    expect(Shape::reads_mask || input.attn_mask.size() == 0,
           "An attn_mask was given to a chain without a stack in front of its pooling, so nobody would read it; leave "
           "it out.");
    if constexpr (!reads_memory) {
      expect(input.memory.size() == 0 && input.memory_batch.tokens() == 0,
             "A memory was given to a chain whose parts attend to none; leave `memory` and `memory_batch` out.");
      expect_no_memory_mask(input);
    }
    Shape::each_part([&](auto i) {
      if constexpr (RowModel<Part<i>> && i <= Shape::pooling) {
        const auto& part = std::get<i>(parts);
        const Index cols = PartCalls<Part<i>>::input_cols(part);
        part.check(part_input<i>(input, {}, In<S>(nullptr, rows<i>(input), cols, cols)));
      }
    });
  }
  /// Throws unless the windows for gradients have the shapes of the input.
  void check(const Input& input, const Gradient& dinput) const {
    if (dinput.x.wanted()) {
      expect_shape("The gradient of x", dinput.x, input.x.rows(), input_cols(), "the shape of x");
    }
    if (dinput.memory.wanted()) {
      expect_shape("The gradient of memory", dinput.memory, input.memory.rows(), input.memory.cols(),
                   "the shape of memory");
    }
  }

  /// The parameters of all parts.
  struct Params {
    std::tuple<typename P::Params...> parts;
    void carve(Carver<S>& c, const Chain& chain) {
      Shape::each_part([&](auto i) {
        const auto carve = [&] { c("", std::get<i>(parts), std::get<i>(chain.parts)); };
        if constexpr (has_own_name<Part<i>>) {
          c.within(own_name<Part<i>>.data(), carve);
        } else {
          c.within("", Index(i), ".", carve);
        }
      });
    }
  };
  /// What each part keeps for backward, and its output, which the next reads.
  struct Tape {
    std::tuple<typename P::Tape...> parts;
    std::array<TokensView<S>, size> y;  ///< of all parts but the last
    Batch pooled;                       ///< one token a sequence, of as many as there ever were
    void carve(Carver<S>& c, const Chain& chain, const Input& input, const Call<S>& call) {
      if (pools && pooled.sequences() < input.batch.sequences()) pooled = singles(input.batch.sequences());
      Shape::each_part([&](auto i) {
        if (i + 1 == size) return;
        c("", y[i], chain.template rows<i + 1>(input), PartCalls<Part<i>>::output_cols(std::get<i>(chain.parts)));
      });
      const Index begin = c.size();
      Shape::each_part([&](auto i) {
        c.go_to(call.keep ? c.size() : begin);  // without backward, a part's tape lasts for its call
        PartCalls<Part<i>>::carve(c, std::get<i>(parts), std::get<i>(chain.parts), chain.template step<i>(*this, input),
                                  call);
      });
    }
  };

  /// y = the last part's output.
  void forward(const Params& p, Tape& t, const Input& input, const Call<S>& call, Out<S> y) const {
    Shape::each_part([&](auto i) {
      PartCalls<Part<i>>::forward(std::get<i>(parts), std::get<i>(p.parts), std::get<i>(t.parts), step<i>(t, input),
                                  call, i + 1 == size ? y : Out<S>(t.y[i]));
    });
  }
  /// Adds to g and, where wanted, to dinput the gradient of <y, dy>.
  void backward(const Params& p, Tape& t, const Input& input, const Call<S>& call, In<S> dy, const Gradient& dinput,
                Params& g) const {
    pull<size - 1>(p, t, input, call, dy, dinput, g);
  }

 private:
  template <std::size_t i>
  using Part = typename Shape::template Part<i>;
  static Batch singles(Index sequences) { return Batch::of(std::vector<Index>(std::size_t(sequences), 1)); }

  /// Rows in front of part i.
  template <std::size_t i>
  static Index rows(const Input& input) {
    return i > Shape::pooling ? input.batch.sequences() : input.batch.tokens();
  }
  template <std::size_t i>
  Index sites_before() const {
    Index sites = 0;
    Shape::each_part([&](auto k) {
      if constexpr (k < i) sites += PartCalls<Part<k>>::sites(std::get<k>(parts));
    });
    return sites;
  }
  /// The field, or nothing where it is not read.
  template <class Field>
  static Field if_read(bool is_read, const Field& field) {
    return is_read ? field : Field();
  }
  /// The input of part i, which reads x.
  template <std::size_t i>
  Input part_input(const Input& input, const Batch& pooled, In<S> x) const {
    constexpr bool by_token = i <= Shape::pooling, remembers = PartCalls<Part<i>>::reads_memory;
    return {.batch = by_token ? input.batch : pooled.first(input.batch.sequences()),
            .x = x,
            .memory_batch = if_read(remembers, input.memory_batch),
            .memory = if_read(remembers, input.memory),
            .attn_mask = if_read(by_token && PartCalls<Part<i>>::reads_mask, input.attn_mask),
            .memory_mask = if_read(remembers, input.memory_mask),
            .seed = input.seed,
            .first_site = input.first_site + std::uint64_t(sites_before<i>()),
            .positions = if_read(by_token, input.positions)};
  }
  /// The input of part i in a pass.
  template <std::size_t i>
  Input step(const Tape& t, const Input& input) const {
    if constexpr (i == 0) {
      return part_input<0>(input, t.pooled, input.x);
    } else {
      return part_input<i>(input, t.pooled, t.y[i - 1]);
    }
  }
  /// The gradients of part i and of those before.
  template <std::size_t i>
  void pull(const Params& p, Tape& t, const Input& input, const Call<S>& call, In<S> dy, const Gradient& dinput,
            Params& g) const {
    const Input own = step<i>(t, input);
    const bool wanted = i == 0 && dinput.x.data() != nullptr;
    auto dx = call.workspace.zeros(wanted ? 0 : own.x.rows(), own.x.cols());
    const Gradient down{.x = wanted ? dinput.x : WantedGradient<S>(dx),
                        .memory = PartCalls<Part<i>>::reads_memory ? dinput.memory : WantedGradient<S>()};
    PartCalls<Part<i>>::backward(std::get<i>(parts), std::get<i>(p.parts), std::get<i>(t.parts), own, call, dy, down,
                                 std::get<i>(g.parts));
    if constexpr (i > 0) pull<i - 1>(p, t, input, call, dx, dinput, g);
  }
};

/// A chain of these parts; throws when one does not take what the one before gives.
template <class... P>
Chain<P...> chain(P... parts) {
  Chain<P...> all{{std::move(parts)...}};
  all.check();
  return all;
}

}  // namespace residual
