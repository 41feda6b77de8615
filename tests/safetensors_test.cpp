// Files of the format are read to the bit, in any alignment and type, and nothing is read that was not asked for.
// group: files
#include "residual/io/safetensors.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <limits>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

namespace {

using namespace residual;

const std::filesystem::path folder = RESIDUAL_SOURCE_DIR "/tests/data/safetensors";

std::string with_header(const std::string& header, const std::string& data = "") {
  const std::uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), sizeof length) + header + data;
}
SafeTensors in_memory(const std::string& file) { return SafeTensors::from_bytes(std::as_bytes(std::span(file)), "f"); }

/// One tensor named w of `count` elements, after a U8 that leaves it unaligned.
std::string unaligned(const std::string& dtype, std::size_t count, const std::string& data) {
  return with_header(R"({"u":{"dtype":"U8","shape":[],"data_offsets":[0,1]},"w":{"dtype":")" + dtype +
                         R"(","shape":[)" + std::to_string(count) + R"(],"data_offsets":[1,)" +
                         std::to_string(1 + data.size()) + "]}}",
                     'u' + data);
}
template <class T>
std::string bytes_of(const std::vector<T>& values) {
  return std::string(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(T));
}
std::vector<std::uint16_t> all_16_bits() {
  std::vector<std::uint16_t> all(65536);
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::uint16_t>(i);
  return all;
}
template <class S>
std::vector<S> read(const std::string& file, Conversion conversion) {
  const SafeTensors tensors = in_memory(file);
  std::vector<S> out(static_cast<std::size_t>(tensors.at("w").elements()));
  tensors.read<S>(tensors.at("w"), out, conversion);
  return out;
}
template <class Error, class Function>
std::string error_of(const Function& function) {
  try {
    function();
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing was thrown";
}

/// Files that no code of this library wrote.
TEST(SafeTensors, ReadsFilesOfOthers) {
  EXPECT_TRUE(SafeTensors(folder / "a02_no_tensors.safetensors").tensors().empty());
  const SafeTensors aligned(folder / "a01_minimal.safetensors"), unaligned(folder / "a09_unaligned.safetensors");
  std::vector<double> four(4), one(1);
  EXPECT_EQ(aligned.at("w").shape, (std::vector<std::int64_t>{2, 2}));
  aligned.read<double>(aligned.at("w"), four);
  EXPECT_EQ(four, (std::vector<double>{1, 2, 3, 4}));
  unaligned.read<double>(unaligned.at("w"), one);
  EXPECT_EQ(one, std::vector<double>{1.5});
}

TEST(SafeTensors, AcceptsWhatTheFormatAllows) {
  EXPECT_TRUE(in_memory(with_header(" \n{}\r\t ")).tensors().empty());
  EXPECT_TRUE(in_memory(with_header(R"({"__metadata__":null})")).metadata().empty());
  const std::string text = with_header(R"({"__metadata__":{"a\n":"\u00e4","":""}})");
  EXPECT_EQ(in_memory(text).metadata(), (std::map<std::string, std::string>{{"", ""}, {"a\n", "\xC3\xA4"}}));
  const std::string more =
      with_header(R"({"a":{"x":[{"y":[-1.5e3,true,null]}],"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", "x");
  EXPECT_EQ(in_memory(more).at("a").shape, std::vector<std::int64_t>{1});
  const std::string arrays = std::string(125, '[') + std::string(125, ']');
  const std::string deep =
      with_header(R"({"a":{"x":)" + arrays + R"(,"dtype":"U8","shape":[0],"data_offsets":[0,0]}})");
  EXPECT_EQ(in_memory(deep).tensors().size(), 1u);
}

TEST(SafeTensors, OrdersTensorsByTheirDataAndKeepsThoseWithoutElements) {
  const std::string file = with_header(
      R"({"c":{"dtype":"F32","shape":[0,9223372036854775807],"data_offsets":[4,4]},)"
      R"("b":{"dtype":"BOOL","shape":[4611686018427387904,1,0],"data_offsets":[4,4]},)"
      R"("a":{"dtype":"F6_E2M3","shape":[2,2],"data_offsets":[0,3]},"s":{"dtype":"I8","shape":[],"data_offsets":[3,4]}})",
      "1234");
  const SafeTensors tensors = in_memory(file);
  std::string order;
  for (const TensorInfo& info : tensors.tensors()) order += info.name;
  EXPECT_EQ(order, "ascb");
  EXPECT_EQ(tensors.at("c").elements(), 0);
  EXPECT_EQ(tensors.at("s").elements(), 1);
  EXPECT_EQ(tensors.bytes(tensors.at("s"))[0], std::byte{'4'});
  EXPECT_EQ(tensors.find("d"), nullptr);
  EXPECT_EQ(error_of<SafeTensorsError>([&] { tensors.at("d"); }),
            "f: has no tensor \"d\" among its 4; the closest names are \"a\", \"s\", \"c\".");
  const SafeTensors none = in_memory(with_header("{}", ""));
  EXPECT_EQ(error_of<SafeTensorsError>([&] { none.at("d"); }), "f: has no tensor \"d\", nor any other.");
}

TEST(SafeTensors, KnowsTheSizeOfEveryDtype) {
  for (const DtypeRow& row : dtypes) {
    EXPECT_EQ(name_of(row.dtype), row.name);
    EXPECT_EQ(bits_of(row.dtype), row.bits);
    const std::string file = unaligned(std::string(row.name), 4, std::string(row.bits / 2, 'x'));
    EXPECT_EQ(in_memory(file).at("w").dtype, row.dtype);
  }
}

/// Two integers have 64 bits, of which std::int64_t is one and Index may be the other.
TEST(SafeTensors, KnowIntegersBySizeAndSign) {
  static_assert(dtype_of<long long>() == Dtype::I64 && dtype_of<unsigned long long>() == Dtype::U64);
  static_assert(dtype_of<long>() == (sizeof(long) == 8 ? Dtype::I64 : Dtype::I32));
  static_assert(dtype_of<std::int8_t>() == Dtype::I8 && dtype_of<std::uint8_t>() == Dtype::U8);
  static_assert(dtype_of<std::int16_t>() == Dtype::I16 && dtype_of<std::uint16_t>() == Dtype::U16);
  static_assert(dtype_of<std::int32_t>() == Dtype::I32 && dtype_of<std::uint32_t>() == Dtype::U32);
  static_assert(!TensorScalar<bool> && !TensorScalar<char> && !TensorScalar<char8_t> && !TensorScalar<char16_t>);
  static_assert(!TensorScalar<char32_t> && !TensorScalar<wchar_t> && !TensorScalar<const int>);
  const std::string file = unaligned("I64", 2, bytes_of<std::int64_t>({-5, 1}));
  EXPECT_EQ(read<long long>(file, Conversion::refuse), (std::vector<long long>{-5, 1}));
}

TEST(SafeTensors, ReadsEveryHalfExactly) {
  const auto all = all_16_bits();
  const auto values = read<double>(unaligned("F16", all.size(), bytes_of(all)), Conversion::convert);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const int exponent = (all[i] >> 10) & 31, fraction = all[i] & 1023;
    const double size = exponent == 31  ? (fraction != 0 ? std::nan("") : std::numeric_limits<double>::infinity())
                        : exponent == 0 ? std::ldexp(fraction, -24)
                                        : std::ldexp(1024 + fraction, exponent - 25);
    const double expected = all[i] >> 15 != 0 ? -size : size;
    ASSERT_TRUE(values[i] == expected || (std::isnan(values[i]) && std::isnan(expected))) << i;
    ASSERT_EQ(std::signbit(values[i]), all[i] >> 15 != 0) << i;
  }
}

TEST(SafeTensors, ReadsEveryBfloat16Exactly) {
  const auto all = all_16_bits();
  const auto values = read<float>(unaligned("BF16", all.size(), bytes_of(all)), Conversion::convert);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const std::uint32_t bits = std::uint32_t{all[i]} << 16;
    ASSERT_EQ(std::memcmp(&values[i], &bits, sizeof bits), 0) << i;
  }
}

