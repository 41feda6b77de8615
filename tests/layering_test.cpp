// core <- kernel <- layers <- wiring <- model <- decode, hub; hub -> io; train, io, adapt -> kernel; merge -> wiring;
// metrics, numeric -> core: who may include whom.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <vector>

namespace {

namespace fs = std::filesystem;

/// Folder of a header below include/residual/; empty for those on top.
std::string folder(const fs::path& header) { return header.has_parent_path() ? header.begin()->string() : ""; }

/// The folders that a folder's headers may include beside their own.
const std::map<std::string, std::set<std::string>> allowed_folders = {
    {"core", {}},
    {"kernel", {"core"}},
    {"layers", {"core", "kernel"}},
    {"wiring", {"core", "kernel"}},
    {"model", {"core", "kernel", "layers", "wiring"}},
    {"decode", {"core", "layers", "model"}},
    {"train", {"core", "kernel"}},
    {"io", {"core", "kernel"}},
    {"adapt", {"core", "kernel"}},
    {"merge", {"core", "kernel", "wiring"}},
    {"metrics", {"core"}},
    {"hub", {"core", "kernel", "layers", "wiring", "model", "io"}},
    {"numeric", {"core"}},
    {"",
     {"core", "kernel", "layers", "wiring", "model", "decode", "train", "io", "numeric", "metrics", "adapt", "merge"}},
};

/// What of layers/ a residual scheme may know.
const std::set<std::string> layers_for_wiring = {"layers/layer.hpp", "layers/identity.hpp", "layers/layer_norm.hpp",
                                                 "layers/rms_norm.hpp"};

/// Whether the header `from` may include the header `to`, both relative to include/residual/.
bool may_include(const fs::path& from, const fs::path& to) {
  const auto& allowed = allowed_folders.at(folder(from));
  return folder(from) == folder(to) || allowed.contains(folder(to)) ||
         (folder(from) == "wiring" && layers_for_wiring.contains(to.generic_string()));
}

/// Whether the header `from` may include `<name>` from outside the library: Eigen and the platform's, in io/ and hub/
/// nlohmann-json too.
bool may_include_foreign(const fs::path& from, const std::string& name) {
  static const std::regex platform(R"([a-z0-9_]+(\.h)?|sys/[a-z]+\.h|(unsupported/)?Eigen/.*)");
  return std::regex_match(name, platform) ||
         ((folder(from) == "io" || folder(from) == "hub") && name.starts_with("nlohmann/"));
}

const fs::path root = fs::path(RESIDUAL_SOURCE_DIR) / "include" / "residual";

std::vector<fs::path> all_headers() {
  std::vector<fs::path> headers;
  for (const auto& entry : fs::recursive_directory_iterator(root)) {
    if (entry.is_regular_file()) headers.push_back(entry.path().lexically_relative(root));
  }
  std::sort(headers.begin(), headers.end());
  return headers;
}

/// What the header includes: delimiter and name.
std::vector<std::pair<char, std::string>> includes_of(const fs::path& header) {
  static const std::regex include(R"(^\s*#\s*include\s*([<"])([^>"]+)[>"])");
  std::vector<std::pair<char, std::string>> includes;
  std::ifstream file(root / header);
  std::smatch match;
  for (std::string line; std::getline(file, line);) {
    if (std::regex_search(line, match, include)) includes.emplace_back(*match[1].first, match[2]);
  }
  return includes;
}

TEST(Layering, HeadersIncludeOnlyTheirOwnFolderAndThoseBelow) {
  for (const auto& header : all_headers()) {
    ASSERT_TRUE(allowed_folders.contains(folder(header)))
        << header << " is in a folder without a rule: say in allowed_folders what it may include.";
    for (const auto& [delimiter, name] : includes_of(header)) {
      const fs::path beside = (header.parent_path() / name).lexically_normal();
      if (name.starts_with("residual/")) {
        const fs::path to = fs::path(name).lexically_relative("residual");
        EXPECT_TRUE(may_include(header, to)) << header << " must not include " << to;
      } else if (delimiter == '"' && fs::exists(root / beside)) {
        EXPECT_TRUE(may_include(header, beside)) << header << " must not include " << beside;
      } else {
        EXPECT_TRUE(may_include_foreign(header, name)) << header << " must not include " << name;
      }
    }
  }
}

