// Loading weights from the page cache, beside reading the same file into memory: once touched before, as a model's
// parameters are, and once new. One layer of width 2048 in float, 201 MB.
#include "residual/io/load_parameters.hpp"

#include <benchmark/benchmark.h>

#include <cstdio>
#include <memory>

#include "residual/io/fairseq_names.hpp"
#include "residual/io/save_parameters.hpp"
#include "residual/model/encoder.hpp"
#include "residual/wiring/pre_ln.hpp"

namespace {

using namespace residual;

const auto model = encoder(PreLN<float>(2048), {.dim = 2048, .heads = 16, .hidden = 8192, .depth = 1});

/// A file with the model's weights, removed at the end.
struct File {
  explicit File(const NameMap& names) {
    Parameters theta(model);
    theta.flat().setLinSpaced(-1, 1);
    save_parameters(path, theta, names);
    size = std::filesystem::file_size(path);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() { std::filesystem::remove(path); }

  const std::filesystem::path path = std::filesystem::temp_directory_path() / "residual_load_bench.safetensors";
  std::size_t size = 0;
};

void read_into(const File& file, char* memory) {
  std::FILE* const stream = std::fopen(file.path.string().c_str(), "rb");
  std::setvbuf(stream, nullptr, _IONBF, 0);  // straight from the system
  const std::size_t read = std::fread(memory, 1, file.size, stream);
  std::fclose(stream);
  benchmark::DoNotOptimize(read);
}

template <class F>
void time(benchmark::State& state, const File& file, F&& f) {
  for (auto _ : state) f();
  state.SetBytesProcessed(int64_t(file.size) * state.iterations());
}

void read_to_touched_memory(benchmark::State& state) {
  const File file({});
  std::vector<char> memory(file.size);
  time(state, file, [&] { read_into(file, memory.data()); });
}
void read_to_new_memory(benchmark::State& state) {
  const File file({});
  time(state, file, [&] {
    const std::unique_ptr<char[]> memory(new char[file.size]);
    read_into(file, memory.get());
  });
}
void load(benchmark::State& state, const NameMap& names) {
  const File file(names);
  Parameters theta(model);
  time(state, file, [&] { load_parameters(file.path, theta, names); });
}
void load_pytorch(benchmark::State& state) { load(state, {}); }
void load_fairseq(benchmark::State& state) { load(state, fairseq_names()); }
void make_and_load(benchmark::State& state) {
  const File file({});
  time(state, file, [&] {
    Parameters theta(model);
    load_parameters(file.path, theta);
  });
}

BENCHMARK(read_to_touched_memory)->Unit(benchmark::kMillisecond);
BENCHMARK(load_pytorch)->Unit(benchmark::kMillisecond);
BENCHMARK(load_fairseq)->Unit(benchmark::kMillisecond);
BENCHMARK(read_to_new_memory)->Unit(benchmark::kMillisecond);
BENCHMARK(make_and_load)->Unit(benchmark::kMillisecond);

}  // namespace
