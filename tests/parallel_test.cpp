// Executors: every task once, from anywhere, at the same time.
// group: threads
// labels: threads
#include "residual/kernel/parallel.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <limits>
#include <memory>
#include <set>
#include <thread>
#include <vector>

#include "residual/kernel/threads.hpp"
#include "support/executors.hpp"

namespace {

using namespace residual;

/// How often each task ran.
class Tally {
 public:
  explicit Tally(Index tasks) : counts_(std::size_t(tasks)) {}
  void operator()(Index i) { ++counts_.at(std::size_t(i)); }
  bool once_each() const {
    return std::all_of(counts_.begin(), counts_.end(), [](const auto& count) { return count == 1; });
  }

 private:
  std::vector<std::atomic<int>> counts_;
};

/// `run` of any executor does what Executor promises.
class AnyExecutor : public testing::TestWithParam<std::shared_ptr<const Executor>> {};
INSTANTIATE_TEST_SUITE_P(Kinds, AnyExecutor,
                         testing::Values(std::make_shared<Serial>(), std::make_shared<Threads>(1),
                                         std::make_shared<Threads>(2), std::make_shared<Threads>(5),
                                         std::make_shared<test_support::Async>(3)));

TEST_P(AnyExecutor, RunsEveryTaskOnce) {
  for (const Index count : {0, 1, 2, 3, 7, 100, 1000}) {
    Tally tally(count);
    GetParam()->run(count, tally);
    EXPECT_TRUE(tally.once_each()) << count << " tasks";
  }
}

TEST_P(AnyExecutor, SeesWhatTasksWroteAndTheyWhatWasWritten) {
  for (int round = 0; round < 200; ++round) {
    std::vector<int> values(50, round);  // not atomic: the executor itself must order the accesses
    GetParam()->run(50, [&](Index i) { values[std::size_t(i)] += int(i); });
    for (int i = 0; i < 50; ++i) ASSERT_EQ(values[std::size_t(i)], round + i);
  }
}

TEST_P(AnyExecutor, MayBeUsedWithinATask) {
  Tally inner(6 * 5 * 4);
  GetParam()->run(6, [&](Index i) {
    GetParam()->run(5, [&](Index j) { GetParam()->run(4, [&](Index k) { inner((i * 5 + j) * 4 + k); }); });
  });
  EXPECT_TRUE(inner.once_each());
}

TEST_P(AnyExecutor, MayBeUsedByManyThreadsAtOnce) {
  std::atomic<int> wrong{0};
  std::vector<std::thread> callers;
  for (Index caller = 0; caller < 20; ++caller) {
    callers.emplace_back([&, caller] {
      for (Index round = 0; round < 50; ++round) {
        Tally tally(1 + (caller * 7 + round) % 40);
        GetParam()->run(1 + (caller * 7 + round) % 40, tally);
        if (!tally.once_each()) ++wrong;
      }
    });
  }
  for (auto& caller : callers) caller.join();
  EXPECT_EQ(wrong, 0);
}

TEST(Threads, RunsHugeCounts) {
  std::atomic<std::int64_t> sum{0};
  Threads(3).run(2'000'000, [&](Index i) { sum += i; });
  EXPECT_EQ(sum, std::int64_t{1'999'999} * 1'000'000);
}

/// Large and small calls follow each other so closely that a worker of one wakes up in the next.
TEST(Threads, KeepsCallsApart) {
  const Threads threads(4);
  std::array<std::atomic<int>, 32> counts;
  for (int round = 0; round < 200000; ++round) {
    const Index tasks = round % 2 == 0 ? 2 : 32;
    for (auto& count : counts) count.store(0, std::memory_order_relaxed);
    threads.run(tasks, [&](Index i) { counts[std::size_t(i)].fetch_add(1, std::memory_order_relaxed); });
    for (Index i = 0; i < 32; ++i) ASSERT_EQ(counts[std::size_t(i)], i < tasks ? 1 : 0) << "round " << round;
  }
}

/// Three tasks that wait for each other end only when three threads take them.
TEST(Threads, ReallyRunsAtOnce) {
  std::atomic<int> arrived{0};
  Threads(3).run(3, [&](Index) {
    ++arrived;
    while (arrived < 3) std::this_thread::yield();
  });
  EXPECT_EQ(arrived, 3);
}

/// Whether two tasks of one call meet, for which two threads must take them.
bool two_tasks_meet(const Threads& threads) {
  std::atomic<int> arrived{0};
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  std::atomic<bool> met{true};
  threads.run(2, [&](Index) {
    ++arrived;
    while (arrived < 2 && met) {
      if (std::chrono::steady_clock::now() > deadline) met = false;
      std::this_thread::yield();
    }
  });
  return met;
}
/// A call gives back what it took, so that later ones are shared, too.
TEST(Threads, ReallyRunsAtOnceAfterManyCalls) {
  const Threads threads(2);
  for (int call = 0; call < 100; ++call) threads.run(2, [](Index) {});
  EXPECT_TRUE(two_tasks_meet(threads));
}
/// Workers no longer spin after 0.1 s: a call wakes them up, each time.
TEST(Threads, AreWokenUp) {
  const Threads threads(2);
  for (int call = 0; call < 3; ++call) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    ASSERT_TRUE(two_tasks_meet(threads)) << "call " << call;
  }
}

