#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "residual/core/check.hpp"
#include "residual/core/pattern.hpp"
#include "residual/io/printable.hpp"

namespace residual {

/// How a file stores a weight.
enum class Stored {
  as_pytorch,  ///< [out x in]
  as_ours,     ///< [in x out], as GPT-2's Conv1D
};

/// What a file calls tensors of a model. Each * of `ours` stands for any text, as short as can be and the last one for
/// the rest; the *s of each of `theirs` are these texts again, in the same order:
///
///     {"*.linear1.*", {"*.fc1.*"}}                                layers.0.linear1.bias is layers.0.fc1.bias there
///     {"*.in_proj_*", {"*.q_proj.*", "*.k_proj.*", "*.v_proj.*"}}   q, k and v are three tensors there
///     {"*.linear1.*", {"*.c_fc.*"}, Stored::as_ours}              and this weight is [in x out] there
struct NameRule {
  std::string ours;                    ///< what the model calls it
  std::vector<std::string> theirs;     ///< several: its parts or, where it has none, equal parts of the outputs
  Stored stored = Stored::as_pytorch;  ///< weights; other tensors are the same in both
};

namespace detail {

/// Whether the text fits one of the patterns.
inline bool matches_any(const std::vector<std::string>& patterns, std::string_view text) {
  return std::any_of(patterns.begin(), patterns.end(),
                     [&](const auto& pattern) { return match(pattern, text).has_value(); });
}

/// The pattern with texts for its *s, of which it has as many.
inline std::string fill(std::string_view pattern, const std::vector<std::string_view>& stars) {
  std::string text;
  for (auto star = stars.begin(); const char c : pattern) {
    if (c == '*') {
      text += *star++;
    } else {
      text += c;
    }
  }
  return text;
}

}  // namespace detail

/// What a file calls the tensors of a model, which calls them as PyTorch's state_dict does. NameMap{} is PyTorch's own.
struct NameMap {
  std::vector<NameRule> rules = {};       ///< the first whose `ours` fits decides; a name that fits none is kept
  std::string prefix = {};                ///< opens every name in the file, as "module." does
  std::vector<std::string> ignored = {};  ///< names, with `*`, that a file may hold beside the model's; `*`: anything
  std::vector<std::string> kept = {};  ///< the model's own, with `*`: a file may lack them; then they stay as they are

  /// The names in the file of what the model calls `ours`. Throws std::invalid_argument when a rule cannot be applied.
  std::vector<std::string> theirs(std::string_view ours) const {
    for (const NameRule& rule : rules) {
      const auto stars = detail::match(rule.ours, ours);
      if (!stars) continue;
      expect(!rule.theirs.empty(), "NameMap: the rule for ", printable(rule.ours),
             " has no name of theirs; give one or more.");
      std::vector<std::string> names;
      for (const std::string& theirs : rule.theirs) {
        const auto count = std::count(theirs.begin(), theirs.end(), '*');
        expect(std::size_t(count) == stars->size(), "NameMap: ", printable(rule.ours), " has ", stars->size(),
               " *, but ", printable(theirs), " has ", count, "; give both as many, since each stands for one text.");
        names.push_back(prefix + detail::fill(theirs, *stars));
      }
      return names;
    }
    return {prefix + std::string(ours)};
  }
  /// How the file stores what the model calls `ours`.
  Stored stored(std::string_view ours) const {
    const auto rule = std::find_if(rules.begin(), rules.end(),
                                   [&](const NameRule& r) { return detail::match(r.ours, ours).has_value(); });
    return rule == rules.end() ? Stored::as_pytorch : rule->stored;
  }
  /// Whether the file may lack what the model calls `ours`.
  bool keeps(std::string_view ours) const { return detail::matches_any(kept, ours); }
  /// Whether the file may hold a tensor of that name which the model does not have.
  bool ignores(std::string_view theirs) const { return detail::matches_any(ignored, theirs); }
};

}  // namespace residual
