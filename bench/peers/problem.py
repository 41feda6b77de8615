"""One cell's weights, input and output gradient, in the files that the contestants read."""

import numpy as np

import onnx_model
import safetensors
from cells import DIMS


def parameters(cell, random):
    """Named and shaped as in the state_dict of torch.nn.TransformerEncoder."""
    d, tensors = cell.dim, {}

    def add(name, shape, scale, mean=0.0):
        tensors[name] = (mean + scale * random.standard_normal(shape)).astype(np.float32)

    def add_norm(prefix):
        add(prefix + "weight", (d,), 0.1, 1.0)
        add(prefix + "bias", (d,), 0.1)

    for i in range(cell.depth):
        layer = f"layers.{i}."
        add(layer + "self_attn.in_proj_weight", (3 * d, d), d**-0.5)
        add(layer + "self_attn.in_proj_bias", (3 * d,), 0.1)
        add(layer + "self_attn.out_proj.weight", (d, d), d**-0.5)
        add(layer + "self_attn.out_proj.bias", (d,), 0.1)
        add(layer + "linear1.weight", (4 * d, d), d**-0.5)
        add(layer + "linear1.bias", (4 * d,), 0.1)
        add(layer + "linear2.weight", (d, 4 * d), (4 * d) ** -0.5)
        add(layer + "linear2.bias", (d,), 0.1)
        add_norm(layer + "norm1.")
        add_norm(layer + "norm2.")
    if cell.scheme != "post_ln":
        add_norm("norm.")
    return tensors


def write(path, cell):
    """Writes PATH, and PATH's ONNX models beside it when the cell is one of inference."""
    random = np.random.default_rng(cell.dim)
    weights = parameters(cell, random)
    tensors = dict(weights)
    tensors["x"] = random.standard_normal((cell.tokens, cell.dim)).astype(np.float32)
    if cell.mode == "train":
        tensors["dy"] = random.standard_normal((cell.tokens, cell.dim)).astype(np.float32)
    metadata = {"scheme": cell.scheme, "mode": cell.mode, "lengths": " ".join(map(str, cell.lengths))}
    metadata |= {"dim": str(cell.dim), "heads": str(DIMS[cell.dim]), "hidden": str(4 * cell.dim)}
    safetensors.write(path, tensors, metadata | {"depth": str(cell.depth)})
    if cell.mode == "infer":
        for variant in onnx_model.VARIANTS:
            onnx_model.write(path.with_suffix(f".{variant}.onnx"), cell, weights, variant)
