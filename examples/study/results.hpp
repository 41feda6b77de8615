#pragma once

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "cell.hpp"
#include "residual/core/check.hpp"

namespace study {

/// Where results come from: they are compared only with those of the same program on the same machine.
struct Origin {
  std::string commit, machine;
};
/// The processor's name and how many it has.
inline std::string this_machine() {
  std::ifstream file("/proc/cpuinfo");
  std::string line, name = "unknown processor";
  while (std::getline(file, line)) {
    const auto colon = line.find(": ");
    if (!line.starts_with("model name") || colon == std::string::npos) continue;
    name = line.substr(colon + 2);
    break;
  }
  return name + ", " + std::to_string(std::thread::hardware_concurrency()) + " cores";
}

/// The result files of a study, one a cell, in OUT/cells. A file is written whole or not at all, and never over another.
class Results {
 public:
  explicit Results(const std::filesystem::path& out) : folder_(out / "cells") {}

  bool has(const Cell& cell) const { return std::filesystem::exists(file(cell)); }
  /// Writes what was measured; where another process was sooner, its result stays.
  void add(const Cell& cell, const Origin& origin, double seconds, const Json& measured) const {
    const std::time_t now = std::time(nullptr);
    char date[32];
    std::strftime(date, sizeof date, "%Y-%m-%d", std::gmtime(&now));
    const Json all{{"cell", cell.json()}, {"commit", origin.commit}, {"machine", origin.machine},
                   {"date", date},        {"seconds", seconds},      {"result", measured}};
    std::filesystem::create_directories(folder_);
    const std::filesystem::path path = file(cell), temporary = path.string() + ".tmp" + std::to_string(::getpid());
    std::ofstream stream(temporary);
    stream << all.dump(1) << '\n';
    stream.close();
    residual::expect(bool(stream), "The result ", temporary, " cannot be written; look whether the disk is full.");
    std::error_code exists;
    std::filesystem::create_hard_link(temporary, path, exists);
    std::filesystem::remove(temporary);
    residual::expect(std::filesystem::exists(path), "The result ", path, " cannot be written: ", exists.message(), '.');
  }
  /// All results, by their names. Throws when one cannot be read.
  std::vector<Json> all() const {
    std::vector<std::filesystem::path> paths;
    if (std::filesystem::is_directory(folder_)) {
      for (const auto& entry : std::filesystem::directory_iterator(folder_)) {
        if (entry.path().extension() == ".json") paths.push_back(entry.path());
      }
    }
    std::sort(paths.begin(), paths.end());
    std::vector<Json> results;
    for (const auto& path : paths) {
      std::ifstream stream(path);
      Json result = Json::parse(stream, nullptr, false);
      const bool whole = result.is_object() && result.contains("cell") && result.contains("result") &&
                         result.contains("commit") && result.contains("machine");
      residual::expect(whole, path, " is no result of this study; remove it, and its cell will be run again.");
      results.push_back(std::move(result));
    }
    return results;
  }
  /// Throws when a result comes from elsewhere.
  static void expect_origin(const std::vector<Json>& results, const Origin& origin) {
    for (const Json& r : results) {
      const std::string commit = r.at("commit"), machine = r.at("machine"), cell = r.at("cell").dump();
      residual::expect(commit == origin.commit && machine == origin.machine, "The result of ", cell,
                       " was measured by commit ", commit, " on ", machine, ", but this is commit ", origin.commit,
                       " on ", origin.machine, "; choose another --out, or give --mix to let them stand together.");
    }
  }

 private:
  std::filesystem::path file(const Cell& cell) const { return folder_ / (cell.id() + ".json"); }
  std::filesystem::path folder_;
};

}  // namespace study
