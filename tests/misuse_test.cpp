// What must not compile does not, and says so by a concept: checked where this file compiles.
// group: core
#include <gtest/gtest.h>

#include <type_traits>

#include "residual/residual.hpp"

namespace {

using namespace residual;

using Matrix = Eigen::MatrixXf;  // column-major
using M = Tokens<float>;
const M m(2, 3);

template <class From>
constexpr bool readable = std::is_constructible_v<In<float>, From>;
template <class From>
constexpr bool writable = std::is_constructible_v<Out<float>, From>;

// Row-major memory is readable: matrices, windows, views, blocks of rows and of columns, a row.
static_assert(readable<M> && readable<const M&> && readable<In<float>> && readable<Out<float>>);
static_assert(readable<TokensView<float>&> && readable<RowView<float>&> && readable<Row<float>>);
static_assert(readable<decltype(m.topRows(1))> && readable<decltype(m.middleCols(1, 2))> &&
              readable<decltype(m.row(0))>);
static_assert(readable<Eigen::Map<const M>>);
// Nothing is copied silently: no other scalar, order, stride, and no expression.
static_assert(!readable<Tokens<double>> && !readable<Matrix> && !readable<decltype(m.transpose())>);
static_assert(!readable<decltype(m + m)> && !readable<decltype(2 * m)> && !readable<decltype(m.col(0))>);
static_assert(!readable<Column<float>> && !readable<decltype(m.array() + 1)> && !readable<float*>);
static_assert(!readable<Eigen::Map<const M, 0, Eigen::InnerStride<>>> && !readable<decltype(m.rowwise().reverse())>);

// What is const cannot be written through.
static_assert(writable<M&> && writable<Out<float>> && writable<TokensView<float>&>);
static_assert(!writable<const M&> && !writable<In<float>> && !writable<const TokensView<float>&>);
static_assert(!writable<Tokens<double>&> && !writable<Matrix&>);
static_assert(std::is_same_v<decltype(std::declval<const TokensView<float>&>().data()), const float*>);

// A copied view would point into another object's memory.
static_assert(!std::is_copy_constructible_v<TokensView<float>> && !std::is_copy_assignable_v<TokensView<float>>);
using Model = Encoder<PreLN<float>>;
static_assert(!std::is_copy_constructible_v<Model::Params> && !std::is_copy_assignable_v<Model::Params>);
static_assert(std::is_copy_constructible_v<Parameters<Model>> && std::is_copy_assignable_v<Parameters<Model>>);
static_assert(std::is_nothrow_move_constructible_v<Parameters<Model>>);
static_assert(!std::is_copy_constructible_v<residual::Tape<Model>> &&
              std::is_move_constructible_v<residual::Tape<Model>>);

// What must outlive an object is no temporary, and a pool of threads stays where it is.
static_assert(std::is_constructible_v<residual::Tape<Model>, const Model&, const Threads&>);
static_assert(!std::is_constructible_v<residual::Tape<Model>, const Model&, Threads>);
static_assert(!std::is_constructible_v<residual::Tape<Model>, const Model&, Keep, Threads>);
template <class... Arguments>
constexpr bool decodes = std::is_constructible_v<Decoding<Model>, const Model&, Arguments...>;
static_assert(decodes<const Parameters<Model>&, Capacity> && decodes<Parameters<Model>&, Capacity, const Threads&>);
static_assert(!decodes<Parameters<Model>, Capacity> && !decodes<Parameters<Model>, Capacity, const Threads&>);
static_assert(!decodes<const Parameters<Model>&, Capacity, Threads>);
static_assert(!decodes<Parameters<Model>, Capacity, Threads>);
static_assert(!std::is_move_constructible_v<Threads> && !std::is_move_assignable_v<Threads>);

// Layers, norms, schemes and models are what they say.
static_assert(Layer<Linear<float>> && Layer<FeedForward<float>> && Layer<SelfAttention<float>>);
static_assert(Layer<CrossAttention<float>> && Layer<Named<"ffn1.", FeedForward<float>>>);
static_assert(Norm<LayerNorm<double>> && Norm<RMSNorm<float>> && Norm<Identity<float>>);
static_assert(Wiring<PostLN<float>> && Wiring<PreLN<float>> && Wiring<ResiDual<double>> && Wiring<DeepNorm<float>>);
static_assert(Wiring<AnyScheme<float>> && !std::is_constructible_v<AnyScheme<float>, PreLN<double>>);
static_assert(residual::Model<Encoder<PostLN<float>>> && residual::Model<Decoder<ResiDual<double>>>);
static_assert(!Layer<PreLN<float>> && !Layer<float> && !Layer<LayerNorm<float>> && !Norm<FeedForward<float>>);
static_assert(!Wiring<LayerNorm<float>> && !Wiring<FeedForward<float>>);
static_assert(!residual::Model<LayerNorm<float>> && !residual::Model<PreLN<float>>);
static_assert(CachingLayer<SelfAttention<float>> && CachingLayer<CrossAttention<float>> &&
              !CachingLayer<FeedForward<float>>);

/// A layer without backward.
struct OneWay : FeedForward<float> {
  void backward() const = delete;
};
static_assert(!Layer<OneWay>);

/// A scheme that has no gradient.
struct Forgetful : PreLN<float> {
  using PreLN<float>::PreLN;
  void backward() const = delete;
};
static_assert(!Wiring<Forgetful>);

// What backward reads again is no temporary.
template <class X>
constexpr bool passes_forward = requires(const Model& model, const Parameters<Model>& theta,
                                         residual::Tape<Model>& tape, const Batch& batch, X&& x) {
  forward(model, theta, tape, batch, std::forward<X>(x));
};
static_assert(passes_forward<const M&> && passes_forward<M&> && passes_forward<In<float>> &&
              passes_forward<Out<float>>);
static_assert(passes_forward<decltype(m.topRows(1))>);
static_assert(OutlivesTheCall<std::vector<int>&> && OutlivesTheCall<std::span<const int>>);
static_assert(!OutlivesTheCall<std::vector<int>>);

TEST(Misuse, DoesNotCompile) { SUCCEED() << "the assertions above held"; }

}  // namespace
