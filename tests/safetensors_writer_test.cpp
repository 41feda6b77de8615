// Files that are written hold the same bits, aligned; what cannot be written is refused and the old file stays.
// group: files
#include "residual/io/safetensors_writer.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "residual/io/safetensors.hpp"
#include "support/folder.hpp"

namespace {

using namespace residual;
using Texts = std::map<std::string, std::string>;

class SafeTensorsWriter : public testing::Test {
 protected:
  const test_support::Folder folder;
  const std::filesystem::path path = folder.path / "model.safetensors";
};

const std::vector<float> floats{1.5f, -0.0f, std::numeric_limits<float>::infinity(), 1e-45f, 0.1f, 3.0f};
const std::vector<double> doubles{0.1, -1e308};
const std::vector<Eigen::half> halves{Eigen::half(1.5f), Eigen::half(-2.0f), Eigen::half(6e-8f)};
const std::vector<Eigen::bfloat16> brains{Eigen::bfloat16(3e38f)};
const std::vector<std::uint8_t> mask{1, 0, 1};

std::vector<TensorEntry> entries() {
  return {TensorEntry::of<std::uint8_t>("mask", {3}, mask),
          TensorEntry::of<Eigen::half>("h", {3, 1}, halves),
          TensorEntry::of<float>("layers.0.weight \"\xC3\xA4\"", {2, 3}, floats),
          TensorEntry::of<Eigen::bfloat16>("b", {}, brains),
          TensorEntry::of<double>("d", {1, 2}, doubles),
          TensorEntry::of<float>("nothing", {0, 5}, {})};
}

template <class S>
void expect_bits(const SafeTensors& file, const std::string& name, const std::vector<S>& values) {
  std::vector<S> out(values.size());
  file.read<S>(file.at(name), out);
  EXPECT_EQ(std::memcmp(out.data(), values.data(), values.size() * sizeof(S)), 0) << name;
}

TEST_F(SafeTensorsWriter, GivesBackTheSameBitsShapesAndTexts) {
  const Texts texts{{"format", "pt"}, {"a\n\"\\", "\xF0\x9F\x98\x80 \t"}, {"", ""}};
  write_safetensors(path, entries(), texts);
  const SafeTensors file(path);
  EXPECT_EQ(file.metadata(), texts);
  EXPECT_EQ(file.tensors().size(), entries().size());
  for (const TensorEntry& entry : entries()) {
    EXPECT_EQ(file.at(entry.name).dtype, entry.dtype);
    EXPECT_EQ(file.at(entry.name).shape, entry.shape);
  }
  expect_bits(file, "mask", mask);
  expect_bits(file, "h", halves);
  expect_bits(file, "b", brains);
  expect_bits(file, "d", doubles);
  expect_bits(file, "layers.0.weight \"\xC3\xA4\"", floats);
  EXPECT_EQ(folder.files(), 1u);
}

TEST_F(SafeTensorsWriter, AlignsEveryTensorToItsElements) {
  for (std::size_t size = 0; size < 9; ++size) {
    write_safetensors(path, entries(), {{"pad", std::string(size, 'x')}});
    const SafeTensors file(path);
    for (const TensorInfo& info : file.tensors()) {
      EXPECT_EQ(reinterpret_cast<std::uintptr_t>(file.bytes(info).data()) % (bits_of(info.dtype) / 8), 0u) << info.name;
    }
  }
}

TEST_F(SafeTensorsWriter, WritesTheBytesThatTheFormatNames) {
  std::ostringstream out;
  const std::vector<std::uint8_t> values{7, 8};
  write_safetensors(out, std::vector{TensorEntry::of<std::uint8_t>("a", {2}, values)}, {{"k", "v"}});
  const std::string header = R"({"__metadata__":{"k":"v"},"a":{"data_offsets":[0,2],"dtype":"U8","shape":[2]}})";
  ASSERT_EQ(header.size(), 78u);
  EXPECT_EQ(out.str(), std::string("\x50\0\0\0\0\0\0\0", 8) + header + "  \7\10");
}

TEST_F(SafeTensorsWriter, RefusesInASentenceAndKeepsTheOldFile) {
  write_safetensors(path, entries(), {{"age", "old"}});
  const auto refused = [this](const std::vector<TensorEntry>& bad, const Texts& texts = {}) {
    try {
      write_safetensors(path, bad, texts);
    } catch (const std::invalid_argument& error) {
      return std::string(error.what());
    }
    return std::string("nothing was thrown");
  };
  EXPECT_EQ(
      refused({TensorEntry::of<float>("a", {5}, floats)}),
      "write_safetensors: tensor \"a\" is given as 24 bytes, but F32 [5] has 20; give all elements of the shape, one "
      "after another.");
  EXPECT_EQ(refused({TensorEntry::of<float>("a", {0, -1}, {})}),
            "write_safetensors: tensor \"a\" is given as 0 bytes, but F32 [0, -1] has no whole number of bytes that 64 "
            "bits can count; give all elements of the shape, one after another.");
  EXPECT_EQ(refused({TensorEntry::of<float>("a", {6}, floats), TensorEntry::of<double>("a", {2}, doubles)}),
            "write_safetensors: two tensors are named \"a\"; give each a name of its own.");
  EXPECT_EQ(refused({TensorEntry::of<float>("__metadata__", {6}, floats)}),
            "write_safetensors: the format keeps the name \"__metadata__\" for free text; choose another.");
  EXPECT_EQ(refused({TensorEntry::of<float>("a", {6}, floats), TensorEntry::of<float>("b\xFF", {6}, floats)}),
            "write_safetensors: the name \"b\\ufffd\" is not UTF-8; choose another.");
  const std::string not_utf8 = "or its name is not UTF-8; write bytes as a U8 tensor.";
  EXPECT_EQ(refused({}, {{"j", "j"}, {"k", "\xFF"}}),
            "write_safetensors: the text \"k\" of the metadata, \"\\ufffd\", " + not_utf8);
  EXPECT_EQ(refused({}, {{"j", "j"}, {"\xFF", "k"}}),
            "write_safetensors: the text \"\\ufffd\" of the metadata, \"k\", " + not_utf8);
  EXPECT_EQ(
      refused({}, {{"k", std::string(100'000'000, 'x')}}),
      "write_safetensors: names, shapes and free text make a header of 100000032 bytes, but a file may have at most "
      "100000000; write several files.");
  EXPECT_EQ(SafeTensors(path).metadata().at("age"), "old");
  EXPECT_EQ(folder.files(), 1u);
}

TEST_F(SafeTensorsWriter, ReplacesAFileThatIsOpenForReading) {
  write_safetensors(path, entries());
  const SafeTensors old(path);
  write_safetensors(path, std::vector<TensorEntry>{});
  expect_bits(old, "d", doubles);
  EXPECT_TRUE(SafeTensors(path).tensors().empty());
}

TEST_F(SafeTensorsWriter, NamesTheFileThatCannotBeWritten) {
  const auto absent = folder.path / "absent" / "model.safetensors";
  try {
    write_safetensors(absent, entries());
    FAIL() << "nothing was thrown";
  } catch (const std::system_error& error) {
    EXPECT_NE(std::string(error.what()).find(absent.string()), std::string::npos) << error.what();
    EXPECT_EQ(error.code(), std::errc::no_such_file_or_directory);
  }
}

}  // namespace
