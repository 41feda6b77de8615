#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "residual/core/check.hpp"
#include "residual/core/parameters.hpp"
#include "residual/core/selection.hpp"

namespace residual {

/// A linear map, or a part of one, that an adapter changes: its places in the flat vectors of base model and adapted model.
struct AdaptedMap {
  std::string prefix;  ///< opens the names of the adapter's tensors: "layers.0.linear1.", "layers.0.self_attn.q_proj."
  Index inputs, outputs;            ///< its shape
  Index stride;                     ///< entries from one row of the weight to the next
  Index base_weight, weight;        ///< where the weight begins, [inputs x outputs] in both
  Index base_bias = -1, bias = -1;  ///< where the bias begins; -1: there is none
  bool operator==(const AdaptedMap&) const = default;
};

/// The linear maps that an adapter changes, and how the adapted model's parameters follow from the base model's: every
/// tensor has its name in both, and where the adapted model has a bias that the base model lacks, it starts from 0.
class AdaptedMaps {
 public:
  /// Those whose weights are chosen; base and adapted model are one. Throws when none is chosen.
  template <class M>
  explicit AdaptedMaps(const Parameters<M>& theta, const Selection& where = parts::weights)
      : AdaptedMaps(theta, theta, where) {}
  /// For an adapted model that is the base model with biases at the chosen maps. Throws when none is chosen, and when the
  /// models differ in more.
  template <class M, class N>
  AdaptedMaps(const Parameters<M>& base, const Parameters<N>& adapted, const Selection& where = parts::weights)
      : base_shape_(base.fingerprint()), shape_(adapted.fingerprint()) {
    gather(base.manifest(), adapted.manifest(), where);
  }
  bool operator==(const AdaptedMaps&) const = default;

  /// All of them, in the order of the manifest.
  auto begin() const { return maps_.begin(); }
  /// Behind the last of them.
  auto end() const { return maps_.end(); }
  /// How many there are.
  std::size_t size() const { return maps_.size(); }
  /// That with number i, from 0.
  const AdaptedMap& operator[](std::size_t i) const { return maps_[i]; }

  /// adapted = the base model's parameters, and 0 where it has none. Throws, with nothing changed, unless both fit.
  template <class M, class N>
  void start(const char* who, const Parameters<M>& theta, Parameters<N>& adapted) const {
    expect_base(who, theta);
    expect_adapted(who, adapted);
    for (const Copy& copy : copies_) {
      adapted.flat().segment(copy.to, copy.size) = theta.flat().segment(copy.from, copy.size);
    }
    for (const Copy& zeros : zeros_) adapted.flat().segment(zeros.to, zeros.size).setZero();
  }
  /// The pull-back of start: dtheta += the gradient of the adapted model's parameters, where dtheta has a view. Throws as
  /// start does.
  template <class N, class M>
  void pull_start(const char* who, const Parameters<N>& dadapted, Parameters<M>& dtheta) const {
    expect_base(who, dtheta);
    expect_adapted(who, dadapted);
    for (const Copy& copy : copies_) {
      if (!dtheta.has_view(copy.from)) continue;
      dtheta.flat().segment(copy.from, copy.size) += dadapted.flat().segment(copy.to, copy.size);
    }
  }
  /// Throws unless they are the base model's.
  template <class M>
  void expect_base(const char* who, const Parameters<M>& theta) const {
    expect(theta.fingerprint() == base_shape_, who, ": the parameters (", theta.size(),
           " numbers) are not of the base model that the adapter was made for; make an adapter for them.");
  }
  /// Throws unless they are the adapted model's.
  template <class N>
  void expect_adapted(const char* who, const Parameters<N>& adapted) const {
    expect(adapted.fingerprint() == shape_, who, ": the parameters (", adapted.size(),
           " numbers) are not of the adapted model that the adapter was made for; make an adapter for them.");
  }
  /// Throws unless they are a gradient of the adapted model's parameters that has those of all maps.
  template <class N>
  void expect_gradient(const char* who, const Parameters<N>& dadapted) const {
    expect_adapted(who, dadapted);
    for (const AdaptedMap& map : maps_) {
      expect(dadapted.has_view(map.weight), who, ": the gradient was made for groups that freeze the weight of ",
             map.prefix, "*, from whose gradient the adapter's follows; train all adapted weights in these groups.");
    }
  }

