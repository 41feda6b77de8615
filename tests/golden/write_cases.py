#!/usr/bin/env python3
"""write_cases.py FOLDER writes this project's own golden cases, which reference.py computes."""
import json
import math
import random
import struct
import sys

from reference import Double, Exact, compute, flat

DEFAULTS = {"kind": "encoder", "arch": "post", "d": 4, "heads": 2, "ffn": 5, "layers": 1, "batch": 2, "n": 3, "m": 0,
            "activation": "relu", "bias": True, "eps": 1e-5, "final_norm": False, "final_eps": 1e-5, "scale": 1.0,
            "alpha": 1.0}


def parameters(c):
    """Names and shapes as in PyTorch's state_dict."""
    d, ffn, names = c["d"], c["ffn"], {}

    def add(name, weight, bias, out):
        names[name + weight] = [out] if "norm" in name else [out, ffn if "linear2" in name else d]
        if c["bias"]:
            names[name + bias] = [out]

    stacks = {"encoder": [("", 2)], "decoder": [("", 3)], "encdec": [("encoder.", 2), ("decoder.", 3)]}
    for prefix, slots in stacks[c["kind"]]:
        for block in range(c["layers"]):
            here = f"{prefix}layers.{block}."
            for attention in ("self_attn.", "multihead_attn.")[:slots - 1]:
                add(here + attention, "in_proj_weight", "in_proj_bias", 3 * d)
                add(here + attention + "out_proj.", "weight", "bias", d)
            add(here + "linear1.", "weight", "bias", ffn)
            add(here + "linear2.", "weight", "bias", d)
            for k in range(slots):
                add(f"{here}norm{k + 1}.", "weight", "bias", d)
        if c["final_norm"]:
            add(prefix + "norm.", "weight", "bias", d)
    return names


def tensor(shape, entry):
    return {"shape": shape, "data": [entry(i) for i in range(math.prod(shape))]}


def draw(rng, scale=1.0, centre=0.0):
    """A number that float32 holds exactly."""
    return round(1024 * (centre + scale * rng.gauss(0, 1))) / 1024


