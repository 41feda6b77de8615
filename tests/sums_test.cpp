// Sums over very many rows have the digits of their scalar, for any blocks of rows.
// group: layers
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "residual/kernel/rows.hpp"
#include "residual/kernel/threads.hpp"
#include "residual/train/loss.hpp"
#include "support/random.hpp"
#include "support/same_bits.hpp"

namespace {

using namespace residual;
using namespace test_support;

constexpr Index million = 1 << 20;

/// The largest relative error of a row of sums.
double worst_relative(const Row<float>& got, const Row<double>& exact) {
  return ((got.cast<double>() - exact).array() / exact.array()).abs().maxCoeff();
}

TEST(Sums, ColumnsOfAMillionRowsKeepTheirDigits) {
  Tokens<float> m = random_tokens<float>(million, 5, 1);
  m.array() += 0.7F;
  Row<float> sums = Row<float>::Constant(5, 3.F);
  add_column_sums<float>(Threads(2), In<float>(m), sums.data());
  EXPECT_LT(worst_relative(sums, (m.cast<double>().colwise().sum().array() + 3).matrix()), 2e-7);
}

TEST(Sums, BlocksOfRowsGiveTheBitsOfAllRows) {
  const Tokens<float> m = random_tokens<float>(5000, 173, 2);
  const Row<float> start = random_tokens<float>(1, 173, 3);
  Row<float> whole = start;
  add_column_sums<float>(Serial::instance(), In<float>(m), whole.data());
  for (const Index block : {64, 512, 1536, 5000}) {
    Row<float> sums = start;
    Workspace<float> workspace;
    ColumnSums<float> columns(workspace, 173, sums.data());
    for_row_blocks(5000, block, [&](Index begin, Index rows) {
      columns.add(Serial::instance(), In<float>(m).rows_from(begin, rows));
    });
    columns.finish();
    EXPECT_TRUE(same_bits(sums, whole)) << block;
  }
}

/// Infinity stays infinity: what rounding takes is counted of numbers alone.
TEST(Sums, InfinityAndNaNStayWhatTheyAre) {
  Tokens<double> m = random_tokens<double>(200, 4, 4);
  m(70, 1) = std::numeric_limits<double>::infinity();
  m(199, 2) = std::numeric_limits<double>::quiet_NaN();
  Row<double> sums = Row<double>::Zero(4);
  add_column_sums<double>(Serial::instance(), In<double>(m), sums.data());
  EXPECT_EQ(sums[1], std::numeric_limits<double>::infinity());
  EXPECT_TRUE(std::isnan(sums[2]));
  EXPECT_TRUE(std::isfinite(sums[0]) && std::isfinite(sums[3]));
}

TEST(Sums, LossesOfAMillionRowsKeepTheirDigits) {
  const Tokens<float> z = random_tokens<float>(million, 3, 5);
  const std::vector<int> targets(std::size_t(million), 1);
  Tokens<float> dz(million, 3);
  Tokens<double> wide = z.cast<double>(), dwide(million, 3);
  const double exact = cross_entropy(wide, targets, dwide);
  EXPECT_NEAR(double(cross_entropy(z, targets, dz)) / exact, 1, 1e-7);
  const Tokens<float> zero = Tokens<float>::Zero(million, 3);
  EXPECT_NEAR(double(mse(z, In<float>(zero), dz)) / (wide.squaredNorm() / double(3 * million)), 1, 1e-7);
}

}  // namespace
