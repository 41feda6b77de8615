// Trains a character language model on several processes, each with a share of the sequences: mpirun -n 4 data_parallel.
// labels: slow
#include <chrono>
#include <cstdio>
#include <stdexcept>
#include <string>

#include "../printed.hpp"
#include "../support/ranks/ranks.hpp"
#include "options.hpp"
#include "replica.hpp"

namespace {

/// All steps; rank 0 says how they go.
void train(Replica& replica, const Options& options, const Ranks& ranks) {
  const auto start = std::chrono::steady_clock::now();
  for (Index step = 0; step < options.steps; ++step) {
    const double loss = sum_over(ranks, replica.step(step));
    const bool tenth = (step + 1) * 10 / options.steps != step * 10 / options.steps;
    if (tenth && ranks.is_first())
      std::printf("step %ld of %ld, loss %.4f\n", long(step + 1), long(options.steps), loss);
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (ranks.is_first())
    std::printf("%d ranks, %.1f ms a step\n", ranks.count(), 1000 * seconds / double(options.steps));
}

/// Throws, on every rank, unless what is frozen kept its bits.
void expect_frozen_kept(const Replica& replica, const Ranks& ranks) {
  const residual::ParameterGroups& groups = replica.groups();
  if (!replica.frozen_kept()) throw std::runtime_error("Numbers that are frozen have changed.");
  if (ranks.is_first())
    std::printf("%ld of %ld numbers were trained, the others kept their bits\n", long(groups.trained()),
                long(groups.size()));
}

/// Throws unless one process on all sequences gets the same parameters to 1e-6 of their norm.
void expect_result_of_one(const Replica& replica, const Options& options, const std::string& text) {
  const Ranks alone;
  Replica one(options, text, alone);
  for (Index step = 0; step < options.steps; ++step) one.step(step);
  const double difference = (replica.parameters() - one.parameters()).norm() / one.parameters().norm();
  std::printf("difference from one process: %.2g of the parameters' norm\n", difference);
  if (!(difference <= 1e-6)) throw std::runtime_error("One process on all sequences gets another result.");
}

void run(const Options& options, const std::string& given, const Ranks& ranks) {
  expect_same_options(ranks, given);
  const std::string text = from_first(ranks, ranks.is_first() ? read_text(options.text) : "");
  Replica replica(options, text, ranks);
  train(replica, options, ranks);
  expect_same_bits(ranks, replica.bits());
  if (ranks.is_first())
    std::printf("all replicas have the same bits: %016llx\n", static_cast<unsigned long long>(replica.bits()));
  expect_frozen_kept(replica, ranks);
  if (options.check && ranks.is_first()) expect_result_of_one(replica, options, text);
}

}  // namespace

int main(int argc, char** argv) {
  return run_on_all("data_parallel", [&](const Ranks& ranks) {
    CLI::App app{"Trains a character language model on several processes: mpirun -n 4 data_parallel"};
    Options options;
    options.add_to(app);
    try {
      app.parse(argc, argv);
    } catch (const CLI::Success& asked) {  // for help
      if (ranks.is_first()) app.exit(asked);
      return;
    }
    run(options, app.config_to_str(true), ranks);
    expect_printed();
  });
}