TEST(SafeTensors, RoundsToTheTypeAskedFor) {
  const std::string f64 = unaligned("F64", 3, bytes_of<double>({0.1, -1e300, 5e-324}));
  EXPECT_EQ(read<float>(f64, Conversion::convert), (std::vector<float>{0.1f, -INFINITY, 0.0f}));
  EXPECT_EQ(read<long double>(f64, Conversion::convert), (std::vector<long double>{0.1, -1e300, 5e-324}));
  EXPECT_EQ(read<double>(f64, Conversion::refuse), (std::vector<double>{0.1, -1e300, 5e-324}));
  const std::string f32 = unaligned("F32", 2, bytes_of<float>({0.1f, 65504.0f}));
  EXPECT_EQ(read<double>(f32, Conversion::convert), (std::vector<double>{0.1f, 65504.0}));
  EXPECT_EQ(read<Eigen::half>(f32, Conversion::convert)[1], Eigen::half(65504.0f));
  EXPECT_EQ(read<std::uint16_t>(unaligned("U16", 2, "\1\2\3\4"), Conversion::refuse),
            (std::vector<std::uint16_t>{513, 1027}));
}

TEST(SafeTensors, RefusesToReadWhatItWasNotAskedFor) {
  const std::string f16 = unaligned("F16", 2, "1234"), u8 = unaligned("U8", 2, "12");
  const auto refused = [](const std::string& file, auto scalar, Conversion conversion) {
    return error_of<SafeTensorsError>([&] { read<decltype(scalar)>(file, conversion); });
  };
  const std::string bytes =
      "only F16, BF16, F32 and F64 can be converted, and only to a floating type: take the bytes().";
  EXPECT_EQ(refused(f16, 1.0f, Conversion::refuse),
            "f: tensor \"w\" is F16 [2], but F32 was asked for; allow Conversion::convert.");
  EXPECT_EQ(refused(u8, 1.0, Conversion::convert), "f: tensor \"w\" is U8 [2], but F64 was asked for; " + bytes);
  EXPECT_EQ(refused(f16, std::int16_t{1}, Conversion::convert),
            "f: tensor \"w\" is F16 [2], but I16 was asked for; " + bytes);

  const SafeTensors tensors = in_memory(u8);
  std::vector<std::uint8_t> out(3, 7);
  EXPECT_EQ(error_of<std::invalid_argument>([&] { tensors.read<std::uint8_t>(tensors.at("w"), out); }),
            "f: tensor \"w\" is U8 [2], but there is room for 3 elements; give one place an element.");
  EXPECT_EQ(out, std::vector<std::uint8_t>(3, 7));
  out.resize(1);
  EXPECT_EQ(error_of<std::invalid_argument>([&] { tensors.read<std::uint8_t>(tensors.at("w"), out); }),
            "f: tensor \"w\" is U8 [2], but there is room for 1 elements; give one place an element.");
  TensorInfo foreign = tensors.at("w");
  foreign.end = 100;
  EXPECT_EQ(error_of<std::invalid_argument>([&] { tensors.bytes(foreign); }),
            "f: tensor \"w\", U8 [2], is not of this file; give one that tensors(), find() or at() returned.");
}

TEST(SafeTensors, NamesAFileThatCannotBeRead) {
  const auto path = folder / "absent.safetensors";
  const std::string error = error_of<std::system_error>([&] { SafeTensors{path}; });
  EXPECT_NE(error.find(printable_path(path)), std::string::npos) << error;
}

}  // namespace
