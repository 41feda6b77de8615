// libFuzzer: no names may crash or hang; those that are accepted name every number of the model once, and what is saved
// under them is loaded back. A line of the input is a part of a NameMap, its first byte says which:
//   r, o  a rule, the texts of which tabs divide; o: stored as ours
//   p     the prefix;  i  what is ignored;  k  what is kept
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "residual/io/load_parameters.hpp"
#include "residual/io/safetensors_writer.hpp"
#include "residual/model/encoder.hpp"
#include "residual/wiring/pre_ln.hpp"

namespace {

using namespace residual;
using detail::file_tensors, detail::FileTensor;

void require(bool ok) {
  if (!ok) std::abort();
}

std::vector<std::string> divided(std::string_view text, char at) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == at) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

NameMap names_of(std::string_view text) {
  NameMap names;
  for (const std::string& line : divided(text, '\n')) {
    const std::string rest = line.substr(line.empty() ? 0 : 1);
    if (line.starts_with('p')) names.prefix = rest;
    if (line.starts_with('i')) names.ignored.push_back(rest);
    if (line.starts_with('k')) names.kept.push_back(rest);
    if (line.starts_with('r') || line.starts_with('o')) {
      auto theirs = divided(rest, '\t');
      const std::string ours = theirs.front();
      theirs.erase(theirs.begin());
      names.rules.push_back({ours, theirs, line.starts_with('o') ? Stored::as_ours : Stored::as_pytorch});
    }
  }
  return names;
}

/// Whether the text fits the pattern, a row of the table of all their beginnings after the other.
bool fits(std::string_view pattern, std::string_view text) {
  std::vector<bool> row(text.size() + 1);
  row[0] = true;
  for (const char c : pattern) {
    std::vector<bool> next(text.size() + 1);
    for (std::size_t i = 0; i <= text.size(); ++i) {
      next[i] = c == '*' ? row[i] || (i > 0 && next[i - 1]) : i > 0 && row[i - 1] && text[i - 1] == c;
    }
    row = next;
  }
  return row.back();
}

void check_matches(const NameMap& names, std::string_view ours) {
  for (const NameRule& rule : names.rules) {
    const auto stars = detail::match(rule.ours, ours);
    require(stars.has_value() == fits(rule.ours, ours));
    if (stars) require(detail::fill(rule.ours, *stars) == ours);
  }
}

/// Files of zeros under these names.
std::string zeros(const std::vector<FileTensor>& tensors, const std::vector<float>& numbers) {
  std::vector<TensorEntry> entries;
  for (const FileTensor& tensor : tensors) {
    entries.push_back(TensorEntry::of<float>(tensor.name, tensor.shape, {numbers.data(), std::size_t(tensor.size())}));
  }
  std::ostringstream out;
  write_safetensors(out, entries);
  return out.str();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto model = encoder(PreLN<float>(4), {.dim = 4, .heads = 2, .hidden = 6, .depth = 1});
  const NameMap names = names_of({reinterpret_cast<const char*>(data), size});
  Parameters theta(model);
  for (const ManifestEntry& tensor : theta.manifest()) check_matches(names, tensor.name);
  try {
    const std::vector<FileTensor> tensors = file_tensors(theta.manifest(), names);
    const std::string file = zeros(tensors, std::vector<float>(std::size_t(theta.size())));
    theta.flat().setOnes();
    load_parameters(SafeTensors::from_bytes(std::as_bytes(std::span(file))), theta, names);
    require(theta.flat().isZero(0));
  } catch (const std::invalid_argument&) {  // the only exception that names may cause
  }
  return 0;
}
