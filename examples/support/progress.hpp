#pragma once

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>

#include "residual/core/view.hpp"

using residual::Index;

/// Shows on stderr how far the training of several models is: a bar in a terminal, elsewhere a line every tenth of a model.
class Progress {
 public:
  Progress(Index models, Index steps, Index tokens_a_step)
      : models_(models), steps_(steps), tokens_(tokens_a_step), terminal_(isatty(fileno(stderr)) != 0) {}

  /// A model of whose steps `done` were done before.
  void begin(const std::string& name, Index done) {
    name_ = name;
    before_ = done;
    all_before_ += done;
    model_start_ = Clock::now();
  }
  /// After `done` of the current model's steps.
  void show(Index done, double loss) const {
    const Index all_done = finished_ * steps_ + done;
    const double rate = double((done - before_) * tokens_) / seconds_since(model_start_);
    const double left = seconds_since(start_) / double(all_done - all_before_) * double(models_ * steps_ - all_done);
    char numbers[100];
    std::snprintf(numbers, sizeof numbers, " %ld/%ld, loss %.3f, %.0f tokens/s, %.0f s left", long(done), long(steps_),
                  loss, rate, left);
    if (terminal_) {
      std::fprintf(stderr, "\r%s\x1b[K", line(numbers, std::size_t(20 * done / steps_)).c_str());
    } else if (done * 10 / steps_ != (done - 1) * 10 / steps_) {
      std::fprintf(stderr, "%s: step%s\n", name_.c_str(), numbers);
    }
  }
  void end() {
    ++finished_;
    if (terminal_) std::fputc('\n', stderr);
  }

 private:
  using Clock = std::chrono::steady_clock;
  static double seconds_since(Clock::time_point start) {
    return std::chrono::duration<double>(Clock::now() - start).count();
  }

  /// Name, bar and numbers, as much as one row of the terminal shows: a longer line would scroll.
  std::string line(const std::string& numbers, std::size_t twentieths) const {
    winsize size{};
    const bool known = ::ioctl(fileno(stderr), TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
    const std::size_t room = (known ? size.ws_col : 80u) - 1, text = name_.size() + numbers.size() + 3;
    const std::size_t bar = text < room ? std::min<std::size_t>(20, room - text) : 0;
    const std::size_t filled = bar * twentieths / 20;
    return (name_ + " [" + std::string(filled, '#') + std::string(bar - filled, '.') + ']' + numbers).substr(0, room);
  }

  Index models_, steps_, tokens_;
  bool terminal_;
  std::string name_;
  Index finished_ = 0, before_ = 0, all_before_ = 0;
  Clock::time_point start_ = Clock::now(), model_start_;
};
