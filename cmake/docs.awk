# Doxygen's input filter: a member without a comment of its own gets the one of its name below. These names mean the
# same in every header, as the mathematics' letters do, so their meaning is said once.
BEGIN {
  said["Scalar"] = said["S"] = "The type of all numbers."
  said["Base"] = "The type that this one extends."
  said["Input"] = "What forward takes beside the parameters."
  said["Gradient"] = "Where backward adds the gradients of the inputs."
  said["Step"] = said["step"] = "What the scheme owns at every sub-layer."
  said["Last"] = said["last"] = "What the scheme owns at the end of the stack."
  said["Params"] = "Views of the weights, which Parameters owns; the gradient has the same type."
  said["Tape"] = "Views of what forward keeps for backward."
  said["BlockParams"] = "The weights of one block."
  said["BlockTape"] = "What forward keeps of one block for backward."
  said["Cache"] = "What decoding keeps of the tokens so far."
  said["carve"] = "Lists the views with their names and sizes, see Carver."
  said["name"] = "Its name; for a layer, what opens its parameters' names in Parameters::manifest()."
  said["forward"] = "Computes the formula above, keeping on the tape what backward needs."
  said["backward"] = "The way back of the formula above: the gradient of <y, dy>."
  said["check"] = "Throws std::invalid_argument, with a sentence, when an input does not fit."
  said["copy"] = "Copies what is kept of `count` tokens from one place to another."
  said["operator=="] = "Whether all that describes them is equal."
  said["operator+"] = said["operator-"] = said["operator*"] = said["operator/"] = said["operator+="] = "Lane by lane."
  said["operator="] = "Copies or moves the numbers."
  said["output_rows"] = "Rows of y for this input."
  said["output_cols"] = "Columns of y."
  said["reads_memory"] = "Whether it attends to a memory, such as an encoder's output."
  said["dim"] = "Features of a token."
  said["heads"] = "Attention heads, each of dim / heads features."
  said["hidden"] = "Features of the hidden layer."
  said["head_dim"] = "Features of a head."
  said["depth"] = "Blocks of the stack."
  said["vocabulary"] = "Different tokens."
  said["activation"] = "The function between the two products."
  said["causal"] = "Whether a token sees only itself and those before it."
  said["bias"] = "Whether a bias is added; among parameters, the bias [out]."
  said["weight"] = "The weight [in x out]."
  said["in"] = "Features of a row of x."
  said["out"] = "Features of a row of y."
  said["dropout"] = "The probability with which an entry is dropped."
  said["attention_dropout"] = said["activation_dropout"] = "The same, of attention's weights and of the hidden layer."
  said["epsilon"] = "Keeps a division by a small number finite; see the formula."
  said["gamma"] = "The gain of each feature [dim]."
  said["beta"] = "The shift of each feature [dim]; in an initialisation, the gain of a weight."
  said["alpha"] = "A factor of the residual stream, see the formula."
  said["x"] = "The input [tokens x dim]; in a gradient's place, where it is added."
  said["y"] = "The output, one token a row."
  said["src"] = "The gradient of the encoder's input."
  said["memory"] = "What cross-attention reads [memory tokens x dim]."
  said["dmemory"] = "Where the gradient of the memory is added."
  said["q"] = said["kv"] = said["qkv"] = "Queries, keys and values, as many of them as the name says, side by side."
  said["o"] = "What attention gave, before its output projection [tokens x dim]."
  said["l"] = "The logarithm of each row's sum in the softmax, one a head."
  said["h"] = said["u"] = "The hidden layer before its activation, see the formula."
  said["xhat"] = "The normalised rows [tokens x dim]."
  said["rsigma"] = "1 / sqrt(variance + epsilon) of each row."
  said["f"] = said["sublayers"] = "The sub-layers, in their order."
  said["layers"] = "One entry a block."
  said["embedding"] = said["encoder"] = said["decoder"] = said["stack"] = said["wiring"] = "The part of that name."
  said["layer"] = said["p"] = said["g"] = "The layer, its parameters and their gradient."
  said["tape"] = said["pass"] = said["cache"] = "The part of that name."
  said["in_proj"] = said["out_proj"] = said["up_proj"] = said["gate_proj"] = "The linear layer of that name."
  said["down_proj"] = said["linear1"] = said["linear2"] = said["attention"] = "The layer of that name."
  said["batch"] = "The sequences of which the rows are the tokens."
  said["workspace"] = "Where temporaries come from."
  said["executor"] = "Spreads the work over threads."
  said["observer"] = "Sees every sub-layer; nullptr: nobody."
  said["site"] = "Where in the stack."
  said["block"] = "The block's number, from 0."
  said["blocks"] = "Blocks of the stack."
  said["slot"] = "The sub-layer's number in its block, from 0."
  said["slots"] = "Sub-layers of a block."
  said["streams"] = said["count"] = "Streams of the scheme."
  said["enter"] = "Makes the streams from the stack's input."
  said["enter_pull"] = "Adds the gradients of the streams to that of the stack's input."
  said["exit"] = "Makes the stack's output from the streams."
  said["exit_pull"] = "Adds the gradient of the stack's output to those of the streams."
  said["temp"] = "A matrix of undefined entries."
  said["zeros"] = "A matrix of zeros."
  said["tokens"] = "Tokens: how many, or their numbers in the vocabulary, one after another."
  said["sequences"] = "How many sequences."
  said["length"] = said["lengths"] = "Tokens of sequence i."
  said["at"] = "Where entry (i, j) stands."
  said["transpose"] = "The transpose, in the same memory."
  said["compute"] = "Computes these rows and columns."
  said["begin"] = said["begins"] = "Where the first one stands."
  said["longest"] = "Tokens of the longest sequence."
  said["rows"] = "Rows of the matrix."
  said["cols"] = "Columns of the matrix."
  said["offset"] = "Where its first entry stands."
  said["stride"] = said["row_stride"] = said["col_stride"] = "Entries from one to the next."
  said["size"] = "How many entries."
  said["data"] = "The first entry."
  said["row_data"] = "The first entry of row i."
  said["rows_from"] = "A window of `count` rows."
  said["cols_from"] = "A window of `count` columns."
  said["dtype"] = "The type of the entries."
  said["shape"] = "The sizes of its dimensions."
  said["value"] = "The function."
  said["slope"] = "Its derivative."
  said["options"] = "What it was made with."
  said["model"] = "What it was made for."
  said["weight_decay"] = "The decay of the weights in a step, as a part of the rate."
  said["peak"] = "The highest rate, at the end of the warm-up."
  said["warmup"] = "Steps in which the rate rises."
  said["seed"] = "Where the random numbers start."
}

