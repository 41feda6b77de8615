#pragma once

#include <csignal>

/// Ctrl-C asks once to stop at the next step; a second time it ends the program.
class Interrupt {
 public:
  static void watch() { std::signal(SIGINT, handle); }
  static bool asked() { return asked_ != 0; }

 private:
  static void handle(int) {
    asked_ = 1;
    std::signal(SIGINT, SIG_DFL);
  }
  static inline volatile std::sig_atomic_t asked_ = 0;
};
