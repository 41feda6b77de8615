// Runs golden cases: outputs and gradients of models against numbers from 200-bit arithmetic.
// ctest: --dir ${PROJECT_SOURCE_DIR}/tests/data/golden --scalar double
// ctest: --dir ${PROJECT_SOURCE_DIR}/tests/data/golden --scalar float
#include <CLI/CLI.hpp>
#include <algorithm>
#include <exception>
#include <filesystem>
#include <iostream>
#include <set>
#include <string>
#include <vector>

#include "golden/compare.hpp"
#include "residual/core/check.hpp"

namespace {

namespace fs = std::filesystem;

/// The cases of a folder, each by its path without .json or .safetensors, in the order of their names.
std::set<fs::path> stems(const fs::path& folder) {
  std::set<fs::path> found;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const fs::path extension = entry.path().extension();
    if (extension != ".json" && extension != ".safetensors") continue;
    found.insert(folder / entry.path().stem());
  }
  return found;
}

/// Runs cases one by one, prints a line for each and counts.
class Runner {
 public:
  Runner(std::string scalar, std::vector<std::string> tiers) : scalar_(std::move(scalar)), tiers_(std::move(tiers)) {}

  void run(const fs::path& stem) {
    const std::string name = stem.filename().string();
    try {
      const golden::Case c = golden::make_case(golden::read_document(stem));
      if (std::find(tiers_.begin(), tiers_.end(), c.tier) == tiers_.end()) return;
      const std::string type = scalar_ == "float" ? "f32" : "f64";
      if (type == "f32" && !c.tolerance.contains(type)) {
        std::cout << name << ": skipped, the case has tolerances for double only\n";
        return;
      }
      residual::expect(c.tolerance.contains(type), "tolerance_atol has no ", type, ".");
      report(name,
             golden::compare(c, scalar_ == "float" ? golden::compute<float>(c) : golden::compute<double>(c), type));
    } catch (const std::exception& error) {
      ++failed_;
      std::cout << name << ": FAILED: " << error.what() << std::endl;
    }
  }

  int close() const {
    std::cout << passed_ << " passed, " << failed_ << " failed" << std::endl;
    return failed_ == 0 && passed_ > 0 ? 0 : 1;
  }

 private:
  void report(const std::string& name, const golden::Verdict& verdict) {
    ++(verdict.passed() ? passed_ : failed_);
    std::cout << name;
    if (verdict.passed()) {
      std::cout << ": passed, " << verdict.tensors << " tensors, the worst at " << verdict.worst << " of its tolerance";
    } else {
      std::cout << ": FAILED: " << verdict.complaints.front();
      if (verdict.complaints.size() > 1) std::cout << " (" << verdict.complaints.size() - 1 << " more)";
    }
    std::cout << std::endl;
  }

  std::string scalar_;
  std::vector<std::string> tiers_;
  int passed_ = 0, failed_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Runs every golden case of a folder; exit code 0 only when some ran and none failed."};
  std::string folder, scalar;
  std::vector<std::string> tiers = {"core", "edge", "stretch"};
  app.add_option("--dir", folder, "the folder of the cases, .json or .safetensors")
      ->required()
      ->check(CLI::ExistingDirectory);
  app.add_option("--scalar", scalar, "the type to compute in")->required()->check(CLI::IsMember({"float", "double"}));
  app.add_option("--tier", tiers, "only cases of these tiers, separated by commas")
      ->delimiter(',')
      ->check(CLI::IsMember({"core", "edge", "stretch"}));
  CLI11_PARSE(app, argc, argv);
  std::cout.precision(2);
  Runner runner(scalar, tiers);
  for (const auto& stem : stems(folder)) runner.run(stem);
  return runner.close();
}
