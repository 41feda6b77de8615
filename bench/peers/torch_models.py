"""The encoders of torch.nn, and ResiDual composed of their layers."""

import torch
from torch import nn


class ResiDual(nn.TransformerEncoder):
    """Two streams: x as in Post-LN, and the sum of all f(x); y = x + LN(sum)."""

    def forward(self, x, src_key_padding_mask=None):
        dual = x
        for layer in self.layers:
            f = layer._sa_block(x, None, src_key_padding_mask)
            dual = dual + f
            x = layer.norm1(x + f)
            f = layer._ff_block(x)
            dual = dual + f
            x = layer.norm2(x + f)
        return x + self.norm(dual)


def encoder(scheme, dim, heads, hidden, depth):
    pre_ln = scheme == "pre_ln"
    layer = nn.TransformerEncoderLayer(dim, heads, hidden, dropout=0, batch_first=True, norm_first=pre_ln)
    norm = {"post_ln": None, "pre_ln": nn.LayerNorm(dim), "resi_dual": nn.LayerNorm(dim, eps=1e-7)}[scheme]
    kind = ResiDual if scheme == "resi_dual" else nn.TransformerEncoder
    return kind(layer, depth, norm)


class Runs:
    """An encoder with its problem: inference, which may take PyTorch's fast path, or training steps."""

    def __init__(self, tensors, metadata):
        self.lengths = [int(n) for n in metadata["lengths"].split()]
        self.training = metadata["mode"] == "train"
        self.model = encoder(metadata["scheme"], *(int(metadata[k]) for k in ("dim", "heads", "hidden", "depth")))
        state = {name: torch.tensor(value) for name, value in tensors.items() if name not in ("x", "dy")}
        self.model.load_state_dict(state)
        self.model.train(self.training).requires_grad_(self.training)
        self.x = self.padded(tensors["x"]).requires_grad_(self.training)
        self.dy = self.padded(tensors["dy"]) if self.training else None
        longest = torch.arange(max(self.lengths))
        ragged = len(set(self.lengths)) > 1
        self.mask = longest[None] >= torch.tensor(self.lengths)[:, None] if ragged else None

    def padded(self, packed):
        return nn.utils.rnn.pad_sequence(torch.tensor(packed).split(self.lengths), batch_first=True)

    def packed(self, padded):
        return torch.cat([row[:n] for row, n in zip(padded, self.lengths)]).detach().numpy()

    def step(self):
        if not self.training:
            with torch.inference_mode():
                self.y = self.model(self.x, src_key_padding_mask=self.mask)
            return
        self.x.grad = None
        self.model.zero_grad(set_to_none=True)
        self.y = self.model(self.x, src_key_padding_mask=self.mask)
        self.y.backward(self.dy)

    def results(self):
        results = {"y": self.packed(self.y)}
        if self.training:
            results["dx"] = self.packed(self.x.grad)
            results |= {"d" + name: p.grad.numpy() for name, p in self.model.named_parameters()}
        return results
