#include "schemes.hpp"

#include <functional>
#include <stdexcept>
#include <utility>

#include "residual/wiring/admin.hpp"
#include "residual/wiring/attention_residuals.hpp"
#include "residual/wiring/b2t.hpp"
#include "residual/wiring/deep_norm.hpp"
#include "residual/wiring/dense_former.hpp"
#include "residual/wiring/dlcl_post.hpp"
#include "residual/wiring/dlcl_pre.hpp"
#include "residual/wiring/hyper_connections.hpp"
#include "residual/wiring/keel.hpp"
#include "residual/wiring/layer_norm_scaling.hpp"
#include "residual/wiring/layer_scale.hpp"
#include "residual/wiring/manifold_hyper_connections.hpp"
#include "residual/wiring/mix_ln.hpp"
#include "residual/wiring/output_norm.hpp"
#include "residual/wiring/parallel_block.hpp"
#include "residual/wiring/peri_ln.hpp"
#include "residual/wiring/post_ln.hpp"
#include "residual/wiring/pre_ln.hpp"
#include "residual/wiring/re_zero.hpp"
#include "residual/wiring/resi_dual.hpp"
#include "residual/wiring/siamese_norm.hpp"
#include "residual/wiring/skip_init.hpp"
#include "residual/wiring/x0_injection.hpp"

namespace {

using namespace residual;
using Make = std::function<AnyScheme<float>(Index dim, double alpha)>;

template <class W>
AnyScheme<float> with_defaults(Index dim, double) {
  return W(dim);
}

const std::vector<std::pair<std::string, Make>>& all() {
  static const std::vector<std::pair<std::string, Make>> schemes = {
      {"Post-LN", with_defaults<PostLN<float>>},
      {"Pre-LN", with_defaults<PreLN<float>>},
      {"ResiDual", with_defaults<ResiDual<float>>},
      {"DeepNorm", [](Index dim, double alpha) { return DeepNorm<float>(dim, alpha); }},
      {"Admin", with_defaults<Admin<float>>},
      {"Peri-LN", with_defaults<PeriLN<float>>},
      {"output-norm", with_defaults<OutputNorm<float>>},
      {"LayerNorm-scaling", with_defaults<LayerNormScaling<float>>},
      {"Mix-LN", with_defaults<MixLN<float>>},
      {"ReZero", with_defaults<ReZero<float>>},
      {"SkipInit", with_defaults<SkipInit<float>>},
      {"LayerScale", with_defaults<LayerScale<float>>},
      {"parallel-block", with_defaults<ParallelBlock<float>>},
      {"Keel", with_defaults<Keel<float>>},
      {"B2T", with_defaults<B2T<float>>},
      {"SiameseNorm", with_defaults<SiameseNorm<float>>},
      {"x0-injection", with_defaults<X0Injection<float>>},
      {"hyper-connections", with_defaults<HyperConnections<float>>},
      {"dynamic-hyper-connections", with_defaults<DynamicHyperConnections<float>>},
      {"mHC", with_defaults<ManifoldHyperConnections<float>>},
      {"attention-residuals", with_defaults<AttentionResiduals<float>>},
      {"block-attention-residuals", with_defaults<BlockAttentionResiduals<float>>},
      {"DenseFormer", with_defaults<DenseFormer<float>>},
      {"DLCL-pre", with_defaults<DlclPre<float>>},
      {"DLCL-post", with_defaults<DlclPost<float>>},
  };
  return schemes;
}

}  // namespace

std::vector<std::string> scheme_names() {
  std::vector<std::string> names;
  for (const auto& [name, make] : all()) names.push_back(name);
  return names;
}

AnyScheme<float> scheme_of(const std::string& name, Index dim, double alpha) {
  std::string known;
  for (const auto& [own, make] : all()) {
    if (own == name) return make(dim, alpha);
    known += (known.empty() ? "" : ", ") + own;
  }
  throw std::invalid_argument("There is no scheme " + name + "; give one of: " + known + ".");
}
