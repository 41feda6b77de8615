// Does golden_test notice what is wrong with a case? Damaged copies of sound cases must earn their sentence.
#include <cmath>
#include <map>

#include "golden/golden_folder.hpp"

namespace {

using namespace golden;
using GoldenTest = GoldenFolder;

void move(json& c, const std::string& tensor, double distance, std::size_t entry = 0) {
  json& value = c["tensors"]["expected." + tensor]["data"][entry];
  value = value.get<double>() + distance;
}

TEST_F(GoldenTest, NoticesANumberThatIsOffByMoreThanItsTolerance) {
  const auto off = [](const std::string& tensor, std::size_t entry) {
    return GoldenTest::Damage{"expected." + tensor + " is off by", [=](json& c) { move(c, tensor, 1e-2, entry); }};
  };
  std::vector<Damage> damages = {off("loss", 0), off("y", 17), off("dinputs.x", 3), off("dinputs.memory", 20)};
  const json complete = sound("p12_dec_residual");
  for (const auto& [name, tensor] : complete["tensors"].items()) {
    if (name.starts_with("expected.grads.") || name.starts_with("expected.streams.")) {
      damages.push_back(off(name.substr(9), tensor["data"].size() - 1));
    }
  }
  ASSERT_GT(damages.size(), 40u);
  expect_failures("p12_dec_residual", damages);
}

TEST_F(GoldenTest, HoldsNumbersAgainstTheCasesOwnTolerance) {
  for (const std::string scalar : {"double", "float"}) {
    json near = sound("p02_pre_gelu"), far = near;
    for (const auto& [name, tolerance] : near["tolerance_atol"][scalar == "float" ? "f32" : "f64"].items()) {
      move(near, name, 0.8 * tolerance.get<double>());
      move(far, name, 1.2 * tolerance.get<double>());
    }
    write_case("near", near);
    write_case("far", far);
    const Report result = run("--scalar " + scalar);
    EXPECT_TRUE(result.of("near").starts_with("passed, 31 tensors")) << result.of("near");
    EXPECT_TRUE(result.of("far").ends_with("(27 more)")) << result.of("far");  // 28 tensors have a tolerance
    EXPECT_EQ(result.lines.back(), "1 passed, 1 failed");
  }
}

TEST_F(GoldenTest, ComparesRowsThatCountAndNoOthers) {
  json padded = sound("p06_pre_lengths");  // lengths 5, 2, 1 of 5, rows of 6
  move(padded, "y", 1, 7 * 6);
  move(padded, "streams.layers.0.x", 1, 14 * 6);
  padded["tensors"]["expected.y"]["data"][89] = "NaN";
  write_case("padded", padded);
  EXPECT_EQ(run("--scalar double").lines.back(), "1 passed, 0 failed");
}

TEST_F(GoldenTest, ComparesTheLastRowThatCountsAndGradientsOfPadding) {
  expect_failures("p06_pre_lengths", {{"expected.y is off", [](json& c) { move(c, "y", 1, 6 * 6); }},
                                      {"dinputs.x is off", [](json& c) { move(c, "dinputs.x", 1, 7 * 6); }}});
}

TEST_F(GoldenTest, NamesWhatItDoesNotKnow) {
  expect_failures(
      "p11_dec_post",
      {{"the case has the key \"colour\"", [](json& c) { c["colour"] = 1; }},
       {"config.rope is false", [](json& c) { c["config"]["rope"] = false; }},
       {"config has the key \"rotation\"", [](json& c) { c["config"]["rotation"] = 1; }},
       {"masks has the key \"window\"", [](json& c) { c["masks"]["window"] = 3; }},
       {"tolerance_atol has the key \"f16\"", [](json& c) { c["tolerance_atol"]["f16"] = json::object(); }},
       {"names \"grads.x\"", [](json& c) { c["tolerance_atol"]["f64"]["grads.x"] = 1; }},
       {"tensor \"inputs.src\" is not", [](json& c) { c["tensors"]["inputs.src"] = c["tensors"]["inputs.x"]; }},
       {"tensor \"mask\" is not", [](json& c) { c["tensors"]["mask"] = c["tensors"]["rows_valid"]; }},
       {"\"expected.z\" is nothing", [](json& c) { c["tensors"]["expected.z"] = c["tensors"]["expected.y"]; }},
       {"must be an object of the two arrays", [](json& c) { c["tensors"]["expected.y"]["dtype"] = "F64"; }},
       {"config.arch is \"perceiver\"", [](json& c) { c["config"]["arch"] = "perceiver"; }},
       {"the key \"mix_post\", which the arch post does not have", [](json& c) { c["config"]["mix_post"] = 0.5; }},
       {"only the archs residual and deepnorm", [](json& c) { c["config"]["alpha"] = 2; }},
       {"config.activation is \"mish\"", [](json& c) { c["config"]["activation"] = "mish"; }},
       {"config.kind is \"perceiver\"", [](json& c) { c["config"]["kind"] = "perceiver"; }},
       {"config.d is 6.0", [](json& c) { c["config"]["d"] = 6.0; }},
       {"config.bias is 1", [](json& c) { c["config"]["bias"] = 1; }},
       {"tier is \"huge\"", [](json& c) { c["tier"] = "huge"; }},
       {"requires \"dropout\"", [](json& c) { c["requires"] = {"dropout"}; }},
       {"format is \"residual-blocks-golden/2\"", [](json& c) { c["format"] = "residual-blocks-golden/2"; }},
       {"config has no \"eps\"", [](json& c) { c["config"].erase("eps"); }},
       {"masks.memory_lengths holds 5",
        [](json& c) {
          c["masks"]["memory_lengths"] = {5, 2};
        }},
       {"one length for each of the 2", [](json& c) { c["masks"]["memory_lengths"] = {4}; }},
       {"the tensor masks.attn_mask is missing", [](json& c) { c["masks"]["attn_mask"] = "tensor masks.attn_mask"; }}});
}

TEST_F(GoldenTest, NamesTensorsThatDoNotFit) {
  const auto tensor = [](json& c, const std::string& name) -> json& { return c["tensors"][name]; };
  expect_failures(
      "p01_post_relu",
      {{"the tensor params.layers.0.norm1.bias is missing",
        [](json& c) { c["tensors"].erase("params.layers.0.norm1.bias"); }},
       {"\"params.norm.weight\" is no parameter",
        [&](json& c) { tensor(c, "params.norm.weight") = tensor(c, "params.layers.0.norm1.bias"); }},
       {"linear1.weight is [4, 6], but [6, 4] is needed",
        [&](json& c) {
          tensor(c, "params.layers.0.linear1.weight")["shape"] = {4, 6};
        }},
       {"its shape [2, 3, 4] needs another number", [&](json& c) { tensor(c, "inputs.x")["data"].erase(0); }},
       {"expected.y is [6, 4], but [2, 3, 4] is computed",
        [&](json& c) {
          tensor(c, "expected.y")["shape"] = {6, 4};
        }},
       {"the tensor cotangent is missing", [](json& c) { c["tensors"].erase("cotangent"); }},
       {"rows_valid holds 2", [&](json& c) { tensor(c, "rows_valid")["data"][0] = 2; }},
       {"holds \"\\\"1\\\"\", but an entry is a number", [&](json& c) { tensor(c, "inputs.x")["data"][0] = "1"; }},
       {"expected.y is off by inf", [&](json& c) { tensor(c, "expected.y")["data"][5] = "NaN"; }},
       {"got nan", [&](json& c) { tensor(c, "params.layers.0.linear2.bias")["data"][0] = "NaN"; }},
       {"there are no parameters for so many", [](json& c) { c["config"]["layers"] = 1000000; }},
       {"layers.1.self_attn.in_proj_weight is missing", [](json& c) { c["config"]["layers"] = 2; }},
       {"not a multiple of heads", [](json& c) { c["config"]["heads"] = 3; }},
       {"has no tolerance for dinputs.x",
        [](json& c) {
          for (auto& names : c["tolerance_atol"]) names.erase("dinputs.x");
        }},
       {"nothing to compare", [](json& c) {
          json kept;
          for (const auto& [name, value] : c["tensors"].items()) {
            if (!name.starts_with("expected.")) kept[name] = value;
          }
          c["tensors"] = kept;
        }}});
}

TEST_F(GoldenTest, ReadsEitherFormAndNoticesWhenBothDisagree) {
  const std::string text = bytes_of(cases / "p16_residual_len0.json"),
                    binary = bytes_of(cases / "p16_residual_len0.safetensors");
  write("text.json", text);
  write("binary.safetensors", binary);
  write("both.json", text);
  write("both.safetensors", binary);
  json entry = json::parse(text), header = entry, more = entry;
  double& value = entry["tensors"]["expected.y"]["data"][3].get_ref<double&>();
  value = std::nextafter(value, 1.0);
  header["config"]["eps"] = 2e-5;
  more["tensors"].erase("expected.loss");
  write_case("entry", entry);
  write_case("header", header);
  write_case("more", more);
  for (const char* name : {"entry", "header", "more"}) write(name + std::string(".safetensors"), binary);
  const Report result = run("--scalar double");
  EXPECT_EQ(result.lines.back(), "3 passed, 3 failed");
  EXPECT_EQ(result.of("entry"),
            "FAILED: the .json and the .safetensors disagree in entry 3 of the tensor \"expected.y\".");
  EXPECT_EQ(result.of("header"), "FAILED: the .json and the .safetensors disagree at /config/eps.");
  EXPECT_EQ(result.of("more"), "FAILED: only the .safetensors holds the tensor \"expected.loss\".");
}

TEST_F(GoldenTest, RefusesFilesThatAreNoCase) {
  const std::string text = bytes_of(cases / "p01_post_relu.json"),
                    binary = bytes_of(cases / "p01_post_relu.safetensors");
  const std::map<std::string, std::string> files = {{"cut.json", text.substr(0, text.size() / 2)},
                                                    {"cut_binary.safetensors", binary.substr(0, binary.size() - 1)},
                                                    {"empty.json", ""},
                                                    {"list.json", "[1, 2]"},
                                                    {"number.safetensors", std::string(8, '\0')},
                                                    {"twice.json", "{\"tier\":\"core\"," + text.substr(1)},
                                                    {"pure.safetensors", std::string("\2\0\0\0\0\0\0\0{}", 10)}};
  for (const auto& [name, bytes] : files) write(name, bytes);
  write("notes.md", "no case, and no matter");
  const Report result = run("--scalar double");
  EXPECT_EQ(result.lines.back(), "0 passed, 7 failed");
  EXPECT_EQ(result.lines.size(), 8u);
  EXPECT_NE(result.of("cut").find("is not JSON"), std::string::npos);
  EXPECT_NE(result.of("cut_binary").find("cut short"), std::string::npos);
  EXPECT_NE(result.of("twice").find("\"tier\" twice"), std::string::npos);
}

TEST_F(GoldenTest, PassesOnlyWhenSomethingRan) {
  const Report nothing = run("--scalar double");
  EXPECT_EQ(nothing.lines, std::vector<std::string>{"0 passed, 0 failed"});
  EXPECT_NE(nothing.status, 0);

  json double_only = sound("p01_post_relu");
  double_only["tolerance_atol"].erase("f32");
  write_case("double_only", double_only);
  const Report skipped = run("--scalar float");
  EXPECT_TRUE(skipped.of("double_only").starts_with("skipped")) << skipped.of("double_only");
  EXPECT_EQ(skipped.lines.back(), "0 passed, 0 failed");
  EXPECT_NE(skipped.status, 0);

  write_case("edge", sound("p16_residual_len0"));
  EXPECT_EQ(run("--scalar float").status, 0);
  EXPECT_EQ(run("--scalar double").lines.back(), "2 passed, 0 failed");
  EXPECT_EQ(run("--scalar double --tier edge,stretch").lines.back(), "1 passed, 0 failed");
  EXPECT_NE(run("--scalar double --tier stretch").status, 0);
  EXPECT_NE(run("--scalar double --tier huge").status, 0);
  EXPECT_NE(run("--scalar half").status, 0);
}

}  // namespace