/// Adds the header and all that it includes of the library.
void reach(const fs::path& header, std::set<fs::path>& reached) {
  if (!reached.insert(header).second) return;
  for (const auto& [delimiter, name] : includes_of(header)) {
    if (name.starts_with("residual/")) reach(fs::path(name).lexically_relative("residual"), reached);
  }
}

TEST(Layering, OneIncludeHasAllButFilesMetricsAndMerging) {
  const std::set<std::string> beside = {"io", "hub", "metrics", "merge"};
  std::set<fs::path> reached;
  reach("residual.hpp", reached);
  for (const auto& header : all_headers()) {
    if (header == "precompiled.hpp" || header == "core/chosen.hpp") continue;  // the latter is what merge/ alone needs
    EXPECT_EQ(reached.contains(header), !beside.contains(folder(header))) << header;
  }
}

TEST(Layering, EveryHeaderIsGuarded) {
  for (const auto& header : all_headers()) {
    std::ifstream file(root / header);
    const std::string text(std::istreambuf_iterator<char>(file), {});
    EXPECT_NE(text.find("#pragma once\n"), std::string::npos) << header << " lacks #pragma once";
  }
}

TEST(Layering, RulesAreThoseOfTheLibrary) {
  EXPECT_TRUE(may_include("layers/linear.hpp", "kernel/gemm.hpp"));
  EXPECT_TRUE(may_include("wiring/pre_ln.hpp", "layers/layer_norm.hpp"));
  EXPECT_TRUE(may_include("model/stack.hpp", "wiring/wiring.hpp"));
  EXPECT_TRUE(may_include("residual.hpp", "model/encoder.hpp"));
  EXPECT_TRUE(may_include("decode/decoding.hpp", "model/tape.hpp"));
  EXPECT_TRUE(may_include("hub/hugging_face.hpp", "io/load_parameters.hpp"));
  EXPECT_FALSE(may_include("io/load_parameters.hpp", "hub/hugging_face.hpp"));
  EXPECT_FALSE(may_include("model/stack.hpp", "decode/decoding.hpp"));
  EXPECT_FALSE(may_include("core/carver.hpp", "kernel/gemm.hpp"));
  EXPECT_FALSE(may_include("kernel/gemm.hpp", "layers/linear.hpp"));
  EXPECT_FALSE(may_include("core/view.hpp", "layers/linear.hpp"));
  EXPECT_FALSE(may_include("layers/linear.hpp", "wiring/wiring.hpp"));
  EXPECT_FALSE(may_include("wiring/pre_ln.hpp", "layers/attention.hpp"));
  EXPECT_FALSE(may_include("wiring/pre_ln.hpp", "model/stack.hpp"));
  EXPECT_FALSE(may_include("train/adamw.hpp", "model/stack.hpp"));
  EXPECT_FALSE(may_include("numeric/gradient_check.hpp", "layers/layer.hpp"));
  EXPECT_FALSE(may_include("core/view.hpp", "residual.hpp"));
  EXPECT_TRUE(may_include_foreign("core/view.hpp", "Eigen/Core"));
  EXPECT_TRUE(may_include_foreign("io/safetensors.hpp", "nlohmann/json.hpp"));
  EXPECT_FALSE(may_include_foreign("core/view.hpp", "nlohmann/json.hpp"));
  EXPECT_FALSE(may_include_foreign("train/adamw.hpp", "gtest/gtest.h"));
}

}  // namespace
