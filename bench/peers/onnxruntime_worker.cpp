// ONNX Runtime as a contestant, inference only: beside PROBLEM.safetensors it expects PROBLEM.VARIANT.onnx, where
// VARIANT is the worker's argument. Input and output are bound once; x is [batch x n x dim].
#include <filesystem>
#include <span>

#include "onnxruntime_api.hpp"
#include "worker.hpp"

namespace {

using peers::Problem;
using residual::Index;

class Encoder final : public peers::Contestant {
 private:
  auto row(std::vector<float>& tokens) const {
    return [data = tokens.data(), this](Index i, Index j) { return data + (i * batch_.longest() + j) * dim_; };
  }

 public:
  Encoder(const Problem& problem, const std::string& model, int threads)
      : batch_(problem.batch()),
        dim_(problem.dim()),
        x_(std::size_t(batch_.sequences() * batch_.longest() * dim_)),
        y_(x_.size()),
        lengths_(problem.lengths.begin(), problem.lengths.end()) {
    if (problem.training()) throw std::invalid_argument("ONNX Runtime's package has no training");
    auto packed = problem.tensor("x");
    peers::copy_rows(batch_, dim_, packed.data(), false, row(x_));
    ort::create_session_options(&options_);
    ort::set_intra_op_num_threads(options_, threads);
    ort::create_session(environment(), model.c_str(), options_, &session_);
    ort::create_io_binding(session_, &binding_);
    const std::int64_t shape[] = {batch_.sequences(), batch_.longest(), dim_};
    ort::bind_input(binding_, "x", tensor(x_, shape, ort::float32));
    ort::bind_output(binding_, "y", tensor(y_, shape, ort::float32));
    if (batch_.longest() * batch_.sequences() != batch_.tokens()) {
      ort::bind_input(binding_, "lengths", tensor(lengths_, std::span(shape, 1), ort::int32));
    }
  }
  ~Encoder() override {
    ort::release(ort::io_binding, binding_);
    for (auto* value : values_) ort::release(ort::value, value);
    ort::release(ort::session, session_);
    ort::release(ort::session_options, options_);
  }

  void step() override { ort::run_with_binding(session_, nullptr, binding_); }

  peers::Results results() override {
    peers::Results results;
    std::vector<float> packed(std::size_t(batch_.tokens() * dim_));
    peers::copy_rows(batch_, dim_, packed.data(), true, row(y_));
    results.add("y", {batch_.tokens(), dim_}, std::move(packed));
    return results;
  }

 private:
  static const ort::Env* environment() {
    static ort::Env* const env = [] {
      ort::Env* made = nullptr;
      ort::create_env(3, "peers", &made);  // errors only
      return made;
    }();
    return env;
  }
  template <class T>
  const ort::Value* tensor(std::vector<T>& data, std::span<const std::int64_t> shape, ort::ElementType type) {
    ort::MemoryInfo* memory = nullptr;
    ort::create_cpu_memory_info(1, 0, &memory);
    ort::Value* made = nullptr;
    ort::create_tensor_with_data(memory, data.data(), data.size() * sizeof(T), shape.data(), shape.size(), type, &made);
    values_.push_back(made);
    return made;
  }

  residual::Batch batch_;
  Index dim_;
  std::vector<float> x_, y_;
  std::vector<std::int32_t> lengths_;
  std::vector<ort::Value*> values_;
  ort::SessionOptions* options_ = nullptr;
  ort::Session* session_ = nullptr;
  ort::IoBinding* binding_ = nullptr;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "usage: onnxruntime_worker VARIANT\n";
    return 1;
  }
  const std::string extension = std::string(".") + argv[1] + ".onnx";
  return peers::serve([&](const std::string& path, int threads) {
    return std::make_unique<Encoder>(Problem(path), std::filesystem::path(path).replace_extension(extension), threads);
  });
}
