#!/usr/bin/python3
"""PyTorch to C++ and back: trains encoders of three schemes here, has the program import_pytorch compare and train on,
and loads what it wrote. Needs python3-torch; --export-only needs no C++.

Writes to the folder, for each scheme: SCHEME.safetensors, the state_dict; SCHEME.problem.safetensors, what PyTorch
computed with it; and from C++ SCHEME.trained.safetensors and SCHEME.result.safetensors. The tests' own files are from
--folder tests/data/import_pytorch --dim 8 --heads 2 --hidden 16 --depth 2 --export-only.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import torch
from torch.nn.functional import mse_loss

ROOT = Path(__file__).resolve().parents[2]
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "bench" / "peers"))

import safetensors  # noqa: E402
import torch_models  # noqa: E402

SCHEMES = ("post_ln", "pre_ln", "resi_dual")
SIZES = ("dim", "heads", "hidden", "depth")


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, default=ROOT / "build" / "import_pytorch")
    parser.add_argument("--program", type=Path, default=ROOT / "build" / "examples" / "bin" / "import_pytorch")
    for name, size in zip(SIZES, (64, 4, 256, 6)):
        parser.add_argument("--" + name, type=int, default=size)
    parser.add_argument("--steps", type=int, default=20, help="of training here, and once more in C++")
    parser.add_argument("--rate", type=float, default=0.1, help="learning rate of the gradient descent")
    parser.add_argument("--export-only", action="store_true", help="write what C++ reads, and stop")
    return parser.parse_args()


def make(scheme, options):
    return torch_models.encoder(scheme, *(getattr(options, size) for size in SIZES))


def state_of(model):
    return {name: tensor.detach().numpy() for name, tensor in model.state_dict().items()}


def train(model, x, target, options):
    optimizer = torch.optim.SGD(model.parameters(), options.rate)
    for _ in range(options.steps):
        optimizer.zero_grad()
        loss = mse_loss(model(x), target)
        loss.backward()
        optimizer.step()
    return loss.item()


def export(scheme, options):
    """A trained model with its problem: three sequences of five tokens, to be reversed feature by feature."""
    torch.manual_seed(1)
    model = make(scheme, options)
    x = torch.randn(3, 5, options.dim)
    target = x.flip(2)
    loss = train(model, x, target, options)

    metadata = {"format": "pt", "scheme": scheme} | {size: str(getattr(options, size)) for size in SIZES}
    safetensors.write(options.folder / f"{scheme}.safetensors", state_of(model), metadata)

    x.requires_grad_()
    y = model(x)
    model.zero_grad()
    mse_loss(y, target).backward()
    packed = {"x": x, "target": target, "y": y, "dx": x.grad}
    problem = {name: value.detach().reshape(-1, options.dim).contiguous().numpy() for name, value in packed.items()}
    gradient = {"gradient." + name: p.grad.numpy() for name, p in model.named_parameters()}
    safetensors.write(options.folder / f"{scheme}.problem.safetensors", problem | gradient, {"lengths": "5 5 5"})
    print(f"{scheme}: trained in PyTorch for {options.steps} steps to a loss of {loss:.4f}")
    return model, x.detach(), target


def largest(a, b):
    return abs(a - b).max().item()


def check(scheme, model, x, target, options):
    """Loads what C++ trained, and trains our own model as long."""
    returned = make(scheme, options)
    state, _ = safetensors.read(options.folder / f"{scheme}.trained.safetensors")
    returned.load_state_dict({name: torch.tensor(value) for name, value in state.items()})
    result, _ = safetensors.read(options.folder / f"{scheme}.result.safetensors")
    y = returned(x).detach().reshape(-1, options.dim).numpy()
    output = largest(y, result["y"])
    train(model, x, target, options)
    weights = max((largest(value, state[name]) for name, value in state_of(model).items()),
                  key=lambda difference: (difference != difference, difference))  # NaN is the largest
    print(f"{scheme}: back in PyTorch, the largest difference of outputs is {output:.1e}, "
          f"that of weights trained here and in C++ {weights:.1e}")
    return output < 1e-4 and weights < 1e-4


def main():
    options = parse()
    options.folder.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    problems = {scheme: export(scheme, options) for scheme in SCHEMES}
    if options.export_only:
        return 0
    if not options.program.is_file():
        return f"There is no program {options.program}; build it with: cmake --workflow --preset examples"
    command = [options.program.resolve(), options.folder, "--steps", str(options.steps), "--rate", str(options.rate)]
    if subprocess.run(command).returncode != 0:
        return "The program import_pytorch failed, as it says above."
    agree = [check(scheme, *problem, options) for scheme, problem in problems.items()]
    return 0 if all(agree) else "PyTorch and C++ differ by more than rounding."


if __name__ == "__main__":
    sys.exit(main())
