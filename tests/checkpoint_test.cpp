// A checkpoint survives a kill at any moment, gives back every bit, and is refused whole when anything in it differs.
// group: files
#include "residual/io/checkpoint.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <random>
#include <string>
#include <thread>
#include <vector>

#if __has_include(<sys/wait.h>) && !defined(__EMSCRIPTEN__)
#include <sys/wait.h>
#include <unistd.h>
#endif

#include "residual/model/encoder.hpp"
#include "residual/model/tape.hpp"
#include "residual/train/adamw.hpp"
#include "residual/train/initialise.hpp"
#include "residual/train/loss.hpp"
#include "residual/wiring/pre_ln.hpp"
#include "residual/wiring/resi_dual.hpp"
#include "support/expect_sentence.hpp"
#include "support/folder.hpp"
#include "support/same_bits.hpp"

namespace {

using namespace residual;
using test_support::same_bits;

/// A small run with everything that has a state: weights, their average, moments, a generator, dropout, a history.
struct Training {
  explicit Training(Index width = 8)
      : model(encoder(
            ResiDual<float>(width),
            {.dim = width, .heads = 2, .hidden = width + 4, .depth = 2, .dropout = 0.2, .attention_dropout = 0.1})),
        theta(model),
        average(model),
        adam(theta.size()) {
    initialise(theta, 5);
    average = theta;
    state.add("", theta).add("average.", average).add("adam.m", adam.m).add("adam.v", adam.v);
    state.add("adam.steps", adam.steps).add("data", data).add("losses", losses).add("note", note);
    state.require("scheme", "ResiDual");
  }

  void train(int steps) {
    Tape tape(model);
    Parameters gradient(model);
    const Batch batch = Batch::of({3, 2});
    for (int i = 0; i < steps; ++i) {
      Tokens<float> x(5, model.dim()), dy(5, model.dim());
      for (float& number : x.reshaped()) number = float(data.normal());
      const auto y = forward(model, theta, tape, {.batch = batch, .x = x, .seed = std::uint64_t(adam.steps)});
      losses.push_back(double(mse(y, x, dy)));
      gradient.flat().setZero();
      backward(model, theta, tape, dy, gradient);
      adam.step(theta.flat(), gradient.flat(), 1e-2);
      average.flat() += 0.1f * (theta.flat() - average.flat());
      note = "step " + std::to_string(adam.steps);
    }
  }

  void expect_bits_of(const Training& other) const {
    EXPECT_TRUE(same_bits(theta.flat(), other.theta.flat()));
    EXPECT_TRUE(same_bits(average.flat(), other.average.flat()));
    EXPECT_TRUE(same_bits(adam.m, other.adam.m));
    EXPECT_TRUE(same_bits(adam.v, other.adam.v));
    EXPECT_EQ(adam.steps, other.adam.steps);
    EXPECT_EQ(data.state(), other.data.state());
    EXPECT_EQ(losses, other.losses);
    EXPECT_EQ(note, other.note);
  }

