#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "residual/core/check.hpp"
#include "residual/core/parameter_groups.hpp"
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
/// listed must outlive the list, and parameters must keep the shape that they were listed with, else save() and load() throw.
/// No name may be listed twice, and none that no tensor of a file may have; an add() that throws lists nothing. All this
/// throws std::invalid_argument.
class Checkpoint {
 public:
  /// Every tensor of the manifest, each under `prefix` and its name: weights, a running average, a gradient.
  template <class Model>
  Checkpoint& add(const std::string& prefix, Parameters<Model>& theta) {
    return add_tensors(prefix, theta, theta.manifest());
  }

  /// The tensors of which at least a part is trained. Throws when the groups are of other parameters.
  template <class Model>
  Checkpoint& add(const std::string& prefix, Parameters<Model>& theta, const ParameterGroups& groups) {
    groups.expect_manifest("Checkpoint", theta.manifest());
    return add_tensors(prefix, theta, groups.trained_tensors());
  }

  /// A flat vector, such as an optimizer's moment; the file's must have its length.
  template <TensorScalar S>
  Checkpoint& add(const std::string& name, Column<S>& vector) {
    claim(name);
    return list([name, &vector](std::vector<Slot>& slots) {
      slots.push_back(detail::in_place(name, {vector.size()}, std::span(vector.data(), std::size_t(vector.size()))));
    });
  }