function explain(name) {
  if (!behind && name in said) print indent "/// " said[name]
}

# Prints a declaration of fields, each on a line of its own, since a comment documents one name only.
function print_fields(    n, part, type, name, i) {
  n = split(line, part, /, */)
  if (part[1] ~ /</ && part[1] !~ />/) {  # these commas stand between a template's arguments
    n = 1
    part[1] = line
  }
  type = part[1]
  sub(/ *(=.*|;.*)$/, "", type)
  sub(/[A-Za-z_0-9]+$/, "", type)
  for (i = 1; i <= n; ++i) {
    sub(/;$/, "", part[i])
    name = part[i]
    sub(/ *(=[^=].*|\{.*|\[.*)$/, "", name)
    sub(/^.*[ *&]/, "", name)
    explain(name)
    print (i == 1 ? "" : type) part[i] ";" behind
  }
}

{
  line = $0
  if (line ~ /^ *\/\/\//) gsub(/et al\. /, "et al.\\ ", line)  # no end of the sentence that opens the page
  behind = ""
  if (match(line, / *\/\/\/<.*/)) {
    behind = substr(line, RSTART)
    line = substr(line, 1, RSTART - 1)
  }
  match(line, /^ */)
  indent = substr(line, 1, RLENGTH)
  fields = 0
  if ((depth == 0 || kind[depth] == "class") && (behind || !commented) && line !~ /\/\/\//) {
    if (line ~ /^ +((struct|class) [A-Za-z]+ *(:.*)?\{|using [A-Za-z]+ =)/) {
      split(line, word, " ")
      explain(word[2])
    } else if (match(line, /^ +[A-Za-z][A-Za-z_:<>&*, \[\]]* [*&]?(operator[-+*\/=]+|[a-z_0-9]+)\(/)) {
      name = substr(line, 1, RLENGTH - 1)
      if (!sub(/^.*operator/, "operator", name)) sub(/^.*[ *&]/, "", name)
      explain(name)
    } else {
      fields = line ~ /^ +[A-Za-z][^()]*(=.*)?;$/ && line !~ /^ *(using|return) /
    }
  }
  if (fields) print_fields()
  else print line behind

  commented = line ~ /^ *\/\/\// || (commented && line ~ /^ *(template|requires|&&)/ && line !~ /\{$/)
  opens = line ~ /^ *(template *<.*> *|requires .*)?(struct|class|namespace) / ? "class" : "body"
  for (i = 1; i <= length($0); ++i) {
    c = substr($0, i, 1)
    if (c == "{") kind[++depth] = opens
    if (c == "}" && depth > 0) --depth
  }
}
