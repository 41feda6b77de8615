// Every product of the library: right to the last digits, and with bits that depend on nothing but its own row.
// group: layers
#include "residual/kernel/gemm.hpp"

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "residual/kernel/threads.hpp"
#include "residual/kernel/weight.hpp"
#include "support/every_scalar.hpp"
#include "support/executors.hpp"
#include "support/randomise.hpp"
#include "support/same_bits.hpp"

namespace {

using namespace test_support;
using namespace residual;

/// A block within a larger matrix of NaN: whoever reads or writes beside it is seen.
template <class S>
class Framed {
 public:
  Framed(Index rows, Index cols, std::uint64_t seed, Index margin = 3)
      : whole_(Tokens<S>::Constant(rows + 2 * margin, cols + 2 * margin, not_a_number<S>)), margin_(margin) {
    randomise(whole_.block(margin, margin, rows, cols), seed);
  }
  Out<S> window() { return whole_.block(margin_, margin_, rows(), cols()); }
  Tokens<S> values() const { return whole_.block(margin_, margin_, rows(), cols()); }
  bool frame_is_whole() const { return whole_.array().isNaN().count() == whole_.size() - rows() * cols(); }

 private:
  Index rows() const { return whole_.rows() - 2 * margin_; }
  Index cols() const { return whole_.cols() - 2 * margin_; }
  Tokens<S> whole_;
  Index margin_;
};

/// Which factors are given as transposes.
enum class Mode { plain, first, second, both };

/// C = A B for random factors of one shape, in any mode.
template <class S>
struct Case {
  Index rows, cols, depth;
  Mode mode;
  Framed<S> a, b, c;

  Case(Index m, Index n, Index k, Mode how, std::uint64_t seed = 1)
      : rows(m),
        cols(n),
        depth(k),
        mode(how),
        a(first() ? k : m, first() ? m : k, seed),
        b(second() ? n : k, second() ? k : n, seed + 1),
        c(m, n, seed + 2) {}

  bool first() const { return mode == Mode::first || mode == Mode::both; }
  bool second() const { return mode == Mode::second || mode == Mode::both; }
  Factor<S> A() { return first() ? transposed<S>(a.window()) : Factor<S>(a.window()); }
  Factor<S> B() { return second() ? transposed<S>(b.window()) : Factor<S>(b.window()); }

