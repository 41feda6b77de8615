#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "residual/core/check.hpp"
#include "residual/io/detail/listed.hpp"
#include "residual/io/detail/shallow_json.hpp"
#include "residual/io/mapped_file.hpp"
#include "residual/io/safetensors.hpp"

namespace residual {
namespace detail {

/// The file of each tensor that the text of an index names, by the tensor's name; `source` opens every error. Throws
/// SafeTensorsError when the text is no index, names a tensor twice, or a file that cannot lie beside it.
inline std::map<std::string, std::string> index_places(std::string_view text, const std::string& source) {
  const auto json = shallow_json<SafeTensorsError>(text, source, longest_header);
  const auto map = json.is_object() ? json.find("weight_map") : json.end();
  if (map == json.end() || !map->is_object()) {
    throw SafeTensorsError(source +
                           ": this is no index of safetensors files; it must be a JSON object with an object "
                           "\"weight_map\" of tensors and files.");
  }
  std::map<std::string, std::string> places;
  for (const auto& [tensor, place] : map->items()) {
    const std::string name = place.is_string() ? place.get<std::string>() : "";
    const std::filesystem::path path = name;
    if (name.empty() || name.find('\0') != name.npos || path != path.filename() || path == "..") {
      throw SafeTensorsError(source + ": the place of " + printable(tensor) + " is " + printable(place.dump()) +
                             ", but it must be the name of a file beside the index.");
    }
    places.emplace(tensor, name);
  }
  return places;
}

}  // namespace detail

/// Tensors in one safetensors file or in several, as model.safetensors.index.json lists them; open for reading as SafeTensors.
///
///     {"metadata": {...}, "weight_map": {"model.norm.weight": "model-00002-of-00002.safetensors", ...}}
class ShardedSafeTensors {
 public:
  /// Maps the file or, where it is an index (.json), all files that it names, which lie beside it. Throws SafeTensorsError
  /// with all that does not fit: tensors that are not where the index says, that it does not list or lists twice, or that
  /// lie in two files; std::system_error when a file cannot be read.
  explicit ShardedSafeTensors(const std::filesystem::path& path) : source_(printable_path(path)) {
    if (path.extension() == ".json") {
      open_all(path);
    } else {
      files_.emplace_back(path);
      for (const TensorInfo& info : files_.front().tensors()) add(info, 0);
    }
  }

  /// What opens the errors: the path in quotes.
  const std::string& source() const { return source_; }
  /// All tensors.
  const std::vector<TensorInfo>& tensors() const { return tensors_; }
  /// The tensor of that name, or nullptr.
  const TensorInfo* find(std::string_view name) const {
    const auto holder = holders_.find(name);
    return holder == holders_.end() ? nullptr : files_[holder->second].find(name);
  }
  /// The tensor of that name; throws SafeTensorsError when no file has it.
  const TensorInfo& at(std::string_view name) const {
    if (const TensorInfo* const info = find(name)) return *info;
    fail("there is no tensor " + printable(name) + detail::closest_in(tensors_, name));
  }
  /// The bytes of a tensor that `find` or `at` returned.
  std::span<const std::byte> bytes(const TensorInfo& info) const {
    const auto holder = holders_.find(info.name);
    expect(holder != holders_.end(), source_, ": tensor ", printable(info.name), " is not of these files.");
    return files_[holder->second].bytes(info);
  }

 private:
  void open_all(const std::filesystem::path& index) {
    const MappedFile text(index);
    const auto* const begin = reinterpret_cast<const char*>(text.bytes().data());
    const auto places = detail::index_places({begin, text.bytes().size()}, source_);
    std::map<std::string, std::size_t> numbers;
    for (const auto& [tensor, name] : places) {
      if (numbers.emplace(name, files_.size()).second) files_.emplace_back(index.parent_path() / name);
    }
    detail::Listed faults("; ");
    for (const auto& [name, number] : numbers) {
      for (const TensorInfo& info : files_[number].tensors()) {
        const auto place = places.find(info.name);
        if (place == places.end() || place->second != name) {
          faults.add([&info, &name = name] {
            return printable(info.name) + " is in " + printable(name) + ", but not listed there";
          });
        }
        add(info, number);
      }
    }
    for (const auto& [tensor, name] : places) {
      if (files_[numbers.at(name)].find(tensor) == nullptr) {
        faults.add([&tensor = tensor, &name = name] {
          return printable(tensor) + " is listed in " + printable(name) + ", but not there";
        });
      }
    }
    if (!faults.empty()) fail("the files are not as it says; " + faults.text());
  }

  void add(const TensorInfo& info, std::size_t number) {
    tensors_.push_back(info);
    holders_.emplace(info.name, number);
  }
  [[noreturn]] void fail(const std::string& what) const { throw SafeTensorsError(source_ + ": " + what + "."); }

  std::string source_;
  std::vector<SafeTensors> files_;
  std::vector<TensorInfo> tensors_;
  std::map<std::string, std::size_t, std::less<>> holders_;
};

}  // namespace residual
