#!/usr/bin/env python3
"""The golden cases of this project's own, computed without the library: the equations written out entry by entry in
200-bit arithmetic (mpmath) with a reverse-mode differentiation of their own, on padded arrays, rounded once to double.

    reference.py write FOLDER       writes the cases listed at the end
    reference.py check CASE.json... computes given cases again and prints the largest difference from what they expect
"""
import json
import math
import sys

import mpmath

mpmath.mp.prec = 200


class Var:
    """A number that remembers how it came about: pairs of an operand and the derivative with respect to it."""
    tape = []

    def __init__(self, value, parents=()):
        self.value, self.parents, self.grad = value, parents, 0
        Var.tape.append(self)

    def __add__(self, b): return Var(self.value + b.value, ((self, 1), (b, 1)))
    def __sub__(self, b): return Var(self.value - b.value, ((self, 1), (b, -1)))
    def __mul__(self, b): return Var(self.value * b.value, ((self, b.value), (b, self.value)))

    def __truediv__(self, b):
        return Var(self.value / b.value, ((self, 1 / b.value), (b, -self.value / b.value**2)))

    def map(self, value, slope): return Var(value, ((self, slope),))

    def pull(self):
        self.grad = 1
        for node in reversed(Var.tape):
            for parent, slope in node.parents:
                parent.grad += slope * node.grad


def total(terms):
    terms = list(terms)
    return Var(math.fsum(t.value for t in terms) if isinstance(terms[0].value, float) else sum(t.value for t in terms),
               tuple((t, 1) for t in terms)) if terms else Var(0)


def activate(name, x, f):
    v = x.value
    if name == "relu":
        return x.map(max(v, 0 * v), 1 if v > 0 else 0)
    if name == "gelu":
        phi = (1 + f.erf(v / f.sqrt(f.number(2)))) / 2
        return x.map(v * phi, phi + v * f.exp(-v * v / 2) / f.sqrt(2 * f.pi))
    c = f.number("0.044715")
    t = f.tanh(f.sqrt(2 / f.pi) * (v + c * v**3))
    return x.map(v * (1 + t) / 2, (1 + t) / 2 + v * (1 - t * t) / 2 * f.sqrt(2 / f.pi) * (1 + 3 * c * v * v))


class Exact:
    sqrt, exp, erf, tanh, pi, number = mpmath.sqrt, mpmath.exp, mpmath.erf, mpmath.tanh, mpmath.pi, mpmath.mpf


class Double:
    sqrt, exp, erf, tanh, pi, number = math.sqrt, math.exp, math.erf, math.tanh, math.pi, float


