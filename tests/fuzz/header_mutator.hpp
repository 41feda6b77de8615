#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

/// Every other mutant gets the header length that its last closing brace asks for, so that the JSON is reached.
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t most,
                                               unsigned int seed) {
  size = LLVMFuzzerMutate(data, size, most);
  std::uint64_t length = 0;
  if (seed % 2 == 0 && size > sizeof length) {
    for (std::uint64_t i = sizeof length; i < size; ++i) {
      if (data[i] == '}') length = i + 1 - sizeof length;
    }
    std::memcpy(data, &length, sizeof length);
  }
  return size;
}
