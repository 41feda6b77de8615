// libFuzzer: no file may crash, hang or change a run that it is not a checkpoint of; what is accepted is there bit for bit.
//   clang++ -fsanitize=fuzzer,address,undefined ...
//   checkpoint_fuzz -runs=500000 -timeout=1 -malloc_limit_mb=64 -max_len=4096 corpus/checkpoint
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

#include "header_mutator.hpp"
#include "residual/io/checkpoint.hpp"
#include "residual/train/random.hpp"

namespace {

using namespace residual;

void require(bool ok) {
  if (!ok) std::abort();
}

/// A run with something of every kind that a checkpoint holds.
struct Run {
  Run() {
    state.add("moment", moment).add("steps", steps).add("losses", losses).add("step", step).add("order", order);
    state.add("note", note).require("scheme", "ResiDual").equally_long({"steps", "losses"});
  }
  Run(const Run&) = delete;

  Column<float> moment = Column<float>::Constant(3, 0.5f);
  std::vector<std::int64_t> steps{0, 1};
  std::vector<double> losses{2, 3};
  std::int64_t step = 1;
  Random order{1, 2};
  std::string note = "new";
  Checkpoint state;
};

template <class S>
void require_same(const SafeTensors& file, const std::string& name, std::span<const S> values) {
  require(std::ranges::equal(file.bytes(file.at(name)), std::as_bytes(values)));
}

void require_loaded(const Run& run, const SafeTensors& file) {
  require(run.steps.size() == run.losses.size());
  require_same<float>(file, "moment", {run.moment.data(), 3});
  require_same<std::int64_t>(file, "steps", run.steps);
  require_same<double>(file, "losses", run.losses);
  require_same<std::int64_t>(file, "step", {&run.step, 1});
  require_same<std::uint64_t>(file, "order", run.order.state());
  require(file.metadata().at("note") == run.note && file.metadata().at("scheme") == "ResiDual");
}

void require_untouched(const Run& run) {
  const Run other;
  require(run.moment == other.moment && run.steps == other.steps && run.losses == other.losses);
  require(run.step == other.step && run.order.state() == other.order.state() && run.note == other.note);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Run run;
  try {
    const SafeTensors file = SafeTensors::from_bytes(std::as_bytes(std::span(data, size)));
    run.state.load(file);
    require_loaded(run, file);
    run.order.normal();
  } catch (const SafeTensorsError& error) {  // the only exception that a bad file may cause
    require_untouched(run);
    const std::string sentence = error.what();
    require(sentence.size() < 20'000);
    require(std::ranges::all_of(sentence, [](char c) { return (c >= ' ' && c <= '~') || c == '\n'; }));
  }
  return 0;
}