class Model:
    """The equations of a case for one padded batch; p holds lists of Var by name, f the arithmetic."""

    def __init__(self, case, p, f):
        self.c, self.masks, self.p, self.f, self.streams = case["config"], case["masks"], p, f, {}

    def linear(self, x, weight, bias, rows=slice(None)):
        W, b = self.p[weight], self.p.get(bias)
        width = len(x[0])
        outputs = range(len(W) // width)[rows]
        y = [[total(row[k] * W[j * width + k] for k in range(width)) for j in outputs] for row in x]
        return [[e + q for e, q in zip(row, b[rows])] for row in y] if b else y

    def norm(self, x, name, eps):
        gamma, beta, out = self.p[name + ".weight"], self.p.get(name + ".bias"), []
        for row in x:
            d = Var(self.f.number(len(row)))
            mean = total(row) / d
            centred = [e - mean for e in row]
            v = (total(e * e for e in centred) / d + Var(self.f.number(eps)))
            sigma = v.map(self.f.sqrt(v.value), 1 / (2 * self.f.sqrt(v.value)))
            out.append([e / sigma * g for e, g in zip(centred, gamma)])
        return [[e + q for e, q in zip(row, beta)] for row in out] if beta else out

    def attend(self, x, memory, name, visible):
        d, heads = self.c["d"], self.c["heads"]
        names = (name + ".in_proj_weight", name + ".in_proj_bias")
        q, k, v = (self.linear(s, *names, slice(i * d, (i + 1) * d)) for i, s in enumerate((x, memory, memory)))
        width = d // heads
        scale = Var(1 / self.f.sqrt(self.f.number(width)))
        out = []
        for i in range(len(q)):
            keys = [(j, added) for j, added in ((j, visible(i, j)) for j in range(len(k))) if added is not None]
            row = []
            for columns in (range(h * width, (h + 1) * width) for h in range(heads)):
                s = [total(q[i][c] * k[j][c] for c in columns) * scale + Var(self.f.number(a)) for j, a in keys]
                top = max((e.value for e in s), default=0)
                e = [t.map(self.f.exp(t.value - top), self.f.exp(t.value - top)) for t in s]
                z = total(e)
                row += [total(w / z * v[j][c] for w, (j, a) in zip(e, keys)) for c in columns]
            out.append(row)
        return self.linear(out, name + ".out_proj.weight", name + ".out_proj.bias")

    def stack(self, x, prefix, sublayers):
        c, f = self.c, self.f
        s = Var(f.number(c["scale"]))
        plus = lambda a, b: [[p + q for p, q in zip(r, t)] for r, t in zip(a, b)]
        times = lambda a, w: [[p * w for p in r] for r in a]
        r = times(x, s)
        for block in range(c["layers"]):
            here = f"{prefix}layers.{block}."
            for k, sublayer in enumerate(sublayers):
                norm = f"{here}norm{k + 1}"
                if c["arch"] == "pre":
                    x = plus(x, sublayer(self.norm(x, norm, c["eps"]), here))
                else:
                    t = sublayer(x, here)
                    r, x = plus(r, times(t, s)), self.norm(plus(x, t), norm, c["eps"])
            self.streams.setdefault(here + "x", []).append(x)
            if c["arch"] == "residual":
                self.streams.setdefault(here + "r", []).append(r)
        if c["arch"] == "residual":
            return plus(times(x, Var(f.number(c["alpha"]))), self.norm(r, prefix + "norm", c["final_eps"]))
        return self.norm(x, prefix + "norm", c["final_eps"]) if c["final_norm"] else x

    def feed_forward(self, x, here):
        h = self.linear(x, here + "linear1.weight", here + "linear1.bias")
        a = [[activate(self.c["activation"], e, self.f) for e in row] for row in h]
        return self.linear(a, here + "linear2.weight", here + "linear2.bias")

    def visible(self, item, lengths, padding, causal=False, mask=None):
        def added(i, j):
            if causal and j > i or any(j >= l[item] for l in lengths) or padding and padding[item][j]:
                return None
            a = 0 if mask is None else mask[i][j]
            return None if a == -math.inf else a
        return added

    def run(self, item, x, source, tensors):
        """y of one sequence: x and its source, memory or src, are lists of rows."""
        kind, masks = self.c["kind"], self.masks
        of = lambda *names: [masks[n] for n in names if n in masks]
        tensor = lambda n: tensors.get("masks." + n)
        self_attention = lambda seen: lambda x, here: self.attend(x, x, here + "self_attn", seen)
        own = self.visible(item, of("tgt_lengths", *([] if kind == "encdec" else ["lengths"])),
                           tensor("key_padding_mask"), masks.get("causal"), tensor("attn_mask"))
        if kind == "encoder":
            return self.stack(x, "", [self_attention(own), self.feed_forward])
        prefix = ""
        read = self.visible(item, of("memory_lengths", *(["lengths"] if kind == "encdec" else [])),
                            tensor("memory_key_padding_mask"))
        if kind == "encdec":
            prefix = "decoder."
            source = self.stack(source, "encoder.", [self_attention(read), self.feed_forward])
        cross = lambda x, here: self.attend(x, source, here + "multihead_attn", read)
        return self.stack(x, prefix, [self_attention(own), cross, self.feed_forward])


def nested(tensor):
    data, shape = [float(e) for e in tensor["data"]], tensor["shape"]
    for width in reversed(shape[1:]):
        data = [data[i * width:(i + 1) * width] for i in range(len(data) // width)] if width else [[]] * shape[0]
    return data


def flat(value):
    return [e for row in value for e in flat(row)] if isinstance(value, list) else [value]


def compute(case, f, nudge=lambda value: value):
    """Everything a case may expect, by name, in the arithmetic f. Inputs that are not finite are padding: 0 does."""
    Var.tape.clear()
    tensors = {name: nested(t) for name, t in case["tensors"].items()}
    var = lambda v: Var(f.number(nudge(v) if math.isfinite(v) else 0.0))
    p = {n[7:]: [var(v) for v in flat(t)] for n, t in tensors.items() if n.startswith("params.")}
    inputs = {n[7:]: [[[var(v) for v in row] for row in item] for item in t]
              for n, t in tensors.items() if n.startswith("inputs.")}
    model = Model(case, p, f)
    source = inputs.get("memory", inputs.get("src"))
    y = [model.run(i, x, source and source[i], tensors) for i, x in enumerate(inputs["x"])]
    loss = total(e * Var(f.number(c)) for e, c in zip(flat(y), flat(tensors["cotangent"])))
    loss.pull()
    result = {"y": flat(y), "loss": [loss]} | {"streams." + n: flat(s) for n, s in model.streams.items()}
    result = {n: [e.value for e in r] for n, r in result.items()}
    result |= {"grads." + n: [e.grad for e in r] for n, r in p.items()}
    return result | {"dinputs." + n: [e.grad for e in flat(r)] for n, r in inputs.items()}


def check(path):
    with open(path) as file:
        case = json.load(file)
    result = compute(case, Exact)
    worst = (0, "")
    for name, values in result.items():
        tensor = case["tensors"].get("expected." + name)
        if tensor:
            size = max(abs(float(e)) for e in tensor["data"]) or 1
            worst = max(worst, (max(abs(float(a) - float(b)) for a, b in zip(values, tensor["data"])) / size, name))
    print(case["id"], "differs by at most", worst)


if __name__ == "__main__":
    if sys.argv[1] == "check":
        for path in sys.argv[2:]:
            check(path)
