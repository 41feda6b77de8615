// libFuzzer: no config.json may crash, hang or allocate beyond its size; what is accepted is a config that can be counted with.
//   clang++ -fsanitize=fuzzer,address,undefined ...
//   config_fuzz -runs=500000 -timeout=1 -malloc_limit_mb=64 -max_len=4096 corpus/config
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "residual/hub/read_text_config.hpp"

namespace {

using namespace residual;

void require(bool ok) {
  if (!ok) std::abort();
}

void require_sizes(const TextConfig& config) {
  require(config.vocabulary > 0 && config.dim > 0 && config.depth > 0 && config.hidden > 0 && config.longest > 0);
  require(config.heads > 0 && config.kv_heads > 0 && config.head_dim > 0 && config.heads % config.kv_heads == 0);
  require(config.windowed.empty() || config.windowed.size() == std::size_t(config.depth));
  require(config.windowed.empty() == (config.window == 0));
  require(config.rotary_width >= 0 && config.rotary_width <= config.head_dim && config.rotary_width % 2 == 0);
  require(config.rope.has_value() == (config.rotary_width > 0));
  if (config.rope) config.rope->scaling.check();
  if (config.local_rope) config.local_rope->scaling.check();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    require_sizes(parse_text_config({reinterpret_cast<const char*>(data), size}));
  } catch (const HubError& error) {  // the only exception that a bad config may cause
    const std::string sentence = error.what();
    require(sentence.size() < 20'000 && sentence.ends_with('.'));
    require(std::ranges::all_of(sentence, [](char c) { return c >= ' ' && c <= '~'; }));
  }
  return 0;
}