  /// A history: it takes the length that it has in the file (see equally_long).
  template <TensorScalar S>
  Checkpoint& add(const std::string& name, std::vector<S>& values) {
    claim(name);
    histories_.insert(name);
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

  /// Histories that are of one length, such as the steps of a curve and its values: save() refuses others
  /// (std::invalid_argument), and load() a file that holds others. Each must be listed already.
  Checkpoint& equally_long(std::vector<std::string> histories) {
    for (const std::string& name : histories) {
      expect(histories_.contains(name), "Checkpoint: ", printable(name),
             " is to have the length of others, but is no history that is listed; add it first.");
    }
    equal_.push_back(std::move(histories));
    return *this;
  }

  /// Writes one file; a crash at any moment leaves the old file or the new one, whole. Throws as write_safetensors does, and
  /// std::invalid_argument when listed parameters have taken another shape.
  void save(const std::filesystem::path& path) const {
    std::vector<Slot> slots = this->slots();
    for (const auto& names : equal_) {
      const auto unequal = lengths(names, [&](const std::string& name) { return length_now(slots, name); });
      expect(!unequal, "Checkpoint: ", unequal.value_or(""), "; save histories that have grown alike.");
    }
    std::vector<TensorEntry> entries;
    for (Slot& slot : slots) entries.push_back(std::move(slot.now));
    auto texts = required_;
    for (const auto& [name, text] : texts_) texts[name] = *text;
    write_safetensors(path, entries, texts);
  }

  /// Puts everything listed back to what it was when the file was saved, bit for bit. Throws, with nothing changed,
  /// SafeTensorsError with a list of what is missing, left over, different or of another type, shape or length, ten of them
  /// and the number of the others, what SafeTensors throws, what a generator's constructor throws, and std::invalid_argument
  /// when listed parameters have taken another shape.
  void load(const std::filesystem::path& path) { load(SafeTensors(path)); }
  /// As load(path), from a file that is open or in memory.
  void load(const SafeTensors& file) {
    const std::vector<Slot> slots = this->slots();
    detail::Listed problems(";\n  ");
    detail::add_problems(problems, slots, file);
    if (problems.empty()) add_unequal_lengths(problems, file);
    add_problems_of(problems, file.metadata());
    if (!problems.empty()) {
      throw SafeTensorsError(file.source() + " is no checkpoint of this run, so nothing was loaded:\n  " +
                             problems.text() + '.');
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

  template <class Model>
  Checkpoint& add_tensors(const std::string& prefix, Parameters<Model>& theta, const Manifest& manifest) {
    std::vector<std::string> names;
    for (const ManifestEntry& tensor : manifest) names.push_back(prefix + tensor.name);
    claim(names);
    return list([prefix, &theta, manifest, listed = theta.fingerprint()](std::vector<Slot>& slots) {
      expect(theta.fingerprint() == listed, "Checkpoint: the parameters that were listed under the prefix ",
             printable(prefix), " have another shape now, with ", theta.size(),
             " numbers, than when they were listed; list them in a new Checkpoint after such a change.");
      for (const ManifestEntry& tensor : manifest) {
        std::vector<std::int64_t> shape{tensor.rows, tensor.cols};
        if (tensor.layout == Layout::vector) shape = {tensor.size()};
        const std::span memory(theta.data() + tensor.offset, std::size_t(tensor.size()));
        slots.push_back(detail::in_place(prefix + tensor.name, std::move(shape), memory));
      }
    });
  }
  template <class List>
  Checkpoint& list(List&& tensors) {
    tensors_.emplace_back(std::forward<List>(tensors));
    return *this;
  }
  void claim(const std::string& name) { claim(std::vector{name}); }
  /// All of them or, when it throws, none.
  void claim(const std::vector<std::string>& names) {
    std::set<std::string> added;
    for (const std::string& name : names) {
      detail::check_name("Checkpoint", name);
      expect(!names_.contains(name) && added.insert(name).second, "Checkpoint: ", printable(name),
             " is listed twice; give everything a name of its own.");
    }
    names_.merge(added);
  }
  std::vector<Slot> slots() const {
    std::vector<Slot> slots;
    for (const auto& add_to : tensors_) add_to(slots);
    return slots;
  }

  /// A sentence's part about histories that are not of one length, if there are any among these.
  template <class Length>
  static std::optional<std::string> lengths(const std::vector<std::string>& names, Length&& length) {
    for (const std::string& name : names) {
      if (length(name) == length(names.front())) continue;
      return printable(names.front()) + " has " + std::to_string(length(names.front())) + " elements, but " +
             printable(name) + ", of the same length, has " + std::to_string(length(name));
    }
    return std::nullopt;
  }
  static std::int64_t length_now(const std::vector<Slot>& slots, const std::string& name) {
    return std::find_if(slots.begin(), slots.end(), [&](const Slot& slot) { return slot.now.name == name; })
        ->now.shape.front();
  }
  /// For a file that has all histories.
  void add_unequal_lengths(detail::Listed& problems, const SafeTensors& file) const {
    for (const auto& names : equal_) {
      const auto unequal = lengths(names, [&](const std::string& name) { return file.at(name).shape.front(); });
      if (unequal) problems.add([&] { return *unequal; });
    }
  }

  void add_problems_of(detail::Listed& problems, const std::map<std::string, std::string>& found) const {
    for (const auto& [name, text] : required_) {
      const auto here = found.find(name);
      if (here != found.end() && here->second == text) continue;
      problems.add([&name = name, &text = text, &here, &found] {
        return "text " + printable(name) + " is " + (here == found.end() ? "missing" : printable(here->second)) +
               ", expected " + printable(text);
      });
    }
    for (const auto& [name, text] : texts_) {
      if (found.contains(name)) continue;
      problems.add([&name = name] { return "text " + printable(name) + " is missing, expected any text"; });
    }
    for (const auto& [name, text] : found) {
      if (required_.contains(name) || texts_.contains(name)) continue;
      problems.add([&name = name, &text = text] {
        return "text " + printable(name) + ", " + printable(text) + ", is left over";
      });
    }
  }

  std::vector<std::function<void(std::vector<Slot>&)>> tensors_;
  std::map<std::string, std::string*> texts_;
  std::map<std::string, std::string> required_;
  std::set<std::string> names_, histories_;
  std::vector<std::vector<std::string>> equal_;
};

}  // namespace residual
