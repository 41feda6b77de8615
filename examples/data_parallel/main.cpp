// Trains a character language model on several processes, each with a share of the sequences: mpirun -n 4 data_parallel.
// labels: slow
#include <chrono>
#include <cstdio>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>

#include "../printed.hpp"
#include "options.hpp"
#include "replica.hpp"

namespace {

/// All steps; rank 0 says how they go.
void train(Replica& replica, const Options& options, const Ranks& ranks) {
  const auto start = std::chrono::steady_clock::now();
  for (Index step = 0; step < options.steps; ++step) {
    const double loss = ranks.sum(replica.step(step));
    const bool tenth = (step + 1) * 10 / options.steps != step * 10 / options.steps;
    if (tenth && ranks.own() == 0)
      std::printf("step %ld of %ld, loss %.4f\n", long(step + 1), long(options.steps), loss);
  }
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (ranks.own() == 0)
    std::printf("%d ranks, %.1f ms a step\n", ranks.count(), 1000 * seconds / double(options.steps));
}

/// Throws, on every rank, unless all replicas have the bits of rank 0's.
void expect_equal_bits(const Replica& replica, const Ranks& ranks) {
  const auto fingerprints = ranks.all(replica.fingerprint());
  for (std::size_t rank = 0; rank < fingerprints.size(); ++rank) {
    if (fingerprints[rank] == fingerprints[0]) continue;
    throw std::runtime_error("The replicas of ranks 0 and " + std::to_string(rank) + " came to differ.");
  }
  if (ranks.own() == 0) std::printf("all replicas have the same bits: %016llx\n", fingerprints[0]);
}

/// Throws, on every rank, unless what is frozen kept its bits.
void expect_frozen_kept(const Replica& replica, const Ranks& ranks) {
  const residual::ParameterGroups& groups = replica.groups();
  if (!replica.frozen_kept()) throw std::runtime_error("Numbers that are frozen have changed.");
  if (ranks.own() == 0)
    std::printf("%ld of %ld numbers were trained, the others kept their bits\n", long(groups.trained()),
                long(groups.size()));
}

/// Throws unless one process on all sequences gets the same parameters to 1e-6 of their norm.
void expect_result_of_one(const Replica& replica, const Options& options, const std::string& text) {
  const Ranks alone(MPI_COMM_SELF);
  Replica one(options, text, alone);
  for (Index step = 0; step < options.steps; ++step) one.step(step);
  const double difference = (replica.parameters() - one.parameters()).norm() / one.parameters().norm();
  std::printf("difference from one process: %.2g of the parameters' norm\n", difference);
  if (!(difference <= 1e-6)) throw std::runtime_error("One process on all sequences gets another result.");
}

void run(const Options& options, const std::string& given, const Ranks& ranks) {
  residual::expect(ranks.from_first(given) == given,
                   "This rank was given other options than rank 0; start all with the same.");
  const std::string text = ranks.from_first(ranks.own() == 0 ? read_text(options.text) : "");
  Replica replica(options, text, ranks);
  train(replica, options, ranks);
  expect_equal_bits(replica, ranks);
  expect_frozen_kept(replica, ranks);
  if (options.check && ranks.own() == 0) expect_result_of_one(replica, options, text);
}

}  // namespace

int main(int argc, char** argv) {
  MPI_Init(&argc, &argv);
  const Ranks ranks(MPI_COMM_WORLD);
  CLI::App app{"Trains a character language model on several processes: mpirun -n 4 data_parallel"};
  Options options;
  options.add_to(app);
  try {
    app.parse(argc, argv);
    run(options, app.config_to_str(true), ranks);
    expect_printed();
  } catch (const CLI::ParseError& error) {
    if (ranks.own() == 0 || error.get_exit_code() != 0) app.exit(error);
    if (error.get_exit_code() != 0) MPI_Abort(MPI_COMM_WORLD, error.get_exit_code());
  } catch (const std::exception& error) {
    std::cerr << "data_parallel, rank " + std::to_string(ranks.own()) + " of " + std::to_string(ranks.count()) + ": " +
                     error.what() + '\n';  // in one piece, since other ranks may write at the same time
    MPI_Abort(MPI_COMM_WORLD, 1);          // the others wait for this rank
  }
  MPI_Finalize();
}
