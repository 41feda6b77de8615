#pragma once

#include <filesystem>
#include <ostream>
#include <string>

#include "residual/io/write_file.hpp"
#include "saved.hpp"

/// Makes the folder where there is none; throws unless files can be written there.
inline void expect_writable(const std::filesystem::path& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  const auto probe = folder / "three_schemes.probe";
  residual::write_file(probe, [](std::ostream&) {});
  std::filesystem::remove(probe);
}

/// Throws, before anything is trained, when what comes out of it could not be written, or would replace checkpoints that
/// nobody said to replace.
inline void expect_outputs(const Options& options) {
  expect_writable(options.out);
  for (const char* const name : {"losses.csv", "layers.csv", "three_schemes.gp"}) {
    const auto file = std::filesystem::path(options.out) / name;
    residual::expect(!std::filesystem::is_directory(file), "The table ", residual::printable_path(file),
                     " cannot be written, since a folder bears its name; give another folder to --out.");
  }
  if (options.save.empty()) return;
  expect_writable(options.save);
  if (options.resume || options.overwrite) return;
  for (const std::string& scheme : options.schemes) {
    for (std::uint64_t i = 0; i < options.seeds; ++i) {
      const auto file = checkpoint_of(options, scheme, options.first_seed + i);
      residual::expect(!std::filesystem::exists(file), "There is a checkpoint ", residual::printable_path(file),
                       " already; go on from it with --resume, or replace it with --overwrite.");
    }
  }
}