/// A ticket counts up to 2^32 - 1 tasks; one more would be a call of none that never ends.
TEST(Threads, RefusesMoreTasksThanATicketCounts) {
  const Threads threads(2);
  for (const Index more : {0, 1, 5}) {
    Index runs = 0;
    EXPECT_THROW(threads.run((Index(1) << 32) + more, [&](Index) { ++runs; }), std::invalid_argument);
    EXPECT_EQ(runs, 0);
  }
}

TEST(Threads, RefusesNumbersThatNoMachineHas) {
  for (const Index count : {Index(-1), Index(0), most_threads + 1, (Index(1) << 32) + 1}) {
    EXPECT_THROW(Threads{count}, std::invalid_argument) << count;
  }
}

TEST(Threads, TellsItsNumber) {
  for (const Index count : {1, 2, 7}) EXPECT_EQ(Threads(count).threads(), count);
  EXPECT_EQ(Serial::instance().threads(), 1);
}

/// The ranges follow each other from 0 to size, and none but a sole one is smaller than the grain.
TEST(ParallelRanges, CoverEverythingInPiecesOfTheGrain) {
  const test_support::Backwards executor(6);
  for (const Index size : {0, 1, 5, 6, 7, 64, 1000}) {
    for (const Index grain : {0, 1, 3, 100, 5000}) {
      std::set<std::pair<Index, Index>> ranges;
      parallel_ranges(executor, size, grain, [&](Index begin, Index end) { ranges.emplace(begin, end); });
      Index next = 0;
      for (const auto& [begin, end] : ranges) {
        EXPECT_EQ(begin, next);
        EXPECT_GT(end, begin);
        EXPECT_TRUE(ranges.size() == 1 || end - begin >= grain);
        next = end;
      }
      EXPECT_EQ(next, size) << "size " << size << ", grain " << grain;
      EXPECT_LE(Index(ranges.size()), 6);
    }
  }
}

/// What a user's executor says is a hint, whatever it is.
TEST(ThreadsOf, AreWithinTheirLimits) {
  const auto of = [](Index threads) { return threads_of(test_support::Backwards(threads)); };
  const Index highest = std::numeric_limits<Index>::max();
  for (const Index few : {-highest - 1, Index(-3), Index(0), Index(1)}) EXPECT_EQ(of(few), 1);
  EXPECT_EQ(of(17), 17);
  for (const Index many : {most_threads, most_threads + 1, highest}) EXPECT_EQ(of(many), most_threads);
}

TEST(ParallelRanges, CoverEverythingForAnyHint) {
  for (const Index threads : {-std::numeric_limits<Index>::max(), Index(0), std::numeric_limits<Index>::max()}) {
    Tally tally(5000);
    parallel_ranges(test_support::Backwards(threads), 5000, 1, [&](Index begin, Index end) {
      for (Index i = begin; i < end; ++i) tally(i);
    });
    EXPECT_TRUE(tally.once_each()) << threads;
  }
}

TEST(ParallelRanges, UsesAllThreadsForEnoughWork) {
  const Serial serial;
  const test_support::Backwards eight(8);
  const test_support::Counting counting(eight), alone(serial);
  parallel_ranges(counting, 1000, 10, [](Index, Index) {});
  EXPECT_EQ(counting.tasks(), 8);
  parallel_ranges(counting, 15, 10, [](Index, Index) {});
  EXPECT_EQ(counting.tasks(), 8) << "one range needs no executor";
}

}  // namespace
