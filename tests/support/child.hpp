#pragma once

#if __has_include(<sys/wait.h>) && !defined(__EMSCRIPTEN__)
#include <sys/wait.h>
#include <unistd.h>

namespace test_support {

/// What f() returns in a child process, or 1000 and the number of the signal that ended it; the child gets a minute.
template <class F>
int in_child(F&& f) {
  const pid_t child = ::fork();
  if (child < 0) return -1;
  if (child == 0) {
    ::alarm(60);
    ::_exit(f());
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

}  // namespace test_support
#endif
