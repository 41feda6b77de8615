#include "golden/document.hpp"

#include <cmath>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <limits>
#include <set>
#include <utility>

#include "residual/io/safetensors.hpp"

namespace golden {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;
using residual::expect;
using residual::printable;

/// The JSON in `text`; no object in it may name a key twice.
json parse(std::string_view text, const std::string& source) {
  std::vector<std::set<std::string>> open;
  const auto watch = [&](int depth, json::parse_event_t event, json& value) {
    expect(depth < 100, source, " is no golden case: it nests 100 levels deep.");
    if (event == json::parse_event_t::object_start) open.emplace_back();
    if (event == json::parse_event_t::object_end) open.pop_back();
    if (event == json::parse_event_t::key) {
      const auto& key = value.get_ref<const std::string&>();
      expect(open.back().insert(key).second, source, " names the key ", printable(key), " twice in one object.");
    }
    return true;
  };
  expect(text.find('\0') == text.npos, source, " holds a NUL byte, which JSON does not have.");
  try {
    return json::parse(text.begin(), text.end(), watch);
  } catch (const json::parse_error& error) {
    throw std::invalid_argument(source + " is not JSON: the parser stopped at byte " + std::to_string(error.byte) +
                                "; the file is cut short or damaged.");
  }
}

double number(const json& value, const std::string& tensor) {
  if (value == "NaN") return std::numeric_limits<double>::quiet_NaN();
  if (value == "Infinity") return std::numeric_limits<double>::infinity();
  if (value == "-Infinity") return -std::numeric_limits<double>::infinity();
  expect(value.is_number(), tensor, " holds ", printable(value.dump()),
         ", but an entry is a number or one of \"NaN\", \"Infinity\", \"-Infinity\".");
  const bool minus_zero = value.is_number_integer() && !value.is_number_unsigned() && value == 0;
  return minus_zero ? -0.0 : value.get<double>();
}

Tensor tensor_of(const json& value, const std::string& name) {
  expect(value.is_object() && value.size() == 2 && value.contains("shape") && value.contains("data") &&
             value["shape"].is_array() && value["data"].is_array(),
         name, " must be an object of the two arrays \"shape\" and \"data\", and nothing else.");
  Tensor tensor;
  Index entries = 1;
  for (const json& dimension : value["shape"]) {
    expect(dimension.is_number_unsigned() && dimension <= std::numeric_limits<std::int32_t>::max(), name,
           " has the dimension ", dimension.dump(), ", but a dimension is an integer from 0 on.");
    tensor.shape.push_back(dimension.get<Index>());
    entries = std::min(entries * tensor.shape.back(), Index(std::numeric_limits<std::int32_t>::max()));
  }
  expect(std::cmp_equal(value["data"].size(), entries), name, " has ", value["data"].size(), " entries, but its shape ",
         to_string(tensor.shape), " needs another number.");
  tensor.data.reserve(value["data"].size());
  for (const json& entry : value["data"]) tensor.data.push_back(number(entry, name));
  return tensor;
}

Document read_json(const fs::path& path) {
  const std::string source = path.filename().string();
  std::ifstream file(path, std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(file), {});
  expect(file.good() || file.eof(), "cannot read ", source, ".");
  Document document{parse(text, source), {}};
  expect(document.header.is_object() && document.header.contains("tensors") && document.header["tensors"].is_object(),
         source, " is no golden case: it has no object \"tensors\".");
  for (const auto& [name, value] : document.header["tensors"].items()) {
    document.tensors.emplace(name, tensor_of(value, source + ": tensor " + printable(name)));
  }
  document.header.erase("tensors");
  return document;
}

template <class T>
std::vector<double> read_data(const residual::SafeTensors& file, const residual::TensorInfo& info) {
  std::vector<T> data(std::size_t(info.elements()));
  file.read<T>(info, data);
  return {data.begin(), data.end()};
}

bool is_mask(const std::string& name) { return name == "rows_valid" || name.ends_with("key_padding_mask"); }

Document read_safetensors(const fs::path& path) {
  const residual::SafeTensors file(path);
  const std::string source = path.filename().string();
  expect(file.metadata().size() == 1 && file.metadata().contains("case"), source,
         " is no golden case: its __metadata__ must hold \"case\" and nothing else.");
  Document document{parse(file.metadata().at("case"), source + ": __metadata__[\"case\"]"), {}};
  for (const auto& info : file.tensors()) {
    const auto dtype = is_mask(info.name) ? residual::Dtype::U8 : residual::Dtype::F64;
    expect(info.dtype == dtype, source, ": tensor ", printable(info.name), " is ", name_of(info.dtype),
           ", but the format stores it as ", name_of(dtype), ".");
    document.tensors[info.name] = {
        {info.shape.begin(), info.shape.end()},
        is_mask(info.name) ? read_data<std::uint8_t>(file, info) : read_data<double>(file, info)};
  }
  return document;
}

bool same_bits(double a, double b) { return std::memcmp(&a, &b, sizeof a) == 0 || (std::isnan(a) && std::isnan(b)); }

void expect_agreement(const Document& text, const Document& binary) {
  const json difference = json::diff(text.header, binary.header);
  expect(difference.empty(), "the .json and the .safetensors disagree at ",
         difference.empty() ? "" : difference[0]["path"].get<std::string>(), ".");
  for (const auto& [name, tensor] : binary.tensors) {
    expect(text.tensors.contains(name), "only the .safetensors holds the tensor ", printable(name), ".");
  }
  for (const auto& [name, tensor] : text.tensors) {
    const auto found = binary.tensors.find(name);
    expect(found != binary.tensors.end(), "only the .json holds the tensor ", printable(name), ".");
    const Tensor& other = found->second;
    expect(tensor.shape == other.shape, "the tensor ", printable(name), " is ", to_string(tensor.shape),
           " in the .json, but ", to_string(other.shape), " in the .safetensors.");
    for (std::size_t i = 0; i < tensor.data.size(); ++i) {
      expect(same_bits(tensor.data[i], other.data[i]), "the .json and the .safetensors disagree in entry ", i,
             " of the tensor ", printable(name), ".");
    }
  }
}

}  // namespace

Document read_document(const fs::path& stem) {
  const fs::path text = stem.string() + ".json", binary = stem.string() + ".safetensors";
  if (!fs::exists(binary)) return read_json(text);
  Document document = read_safetensors(binary);
  if (fs::exists(text)) expect_agreement(read_json(text), document);
  return document;
}

}  // namespace golden