  Encoder<ResiDual<float>> model;
  Parameters<Encoder<ResiDual<float>>> theta, average;
  AdamW<float> adam;
  Random data{1, 2};
  std::vector<double> losses;
  std::string note;
  Checkpoint state;
};

class CheckpointFile : public testing::Test {
 protected:
  const test_support::Folder folder;
  const std::filesystem::path path = folder.path / "run.safetensors";
};

TEST_F(CheckpointFile, ARunThatWasStoppedGivesTheBitsOfOneThatWasNot) {
  Training whole, first;
  whole.train(9);
  first.train(4);
  first.state.save(path);
  Training second;
  second.train(2);  // whatever happened before, load() puts all of it back
  second.state.load(path);
  second.expect_bits_of(first);
  second.train(5);
  second.expect_bits_of(whole);
  EXPECT_EQ(whole.losses.size(), 9u);
  EXPECT_NE(whole.losses[8], whole.losses[7]);
}

TEST_F(CheckpointFile, HoldsTheWeightsUnderTheirNames) {
  Training run;
  run.state.save(path);
  const SafeTensors file(path);
  for (const ManifestEntry& tensor : run.theta.manifest()) {
    std::vector<float> numbers(std::size_t(tensor.size()));
    file.read<float>(file.at(tensor.name), numbers);
    EXPECT_TRUE(std::ranges::equal(numbers, run.theta.flat().segment(tensor.offset, tensor.size()))) << tensor.name;
  }
  EXPECT_EQ(file.at("layers.0.linear1.weight").shape, (std::vector<std::int64_t>{8, 12}));
  EXPECT_EQ(file.metadata().at("scheme"), "ResiDual");
}

TEST_F(CheckpointFile, SavesWhatIsThereWhenItSaves) {
  std::vector<float> history{1, 2};
  Column<double> moment = Column<double>::Constant(2, 0.5);
  Checkpoint state;
  state.add("history", history).add("moment", moment);
  moment.setConstant(3, -1.5);
  history.assign(100, 7);
  state.save(path);
  moment.setZero();
  history.clear();
  state.load(path);
  EXPECT_EQ(history, std::vector<float>(100, 7));
  EXPECT_TRUE(same_bits(moment, Column<double>::Constant(3, -1.5)));
}

std::string refusal(Checkpoint& state, const std::filesystem::path& path) {
  try {
    state.load(path);
  } catch (const SafeTensorsError& error) {
    return error.what();
  }
  return "nothing was thrown";
}

TEST_F(CheckpointFile, NamesAllThatDoesNotFitAndChangesNothing) {
  Column<float> m = Column<float>::Ones(2);
  Column<double> v = Column<double>::Ones(3);
  Index step = 4;
  std::vector<std::uint8_t> history{1};
  std::string note = "old", more = "text";
  Random random(1, 1), same = random;
  Checkpoint saved, wanted;
  saved.add("m", m).add("v", v).add("note", note).add("more", more).add("random", random).add("old", step);
  saved.require("scheme", "Pre-LN").add("history", step);
  saved.save(path);
  m.resize(5);
  m.setConstant(2);
  wanted.add("m", m).add("v", m).add("note", note).add("random", random).add("new", step).add("history", history);
  std::string absent;
  wanted.require("scheme", "ResiDual").require("depth", "2").add("seed", absent);
  random.uniform(), same.uniform();
  note = "new";
  EXPECT_EQ(refusal(wanted, path), '"' + path.string() + R"(" is no checkpoint of this run, so nothing was loaded:
  tensor "m" is F32 [2], expected F32 [5];
  tensor "v" is F64 [3], expected F32 [5];
  tensor "new" is missing, expected I64 [];
  tensor "history" is I64 [], expected U8 of one dimension;
  tensor "old", I64 [], is left over;
  text "depth" is missing, expected "2";
  text "scheme" is "Pre-LN", expected "ResiDual";
  text "seed" is missing, expected any text;
  text "more", "text", is left over.)");
  EXPECT_TRUE(same_bits(m, Column<float>::Constant(5, 2)));
  EXPECT_EQ(random.state(), same.state());
  EXPECT_EQ(note, "new");
  EXPECT_EQ(step, 4);
  EXPECT_EQ(history, std::vector<std::uint8_t>{1});
}

TEST_F(CheckpointFile, RefusesAnotherTypeOfTheSameShape) {
  Column<float> moment = Column<float>::Ones(2);
  Column<double> wider = Column<double>::Zero(2);
  Checkpoint saved, wanted;
  saved.add("m", moment);
  saved.save(path);
  wanted.add("m", wider);
  EXPECT_EQ(refusal(wanted, path), '"' + path.string() + R"(" is no checkpoint of this run, so nothing was loaded:
  tensor "m" is F32 [2], expected F64 [2].)");
  EXPECT_TRUE(wider.isZero());
}

TEST_F(CheckpointFile, RefusesAnotherModelAndADamagedFile) {
  Training small(8), wide(12);
  small.train(1), wide.train(2);
  wide.state.save(path);
  Training before(8);
  before.train(1);
  const std::string sentence = refusal(small.state, path);
  const auto& manifest = small.theta.manifest();
  for (std::size_t i = 0; i < 10; ++i) {
    EXPECT_NE(sentence.find('"' + manifest[i].name + '"'), std::string::npos) << manifest[i].name << " in " << sentence;
  }
  const auto others = 2 * manifest.size() + 2 - 10;  // weights, averages and moments, of which ten are shown
  EXPECT_TRUE(sentence.ends_with(";\n  and " + std::to_string(others) + " more.")) << sentence;
  std::filesystem::resize_file(path, std::filesystem::file_size(path) - 1);
  EXPECT_THROW(small.state.load(path), SafeTensorsError);
  EXPECT_THROW(small.state.load(folder.path / "absent"), std::system_error);
  small.expect_bits_of(before);
}

TEST(Checkpoint, RefusesANameThatIsListedTwice) {
  Index step = 0;
  std::string text;
  Checkpoint state;
  state.add("step", step);
  EXPECT_THROW(state.add("step", step), std::invalid_argument);
  EXPECT_THROW(state.add("step", text), std::invalid_argument);
  EXPECT_THROW(state.require("step", ""), std::invalid_argument);
}

TEST(Checkpoint, RefusesANameThatNoFileCouldHold) {
  Index step = 0;
  Checkpoint state;
  test_support::expect_sentence([&] { state.add("__metadata__", step); },
                                {"Checkpoint", "\"__metadata__\"", "another"});
  test_support::expect_sentence([&] { state.add("\xFF", step); }, {"Checkpoint", "\"\\ufffd\"", "not UTF-8"});
}

TEST(Checkpoint, ACallThatIsRefusedListsNothing) {
  Training run;
  float gain = 1;
  Checkpoint state;
  const std::string last = run.theta.manifest().back().name, first = run.theta.manifest().front().name;
  state.add(last, gain);
  test_support::expect_sentence([&] { state.add("", run.theta); }, {"\"" + last + "\" is listed twice"});
  EXPECT_NO_THROW(state.add(first, gain));
}

/// Parameters take another's shape when it is assigned to them.
TEST_F(CheckpointFile, RefusesParametersOfAnotherShapeThanWasListed) {
  const auto model = [](Index dim) {
    return encoder(PreLN<float>(dim), {.dim = dim, .heads = 2, .hidden = dim, .depth = 1});
  };
  const Parameters smaller(model(8)), larger(model(16));
  for (const bool groups : {false, true}) {
    Parameters theta = larger;
    Checkpoint state;
    if (groups) state.add("w.", theta, ParameterGroups(theta));
    if (!groups) state.add("w.", theta);
    state.save(path);
    theta = smaller;
    const Parameters before = theta;
    const std::vector<std::string> words{"\"w.\"", std::to_string(theta.size()) + " numbers", "another shape"};
    test_support::expect_sentence([&] { state.save(folder.path / "new"); }, words);
    EXPECT_FALSE(std::filesystem::exists(folder.path / "new"));
    test_support::expect_sentence([&] { state.load(path); }, words);
    EXPECT_TRUE(same_bits(theta.flat(), before.flat()));
    theta = larger;
    EXPECT_NO_THROW(state.load(path));
  }
}

TEST_F(CheckpointFile, RefusesHistoriesOfDifferentLengths) {
  std::vector<Index> steps{0, 1, 2};
  std::vector<double> losses{3, 2, 1}, others{7};
  Checkpoint state, unchecked;
  state.add("steps", steps).add("losses", losses).add("others", others).equally_long({"steps", "losses"});
  state.save(path);
  EXPECT_NO_THROW(state.load(path));
  losses.pop_back();
  test_support::expect_sentence([&] { state.save(path); }, {R"("steps" has 3 elements, but "losses")", "has 2"});
  unchecked.add("steps", steps).add("losses", losses).add("others", others);
  unchecked.save(path);
  steps = {5}, losses = {6};
  EXPECT_EQ(refusal(state, path), '"' + path.string() + R"(" is no checkpoint of this run, so nothing was loaded:
  "steps" has 3 elements, but "losses", of the same length, has 2.)");
  EXPECT_EQ(steps, std::vector<Index>{5});
  test_support::expect_sentence([&] { state.equally_long({"steps", "step"}); }, {R"("step")", "add it first"});
}

TEST_F(CheckpointFile, LoadsAnyStateOfAGeneratorAtOnce) {
  std::vector<std::uint64_t> words{1, 2, ~std::uint64_t{0}};
  Random random(3, 4);
  Checkpoint crafted, state;
  crafted.add("random", words);
  crafted.save(path);
  state.add("random", random);
  state.load(path);
  EXPECT_EQ(random.state()[2], words[2]);
}

TEST_F(CheckpointFile, LoadsWhatLiesInMemory) {
  std::vector<double> losses{3, 2, 1};
  Checkpoint state;
  state.add("losses", losses);
  state.save(path);
  const MappedFile file(path);
  losses.clear();
  state.load(SafeTensors::from_bytes(file.bytes()));
  EXPECT_EQ(losses, (std::vector<double>{3, 2, 1}));
}

#if __has_include(<sys/wait.h>) && !defined(__EMSCRIPTEN__)
/// A run whose whole state says after how many steps it was saved.
struct Counted {
  Counted() {
    state.add("m", m).add("v", v).add("step", step).add("random", random).add("losses", losses).add("note", note);
  }

