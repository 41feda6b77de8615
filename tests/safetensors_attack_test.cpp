// Files that break the format, each with the one sentence that refuses it.
// group: files
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <ostream>
#include <span>
#include <string>
#include <vector>

#include "residual/io/safetensors.hpp"
#include "support/folder.hpp"

namespace {

using namespace residual;
using namespace std::string_literals;

std::string file_of(const std::string& header, const std::string& data, std::uint64_t length) {
  return std::string(reinterpret_cast<const char*>(&length), sizeof length) + header + data;
}
std::string file_of(const std::string& header, const std::string& data = "") {
  return file_of(header, data, header.size());
}
std::string tensor(const std::string& name, const std::string& dtype, const std::string& shape,
                   const std::string& offsets) {
  return '"' + name + R"(":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" + offsets + '}';
}
std::string nested(std::size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); }

std::string error_of(const std::string& file) {
  try {
    SafeTensors::from_bytes(std::as_bytes(std::span(file)), "f");
  } catch (const SafeTensorsError& error) {
    return error.what();
  }
  return "accepted";
}

struct Attack {
  std::string name, file, sentence;
};
void PrintTo(const Attack& attack, std::ostream* out) { *out << attack.name; }
class SafeTensorsAttack : public testing::TestWithParam<Attack> {};

TEST_P(SafeTensorsAttack, IsRefusedWithItsSentence) { EXPECT_EQ(error_of(GetParam().file), GetParam().sentence); }

TEST_P(SafeTensorsAttack, IsRefusedWhenMapped) {
  const test_support::Folder folder;
  const auto path = folder.path / "file";
  std::ofstream(path, std::ios::binary) << GetParam().file;
  EXPECT_THROW(SafeTensors{path}, SafeTensorsError);
}

const std::string damaged = " of it; the file is damaged or of another format.";
const std::string cut = "; the file is cut short or of another format.";
const std::string tile = ", where the tensor before it ends; there may be no hole and no overlap.";
const std::string whole = ", expected whole bytes and a size that 64 bits can count.";
const std::string integer = "expected an integer from 0 to 2^63 - 1.";

const std::vector<Attack> layout{
    {"no_bytes", "", "f: the file has 0 bytes, expected at least 8 for the length of the header."},
    {"no_length", "1234567", "f: the file has 7 bytes, expected at least 8 for the length of the header."},
    {"length_beyond_file", file_of("{}", "", 3),
     "f: the header claims 3 bytes, expected at most 2, the rest of the file" + cut},
    {"length_that_wraps", file_of("{}", "", ~std::uint64_t{0} - 7),
     "f: the header claims 18446744073709551608 bytes, expected at most 2, the rest of the file" + cut},
    {"length_over_100_MB", file_of(std::string(100'000'001, ' ')),
     "f: the header claims 100000001 bytes, expected at most 100000000, the most that a header may have" + cut},
    {"shape_that_wraps", file_of('{' + tensor("a", "F32", "[4294967296,4294967296]", "[0,0]") + '}'),
     "f: tensor \"a\" is F32 [4294967296, 4294967296]" + whole},
    {"bytes_that_wrap", file_of('{' + tensor("a", "F32", "[4611686018427387904]", "[0,0]") + '}'),
     "f: tensor \"a\" is F32 [4611686018427387904]" + whole},
    {"half_a_byte", file_of('{' + tensor("a", "F4", "[3]", "[0,2]") + '}', "12"), "f: tensor \"a\" is F4 [3]" + whole},
    {"offsets_beyond_shape", file_of('{' + tensor("a", "F32", "[1]", "[0,16]") + '}', std::string(16, 'x')),
     "f: tensor \"a\" has bytes 0 to 16 of the data, expected 4 bytes for F32 [1]."},
    {"shape_beyond_offsets", file_of('{' + tensor("a", "F32", "[4]", "[0,4]") + '}', "1234"),
     "f: tensor \"a\" has bytes 0 to 4 of the data, expected 16 bytes for F32 [4]."},
    {"end_before_begin", file_of('{' + tensor("a", "U8", "[0]", "[1,0]") + '}', "1"),
     "f: tensor \"a\" ends at byte 0 of the data, before its begin at byte 1."},
    {"overlap", file_of('{' + tensor("a", "U8", "[2]", "[0,2]") + ',' + tensor("b", "U8", "[2]", "[1,3]") + '}', "123"),
     "f: tensor \"b\" begins at byte 1 of the data, expected byte 2" + tile},
    {"hole", file_of('{' + tensor("a", "U8", "[1]", "[0,1]") + ',' + tensor("b", "U8", "[1]", "[2,3]") + '}', "123"),
     "f: tensor \"b\" begins at byte 2 of the data, expected byte 1" + tile},
    {"hole_in_front", file_of('{' + tensor("a", "U8", "[1]", "[1,2]") + '}', "12"),
     "f: tensor \"a\" begins at byte 1 of the data, expected byte 0" + tile},
    {"data_cut_short", file_of('{' + tensor("a", "U8", "[3]", "[0,3]") + '}', "12"),
     "f: the tensors end at byte 3 of the data, but the file holds 2 bytes of data; it is cut short."},
    {"data_left_over", file_of('{' + tensor("a", "U8", "[1]", "[0,1]") + '}', "12"),
     "f: the tensors end at byte 1 of the data, but the file holds 2 bytes of data; nothing may follow the last "
     "tensor."},
};

