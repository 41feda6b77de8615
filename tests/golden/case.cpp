#include "golden/case.hpp"

#include <cmath>
#include <set>
#include <utility>

#include "golden/fields.hpp"

namespace golden {
namespace {

using nlohmann::json;
using residual::expect;
using residual::printable;

/// Reads the options that only some archs have, and refuses those of others.
SchemeOptions scheme_options(Fields& fields, const std::string& kind, const std::string& arch) {
  SchemeOptions o;
  const auto given = [&](const char* key, const std::set<std::string>& archs) {
    if (fields.find(key) == nullptr) return false;
    expect(archs.contains(arch), "config has the key \"", key, "\", which the arch ", arch, " does not have.");
    return true;
  };
  o.scale = fields.number("scale");
  o.alpha = fields.number("alpha");
  expect(o.scale == 1 || arch == "residual", "config.scale is ", o.scale,
         ", but only the arch residual has another one than 1.");
  expect(o.alpha == 1 || arch == "residual" || arch == "deepnorm", "config.alpha is ", o.alpha,
         ", but only the archs residual and deepnorm have another one than 1.");
  o.enc_alpha = o.dec_alpha = o.alpha;
  for (const auto& [key, alpha] : {std::pair("enc_alpha", &o.enc_alpha), std::pair("dec_alpha", &o.dec_alpha)}) {
    if (!given(key, {"deepnorm"})) continue;
    expect(kind == "encdec", "config has the key \"", key, "\", which only the kind encdec has.");
    *alpha = fields.number(key);
  }
  if (given("keel_alpha", {"keel"})) o.keel_alpha = fields.number("keel_alpha");
  if (given("mix_post", {"mix"})) o.mix_post = fields.number("mix_post");
  if (given("streams", {"hc", "mhc"})) o.streams = fields.count("streams");
  if (given("hc_dynamic", {"hc"})) o.hc_dynamic = fields.flag("hc_dynamic");
  if (given("hc_tanh", {"hc"})) o.hc_tanh = fields.flag("hc_tanh");
  if (given("hc_eps", {"mhc"})) o.hc_eps = fields.number("hc_eps");
  if (given("sinkhorn_iters", {"mhc"})) o.sinkhorn_iters = fields.count("sinkhorn_iters");
  if (given("mixing", {"mhc"})) o.mixing = fields.word("mixing", {"sinkhorn", "identity", "kronecker"});
  if (given("attnres_block", {"attnres"})) o.attnres_block = fields.count("attnres_block");
  if (given("ffn_half", {"macaron"})) o.ffn_half = fields.flag("ffn_half");
  if (given("block_norm", {"macaron"})) o.block_norm = fields.flag("block_norm");
  return o;
}

/// Reads the options of attention and feed-forward, which may be left out.
LayerOptions layer_options(Fields& fields, bool bias) {
  using Rule = residual::RopeScaling::Rule;
  LayerOptions o;
  const auto count = [&](const char* key, Index& value) {
    if (fields.find(key) != nullptr) value = fields.count(key);
  };
  const auto number = [&](const char* key, double& value) {
    if (fields.find(key) != nullptr) value = fields.number(key);
  };
  const auto flag = [&](const char* key, bool& value) {
    if (fields.find(key) != nullptr) value = fields.flag(key);
  };
  o.gated = fields.word("ffn_type", {"mlp", "gated"}, "mlp") == "gated";
  o.separate = fields.word("proj", {"packed", "separate"}, "packed") == "separate";
  count("kv_heads", o.kv_heads);
  count("head_dim", o.head_dim);
  expect(o.separate || (o.kv_heads == 0 && o.head_dim == 0),
         "config has kv_heads or head_dim, which need proj \"separate\".");
  o.bias = o.qkv_bias = bias;
  flag("qkv_bias", o.qkv_bias);
  if (const json* norm = fields.find("qk_norm"); norm != nullptr && *norm != false) {
    o.qk_norm = *norm == true ? "head" : fields.word("qk_norm", {"full"});
  }
  number("attn_scale", o.scores.width);
  number("softcap", o.scores.softcap);
  flag("alibi", o.scores.alibi);
  flag("sinks", o.sinks);
  o.rope = fields.word("rope", {"none", "half", "interleaved"}, "none");
  count("rotary_dim", o.rotary_dim);
  number("rope_theta", o.rope_theta);
  static const std::map<std::string, Rule> rules = {{"none", Rule::none},
                                                    {"linear", Rule::linear},
                                                    {"ntk", Rule::ntk},
                                                    {"llama3", Rule::llama3},
                                                    {"yarn", Rule::yarn}};
  o.rope_scaling.rule = rules.at(fields.word("rope_scaling", {"none", "linear", "ntk", "llama3", "yarn"}, "none"));
  number("rope_factor", o.rope_scaling.factor);
  number("rope_original", o.rope_scaling.original);
  number("rope_low_freq", o.rope_scaling.low_freq);
  number("rope_high_freq", o.rope_scaling.high_freq);
  number("rope_beta_fast", o.rope_scaling.beta_fast);
  number("rope_beta_slow", o.rope_scaling.beta_slow);
  number("rope_attention_factor", o.rope_scaling.attention_factor);
  count("window", o.window);
  count("window_every", o.window_every);
  flag("sub_ln", o.sub_ln);
  flag("adapter_scale_bias", o.adapter_scale_bias);
  expect(o.separate || !o.adapter_scale_bias, "config.adapter_scale_bias is true, which needs proj \"separate\".");
  flag("realformer", o.realformer);
  flag("value_residual", o.value_residual);
  count("adapter_prompts", o.prompts);
  count("adapter_layers", o.prompt_layers);
  return o;
}

Config config_of(const json& value) {
  using residual::Activation;
  static const std::map<std::string, Activation> activations = {{"relu", Activation::relu},
                                                                {"gelu", Activation::gelu_erf},
                                                                {"gelu_tanh", Activation::gelu_tanh},
                                                                {"silu", Activation::silu},
                                                                {"relu2", Activation::relu_squared}};
  Fields fields(value, "config");
  Config config{
      .kind = fields.word("kind", {"encoder", "decoder", "encdec"}),
      .arch = fields.word(
          "arch", {"post", "pre",    "residual", "deepnorm",   "admin",       "peri",     "olmo2",     "lns",
                   "mix",  "rezero", "skipinit", "layerscale", "parallel",    "keel",     "b2t",       "siamese",
                   "x0",   "hc",     "mhc",      "attnres",    "denseformer", "dlcl_pre", "dlcl_post", "macaron"}),
      .norm = fields.word("norm", {"layer", "rms", "dyt", "derf"}, "layer"),
      .d = fields.count("d"),
      .heads = fields.count("heads"),
      .ffn = fields.count("ffn"),
      .layers = fields.count("layers"),
      .batch = fields.count("batch"),
      .n = fields.count("n"),
      .m = fields.count("m"),
      .activation = activations.at(fields.word("activation", {"relu", "gelu", "gelu_tanh", "silu", "relu2"})),
      .bias = fields.flag("bias"),
      .final_norm = fields.flag("final_norm"),
      .eps = fields.number("eps"),
      .final_eps = fields.number("final_eps")};
  config.one_plus = fields.word("norm_gain", {"plain", "one_plus"}, "plain") == "one_plus";
  config.scheme = scheme_options(fields, config.kind, config.arch);
  config.layer = layer_options(fields, config.bias);
  fields.done();
  expect(config.arch != "residual" || config.final_norm,
         "config.final_norm is false, but ResiDual ends in a norm of its second stream.");
  expect(config.arch != "macaron" || config.kind == "encoder", "config.kind is ", config.kind,
         ", but this runner knows only encoders of the arch macaron.");
  return config;
}

/// Throws unless the tensor is there in that shape.
const Tensor& expect_tensor(const Case& c, const std::string& name, const std::vector<Index>& shape) {
  const auto found = c.tensors.find(name);
  expect(found != c.tensors.end(), "the tensor ", name, " is missing.");
  expect(found->second.shape == shape, "the tensor ", name, " is ", to_string(found->second.shape), ", but ",
         to_string(shape), " is needed.");
  return found->second;
}

/// The tensor of that name as a mask of that shape, whose entries are 0 or 1.
const Tensor& expect_mask(const Case& c, const std::string& name, const std::vector<Index>& shape) {
  const Tensor& mask = expect_tensor(c, name, shape);
  for (const double entry : mask.data) {
    expect(entry == 0 || entry == 1, "the tensor ", name, " holds ", entry, ", but a mask holds 0 and 1.");
  }
  return mask;
}

/// Throws about a tensor of a name that the format does not know; those of the model are checked where it is built.
void expect_known_tensors(const Case& c, const json& masks) {
  static const std::set<std::string> mask_names = {"key_padding_mask", "memory_key_padding_mask", "attn_mask"};
  for (const auto& [name, tensor] : c.tensors) {
    const bool input = name == "inputs.x" || name == "cotangent" || name == "rows_valid" ||
                       (!c.source().empty() && name == "inputs." + c.source());
    const std::string mask_name = name.starts_with("masks.") ? name.substr(6) : "";
    const bool mask = mask_names.contains(mask_name) && masks.contains(mask_name);
    expect(input || mask || name.starts_with("params.") || name.starts_with("expected."), "the tensor ",
           printable(name), " is not one that a case of kind ", c.config.kind, " with these masks has.");
  }
}

/// Hides in each of the sequences of `rows` tokens those from its length on.
void hide_from_length(const json& lengths, const std::string& name, Index batch, Index rows,
                      std::vector<std::uint8_t>& hidden) {
  expect(lengths.is_array() && std::cmp_equal(lengths.size(), batch), "masks.", name, " is ", Fields::shown(lengths),
         ", but one length for each of the ", batch, " sequences is needed.");
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    expect(lengths[i].is_number_unsigned() && lengths[i] <= rows, "masks.", name, " holds ", Fields::shown(lengths[i]),
           ", but a length is an integer from 0 to ", rows, ".");
    for (Index row = lengths[i].get<Index>(); row < rows; ++row) hidden[i * std::size_t(rows) + std::size_t(row)] = 1;
  }
}

/// Hides the tokens where the mask is 1.
void hide_where(const Tensor& mask, std::vector<std::uint8_t>& hidden) {
  for (std::size_t i = 0; i < hidden.size(); ++i) hidden[i] |= mask.data[i] != 0;
}

/// In an encoder-decoder `lengths` are those of the source, as `memory_lengths` are, and hide it from encoder and
/// decoder alike; its key_padding_mask belongs to the input whose length it has, x first. Elsewhere both are of x.
void read_masks(const json& value, Case& c) {
  const Config& config = c.config;
  const bool decodes = config.kind != "encoder", both = config.kind == "encdec";
  Fields masks(value, "masks");
  const auto lengths = [&](const char* name, bool of_source) {
    const json* found = masks.find(name);
    if (found == nullptr) return;
    hide_from_length(*found, name, config.batch, of_source ? config.m : config.n,
                     of_source ? c.source_hidden : c.x_hidden);
  };
  const auto names_tensor = [&](const std::string& name) {
    const json* found = masks.find(name);
    expect(found == nullptr || *found == "tensor masks." + name, "masks.", name, " must be \"tensor masks.", name,
           "\" where there is one.");
    return found != nullptr;
  };
  const auto padding = [&](const std::string& name, bool of_source) {
    if (!names_tensor(name)) return;
    hide_where(expect_mask(c, "masks." + name, {config.batch, of_source ? config.m : config.n}),
               of_source ? c.source_hidden : c.x_hidden);
  };
  c.causal = masks.find("causal") != nullptr && masks.flag("causal");
  lengths("lengths", both);
  const auto padded = c.tensors.find("masks.key_padding_mask");
  const bool fits_source = padded != c.tensors.end() && padded->second.shape == std::vector{config.batch, config.m};
  padding("key_padding_mask", both && config.m != config.n && fits_source);
  if (decodes) {
    lengths("tgt_lengths", false);
    lengths("memory_lengths", true);
    padding("memory_key_padding_mask", true);
  }
  c.attn_mask = names_tensor("attn_mask");
  if (c.attn_mask) expect_tensor(c, "masks.attn_mask", {config.n, config.n});
  masks.done();
  const json *of_encoder = masks.find("lengths"), *of_memory = masks.find("memory_lengths");
  expect(!both || of_encoder == nullptr || of_memory == nullptr || *of_encoder == *of_memory,
         "masks.lengths and masks.memory_lengths differ, but both are those of the source in an encoder-decoder.");
}

void read_tolerances(const json& value, Case& c) {
  Fields types(value, "tolerance_atol");
  for (const char* type : {"f64", "f32"}) {
    const json* found = types.find(type);
    if (found == nullptr) continue;
    Fields names(*found, "tolerance_atol." + std::string(type));
    for (const auto& [name, tolerance] : found->items()) {
      c.tolerance[type][name] = names.number(name);
      expect(std::isfinite(c.tolerance[type][name]) && c.tolerance[type][name] >= 0, "tolerance_atol.", type, ".",
             printable(name), " is ", Fields::shown(tolerance), ", but a tolerance is 0 or more.");
    }
  }
  types.done();
}

void expect_inputs(const Case& c) {
  const Config& config = c.config;
  expect_tensor(c, "inputs.x", {config.batch, config.n, config.d});
  expect_tensor(c, "cotangent", {config.batch, config.n, config.d});
  expect_mask(c, "rows_valid", {config.batch, config.n});
  if (!c.source().empty()) expect_tensor(c, "inputs." + c.source(), {config.batch, config.m, config.d});
}

}  // namespace

