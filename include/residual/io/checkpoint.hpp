#pragma once

#include <array>
#include <concepts>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "residual/core/check.hpp"
#include "residual/core/parameters.hpp"
#include "residual/io/detail/checkpoint_slot.hpp"
#include "residual/io/safetensors.hpp"
#include "residual/io/safetensors_writer.hpp"

namespace residual {

/// A random generator that can be put back where it was: `Random`, or one of your own whose State is an array of words.
template <class G>
concept RestorableGenerator = requires(const G& generator) {
  { generator.state() } -> std::same_as<const std::array<std::uint64_t, std::tuple_size_v<typename G::State>>&>;
  G(generator.state());
};

/// All that a run needs to go on, listed once; the list saves and loads:
///
///     Checkpoint run;
///     run.require("scheme", "ResiDual");
///     run.add("", theta).add("adam.m", adam.m).add("adam.v", adam.v).add("adam.steps", adam.steps).add("order", random);
///     run.save("run.safetensors");
///     run.load("run.safetensors");
///
/// The file is in the safetensors format, weights under the names and in the layout of `Parameters::manifest()`. What is
/// listed must outlive the list; no name may be listed twice (std::invalid_argument).
class Checkpoint {
 public:
  /// Every tensor of the manifest, each under `prefix` and its name: weights, a running average, a gradient.
  template <class Model>
  Checkpoint& add(const std::string& prefix, Parameters<Model>& theta) {
    for (const ManifestEntry& tensor : theta.manifest()) claim(prefix + tensor.name);
    return list([prefix, &theta](std::vector<Slot>& slots) {
      for (const ManifestEntry& tensor : theta.manifest()) {
        std::vector<std::int64_t> shape{tensor.rows, tensor.cols};
        if (tensor.layout == Layout::vector) shape = {tensor.size()};
        const std::span memory(theta.data() + tensor.offset, std::size_t(tensor.size()));
        slots.push_back(detail::in_place(prefix + tensor.name, std::move(shape), memory));
      }
    });
  }

  /// A flat vector, such as an optimizer's moment; the file's must have its length.
  template <TensorScalar S>
  Checkpoint& add(const std::string& name, Column<S>& vector) {
    claim(name);
    return list([name, &vector](std::vector<Slot>& slots) {
      slots.push_back(detail::in_place(name, {vector.size()}, std::span(vector.data(), std::size_t(vector.size()))));
    });
  }

  /// A history: it takes the length that it has in the file.
  template <TensorScalar S>
  Checkpoint& add(const std::string& name, std::vector<S>& values) {
    claim(name);
    return list([name, &values](std::vector<Slot>& slots) {
      const std::span<const S> now(values);
      slots.push_back({.now = TensorEntry::of(name, {std::int64_t(now.size())}, now),
                       .any_length = true,
                       .read = [&values](const SafeTensors& file, const TensorInfo& info) -> Write {
                         std::vector<S> read(std::size_t(info.elements()));
                         file.read<S>(info, read);
                         return [&values, read = std::move(read)]() mutable { values.swap(read); };
                       }});
    });
  }

  /// A number, such as the step.
  template <TensorScalar S>
  Checkpoint& add(const std::string& name, S& number) {
    claim(name);
    return list([name, &number](std::vector<Slot>& slots) {
      slots.push_back(detail::in_place(name, {}, std::span(&number, 1)));
    });
  }

  /// A random generator's state.
  template <RestorableGenerator G>
  Checkpoint& add(const std::string& name, G& generator) {
    claim(name);
    return list([name, &generator](std::vector<Slot>& slots) {
      const std::span<const std::uint64_t> now(generator.state());
      slots.push_back({.now = TensorEntry::of(name, {std::int64_t(now.size())}, now),
                       .read = [&generator](const SafeTensors& file, const TensorInfo& info) -> Write {
                         typename G::State state;
                         file.read<std::uint64_t>(info, state);
                         return [&generator, restored = G(state)]() mutable { generator = std::move(restored); };
                       }});
    });
  }

  /// A text of your own, in the file's metadata.
  Checkpoint& add(const std::string& name, std::string& text) {
    claim(name);
    texts_[name] = &text;
    return *this;
  }

  /// A text that load() must find as it stands here: what the file has to agree with, such as the scheme, which names and
  /// shapes of tensors do not tell, or the options of the run.
  Checkpoint& require(const std::string& name, const std::string& text) {
    claim(name);
    required_[name] = text;
    return *this;
  }

  /// Writes one file; a crash at any moment leaves the old file or the new one, whole. Throws as write_safetensors does.
  void save(const std::filesystem::path& path) const {
    std::vector<TensorEntry> entries;
    for (Slot& slot : slots()) entries.push_back(std::move(slot.now));
    auto texts = required_;
    for (const auto& [name, text] : texts_) texts[name] = *text;
    write_safetensors(path, entries, texts);
  }

  /// Puts everything listed back to what it was when the file was saved, bit for bit. Throws, with nothing changed,
  /// SafeTensorsError with a list of all that is missing, left over, different or of another type or shape, and what
  /// SafeTensors throws.
  void load(const std::filesystem::path& path) {
    const SafeTensors file(path);
    const std::vector<Slot> slots = this->slots();
    std::string problems = detail::problems(slots, file) + problems_of(file.metadata());
    if (!problems.empty()) {
      problems.back() = '.';
      throw SafeTensorsError('"' + path.string() +
                             "\" is no checkpoint of this run, so nothing was loaded:" + problems);
    }
    std::vector<Write> writes;
    for (const Slot& slot : slots) writes.push_back(slot.read(file, *file.find(slot.now.name)));
    auto texts = file.metadata();
    for (Write& write : writes) write();
    for (const auto& [name, text] : texts_) text->swap(texts.at(name));
  }

 private:
  using Slot = detail::CheckpointSlot;
  using Write = detail::Write;

  template <class List>
  Checkpoint& list(List&& tensors) {
    tensors_.emplace_back(std::forward<List>(tensors));
    return *this;
  }
  void claim(const std::string& name) {
    expect(names_.insert(name).second, "Checkpoint: ", printable(name),
           " is listed twice; give everything a name of its own.");
  }
  std::vector<Slot> slots() const {
    std::vector<Slot> slots;
    for (const auto& add_to : tensors_) add_to(slots);
    return slots;
  }

  std::string problems_of(const std::map<std::string, std::string>& found) const {
    std::string problems;
    for (const auto& [name, text] : required_) {
      const auto here = found.find(name);
      if (here != found.end() && here->second == text) continue;
      problems += "\n  text " + printable(name) + " is " + (here == found.end() ? "missing" : printable(here->second)) +
                  ", expected " + printable(text) + ';';
    }
    for (const auto& [name, text] : texts_) {
      if (!found.contains(name)) problems += "\n  text " + printable(name) + " is missing, expected any text;";
    }
    for (const auto& [name, text] : found) {
      if (required_.contains(name) || texts_.contains(name)) continue;
      problems += "\n  text " + printable(name) + ", " + printable(text) + ", is left over;";
    }
    return problems;
  }

  std::vector<std::function<void(std::vector<Slot>&)>> tensors_;
  std::map<std::string, std::string*> texts_;
  std::map<std::string, std::string> required_;
  std::set<std::string> names_;
};

}  // namespace residual
