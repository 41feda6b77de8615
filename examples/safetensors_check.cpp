// Lists what a safetensors file holds, or says why it is not one.
// ctest: ${PROJECT_SOURCE_DIR}/tests/data/safetensors/a09_unaligned.safetensors
#include <CLI/CLI.hpp>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <iostream>
#include <string>

#include "printed.hpp"
#include "residual/io/safetensors.hpp"

namespace {

using residual::SafeTensors;

void list(const SafeTensors& file) {
  for (const auto& [name, text] : file.metadata()) {
    std::cout << "metadata " << residual::printable(name) << " = " << residual::printable(text) << '\n';
  }
  std::uint64_t bytes = 0;
  for (const residual::TensorInfo& info : file.tensors()) {
    std::cout << residual::printable(info.name) << ' ' << residual::describe(info.dtype, info.shape) << ", "
              << info.end - info.begin << " bytes\n";
    bytes = info.end;
  }
  std::cout << file.tensors().size() << " tensors, " << bytes << " bytes of data, " << file.metadata().size()
            << " texts of metadata: the file is sound.\n";
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{
      "Lists the tensors and the metadata of a safetensors file, or says what is wrong with it (exit code 1)."};
  std::string path;
  app.add_option("FILE", path, "the safetensors file")->required();
  CLI11_PARSE(app, argc, argv);
  try {
    list(SafeTensors(path));
    expect_printed();
  } catch (const std::exception& error) {
    std::cerr << "safetensors_check: " << error.what() << '\n';
    return 1;
  }
}