def make_case(name, tier, why, seed, config, masks=None, requires=(), padding=None, attn_mask=None):
    """padding: by mask name the 0 and 1 of a key padding mask, one list a sequence. A row is valid unless its length
    excludes it; where a sequence may be empty (fully_masked_zero) its rows stay valid."""
    rng, c, masks, padding = random.Random(seed), DEFAULTS | config, dict(masks or {}), padding or {}
    batch, n, m, d = c["batch"], c["n"], c["m"], c["d"]
    nan = "padded_nan_ignored" in requires
    lengths = masks.get("tgt_lengths", masks.get("lengths") if c["kind"] != "encdec" else None) or [n] * batch
    kept = [n if l == 0 and "fully_masked_zero" in requires else l for l in lengths]
    hidden = padding.get("key_padding_mask")
    valid = [int(j < kept[i] and not (nan and hidden and hidden[i][j])) for i in range(batch) for j in range(n)]
    source = "memory" if c["kind"] == "decoder" else "src"
    lengths = masks.get("memory_lengths", masks.get("lengths")) or [m] * batch
    read = [int(j < lengths[i] and not (padding.get("memory_key_padding_mask") or [[0] * m] * batch)[i][j])
            for i in range(batch) for j in range(m)]
    absent = lambda here, value: value if here or not nan else math.nan
    tensors = {"inputs.x": tensor([batch, n, d], lambda i: absent(valid[i // d], draw(rng))),
               "cotangent": tensor([batch, n, d], lambda i: draw(rng) * valid[i // d]),
               "rows_valid": tensor([batch, n], lambda i: valid[i])}
    if c["kind"] != "encoder":
        tensors["inputs." + source] = tensor([batch, m, d], lambda i: absent(read[i // d], draw(rng)))
    for parameter, shape in parameters(c).items():
        centre = float("norm" in parameter and "weight" in parameter)
        scale = 1 / math.sqrt(shape[-1]) if len(shape) == 2 else 0.2
        tensors["params." + parameter] = tensor(shape, lambda i: draw(rng, scale, centre))
    for mask, rows in padding.items():
        tensors["masks." + mask] = {"shape": [batch, len(rows[0])], "data": flat(rows)}
    if attn_mask:
        tensors["masks.attn_mask"] = {"shape": [n, n], "data": flat(attn_mask)}
    masks |= {mask[6:]: "tensor " + mask for mask in tensors if mask.startswith("masks.")}
    case = {"format": "residual-blocks-golden/1", "id": name, "tier": tier, "why": why, "requires": list(requires),
            "seed": seed, "config": c, "masks": masks, "tolerance_atol": {}, "tensors": tensors}
    return expect(case, rng)


def expect(case, rng):
    """Adds what is expected, and tolerances that follow the conditioning of the case: 16 times the largest error of
    four runs in double, three of them with every number moved by up to one ulp, and 16 ulp of the largest entry."""
    exact = {name: [float(v) for v in values] for name, values in compute(case, Exact).items()}
    ulp = 2.0**-52
    moved = [compute(case, Double, lambda v: v * (1 + ulp * rng.randint(-1, 1) * bool(run))) for run in range(4)]
    largest_gradient = max(abs(v) for name, values in exact.items() if name.startswith("grads.") for v in values)
    case["tolerance_atol"] = {"f64": {}, "f32": {}}
    for name, values in exact.items():
        kind = name.split(".")[0]
        like = {"grads": "params." + name[6:], "dinputs": "inputs." + name[8:]}.get(kind, "cotangent")
        width = len(values) // case["config"]["d"] // case["config"]["batch"]
        shape = [1] if name == "loss" else case["tensors"][like]["shape"]
        if kind == "streams":
            shape = [shape[0], width, shape[2]]
        case["tensors"]["expected." + name] = {"shape": shape, "data": values}
        if kind in ("loss", "streams"):
            continue
        error = max((abs(a - b) for run in moved for a, b in zip(run[name], values)), default=0)
        size = max((abs(v) for v in values), default=0)
        tolerance = 16 * error + 16 * ulp * size + (4 * ulp * largest_gradient if kind == "grads" else 0)
        case["tolerance_atol"]["f64"][name] = float(f"{tolerance:.2g}")
        case["tolerance_atol"]["f32"][name] = float(f"{tolerance * 2**29:.2g}")
    return case


def plain(value):
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def write_json(case, path):
    tensors = {n: {"shape": t["shape"], "data": [plain(v) for v in t["data"]]} for n, t in case["tensors"].items()}
    with open(path, "w") as file:
        json.dump(case | {"tensors": tensors}, file, separators=(",", ":"), allow_nan=False)


def write_safetensors(case, path):
    header = {"__metadata__": {"case": json.dumps({k: v for k, v in case.items() if k != "tensors"})}}
    data = b""
    for name, t in sorted(case["tensors"].items(), key=lambda item: "_padding" in item[0] or item[0] == "rows_valid"):
        mask = name == "rows_valid" or name.endswith("key_padding_mask")
        packed = struct.pack(f"<{len(t['data'])}{'B' if mask else 'd'}", *t["data"])
        header[name] = {"dtype": "U8" if mask else "F64", "shape": t["shape"],
                        "data_offsets": [len(data), len(data) + len(packed)]}
        data += packed
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + data)


def only(case, *names):
    """The case with these tensors expected and no others, and for double only."""
    case["tensors"] = {n: t for n, t in case["tensors"].items()
                       if not n.startswith("expected.") or n[9:] in names}
    del case["tolerance_atol"]["f32"]
    return case


def main(folder):
    json_only, safetensors_only, both = [write_json], [write_safetensors], [write_json, write_safetensors]
    encdec = {"kind": "encdec", "m": 4}
    cases = [
        (json_only, make_case("o01_encdec_post", "core", "encoder-decoder, causal, both sides padded", 1,
                              encdec | {"n": 3}, {"causal": True, "lengths": [4, 2], "tgt_lengths": [3, 2]})),
        (safetensors_only, make_case("o02_encdec_pre", "core", "encoder-decoder with final norms, two blocks", 2,
                                     encdec | {"arch": "pre", "activation": "gelu", "final_norm": True, "layers": 2},
                                     {"causal": True, "memory_lengths": [1, 4]})),
        (both, make_case("o03_encdec_residual", "core", "encoder-decoder, no biases, NaN in padding", 3,
                         encdec | {"arch": "residual", "activation": "gelu_tanh", "final_norm": True, "bias": False,
                                   "final_eps": 1e-7, "scale": 0.5, "alpha": 0.75, "heads": 1},
                         {"lengths": [3, 4], "tgt_lengths": [1, 3]}, ["padded_nan_ignored"])),
        (json_only, make_case("o04_encdec_empty", "edge", "encoder-decoder, one source of length 0", 4,
                              encdec | {"m": 3}, {"memory_lengths": [0, 3]}, ["fully_masked_zero"])),
        (safetensors_only, make_case("o05_dec_scattered", "edge", "decoder, no final norm, NaN at scattered keys", 5,
                                     {"kind": "decoder", "arch": "pre", "m": 4, "n": 4},
                                     {"causal": True, "tgt_lengths": [4, 3]}, ["padded_nan_ignored"],
                                     {"key_padding_mask": [[0, 1, 0, 0], [0, 0, 1, 0]],
                                      "memory_key_padding_mask": [[1, 0, 0, 1], [0, 1, 0, 0]]})),
        (json_only, make_case("o06_dec_post_final", "stretch", "decoder with a final norm and an additive mask", 6,
                              {"kind": "decoder", "m": 2, "final_norm": True, "final_eps": 1e-6}, attn_mask=[
                                  [0.0, -math.inf, 0.5], [-1.5, 0.25, -math.inf], [-math.inf] * 3],
                              requires=["fully_masked_zero"])),
        (both, only(make_case("o07_some", "stretch", "only some of the expected tensors, for double only", 7, {}),
                    "loss", "grads.layers.0.norm1.bias", "streams.layers.0.x")),
    ]
    for forms, case in cases:
        for write in forms:
            write(case, f"{folder}/{case['id']}.{write.__name__[6:]}")


if __name__ == "__main__":
    main(sys.argv[1])
