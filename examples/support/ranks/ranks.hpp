#pragma once

#include <bit>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <iostream>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "residual/core/check.hpp"
#include "residual/core/fnv1a.hpp"
#ifdef RESIDUAL_EXAMPLES_MPI
#include "mpi_ranks.hpp"
#include "ordered_sum.hpp"
#else
#include "one_process.hpp"
#endif

/// Rank 0's text on every rank.
inline std::string from_first(const Ranks& ranks, std::string text) {
  std::uint64_t size = text.size();
  ranks.take_first(std::as_writable_bytes(std::span(&size, 1)));
  text.resize(size);
  ranks.take_first(std::as_writable_bytes(std::span(text)));
  return text;
}
/// Rank 0's lines on every rank.
inline std::vector<std::string> lines_from_first(const Ranks& ranks, const std::vector<std::string>& lines) {
  std::string text;
  for (const auto& line : lines) text += line + '\n';
  std::istringstream all(from_first(ranks, std::move(text)));
  std::vector<std::string> received;
  for (std::string line; std::getline(all, line);) received.push_back(line);
  return received;
}

/// Standard output, where this is rank 0; elsewhere what is written goes nowhere.
inline std::ostream& said_by(const Ranks& ranks) {
  static std::ostream nowhere(nullptr);
  return ranks.is_first() ? std::cout : nowhere;
}

/// The sum over all ranks, added in their order: the same bits on each.
inline double sum_over(const Ranks& ranks, double number) {
  double total = 0;
  for (const double one : ranks.all(number)) total += one;
  return total;
}
/// Whether it is so on some rank.
inline bool on_any(const Ranks& ranks, bool here) {
  for (const char one : ranks.all(char(here))) {
    if (one != 0) return true;
  }
  return false;
}

/// Throws, on every rank, unless all were given the options that rank 0 was given.
inline void expect_same_options(const Ranks& ranks, const std::string& given) {
  const auto same = ranks.all(char(from_first(ranks, given) == given));
  for (std::size_t rank = 0; rank < same.size(); ++rank) {
    residual::expect(same[rank] != 0, "Rank ", rank,
                     " was given other options than rank 0; start all ranks with the same.");
  }
}

/// FNV-1a of the bits of all numbers in flat vectors, one vector after another.
template <class... Flat>
std::uint64_t fingerprint(const Flat&... vectors) {
  residual::Fnv1a fnv;
  const auto add = [&](auto number) {
    using Bits = std::conditional_t<sizeof(number) == 4, std::uint32_t, std::uint64_t>;
    fnv.add(std::bit_cast<Bits>(number));
  };
  const auto add_all = [&](const auto& vector) {
    for (const auto number : vector) add(number);
  };
  (add_all(vectors), ...);
  return fnv.hash;
}
/// Throws, on every rank, unless all replicas have the fingerprint of rank 0's.
inline void expect_same_bits(const Ranks& ranks, std::uint64_t own) {
  const auto fingerprints = ranks.all(own);
  for (std::size_t rank = 0; rank < fingerprints.size(); ++rank) {
    if (fingerprints[rank] == fingerprints[0]) continue;
    throw std::runtime_error("The replicas of ranks 0 and " + std::to_string(rank) +
                             " came to differ; use machines of one kind and one build of the program.");
  }
}

/// What `main` returns after work(ranks). What the work throws on a rank is printed behind the program's name, and ends all
/// ranks; what it throws on all alike is said once.
template <class Work>
int run_on(const Ranks& ranks, const std::string& program, Work&& work) {
  try {
    work(ranks);
    return 0;
  } catch (const std::exception& error) {
    std::signal(SIGTERM, SIG_DFL);  // by which rank 0 ends the others when it has failed, too
    if (!ranks.is_first()) std::this_thread::sleep_for(std::chrono::seconds(2));
    const std::string who = program + ", rank " + std::to_string(ranks.own()) + " of " + std::to_string(ranks.count());
    std::cerr << (ranks.count() > 1 ? who : program) + ": " + error.what() +
                     '\n';  // in one piece: others may write, too
    ranks.end_others();
    return 1;
  }
}
/// run_on the processes that mpirun started.
template <class Work>
int run_on_all(const std::string& program, Work&& work) {
  const World world;
  return run_on(world.ranks(), program, work);
}