 private:
  /// Entries `to` .. `to` + size of the adapted model's parameters.
  struct Copy {
    Index from, to, size;
    bool operator==(const Copy&) const = default;
  };

  static const ManifestEntry* find(const Manifest& manifest, const std::string& name) {
    const auto found = std::find_if(manifest.begin(), manifest.end(), [&](const auto& e) { return e.name == name; });
    return found == manifest.end() ? nullptr : &*found;
  }
  /// The bias of a linear map stands behind its weight, and has the same parts.
  static const ManifestEntry* bias_of(const Manifest& manifest, const ManifestEntry& weight) {
    const std::size_t behind = std::size_t(&weight - manifest.data()) + 1;
    if (behind == manifest.size()) return nullptr;
    const ManifestEntry& bias = manifest[behind];
    const bool is_its = bias.role == Role::bias && bias.fan_in == weight.fan_in && bias.parts == weight.parts;
    return is_its ? &bias : nullptr;
  }
  static std::string prefix_of(const ManifestEntry& weight, const Part& part) {
    const std::string owner = weight.name.substr(0, weight.name.rfind('.') + 1);  // 0 where there is no dot
    return part.name.empty() ? owner : owner + std::string(part.name) + "_proj.";
  }
  static Index place(const ManifestEntry* bias, const Part& part) {
    return bias == nullptr ? -1 : bias->offset + part.begin;
  }

  void gather(const Manifest& base, const Manifest& adapted, const Selection& where) {
    std::vector<std::string> new_biases;
    for (const ManifestEntry& weight : adapted) {
      if (weight.role != Role::weight) continue;
      const ManifestEntry* const of_base = find(base, weight.name);
      if (of_base == nullptr) continue;
      const ManifestEntry *const bias = bias_of(adapted, weight), *const base_bias = bias_of(base, *of_base);
      if (bias != nullptr && base_bias == nullptr) new_biases.push_back(bias->name);
      each_part(weight, [&](const Part& part) {
        if (!where(part)) return;
        maps_.push_back({prefix_of(weight, part), weight.rows, part.cols, weight.cols, of_base->offset + part.begin,
                         weight.offset + part.begin, place(base_bias, part), place(bias, part)});
      });
    }
    expect(!maps_.empty(), "AdaptedMaps: ", where.text(), " chooses no weight of a linear map; manifest() lists them.");
    for (const ManifestEntry& tensor : adapted) {
      const ManifestEntry* const of_base = find(base, tensor.name);
      if (of_base == nullptr) {
        const bool is_new = std::find(new_biases.begin(), new_biases.end(), tensor.name) != new_biases.end();
        expect(is_new, "AdaptedMaps: the base model has no tensor ", tensor.name,
               "; it may lack biases of linear maps, but nothing else.");
        zeros_.push_back({0, tensor.offset, tensor.size()});
        continue;
      }
      expect(of_base->rows == tensor.rows && of_base->cols == tensor.cols, "AdaptedMaps: ", tensor.name, " is [",
             of_base->rows, " x ", of_base->cols, "] in the base model and [", tensor.rows, " x ", tensor.cols,
             "] in the adapted one; make both of the same sizes.");
      copies_.push_back({of_base->offset, tensor.offset, tensor.size()});
    }
    for (const ManifestEntry& tensor : base) {
      expect(find(adapted, tensor.name) != nullptr, "AdaptedMaps: the adapted model has no tensor ", tensor.name,
             "; it must have all of the base model's.");
    }
  }

  std::uint64_t base_shape_, shape_;
  std::vector<AdaptedMap> maps_;
  std::vector<Copy> copies_, zeros_;
};

}  // namespace residual
