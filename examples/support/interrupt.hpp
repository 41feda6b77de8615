#pragma once

#include <csignal>

/// Ctrl-C, or SIGTERM, asks once to stop after the step that is under way; a second time it ends the program.
class Interrupt {
 public:
  /// After `steps` steps it is as if Ctrl-C had been pressed; 0: only when it is.
  static void watch(long steps) {
    left_ = steps;
    for (const int signal : {SIGINT, SIGTERM}) {
      if (std::signal(signal, handle) == SIG_IGN) std::signal(signal, SIG_IGN);  // as in the background of a script
    }
  }
  static bool asked() { return asked_ != 0; }
  static void count_step() {
    if (--left_ == 0) asked_ = 1;
  }

 private:
  static void handle(int signal) {
    asked_ = 1;
    std::signal(signal, SIG_DFL);
  }
  static inline long left_ = 0;
  static inline volatile std::sig_atomic_t asked_ = 0;
};