Case make_case(Document document) {
  Fields fields(document.header, "the case");
  fields.word("format", {"residual-blocks-golden/1"});
  Case c{.tier = fields.word("tier", {"core", "edge", "stretch"}), .config = config_of(fields.at("config"))};
  expect(fields.at("id").is_string(), "the case's id is ", Fields::shown(fields.at("id")), ", but a text is needed.");
  for (const char* note : {"why", "seed", "torch_error"}) fields.find(note);
  expect(fields.at("requires").is_array(), "the case's requires is ", Fields::shown(fields.at("requires")),
         ", but a list is needed.");
  for (const json& need : fields.at("requires")) {
    expect(need == "fully_masked_zero" || need == "padded_nan_ignored", "the case requires ", Fields::shown(need),
           ", but this runner knows only fully_masked_zero and padded_nan_ignored.");
  }
  read_tolerances(fields.at("tolerance_atol"), c);
  c.tensors = std::move(document.tensors);
  const json& masks = fields.at("masks");
  fields.done();
  expect_inputs(c);
  expect_known_tensors(c, masks);
  const Index m = c.source().empty() ? 0 : c.config.m;
  c.x_hidden.assign(std::size_t(c.config.batch * c.config.n), 0);
  c.source_hidden.assign(std::size_t(c.config.batch * m), 0);
  read_masks(masks, c);
  return c;
}

}  // namespace golden
