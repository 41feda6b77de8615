// What must not compile does not, and says so by a concept: checked where this file compiles.
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

// Layers, schemes and models are what they say.
static_assert(Layer<Linear<float>> && Layer<LayerNorm<double>> && Layer<RMSNorm<float>> && Layer<FeedForward<float>>);
static_assert(Layer<SelfAttention<float>> && Layer<CrossAttention<float>> && Layer<None<float>>);
static_assert(Wiring<PostLN<float>, float> && Wiring<PreLN<float>, float> && Wiring<ResiDual<double>, double>);
static_assert(residual::Model<Encoder<PostLN<float>>> && residual::Model<Decoder<ResiDual<double>>>);
static_assert(!Layer<PreLN<float>> && !Layer<float> && !Wiring<LayerNorm<float>, float> &&
              !Wiring<PreLN<float>, double>);
static_assert(!residual::Model<LayerNorm<float>> && !residual::Model<PreLN<float>>);

/// A layer without backward.
struct OneWay : None<float> {
  using None<float>::None;
  void backward() const = delete;
};
static_assert(!Layer<OneWay>);

/// A layer that cannot be compared: a tape could not tell two of them apart.
struct Incomparable {
  using Scalar = float;
  struct Params {
    void carve(Carver<float>&, const Incomparable&) {}
  };
  struct Tape {
    void carve(Carver<float>&, const Incomparable&, const Pass<float>&) {}
  };
  void forward(const Params&, Tape&, const Pass<float>&, In<float>, Out<float>) const {}
  void backward(const Params&, const Tape&, const Pass<float>&, In<float>, Out<float>, Params&) const {}
};
static_assert(!Layer<Incomparable>);

/// A scheme that forgot one pull-back.
struct Forgetful : PreLN<float> {
  using PreLN<float>::PreLN;
  void exit_pull() const = delete;
};
static_assert(!Wiring<Forgetful, float>);

/// No stack is made of such things.
template <class W, class... F>
constexpr bool stacks = requires {
  typename Stack<W, F...>;
};
static_assert(stacks<PreLN<float>, SelfAttention<float>> && stacks<ResiDual<float>, FeedForward<float>, None<float>>);
static_assert(!stacks<Forgetful, SelfAttention<float>> && !stacks<PreLN<float>, OneWay>);
static_assert(!stacks<LayerNorm<float>, FeedForward<float>>);

TEST(Misuse, DoesNotCompile) { SUCCEED() << "the assertions above held"; }

}  // namespace
