#pragma once

#include <cmath>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "residual/core/view.hpp"

namespace study {

using residual::Index;
using Json = nlohmann::json;

/// A loss as JSON can say it, which knows no NaN.
inline Json number_or_null(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

/// One run of the study. What stands here decides about its numbers, and is its name.
struct Cell {
  std::string question = "E1";  ///< E1 to E6
  std::string scheme = "";      ///< one of scheme_names()
  std::string task = "causal";  ///< causal, masked, translation, fixed (sub-layers that do not read) or sentences (E4)
  Index depth = 12;             ///< layers; in an encoder-decoder of each stack; of fixed branches sub-layers
  std::string init = "xavier";  ///< xavier, fairseq or normal
  double gain = 1;              ///< on what writes to the stream; of fixed branches their deviation
  Index warmup = 0;             ///< per cent of the steps
  Index steps = 0;              ///< of training
  Index width = 32, batch = 4, length = 32;
  double rate = 2e-3;  ///< the highest of AdamW
  std::uint64_t seed = 1;

  Json json() const {
    return {{"question", question}, {"scheme", scheme}, {"task", task},   {"depth", depth}, {"init", init},
            {"gain", gain},         {"warmup", warmup}, {"steps", steps}, {"width", width}, {"batch", batch},
            {"length", length},     {"rate", rate},     {"seed", seed}};
  }
  /// The name of its result file, without ".json".
  std::string id() const {
    std::ostringstream s;
    s << question << '_' << task << '_' << scheme << "_L" << depth << '_' << init << "_g" << gain << "_w" << warmup
      << "_n" << steps << "_d" << width << "_b" << batch << 'x' << length << "_r" << rate << "_s" << seed;
    std::string name = s.str();
    for (char& c : name) {
      if (c == ' ') c = '-';
    }
    return name;
  }
};

}  // namespace study