  void advance() {
    ++step;
    m.setConstant(float(step));
    v.setConstant(-double(step));
    random.uniform();
    losses.push_back(step);
    note = std::to_string(step);
  }
  bool consistent() const {
    return (m.array() == float(step)).all() && (v.array() == -double(step)).all() &&
           random.state() == Random::State{7, 0, std::uint64_t(step)} && losses.size() == std::size_t(step) &&
           note == std::to_string(step);
  }

  Column<float> m = Column<float>::Zero(30'000);
  Column<double> v = Column<double>::Zero(10'000);
  Index step = 0;
  Random random{7, 0};
  std::vector<Index> losses;
  std::string note = "0";
  Checkpoint state;
};

/// A child process that goes on with the run in the file and saves after each step, until it is killed.
pid_t start_writer(const std::filesystem::path& path) {
  const pid_t child = fork();
  if (child != 0) return child;
  try {
    Counted run;
    run.state.load(path);
    for (;;) {
      run.advance();
      run.state.save(path);
    }
  } catch (...) {
    _exit(1);
  }
}

TEST_F(CheckpointFile, AKillAtAnyMomentLeavesOneWholeState) {
  const auto start = std::chrono::steady_clock::now();
  Counted().state.save(path);
  const auto saving = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - start);
  std::int64_t longest = 4 * saving.count();  // until a kill; follows what a writer takes on this disk
  std::mt19937 random(1);
  Index last = 0, written = 0;
  int kills = 0, interrupted = 0;
  // On a busy disk it may take longer than the second that is enough elsewhere.
  const auto goes_on = [&, begin = std::chrono::steady_clock::now()] {
    const auto passed = std::chrono::steady_clock::now() - begin;
    const bool enough = kills > 2 && interrupted > 0 && written > 0;
    return passed < std::chrono::milliseconds(enough ? 1200 : 60000);
  };
  for (; goes_on(); ++kills) {
    const pid_t writer = start_writer(path);
    ASSERT_GT(writer, 0);
    std::uniform_int_distribution delay(longest / 16, longest);
    std::this_thread::sleep_for(std::chrono::microseconds(delay(random)));
    ASSERT_EQ(kill(writer, SIGKILL), 0);
    int status = 0;
    ASSERT_EQ(waitpid(writer, &status, 0), writer);
    ASSERT_TRUE(WIFSIGNALED(status)) << "the writer failed by itself";
    interrupted += folder.files() > 1;
    ASSERT_LE(folder.files(), 2u) << "a writer does not clear away what the one before it left";

    Counted run;
    ASSERT_NO_THROW(run.state.load(path));
    ASSERT_TRUE(run.consistent()) << "step " << run.step;
    ASSERT_GE(run.step, last);
    const bool finished = run.step > last;
    longest += (finished ? -1 : 1) * (longest / 8 + 1);
    written += finished;
    last = run.step;
  }
  EXPECT_GT(kills, 2);
  EXPECT_GT(interrupted, 0) << "no writer was killed while it wrote";
  EXPECT_GT(written, 0) << "no writer ever finished a file";
  std::cout << kills << " kills, " << interrupted << " of them while a file was being written, " << last << " saves\n";
}
#endif

}  // namespace
