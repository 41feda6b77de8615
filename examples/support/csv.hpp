#pragma once

#include <ostream>

#include "residual/io/write_file.hpp"

/// Writes a table that gnuplot reads.
template <class Write>
void write_csv(const char* name, const char* head, Write&& write) {
  residual::write_file(name, [&](std::ostream& out) {
    out.precision(17);
    out << head << '\n';
    write(out);
  });
}
/// What stands between two blocks of a table, which gnuplot's index counts.
inline constexpr const char* next_block = "\n\n";
