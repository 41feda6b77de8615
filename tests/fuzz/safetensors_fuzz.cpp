// libFuzzer: no input may crash, hang or allocate beyond its size; what is accepted must read, and survive a copy.
//   clang++ -fsanitize=fuzzer,address,undefined ...
//   safetensors_fuzz -runs=500000 -timeout=1 -malloc_limit_mb=64 -max_len=4096 corpus/safetensors
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <sstream>
#include <string>
#include <vector>

#include "header_mutator.hpp"
#include "residual/io/safetensors.hpp"
#include "residual/io/safetensors_writer.hpp"

namespace {

using namespace residual;

void require(bool ok) {
  if (!ok) std::abort();
}

/// Every tensor of one of the four floating types reads as double, every other one is refused; its bytes lie in the file.
void read_all(const SafeTensors& file) {
  for (const TensorInfo& info : file.tensors()) {
    require(file.find(info.name) == &info);
    require(file.bytes(info).size() == info.end - info.begin);
    if (info.end == info.begin) continue;
    std::vector<double> values(static_cast<std::size_t>(info.elements()));
    const bool floating =
        info.dtype == Dtype::F16 || info.dtype == Dtype::BF16 || info.dtype == Dtype::F32 || info.dtype == Dtype::F64;
    try {
      file.read<double>(info, values, Conversion::convert);
      require(floating);
    } catch (const SafeTensorsError&) {
      require(!floating);
    }
  }
}

/// The file, written again, holds the same tensors and texts.
void copy(const SafeTensors& file) {
  std::vector<TensorEntry> entries;
  for (const TensorInfo& info : file.tensors())
    entries.push_back({info.name, info.dtype, info.shape, file.bytes(info)});
  std::ostringstream out;
  write_safetensors(out, entries, file.metadata());
  const std::string text = out.str();
  const SafeTensors again = SafeTensors::from_bytes(std::as_bytes(std::span(text)));
  require(again.metadata() == file.metadata() && again.tensors().size() == file.tensors().size());
  for (const TensorInfo& info : file.tensors()) {
    const TensorInfo& other = again.at(info.name);
    require(other.dtype == info.dtype && other.shape == info.shape);
    require(std::ranges::equal(again.bytes(other), file.bytes(info)));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const SafeTensors file = SafeTensors::from_bytes(std::as_bytes(std::span(data, size)));
    read_all(file);
    copy(file);
  } catch (const SafeTensorsError&) {  // the only exception that a bad file may cause
  }
  return 0;
}
