#pragma once

#include <string>
#include <vector>

namespace study {

/// The schemes of the study, in the order of its tables.
inline const std::vector<std::string>& scheme_names() {
  static const std::vector<std::string> names{"Post-LN",     "Pre-LN",
                                              "ResiDual",    "DeepNorm",
                                              "Peri-LN",     "LayerNorm-scaling",
                                              "Mix-LN",      "Keel",
                                              "SiameseNorm", "dynamic-hyper-connections",
                                              "DenseFormer", "attention-residuals"};
  return names;
}

/// Those that E4 compares, as the paper of ResiDual does.
inline const std::vector<std::string>& translating_schemes() {
  static const std::vector<std::string> names{"Post-LN", "Pre-LN", "ResiDual"};
  return names;
}

}  // namespace study
