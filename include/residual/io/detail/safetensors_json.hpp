#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "residual/io/detail/json_reader.hpp"
#include "residual/io/detail/safetensors_grammar.hpp"
#include "residual/io/tensor_info.hpp"

namespace residual::detail {

/// What a header says: free text by name, and the tensors in the order of the header.
struct SafeTensorsHeader {
  std::map<std::string, std::string> metadata;
  std::vector<TensorInfo> tensors;
};

/// Takes the events of the JSON parser and keeps the header, or throws SafeTensorsError at the first event that the
/// format has no place for.
///
/// As in the reference implementation a tensor may carry members of other names, which are skipped, and __metadata__
/// may be null. Stricter than it: a name may stand only once in any object, and a tensor must be an object.
class HeaderReader : public JsonReader<SafeTensorsError> {
 public:
  /// The header in `text`; `source` opens every error.
  static SafeTensorsHeader read(std::string_view text, const std::string& source) {
    HeaderReader reader(source);
    reader.parse(text, reader);
    return std::move(reader.header_);
  }

  bool null() { return other({Slot::metadata}, "null"); }
  bool boolean(bool) { return other({}, "a boolean"); }
  bool number_integer(json::number_integer_t) { return other({}, "a number below 0"); }
  bool number_float(json::number_float_t, const std::string& text) {
    return other({}, "the number " + text.substr(0, 40));
  }
  bool binary(json::binary_t&) { return other({}, "binary data"); }

  bool number_unsigned(json::number_unsigned_t number) {
    const Slot slot = expect({Slot::dimension, Slot::offset}, "an unsigned integer");
    if (slot != Slot::anything && number > std::numeric_limits<std::int64_t>::max()) {
      fail(next_value() + " holds " + std::to_string(number) + ", expected at most 2^63 - 1");
    }
    if (slot == Slot::dimension) tensor().shape.push_back(static_cast<std::int64_t>(number));
    if (slot == Slot::offset) offsets_.push_back(number);
    return true;
  }

  bool string(std::string& text) {
    const Slot slot = expect({Slot::text, Slot::dtype}, "a string");
    if (slot == Slot::text) header_.metadata[open_.back().key] = std::move(text);
    if (slot == Slot::dtype) set_dtype(text);
    return true;
  }

  bool start_object(std::size_t) {
    const Slot slot = open({Slot::header, Slot::metadata, Slot::tensor}, "an object");
    if (slot == Slot::tensor) header_.tensors.emplace_back().name = open_.front().key;
    return true;
  }
  bool start_array(std::size_t) {
    open({Slot::shape, Slot::offsets}, "an array");
    return true;
  }

  bool key(std::string& name) {
    expect_new(open_.back().keys.insert(name).second, this_value(), name);
    open_.back().key = std::move(name);
    return true;
  }

  bool end_object() {
    if (open_.back().slot == Slot::tensor) {
      for (const char* member : {"dtype", "shape", "data_offsets"}) {
        if (!open_.back().keys.contains(member)) fail(this_value() + " has no " + member + ", expected one");
      }
    }
    open_.pop_back();
    return true;
  }

  bool end_array() {
    if (open_.back().slot == Slot::offsets) {
      if (offsets_.size() != 2) {
        fail(this_value() + " holds " + std::to_string(offsets_.size()) + " numbers, expected two, [begin, end]");
      }
      tensor().begin = offsets_[0];
      tensor().end = offsets_[1];
      offsets_.clear();
    }
    open_.pop_back();
    return true;
  }

 private:
  /// An object or array that has begun and not yet ended: its place, the names seen in it, the name last seen.
  struct Open {
    Slot slot;
    std::set<std::string> keys;
    std::string key;
  };

  explicit HeaderReader(const std::string& source) : JsonReader(source, "the header") {}

  TensorInfo& tensor() { return header_.tensors.back(); }

  /// The place in which the next value stands.
  Slot slot() const { return open_.empty() ? Slot::header : slot_in(open_.back().slot, open_.back().key); }

  Slot expect(std::initializer_list<Slot> fitting, std::string_view found) const {
    const Slot here = slot();
    if (here != Slot::anything && std::find(fitting.begin(), fitting.end(), here) == fitting.end()) {
      fail(next_value() + " is " + std::string(found) + ", expected " + expected(here));
    }
    return here;
  }

  bool other(std::initializer_list<Slot> fitting, std::string_view found) const {
    expect(fitting, found);
    return true;
  }

  Slot open(std::initializer_list<Slot> fitting, std::string_view found) {
    const Slot here = expect(fitting, found);
    expect_room(open_.size());
    open_.push_back({here, {}, {}});
    return here;
  }

  void set_dtype(const std::string& name) {
    const auto dtype = dtype_named(name);
    if (!dtype) {
      std::string known;
      for (const DtypeRow& row : dtypes) known += (known.empty() ? "" : ", ") + std::string(row.name);
      fail(next_value() + " is " + printable(name) + ", expected one of " + known);
    }
    tensor().dtype = *dtype;
  }

  /// The place in words that the names of the outermost `levels` objects lead to, such as `tensor "a": "shape"`.
  std::string path(std::size_t levels) const {
    if (levels == 0) return "the header";
    const std::string& name = open_[0].key;
    std::string text = name == "__metadata__" ? name : "tensor " + printable(name);
    if (levels > 1) text += ": " + printable(open_[1].key);
    return text;
  }
  std::string next_value() const { return path(open_.size()); }
  std::string this_value() const { return path(open_.size() - 1); }

  SafeTensorsHeader header_;
  std::vector<Open> open_;
  std::vector<std::uint64_t> offsets_;
};

}  // namespace residual::detail
