#pragma once

#include <string_view>

#include "residual/layers/linear.hpp"
#include "residual/layers/named.hpp"
#include "residual/layers/pool.hpp"
#include "residual/model/tape.hpp"

namespace residual {

/// A model of one matrix x, such as a stack or a chain, that says by `sites()` how many of its layers draw dropout.
template <class P>
concept RowModel = Model<P> && std::same_as<typename P::Input, Input<typename P::Scalar>> && requires(const P& part) {
  { part.sites() } -> std::convertible_to<Index>;
};
/// What may stand in a Chain.
template <class P>
concept ChainPart = RowModel<P> || Layer<P> || Norm<P> || PoolingLayer<P>;

/// Whether Named says how the names of the type's parameters begin, instead of the part's number.
template <class P>
inline constexpr bool has_own_name = false;
template <FixedText prefix, class L>
inline constexpr bool has_own_name<Named<prefix, L>> = true;
/// How they begin where Named says so.
template <class P>
inline constexpr std::string_view own_name;
template <FixedText prefix, class L>
inline constexpr std::string_view own_name<Named<prefix, L>> = Named<prefix, L>::name;

/// How a Chain calls a part of the type P: whatever its kind, as a model.
template <ChainPart P>
struct PartCalls {
  using S = typename P::Scalar;

  /// Whether it gives one row a sequence instead of one a token.
  static constexpr bool pools = requires { requires P::pools; };
  /// Whether it attends to a memory.
  static constexpr bool reads_memory = requires { requires P::reads_memory; };

  /// Whether it reads the attn_mask: a stack does, a chain if one of its parts does.
  static constexpr bool reads_mask = [] {
    if constexpr (requires { P::reads_mask; }) {
      return bool(P::reads_mask);
    } else {
      return RowModel<P>;
    }
  }();

  /// How many features it takes.
  static Index input_cols(const P& part) {
    if constexpr (requires { part.input_cols(); }) {
      return part.input_cols();
    } else if constexpr (requires { part.in; }) {
      return part.in;
    } else if constexpr (requires { part.dim(); }) {
      return part.dim();
    } else {
      return part.dim;
    }
  }
  /// How many features it gives.
  static Index output_cols(const P& part) {
    if constexpr (RowModel<P>) {
      return part.output_cols();
    } else if constexpr (requires { part.out; }) {
      return part.out;
    } else {
      return input_cols(part);
    }
  }
  /// How many of its layers draw dropout.
  static Index sites(const P& part) {
    if constexpr (RowModel<P>) {
      return part.sites();
    } else {
      return 1;
    }
  }

  /// Lists what the part keeps for backward.
  static void carve(Carver<S>& c, typename P::Tape& t, const P& part, const Input<S>& input, const Call<S>& call) {
    if constexpr (RowModel<P>) {
      c("", t, part, input, call);
    } else {
      c("", t, part, make_pass(input, call));
    }
  }
  static void forward(const P& part, const typename P::Params& p, typename P::Tape& t, const Input<S>& input,
                      const Call<S>& call, Out<S> y) {
    if constexpr (RowModel<P>) {
      part.forward(p, t, input, call, y);
    } else {
      part.forward(p, t, make_pass(input, call), input.x, y);
    }
  }
  static void backward(const P& part, const typename P::Params& p, typename P::Tape& t, const Input<S>& input,
                       const Call<S>& call, In<S> dy, const InputGradient<S>& dinput, typename P::Params& g) {
    if constexpr (RowModel<P>) {
      part.backward(p, t, input, call, dy, dinput, g);
    } else if constexpr (Norm<P>) {
      part.backward(p, t, make_pass(input, call), dy, dinput.x, g);
    } else {
      part.backward(p, t, make_pass(input, call), input.x, dy, dinput.x, g);
    }
  }
};

/// True, or fails to compile with advice.
template <class P>
constexpr bool is_chain_part() {
  static_assert(
      ChainPart<P>,
      "A part of a Chain is a layer such as Linear, a norm, a Pool, or a model of one matrix such as a stack; "
      "what reads tokens or a source stands around a chain, not in it.");
  if constexpr (!RowModel<P>) {
    static_assert(
        !requires { P::reads_memory; } || !Layer<P>,
        "A layer that attends to a memory stands in a stack, which gives it one: decoder(...).");
    static_assert(
        requires(const P& part) { part.in, part.out; } || requires(const P& part) { part.dim; },
        "A part of a Chain must say how wide it is: add `Index dim`, or `Index in, out`.");
  }
  return true;
}

}  // namespace residual