const std::vector<Attack> json{
    {"unknown_dtype", file_of('{' + tensor("a", "Q4", "[1]", "[0,1]") + '}', "1"),
     "f: tensor \"a\": \"dtype\" is \"Q4\", expected one of BOOL, F4, F6_E2M3, F6_E3M2, U8, I8, F8_E5M2, F8_E4M3, "
     "F8_E8M0, F8_E4M3FNUZ, F8_E5M2FNUZ, I16, U16, F16, BF16, I32, U32, F32, C64, F64, I64, U64."},
    {"negative_offset", file_of('{' + tensor("a", "U8", "[1]", "[-1,0]") + '}'),
     "f: tensor \"a\": \"data_offsets\" is a number below 0, " + integer},
    {"negative_zero", file_of('{' + tensor("a", "U8", "[-0]", "[0,0]") + '}'),
     "f: tensor \"a\": \"shape\" is a number below 0, " + integer},
    {"float_offset", file_of('{' + tensor("a", "U8", "[1]", "[0,1.0]") + '}', "1"),
     "f: tensor \"a\": \"data_offsets\" is the number 1.0, " + integer},
    {"huge_offset", file_of('{' + tensor("a", "U8", "[1]", "[0,18446744073709551615]") + '}', "1"),
     "f: tensor \"a\": \"data_offsets\" holds 18446744073709551615, expected at most 2^63 - 1."},
    {"huge_dimension", file_of('{' + tensor("a", "U8", "[0,9223372036854775808]", "[0,0]") + '}'),
     "f: tensor \"a\": \"shape\" holds 9223372036854775808, expected at most 2^63 - 1."},
    {"offset_beyond_64_bits", file_of('{' + tensor("a", "U8", "[1]", "[0,18446744073709551616]") + '}', "1"),
     "f: tensor \"a\": \"data_offsets\" is the number 18446744073709551616, " + integer},
    {"three_offsets", file_of('{' + tensor("a", "U8", "[1]", "[0,1,1]") + '}', "1"),
     "f: tensor \"a\": \"data_offsets\" holds 3 numbers, expected two, [begin, end]."},
    {"duplicate_tensor",
     file_of('{' + tensor("a", "U8", "[0]", "[0,0]") + ',' + tensor("a", "U8", "[0]", "[0,0]") + '}'),
     "f: the header names \"a\" twice, expected each name once."},
    {"duplicate_member", file_of(R"({"a":{"dtype":"U8","dtype":"U8","shape":[0],"data_offsets":[0,0]}})"),
     "f: tensor \"a\" names \"dtype\" twice, expected each name once."},
    {"duplicate_metadata", file_of(R"({"__metadata__":{"k":"1","\u006b":"2"}})"),
     "f: __metadata__ names \"k\" twice, expected each name once."},
    {"no_shape", file_of(R"({"a":{"dtype":"U8","data_offsets":[0,0]}})"),
     "f: tensor \"a\" has no shape, expected one."},
    {"tensor_is_array", file_of(R"({"a":["U8",[0],[0,0]]})"),
     "f: tensor \"a\" is an array, expected an object with dtype, shape and data_offsets."},
    {"metadata_is_not_text", file_of(R"({"__metadata__":{"k":1}})"),
     "f: __metadata__: \"k\" is an unsigned integer, expected a string."},
    {"metadata_is_text", file_of(R"({"__metadata__":"k"})"),
     "f: __metadata__ is a string, expected an object that maps strings to strings."},
    {"array", file_of("[]"), "f: the header is an array, expected an object that maps names to tensors."},
    {"empty_header", file_of(""), "f: the header is not JSON in UTF-8: the parser stopped at byte 1" + damaged},
    {"header_cut_short", file_of(R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})"),
     "f: the header is not JSON in UTF-8: the parser stopped at byte 53" + damaged},
    {"second_object", file_of("{} {}"), "f: the header is not JSON in UTF-8: the parser stopped at byte 4" + damaged},
    {"not_utf8", file_of("{\"\xC0\xAF\":{}}"),
     "f: the header is not JSON in UTF-8: the parser stopped at byte 3" + damaged},
    {"hidden_after_nul", file_of("{}\0[["s), "f: the header holds a NUL byte, which JSON does not have."},
    {"byte_order_mark", file_of("\xEF\xBB\xBF{}"), "f: the header begins with a byte-order mark, expected '{'."},
    {"nested_128_deep", file_of(R"({"a":{"x":)" + nested(126) + "}}"),
     "f: the header is nested deeper than 127 levels."},
    {"nested_1000000_deep", file_of(R"({"a":{"x":)" + nested(1'000'000) + "}}"),
     "f: the header is nested deeper than 127 levels."},
    {"control_characters", file_of("{\"\\u001b[2J\\u007f\xC3\xA4\":0}"),
     R"(f: tensor "\u001b[2J\u007f\u00e4" is an unsigned integer, expected an object with dtype, shape and data_offsets.)"},
};

const auto name_of_attack = [](const auto& info) { return info.param.name; };
INSTANTIATE_TEST_SUITE_P(Layout, SafeTensorsAttack, testing::ValuesIn(layout), name_of_attack);
INSTANTIATE_TEST_SUITE_P(Json, SafeTensorsAttack, testing::ValuesIn(json), name_of_attack);

}  // namespace
