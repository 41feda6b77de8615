// Runs a model that transformers wrote, from its folder, on token ids: llama, mistral, qwen2, qwen3, olmo2, gemma2,
// gemma3_text, gpt2, bert, roberta, xlm-roberta.
// ctest: ${PROJECT_SOURCE_DIR}/tests/data/hugging_face/gemma2/model --tokens 3,1,4,1,5 --generate 4
// ctest: ${PROJECT_SOURCE_DIR}/tests/data/hugging_face/bert/model --tokens 3,1,4 --scalar double --out hugging_face_bert.safetensors
// labels: slow
#include <CLI/CLI.hpp>
#include <iostream>

#include "../printed.hpp"
#include "outputs.hpp"
#include "residual/decode/decoding.hpp"
#include "residual/decode/generate.hpp"
#include "residual/kernel/threads.hpp"
#include "tokens.hpp"

namespace {

using namespace residual;

struct Options {
  std::string folder, tokens, out, scalar = "float";
  Index generate = 0, threads = 1;
};

void say(const TextConfig& config, Index parameters) {
  std::cout << printable(config.family) << " (" << printable(config.architecture) << "): " << config.depth
            << " layers, width " << config.dim << ", " << config.heads << " heads of " << config.head_dim << " ("
            << config.kv_heads << " of keys and values), vocabulary " << config.vocabulary << ", " << parameters
            << " parameters\n";
}

/// The tokens of greatest logits that follow, each from the cache of those before.
template <class S>
void generate(const HubModel<HubLanguageModel<S>>& loaded, const std::vector<int>& tokens, const Options& options,
              const Executor& executor) {
  const Index longest = Index(tokens.size()) + options.generate;
  Decoding decoding(loaded.model(), loaded.theta, {.sequences = 1, .longest = longest}, executor);
  decoding.start(1);
  const auto texts = greedy(decoding, {tokens}, {.tokens = options.generate});
  std::cout << "generated:";
  for (const int token : texts.front()) std::cout << ' ' << token;
  std::cout << '\n';
}

template <class M>
void run(const HubModel<M>& loaded, const Options& options) {
  say(loaded.config, loaded.theta.size());
  if (options.tokens.empty()) return;
  const std::vector<int> tokens = read_tokens(options.tokens);
  const Threads executor(options.threads);
  const auto outputs = outputs_of(loaded, tokens, executor);
  options.out.empty() ? outputs.print() : outputs.write(options.out);
  if constexpr (requires { generate(loaded, tokens, options, executor); }) {
    if (options.generate > 0) generate(loaded, tokens, options, executor);
  }
}

template <class S>
void run(const Options& options) {
  const TextConfig config = read_text_config(std::filesystem::path(options.folder) / "config.json");
  if (options.generate > 0 && config.output != TextOutput::logits) {
    throw HubError("--generate needs logits of the next token, which a " + config.family + " model of the class " +
                   printable(config.architecture) + " does not give; leave it out.");
  }
  if (options.generate > 0 && options.tokens.empty()) {
    throw HubError("--generate continues tokens; give them with --tokens, such as --tokens 1,5,7.");
  }
  switch (config.output) {
    case TextOutput::logits:
      return run(load_language_model<S>(options.folder), options);
    case TextOutput::masked_logits:
      return run(load_masked_language_model<S>(options.folder), options);
    case TextOutput::hidden_states:
      return run(load_token_encoder<S>(options.folder), options);
  }
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{
      "Runs a model that transformers' save_pretrained wrote on token ids; there is no tokenizer. Prints or writes "
      "logits or last_hidden_state, hidden.embedding, hidden.layer.I and, of encoders, pooler_output, mean_pooled, "
      "sentence_embedding. Exit code 1 and a sentence when it cannot."};
  Options options;
  app.add_option("DIR", options.folder, "folder of config.json and model.safetensors, or of shards and their index")
      ->required();
  app.add_option("--tokens", options.tokens, "token ids such as 1,5,7, or a file of them; without: says what it found");
  app.add_option("--out", options.out, "safetensors file for the outputs; without, their first numbers are printed");
  app.add_option("--generate", options.generate, "tokens to generate, always the most likely")
      ->check(CLI::Range(0, 1 << 20));
  app.add_option("--scalar", options.scalar, "what it computes in")->check(CLI::IsMember({"float", "double"}));
  app.add_option("--threads", options.threads, "threads; they change the time, not one bit of the results")
      ->check(CLI::Range(Index(1), most_threads));
  CLI11_PARSE(app, argc, argv);
  try {
    options.scalar == "double" ? run<double>(options) : run<float>(options);
    expect_printed();
  } catch (const std::exception& error) {
    std::cerr << "hugging_face: " << error.what() << '\n';
    return 1;
  }
}
