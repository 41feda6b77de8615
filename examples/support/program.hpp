#pragma once

#include <CLI/CLI.hpp>
#include <exception>
#include <iostream>

#include "interrupt.hpp"

/// What `main` of an example returns: it reads its command line into Options, watches for Ctrl-C and does its work. What the
/// work throws is printed behind the program's name.
template <class Options, class Work>
int run_program(const char* name, const char* purpose, int argc, char** argv, Work&& work) {
  CLI::App app{purpose};
  Options options;
  options.add_to(app);
  CLI11_PARSE(app, argc, argv);
  Interrupt::watch(options.stop_after);
  try {
    work(options);
    return 0;
  } catch (const std::exception& error) {
    std::cerr << name << ": " << error.what() << '\n';
    return 1;
  }
}
