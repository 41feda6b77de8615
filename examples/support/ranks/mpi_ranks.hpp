#pragma once

#include <mpi.h>

#include <algorithm>
#include <cstddef>
#include <span>
#include <vector>

/// The processes that work together. Errors of MPI itself end all of them, which is MPI's default.
class Ranks {
 public:
  /// This process alone.
  Ranks() = default;
  /// Those of a communicator.
  explicit Ranks(MPI_Comm comm) : comm_(comm) {
    MPI_Comm_rank(comm, &own_);
    MPI_Comm_size(comm, &count_);
  }

  MPI_Comm comm() const { return comm_; }
  int own() const { return own_; }
  int count() const { return count_; }
  /// Whether this is rank 0, which speaks and writes for all.
  bool is_first() const { return own_ == 0; }

  /// Overwrites the bytes by those of rank 0; all ranks give as many.
  void take_first(std::span<std::byte> bytes) const {
    constexpr std::size_t most = 1 << 30;  // MPI counts in int
    for (std::size_t begin = 0; begin < bytes.size(); begin += most) {
      MPI_Bcast(bytes.data() + begin, int(std::min(most, bytes.size() - begin)), MPI_BYTE, 0, comm_);
    }
  }
  /// Every rank's number on every rank.
  template <class T>
  std::vector<T> all(T number) const {
    std::vector<T> numbers(static_cast<std::size_t>(count_));
    MPI_Allgather(&number, int(sizeof(T)), MPI_BYTE, numbers.data(), int(sizeof(T)), MPI_BYTE, comm_);
    return numbers;
  }
  /// Ends all processes, which would wait for this one; one alone goes on.
  void end_others() const {
    if (count_ > 1) MPI_Abort(comm_, 1);
  }

 private:
  MPI_Comm comm_ = MPI_COMM_SELF;
  int own_ = 0, count_ = 1;
};

/// MPI at work, from the beginning to the end of a program: all that mpirun started, or one process that was started without.
class World {
 public:
  World() {
    // Other threads than the calling one do not communicate.
    int provided = 0;
    MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided);
  }
  World(const World&) = delete;
  World& operator=(const World&) = delete;
  ~World() { MPI_Finalize(); }

  Ranks ranks() const { return Ranks(MPI_COMM_WORLD); }
};
