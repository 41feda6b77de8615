"""Whether all contestants compute the same."""

import numpy as np

import safetensors

# Relative errors in the Euclidean norm. A gradient may differ more: where a hidden activation is nearly 0, rounding
# decides its ReLU's slope.
TOLERANCE = {"y": 1e-4, "gradient": 1e-2}


def errors(name, theirs, ours):
    """The largest relative error of the output, and of all gradients; raises when one is beyond tolerance, or NaN."""
    if theirs.keys() != ours.keys():
        raise RuntimeError(f"{name} computed other tensors: {sorted(theirs.keys() ^ ours.keys())}")
    worst = dict.fromkeys(TOLERANCE, 0.0)
    for tensor, expected in ours.items():
        kind = "y" if tensor == "y" else "gradient"
        error = np.linalg.norm(theirs[tensor].reshape(expected.shape) - expected) / np.linalg.norm(expected)
        if not error <= TOLERANCE[kind]:  # NaN too
            raise RuntimeError(f"{name} disagrees about {tensor}: relative error {error:.2e}")
        worst[kind] = max(worst[kind], float(error))
    return worst


def check(contestants, ours, folder):
    """Lets each do a step, and returns the worst errors against ours by name."""
    ours.save(folder / "ours.safetensors")
    expected, _ = safetensors.read(folder / "ours.safetensors")
    found = {}
    for contestant in contestants:
        if contestant is not ours:
            contestant.save(folder / "theirs.safetensors")
            theirs, _ = safetensors.read(folder / "theirs.safetensors")
            found[contestant.name] = errors(contestant.name, theirs, expected)
    return found
