#pragma once

#include <mpi.h>

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

/// The processes that work together. Errors of MPI itself end all of them, which is MPI's default.
class Ranks {
 public:
  explicit Ranks(MPI_Comm comm) : comm_(comm) {
    MPI_Comm_rank(comm, &own_);
    MPI_Comm_size(comm, &count_);
  }

  MPI_Comm comm() const { return comm_; }
  int own() const { return own_; }
  int count() const { return count_; }

  /// Rank 0's text on every rank.
  std::string from_first(std::string text) const {
    auto size = static_cast<unsigned long long>(text.size());
    MPI_Bcast(&size, 1, MPI_UNSIGNED_LONG_LONG, 0, comm_);
    text.resize(size);
    constexpr std::size_t most = 1 << 30;  // MPI counts in int
    for (std::size_t begin = 0; begin < text.size(); begin += most) {
      MPI_Bcast(text.data() + begin, int(std::min(most, text.size() - begin)), MPI_CHAR, 0, comm_);
    }
    return text;
  }
  /// Every rank's number on every rank.
  std::vector<unsigned long long> all(unsigned long long number) const {
    std::vector<unsigned long long> numbers(static_cast<std::size_t>(count_));
    MPI_Allgather(&number, 1, MPI_UNSIGNED_LONG_LONG, numbers.data(), 1, MPI_UNSIGNED_LONG_LONG, comm_);
    return numbers;
  }
  /// The sum over all ranks, on rank 0.
  double sum(double number) const {
    double total = 0;
    MPI_Reduce(&number, &total, 1, MPI_DOUBLE, MPI_SUM, 0, comm_);
    return total;
  }

 private:
  MPI_Comm comm_;
  int own_ = 0, count_ = 1;
};
