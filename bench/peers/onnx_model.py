"""The encoder as an ONNX graph, in three ways of writing attention down.

plain       standard operators
attention   ONNX Runtime's own Attention, which takes the weights of q, k and v
multihead   ONNX Runtime's own MultiHeadAttention, which takes q, k and v
"""

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper, save

from cells import DIMS

VARIANTS = ["plain", "attention", "multihead"]


class Graph:
    def __init__(self):
        self.nodes, self.constants, self.count = [], [], 0

    def constant(self, name, value):
        self.constants.append(numpy_helper.from_array(np.array(value, order="C"), name))
        return name

    def node(self, op, *inputs, outputs=1, **attributes):
        """Adds a node, and returns its output's name (or names)."""
        names = [f"t{self.count + i}" for i in range(outputs)]
        self.count += outputs
        self.nodes.append(helper.make_node(op, inputs, names, **attributes))
        return names[0] if outputs == 1 else names


class Encoder(Graph):
    """Tokens are [tokens x dim] between the sub-layers, so that each Linear is one Gemm."""

    def __init__(self, cell, weights, variant):
        super().__init__()
        self.cell, self.weights, self.variant = cell, weights, variant
        self.d, self.heads = cell.dim, DIMS[cell.dim]
        self.batch, self.n = len(cell.lengths), max(cell.lengths)
        self.constant("flat", np.int64([self.batch * self.n, self.d]))
        self.constant("rows", np.int64([self.batch, self.n, self.d]))
        self.constant("split", np.int64([self.batch, self.n, 3, self.heads, self.d // self.heads]))
        self.constant("scale", np.float32(np.sqrt(self.heads / self.d)))
        for i in range(3):
            self.constant(f"index{i}", np.int64(i))

    def linear(self, x, name, kind="."):
        w = self.constant(name + kind + "weight", self.weights[name + kind + "weight"].T)
        b = self.constant(name + kind + "bias", self.weights[name + kind + "bias"])
        return self.node("Gemm", x, w, b)

    def norm_parameters(self, name):
        return [self.constant(name + part, self.weights[name + part]) for part in ("weight", "bias")]

    def norm(self, x, name, epsilon=1e-5):
        return self.node("LayerNormalization", x, *self.norm_parameters(name), axis=-1, epsilon=epsilon)

    def attention(self, x, layer):
        layer += "self_attn"
        o = {"plain": self.plain, "attention": self.own_attention, "multihead": self.own_multi_head}[self.variant]
        return self.linear(o(x, layer), layer + ".out_proj")

    def plain(self, x, layer):
        qkv = self.node("Reshape", self.linear(x, layer, ".in_proj_"), "split")
        qkv = self.node("Transpose", qkv, perm=[2, 0, 3, 1, 4])
        q, k, v = (self.node("Gather", qkv, f"index{i}", axis=0) for i in range(3))
        logits = self.node("MatMul", self.node("Mul", q, "scale"), self.node("Transpose", k, perm=[0, 1, 3, 2]))
        if self.cell.ragged:
            logits = self.node("Add", logits, "mask")
        o = self.node("MatMul", self.node("Softmax", logits, axis=-1), v)
        return self.node("Reshape", self.node("Transpose", o, perm=[0, 2, 1, 3]), "flat")

    def own_attention(self, x, layer):
        w = self.constant(layer + "w", self.weights[layer + ".in_proj_weight"].T)
        b = self.constant(layer + "b", self.weights[layer + ".in_proj_bias"])
        inputs = [self.node("Reshape", x, "rows"), w, b] + ["lengths"] * self.cell.ragged
        o = self.node("Attention", *inputs, domain="com.microsoft", num_heads=self.heads)
        return self.node("Reshape", o, "flat")

    def own_multi_head(self, x, layer):
        weights = np.split(self.weights[layer + ".in_proj_weight"], 3)
        biases = np.split(self.weights[layer + ".in_proj_bias"], 3)
        inputs = []
        for i, (weight, bias) in enumerate(zip(weights, biases)):
            w, b = self.constant(f"{layer}w{i}", weight.T), self.constant(f"{layer}b{i}", bias)
            inputs.append(self.node("Reshape", self.node("Gemm", x, w, b), "rows"))
        inputs += ["", "lengths"] * self.cell.ragged
        o = self.node("MultiHeadAttention", *inputs, domain="com.microsoft", num_heads=self.heads)
        return self.node("Reshape", o, "flat")

    def feed_forward(self, x, layer):
        return self.linear(self.node("Relu", self.linear(x, layer + "linear1")), layer + "linear2")

    def mask(self):
        """0 where a key is a token and -10000 where it is padding, from the lengths."""
        self.constant("positions", np.int32(np.arange(self.n)[None, None, None, :]))
        self.constant("lengths_shape", np.int64([self.batch, 1, 1, 1]))
        self.constant("zero", np.float32(0)), self.constant("hidden", np.float32(-10000))
        visible = self.node("Less", "positions", self.node("Reshape", "lengths", "lengths_shape"))
        self.nodes.append(helper.make_node("Where", [visible, "zero", "hidden"], ["mask"]))

    def build(self):
        if self.cell.ragged and self.variant == "plain":
            self.mask()
        x = dual = self.node("Reshape", "x", "flat")
        for i in range(self.cell.depth):
            layer = f"layers.{i}."
            for f, norm in ((self.attention, "norm1."), (self.feed_forward, "norm2.")):
                if self.cell.scheme == "pre_ln":
                    x = self.node("Add", x, f(self.norm(x, layer + norm), layer))
                    continue
                fx = f(x, layer)
                if self.cell.scheme == "resi_dual":
                    dual = self.node("Add", dual, fx)
                x = self.norm(self.node("Add", x, fx), layer + norm)
        if self.cell.scheme == "pre_ln":
            x = self.norm(x, "norm.")
        if self.cell.scheme == "resi_dual":
            x = self.node("Add", x, self.norm(dual, "norm.", epsilon=1e-7))
        self.nodes.append(helper.make_node("Reshape", [x, "rows"], ["y"]))


def write(path, cell, weights, variant):
    encoder = Encoder(cell, weights, variant)
    encoder.build()
    shape = [encoder.batch, encoder.n, encoder.d]
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)]
    if cell.ragged:
        inputs.append(helper.make_tensor_value_info("lengths", TensorProto.INT32, [encoder.batch]))
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, shape)]
    graph = helper.make_graph(encoder.nodes, "encoder", inputs, outputs, encoder.constants)
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("com.microsoft", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
    checker.check_model(model)
    save(model, path)
