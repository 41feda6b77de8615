// libFuzzer: no index of safetensors files may crash, hang or allocate beyond its size, nor name a file outside its folder.
//   clang++ -fsanitize=fuzzer,address,undefined ...
//   index_fuzz -runs=500000 -timeout=1 -malloc_limit_mb=64 -max_len=4096 corpus/index
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <string>

#include "residual/io/sharded_safetensors.hpp"

namespace {

using namespace residual;

void require(bool ok) {
  if (!ok) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::filesystem::path folder = "folder";
  try {
    for (const auto& [tensor, file] : detail::index_places({reinterpret_cast<const char*>(data), size}, "index")) {
      require(!file.empty() && file.find('\0') == file.npos);
      require((folder / file).lexically_normal().parent_path() == folder);
    }
  } catch (const SafeTensorsError& error) {  // the only exception that a bad index may cause
    const std::string sentence = error.what();
    require(sentence.size() < 20'000 && sentence.ends_with('.'));
    require(std::ranges::all_of(sentence, [](char c) { return c >= ' ' && c <= '~'; }));
  }
  return 0;
}
