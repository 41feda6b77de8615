#pragma once

#include <CLI/CLI.hpp>
#include <exception>
#include <iostream>

#include "../printed.hpp"
#include "interrupt.hpp"

/// What `main` of an example returns: it reads its command line into Options, watches for Ctrl-C, does its work and sees that
/// what it printed has arrived. What is thrown is printed behind the program's name.
template <class Options, class Work>
int run_program(const char* name, const char* purpose, int argc, char** argv, Work&& work) {
  CLI::App app{purpose};
  Options options;
  options.add_to(app);
  CLI11_PARSE(app, argc, argv);
  Interrupt::watch(options.stop_after);
  try {
    work(options);
    expect_printed();
    return 0;
  } catch (const std::exception& error) {
    std::cerr << name << ": " << error.what() << '\n';
    return 1;
  }
}
