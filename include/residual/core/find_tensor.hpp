#pragma once

#include <algorithm>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "residual/core/check.hpp"
#include "residual/core/edits.hpp"
#include "residual/core/manifest.hpp"

namespace residual {
namespace detail {

/// The three names of the tensors that are closest to `name`, each as `show` writes it.
template <class Tensors, class Show>
std::string closest_names(const Tensors& tensors, std::string_view name, Show&& show) {
  std::vector<std::size_t> distances;
  for (const auto& tensor : tensors) distances.push_back(edits(name, tensor.name));
  std::string text;
  for (std::size_t i = 0; i < std::min<std::size_t>(tensors.size(), 3); ++i) {
    const auto closest = std::min_element(distances.begin(), distances.end());
    (text += text.empty() ? "" : ", ") += show(tensors[std::size_t(closest - distances.begin())].name);
    *closest = std::numeric_limits<std::size_t>::max();
  }
  return text;
}

/// "q, k, v".
inline std::string names_of(const std::vector<TensorPart>& parts) {
  std::string text;
  for (const TensorPart& part : parts) (text += text.empty() ? "" : ", ") += part.name;
  return text;
}

}  // namespace detail

/// The tensor of that name; throws std::invalid_argument when two have it, and, with the closest names, when none has.
inline const ManifestEntry& find_tensor(const Manifest& manifest, std::string_view name) {
  const auto has_it = [&](const ManifestEntry& entry) { return entry.name == name; };
  const auto found = std::find_if(manifest.begin(), manifest.end(), has_it);
  if (found == manifest.end()) {
    expect(!manifest.empty(), "There is no tensor \"", name, "\": this model has no parameters.");
    const auto quoted = [](const std::string& other) { return '"' + other + '"'; };
    expect(false, "There is no tensor \"", name, "\"; the closest names are ",
           detail::closest_names(manifest, name, quoted), ", and manifest() lists all.");
  }
  expect(std::find_if(found + 1, manifest.end(), has_it) == manifest.end(),
         "Two tensors of this model have the name \"", name, "\"; list each under a name of its own.");
  return *found;
}

/// The part of that name; throws std::invalid_argument, with the names of those there are, when there is none.
inline const TensorPart& find_part(const ManifestEntry& tensor, std::string_view name) {
  const auto& parts = tensor.parts;
  const auto found = std::find_if(parts.begin(), parts.end(), [&](const auto& part) { return part.name == name; });
  if (found == parts.end()) {
    expect(parts.size() > 1, "The tensor ", tensor.name, " has no part \"", name, "\", nor any other; take all of it.");
    expect(false, "The tensor ", tensor.name, " has no part \"", name, "\"; its parts are ", detail::names_of(parts),
           ".");
  }
  return *found;
}

}  // namespace residual