  Tokens<S> run(const Executor& executor = Serial::instance(), Write write = Write::overwrite,
                const Epilogue& epilogue = {}) {
    product<S>(executor, A(), B(), c.window(), write, epilogue);
    return c.values();
  }
  /// |got - exact| <= the error that k products and sums may have, entry by entry.
  testing::AssertionResult right(const Tokens<S>& got, const Tokens<S>* added_to = nullptr) const {
    using Precise = Tokens<long double>;
    Precise p = a.values().template cast<long double>(), q = b.values().template cast<long double>();
    if (first()) p.transposeInPlace();
    if (second()) q.transposeInPlace();
    Precise exact = Precise::Zero(p.rows(), q.cols()), size = exact;
    if (depth > 0) exact = p.lazyProduct(q), size = p.cwiseAbs().lazyProduct(q.cwiseAbs());
    if (added_to != nullptr) exact += added_to->template cast<long double>();
    const long double unit = (long double)(depth + 2) * std::numeric_limits<S>::epsilon();
    const Precise error = (got.template cast<long double>() - exact).cwiseAbs();
    if ((error.array() <= unit * (size.array() + 1)).all()) return testing::AssertionSuccess();
    return testing::AssertionFailure() << "[" << rows << " x " << depth << " x " << cols << "], mode " << int(mode)
                                       << ": error " << double(error.maxCoeff());
  }
};

const auto modes = {Mode::plain, Mode::first, Mode::second, Mode::both};

template <class S>
class Gemm : public testing::Test {};
using WithLongDouble = testing::Types<float, double, long double>;
TYPED_TEST_SUITE(Gemm, WithLongDouble);

template <class S>
void check_case(Index m, Index n, Index k, Mode mode, std::uint64_t seed) {
  Case<S> c(m, n, k, mode, seed);
  const auto before = c.c.values();
  const auto product = c.run();
  RC_ASSERT(c.right(product));
  randomise(c.c.window(), seed + 2);
  RC_ASSERT(c.right(c.run(Serial::instance(), Write::add), &before));
  RC_ASSERT(c.c.frame_is_whole() && c.a.frame_is_whole() && c.b.frame_is_whole());
}
RC_GTEST_PROP(GemmProperty, IsTheProductWithinItsFrame, ()) {
  const auto size = rc::gen::inRange<Index>(0, 71);
  const Index m = *size, n = *size, k = *size;
  const Mode mode = *rc::gen::elementOf(modes);
  const auto seed = *rc::gen::arbitrary<std::uint64_t>();
  check_case<float>(m, n, k, mode, seed);
  check_case<double>(m, n, k, mode, seed);
}

/// Sizes around those of the blocks: rows of a tile, columns of a panel, chunks of depth, rows packed at once.
TYPED_TEST(Gemm, IsRightAroundTheBlocks) {
  for (const Mode mode : modes) {
    for (const auto& [m, n, k] : {std::array<Index, 3>{1, 1, 2000},
                                  {5, 33, 511},
                                  {6, 32, 512},
                                  {7, 31, 513},
                                  {47, 17, 600},
                                  {48, 16, 1025},
                                  {49, 48, 64},
                                  {200, 3, 1024},
                                  {3, 200, 1333},
                                  {25, 300, 530},
                                  {97, 65, 129}}) {
      Case<TypeParam> c(m, n, k, mode);
      EXPECT_TRUE(c.right(c.run()));
      EXPECT_TRUE(c.c.frame_is_whole());
    }
  }
}

TYPED_TEST(Gemm, WithoutDepthIsZero) {
  Case<TypeParam> c(5, 7, 0, Mode::plain);
  const auto before = c.c.values();
  EXPECT_TRUE(same_bits(c.run(Serial::instance(), Write::add), before));
  EXPECT_TRUE(same_bits(c.run(), Tokens<TypeParam>::Zero(5, 7)));
}

/// `epilogue` sees every entry once, when its sum is complete.
TYPED_TEST(Gemm, FinishSeesEveryEntryOnceAndComplete) {
  const Threads threads(3);
  for (const Executor* executor :
       {static_cast<const Executor*>(&Serial::instance()), static_cast<const Executor*>(&threads)}) {
    for (const auto& [m, n, k] :
         {std::array<Index, 3>{1, 1, 1}, {70, 45, 600}, {13, 300, 257}, {300, 100, 64}, {4, 9, 0}, {1, 900, 500}}) {
      Case<TypeParam> c(m, n, k, Mode::plain);
      Eigen::ArrayXXi seen = Eigen::ArrayXXi::Zero(m, n);
      Tokens<TypeParam> copy(m, n);
      const auto epilogue = [&](Index i, Index j, Index rows, Index cols) {
        seen.block(i, j, rows, cols) += 1;
        copy.block(i, j, rows, cols) = c.c.window().block(i, j, rows, cols);
      };
      const auto result = c.run(*executor, Write::overwrite, epilogue);
      EXPECT_TRUE((seen == 1).all()) << m << " x " << n;
      EXPECT_TRUE(same_bits(copy, result)) << m << " x " << n;
    }
  }
}

/// C = A B + bias has the bits of C += A B where every row of C was the bias.
TYPED_TEST(Gemm, EveryRowStartsFromTheBias) {
  using S = TypeParam;
  const Threads threads(3);
  for (const auto& [m, n, k] :
       {std::array<Index, 3>{1, 1, 1}, {70, 45, 600}, {13, 300, 257}, {300, 100, 64}, {4, 9, 0}, {1, 900, 500}}) {
    Case<S> c(m, n, k, Mode::plain);
    Framed<S> bias(1, n, 9);
    product<S>(threads, c.A(), c.B(), c.c.window(), Write::overwrite, {}, bias.window().data());
    const auto with_bias = c.c.values();
    EXPECT_TRUE(c.c.frame_is_whole());
    c.c.window().rowwise() = bias.values().row(0);
    EXPECT_TRUE(same_bits(with_bias, c.run(Serial::instance(), Write::add))) << m << " x " << n;
  }
}

TYPED_TEST(Gemm, BitsDoNotDependOnExecutors) {
  const Threads two(2), five(5);
  const Backwards backwards(8);
  for (const Mode mode : modes) {
    for (const auto& [m, n, k] :
         {std::array<Index, 3>{1, 2500, 900}, {130, 257, 300}, {400, 64, 100}, {37, 37, 2000}}) {
      const bool slow = sizeof(TypeParam) > 8 && m == 130;  // and shared with fewer terms, too
      Case<TypeParam> c(m, n, slow ? k / 5 : k, mode);
      const auto serial = c.run();
      for (const Executor* executor : {static_cast<const Executor*>(&two), static_cast<const Executor*>(&five),
                                       static_cast<const Executor*>(&backwards)}) {
        const Counting counting(*executor);
        EXPECT_TRUE(same_bits(c.run(counting), serial));
        if (sizeof(TypeParam) <= 8) {
          EXPECT_GT(counting.shared_runs(), 0) << "nothing was shared";
        }
      }
    }
  }
}

/// Many rows of C that read the same panels are shared out by rows.
TYPED_TEST(Gemm, PanelsHaveTheBitsOfTheirMatrixOnAnyThreads) {
  using S = TypeParam;
  const Threads two(2), five(5);
  for (const Mode mode : modes) {
    Case<S> c(170, 75, 520, mode);
    const auto expected = c.run();
    Column<S> panels(gemm::panels_size<S>(c.depth, c.cols));
    const Factor<S> packed = gemm::pack(c.B(), panels.data());
    for (const Executor* executor : {static_cast<const Executor*>(&two), static_cast<const Executor*>(&five)}) {
      Tokens<S> result = Tokens<S>::Constant(c.rows, c.cols, not_a_number<S>);
      product<S>(*executor, c.A(), packed, Out<S>(result));
      EXPECT_TRUE(same_bits(result, expected));
    }
  }
}

/// A B of contiguous rows, which few rows of A read in place, strip by strip, gives what its panels give.
TYPED_TEST(Gemm, StripsHaveTheBitsOfPanels) {
  using S = TypeParam;
  using B = gemm::Blocks<S>;
  constexpr Index depth = 600;
  for (const Index cols : {Index(1205), 25 * B::cols + B::lanes}) {  // also where the last two panels are narrower
    Column<S> panels(gemm::panels_size<S>(depth, cols));
    for (const Index rows : {Index(1), Index(5), B::few_rows}) {
      for (const Mode mode : {Mode::plain, Mode::first}) {
        for (const Write write : {Write::overwrite, Write::add}) {
          Case<S> c(rows, cols, depth, mode);
          Tokens<S> expected = c.c.values();
          product<S>(Serial::instance(), c.A(), gemm::pack(c.B(), panels.data()), Out<S>(expected), write);
          EXPECT_TRUE(same_bits(c.run(Serial::instance(), write), expected)) << rows << " x " << cols;
        }
      }
    }
  }
}

/// A column of C depends on its column of B alone, however many there are, packed or not, on one thread or on three.
TYPED_TEST(Gemm, AColumnDoesNotSeeTheOthers) {
  using S = TypeParam;
  constexpr Index rows = 22, depth = 300, all = 350;
  Tokens<S> a(rows, depth), b(depth, all), c(rows, all);
  randomise(a, 1);
  randomise(b, 2);
  product<S>(Serial::instance(), In<S>(a), In<S>(b), Out<S>(c));
  const Threads three(3);
  for (Index n = 1; n < all; n += n < 3 * gemm::Blocks<S>::cols ? 1 : 13) {
    const Tokens<S> some = b.leftCols(n), expected = c.leftCols(n);
    Column<S> panels(gemm::panels_size<S>(depth, n)), of_columns(panels.size());
    const Tokens<S> turned = some.transpose();
    const Factor<S> factors[] = {In<S>(some), transposed(In<S>(turned)),
                                 gemm::pack(Factor<S>(In<S>(some)), panels.data()),
                                 gemm::pack(transposed(In<S>(turned)), of_columns.data())};
    for (const Factor<S>& factor : factors) {
      for (const Executor* executor :
           {static_cast<const Executor*>(&Serial::instance()), static_cast<const Executor*>(&three)}) {
        Tokens<S> result = Tokens<S>::Constant(rows, n, not_a_number<S>);
        product<S>(*executor, In<S>(a), factor, Out<S>(result));
        ASSERT_TRUE(same_bits(result, expected)) << n << " columns";
      }
    }
  }
}

/// The parts of three threads, the first first.
struct InOrder final : residual::Executor {
  Index threads() const override { return 3; }
  void run(Index count, residual::Task task) const override { Serial::instance().run(count, task); }
};
/// Three threads share three panels of a packed factor, the last two of which are narrower where one pack was left over.
TYPED_TEST(Gemm, APartBeginsWhereAPanelDoes) {
  using S = TypeParam;
  using B = gemm::Blocks<S>;
  constexpr Index rows = 2 * B::rows + 4, cols = 2 * B::cols + B::lanes;
  constexpr Index depth = (Index(3) << 16) * B::lanes / (rows * cols) + 1;  // worth a third thread
  Tokens<S> a(rows, depth), b(depth, cols), expected(rows, cols);
  randomise(a, 1);
  randomise(b, 2);
  product<S>(Serial::instance(), In<S>(a), In<S>(b), Out<S>(expected));
  Column<S> panels(gemm::panels_size<S>(depth, cols));
  const Factor<S> packed = gemm::pack(Factor<S>(In<S>(b)), panels.data());
  Tokens<S> result = Tokens<S>::Constant(rows, cols, not_a_number<S>);
  product<S>(InOrder(), In<S>(a), packed, Out<S>(result));
  EXPECT_TRUE(same_bits(result, expected));
}

/// A window on columns of a packed weight reads its panels only where they begin, and computes what the matrix does.
TYPED_TEST(Gemm, AWindowOnAPackedWeight) {
  using S = TypeParam;
  constexpr Index rows = 30, depth = 20;
  const Threads three(3);
  for (const Index all : {Index(24), Index(96), Index(240)}) {
    Tokens<S> a(rows, depth), b(depth, all), c(rows, all);
    randomise(a, 1);
    randomise(b, 2);
    product<S>(Serial::instance(), In<S>(a), In<S>(b), Out<S>(c));
    Column<S> panels(gemm::panels_size<S>(depth, all));
    gemm::pack(Factor<S>(In<S>(b)), panels.data());
    residual::WeightView<S> view;
    view.bind(b.data(), depth, all);
    view.panels = panels.data();
    for (Index begin = 0; begin < all; begin += 8) {
      for (Index count = 8; count <= all - begin; count += 8) {
        const Factor<S> window = residual::Weight<S>(view).cols_from(begin, count);
        const Tokens<S> expected = c.middleCols(begin, count);
        Tokens<S> result(rows, count);
        product<S>(three, In<S>(a), window, Out<S>(result));
        ASSERT_TRUE(same_bits(result, expected)) << begin << " .. " << begin + count << " of " << all;
      }
    }
  }
}

/// A row of C depends on its row of A alone, wherever it lies and however many there are.
TYPED_TEST(Gemm, ARowDoesNotSeeTheOthers) {
  for (const Mode mode : {Mode::plain, Mode::second}) {
    for (const auto& [n, k] : {std::pair<Index, Index>{16, 16}, {33, 100}, {64, 300}, {130, 17}}) {
      Case<TypeParam> all(140, n, k, mode);
      const auto product_of_all = all.run();
      for (const auto& [first, count] : {std::pair<Index, Index>{0, 1}, {139, 1}, {5, 7}, {50, 13}, {1, 100}}) {
        Tokens<TypeParam> some(count, n);
        product<TypeParam>(Serial::instance(), Factor<TypeParam>(all.a.window().rows_from(first, count)), all.B(),
                           some);
        EXPECT_TRUE(same_bits(some, product_of_all.middleRows(first, count))) << first << " + " << count;
      }
      all.a.window().row(77).setConstant(not_a_number<TypeParam>);
      const auto with_nan = all.run();
      EXPECT_TRUE(same_bits(with_nan.topRows(77), product_of_all.topRows(77)));
      EXPECT_TRUE(same_bits(with_nan.bottomRows(62), product_of_all.bottomRows(62)));
      EXPECT_TRUE(with_nan.row(77).array().isNaN().all());
    }
  }
}

}  // namespace
