// Tensors in several files: found where the index says, refused where it is wrong.
// group: files
#include "residual/io/sharded_safetensors.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "residual/io/safetensors_writer.hpp"
#include "support/folder.hpp"

namespace {

using namespace residual;

class Shards : public testing::Test {
 protected:
  void SetUp() override {
    write("one.safetensors", {{"a", 1}, {"b", 2}});
    write("two.safetensors", {{"c", 3}});
  }
  void write(const std::string& file, const std::vector<std::pair<std::string, float>>& tensors) {
    std::vector<TensorEntry> entries;
    for (const auto& [name, value] : tensors) entries.push_back(TensorEntry::of<float>(name, {1}, {&value, 1}));
    write_safetensors(folder.path / file, entries);
  }
  std::filesystem::path index(const std::string& json) {
    std::ofstream(folder.path / "index.json") << json;
    return folder.path / "index.json";
  }
  void expect_refused(const std::string& json, const std::vector<std::string>& words) {
    try {
      ShardedSafeTensors{index(json)};
      ADD_FAILURE() << "nothing was thrown for " << json;
    } catch (const SafeTensorsError& error) {
      const std::string sentence = error.what();
      for (const auto& word : words) EXPECT_NE(sentence.find(word), std::string::npos) << word << " in: " << sentence;
      EXPECT_TRUE(sentence.ends_with('.')) << sentence;
    }
  }
  const test_support::Folder folder;
};

float value_of(const ShardedSafeTensors& file, const std::string& name) {
  float value = 0;
  std::memcpy(&value, file.bytes(file.at(name)).data(), sizeof value);
  return value;
}

TEST_F(Shards, AreReadAsOneFile) {
  const ShardedSafeTensors file(
      index(R"({"weight_map": {"a": "one.safetensors", "b": "one.safetensors", "c": "two.safetensors"}})"));
  EXPECT_EQ(file.tensors().size(), 3u);
  EXPECT_EQ(value_of(file, "a"), 1);
  EXPECT_EQ(value_of(file, "b"), 2);
  EXPECT_EQ(value_of(file, "c"), 3);
  EXPECT_EQ(file.find("d"), nullptr);
  try {
    file.at("cc");
    ADD_FAILURE() << "nothing was thrown";
  } catch (const SafeTensorsError& error) {
    const std::string_view sentence = error.what();
    EXPECT_TRUE(sentence.ends_with("no tensor \"cc\" among its 3; the closest names are \"c\", \"a\", \"b\"."))
        << sentence;
  }
  const ShardedSafeTensors single(folder.path / "one.safetensors");
  EXPECT_EQ(single.tensors().size(), 2u);
  EXPECT_EQ(value_of(single, "b"), 2);
}

TEST_F(Shards, AreRefusedWhereTheIndexIsWrong) {
  expect_refused(R"({"weight_map": {"a": "one.safetensors", "c": "one.safetensors", "d": "two.safetensors"}})",
                 {"\"b\" is in \"one.safetensors\", but not listed", "\"c\" is listed in \"one.safetensors\", but not",
                  "\"c\" is in \"two.safetensors\", but not listed", "\"d\" is listed"});
  std::string many = R"({"weight_map": {"a": "one.safetensors", "b": "one.safetensors", "c": "two.safetensors")";
  for (int i = 0; i < 1000; ++i) many += ", \"none." + std::to_string(i) + R"(": "two.safetensors")";
  expect_refused(many + "}}", {"\"none.0\" is listed", "but not there; and 990 more."});
  expect_refused(R"({"weight_map": {"a": "../one.safetensors"}})", {"place of \"a\"", "beside the index"});
  expect_refused(R"({"weight_map": {"a": 3}})", {"place of \"a\""});
  expect_refused(R"({"weight_map": []})", {"weight_map"});
  expect_refused(R"({"weight_map": {"a": ""}})", {"place of \"a\""});
  expect_refused("{\"weight_map\": {\"a\": \"one.safetensors\\u0000.evil\"}}", {"place of \"a\"", "u0000.evil"});
  expect_refused("[]", {"no index of safetensors files", "weight_map"});
  EXPECT_THROW(ShardedSafeTensors(index(R"({"weight_map": {"a": "none.safetensors"}})")), std::system_error);
}

TEST_F(Shards, AreRefusedWhereTheIndexIsHostile) {
  const std::string a = R"("a": "one.safetensors")", map = R"("weight_map": {)" + a + R"(, "b": "one.safetensors"})";
  EXPECT_NO_THROW(ShardedSafeTensors{index('{' + map + '}')});
  expect_refused("{\"weight_map\": {" + a + ", \"b\": \"one.safetensors\", " + a + "}}", {"names \"a\" twice"});
  expect_refused('{' + map + ", " + map + '}', {"names \"weight_map\" twice"});
  expect_refused("[", {"not JSON in UTF-8", "byte 2"});
  expect_refused('{' + map + ", \"deep\": " + std::string(1000, '[') + std::string(1000, ']') + '}',
                 {"deeper than 127 levels"});
  expect_refused('{' + map + '}' + std::string(100'000'000, ' '), {" bytes, expected at most 100000000"});
}

}  // namespace
