#pragma once

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>

#include "pictures.hpp"
#include "residual/core/check.hpp"

/// The entries of an IDX file, one byte each: two bytes of 0, the type 8, the number of dimensions, their sizes as four
/// bytes each from the highest on, and the entries. Throws unless it is that of entries of `size` bytes each.
inline std::vector<std::uint8_t> read_idx(const std::filesystem::path& path, std::size_t dimensions, std::size_t size) {
  std::ifstream file(path, std::ios::binary);
  std::vector<std::uint8_t> bytes(std::istreambuf_iterator<char>(file), {});
  const std::size_t head = 4 + 4 * dimensions;
  const auto number = [&](std::size_t at) {
    return std::size_t(bytes[at]) << 24 | std::size_t(bytes[at + 1]) << 16 | std::size_t(bytes[at + 2]) << 8 |
           std::size_t(bytes[at + 3]);
  };
  residual::expect(
      bytes.size() > head && number(0) == (8u << 8 | dimensions) && bytes.size() == head + number(4) * size, path,
      " is not an IDX file of ", dimensions, " dimensions with ", size,
      " bytes an entry; unpack Fashion-MNIST's files with gunzip, under their own names.");
  bytes.erase(bytes.begin(), bytes.begin() + std::ptrdiff_t(head));
  return bytes;
}

/// Any picture of a pair of files.
inline PictureMaker any_picture(const std::filesystem::path& folder, const std::string& part) {
  const auto images = std::make_shared<std::vector<std::uint8_t>>(
      read_idx(folder / (part + "-images-idx3-ubyte"), 3, Picture().size()));
  const auto labels =
      std::make_shared<std::vector<std::uint8_t>>(read_idx(folder / (part + "-labels-idx1-ubyte"), 1, 1));
  residual::expect(images->size() == labels->size() * Picture().size(), folder, ": the files of ", part,
                   " do not hold one label for each picture.");
  return [images, labels](residual::Random& random, Picture& picture) {
    const auto i = std::size_t(random.uniform() * double(labels->size()));
    for (std::size_t k = 0; k < picture.size(); ++k) picture[k] = float((*images)[i * picture.size() + k]) / 255;
    return int((*labels)[i]);
  };
}

/// Fashion-MNIST, Xiao et al. 2017 (arXiv:1708.07747), whose four files lie unpacked in a folder; a word for each class.
/// Throws when a file is not what it should be.
inline PictureSource fashion_mnist(const std::filesystem::path& folder) {
  return {"Fashion-MNIST",
          {"top", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "boot"},
          any_picture(folder, "train"),
          any_picture(folder, "t10k")};
}
