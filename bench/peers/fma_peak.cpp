// The highest rate of float multiply-adds that 1 .. N threads reach with everything in registers: GFLOP/s, one line a
// number of threads. 12 sums hide the latency of two units with up to 6 cycles and leave registers for the factors.
#include <algorithm>
#include <barrier>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <thread>
#include <vector>

#include "residual/kernel/simd.hpp"

namespace {

using Pack = residual::Pack<float>;
constexpr int sums = 12;

/// `count` rounds of `sums` independent multiply-adds. Its own function, so that its loop can be read in a disassembly.
[[gnu::noinline]] float multiply_add(long count, float start, float slope) {
  Pack sum[sums];
  const Pack factor(slope), summand(start);
#pragma GCC unroll 16
  for (int i = 0; i < sums; ++i) sum[i] = Pack(start + float(i));
  for (long k = 0; k < count; ++k) {
#pragma GCC unroll 16
    for (int i = 0; i < sums; ++i) sum[i] = fma(sum[i], factor, summand);
  }
  float total = 0;
#pragma GCC unroll 16
  for (int i = 0; i < sums; ++i) total += residual::sum(sum[i]);
  return total;
}

double gflops(int threads) {
  constexpr long count = 4'000'000;
  double best = 0;
  for (int repeat = 0; repeat < 10; ++repeat) {
    std::barrier together(threads);
    std::vector<double> seconds(static_cast<std::size_t>(threads));
    std::vector<std::jthread> pool;
    for (auto& mine : seconds) {
      pool.emplace_back([&] {
        together.arrive_and_wait();
        const auto start = std::chrono::steady_clock::now();
        volatile float sink = multiply_add(count, 0.5f, 0.25f);
        (void)sink;
        mine = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      });
    }
    pool.clear();
    const double flops = 2.0 * double(Pack::lanes) * sums * double(count) * threads;
    best = std::max(best, 1e-9 * flops / *std::max_element(seconds.begin(), seconds.end()));
  }
  return best;
}

}  // namespace

int main(int argc, char** argv) {
  const int most = argc > 1 ? std::atoi(argv[1]) : 1;
  for (int threads = 1; threads <= most; ++threads) std::cout << gflops(threads) << std::endl;
}
