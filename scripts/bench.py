"""Time of one layer, forward and with backward, as multiples of the matmul it cannot do without.

Ratios of medians, taken in turn within one process, so that a machine that slows down slows all alike. Absolute times
are in the CSV for reference only. Big blocks are kept by the allocator on every side (kanexp.machine). pykan and jaxKAN
are measured too where they are installed (pip install kanexp[bench]); jaxKAN brings threads of its own, which
OMP_NUM_THREADS does not bound.

With --device cuda every side is on the GPU and waited for; two more replay plain and compiled steps as a CUDA graph.

usage: scripts/bench [--repeats N] [--readme] [--device cuda] [LAYER ...]
"""

import argparse
import re
import statistics
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from kanexp.figure.style import CYCLE, save
from kanexp.init.default import Default
from kanexp.layer.base import Basis
from kanexp.layer.bernstein import Bernstein
from kanexp.layer.bspline import BSpline
from kanexp.layer.chebyshev import Chebyshev
from kanexp.layer.fourier import Fourier
from kanexp.layer.gram import Gram
from kanexp.layer.jacobi import Jacobi
from kanexp.layer.legendre import Legendre
from kanexp.layer.mlp_edge import MLPEdge
from kanexp.layer.piecewise_linear import PiecewiseLinear
from kanexp.layer.rbf import RBF
from kanexp.layer.relu import ReLU
from kanexp.layer.sine import Sine
from kanexp.layer.wavelet import Wavelet
from kanexp.machine import tune
from kanexp.model.edge_layer import EdgeLayer
from kanexp.model.network import Network
from kanexp.seeding import generator

SHAPES = [(1024, 64, 64, 8), (1024, 784, 64, 8), (4096, 10, 10, 120), (256, 512, 512, 8)]  # batch, in, out, size
LAYERS: dict[str, Callable[[int], Basis]] = {
    "fourier": lambda g: Fourier(frequencies=g),
    "bspline": lambda g: BSpline(intervals=g, residual="none", scale=False),
    "chebyshev": lambda g: Chebyshev(degree=g),
    "legendre": lambda g: Legendre(degree=g),
    "jacobi": lambda g: Jacobi(degree=g),
    "gram": lambda g: Gram(degree=g, points=4 * g),
    "bernstein": lambda g: Bernstein(degree=min(g, 60)),
    "rbf": lambda g: RBF(centers=g),
    "relu": lambda g: ReLU(intervals=g),
    "piecewise_linear": lambda g: PiecewiseLinear(nodes=g),
    "sine": lambda g: Sine(degree=g),
    "wavelet": lambda g: Wavelet(),
    "mlp_edge": lambda g: MLPEdge(hidden=g),
}
SHAPE = ["batch", "in", "out", "size"]  # columns
JAXKAN = {  # layer there, and what it calls the size
    "fourier": ("FourierLayer", "D"),
    "bspline": ("SplineLayer", "G"),
    "chebyshev": ("ChebyshevLayer", "D"),
    "legendre": ("LegendreLayer", "D"),
    "rbf": ("RBFLayer", "D"),
}
PER_EDGE_LIMIT = 2e8  # numbers in the features of a per-edge layer, above which a shape is left out


def contenders(
    name: str, shape: tuple[int, int, int, int], device: str
) -> dict[str, tuple[Callable[[], Tensor], list[Tensor]]]:
    """Forward functions by name, each with the tensors whose gradients its backward must give."""
    batch, n_in, n_out, size = shape
    basis = LAYERS[name](size)
    layer = EdgeLayer(basis, n_in, n_out)
    network = Network([layer])
    compiled = network.compile().layers[0]
    g = generator(0, "bench")

    def normal(*shape: int) -> Tensor:
        return torch.randn(shape, generator=g).to(device).requires_grad_()

    theta = network.start(Default(), [g], torch.float32).to(device).requires_grad_()
    x = normal(1, n_in, batch)
    terms = 1 if basis.per_edge else basis.terms
    features, weight = normal(1, terms * n_in, batch), normal(1, n_out, terms * n_in)
    bias = torch.zeros(1, n_out, 1, device=device, requires_grad=True)
    linear, rows = nn.Linear(n_in, n_out).to(device), normal(batch, n_in)
    return {
        "floor": (lambda: torch.baddbmm(bias, weight, features), [features, weight, bias]),
        "linear + silu": (lambda: linear(nn.functional.silu(rows)), [rows, *linear.parameters()]),
        "plain": (lambda: layer.forward(network.weights(theta)[0], x), [x, theta]),
        "compiled": (lambda: compiled.forward(network.weights(theta)[0], x), [x, theta]),
    }


def peers(name: str, shape: tuple[int, int, int, int]) -> dict[str, tuple[Callable[[], object], Callable[[], object]]]:
    """Forward, and forward with backward, of the same layer in pykan and jaxKAN (jitted) where they are installed.

    jaxKAN's is nnx.jit of the layer's call, gradients those of the weights and the inputs, waited for.
    """
    batch, n_in, n_out, size = shape
    rows = torch.randn((batch, n_in), generator=generator(0, "bench"))
    found: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {}
    if name == "bspline" and find_spec("kan"):
        from kan.KANLayer import KANLayer

        layer, x = KANLayer(n_in, n_out, num=size, k=3), rows.clone().requires_grad_()
        inputs = [x, *(p for p in layer.parameters() if p.requires_grad)]

        def both() -> object:
            y = layer(x)[0]
            return torch.autograd.grad(y, inputs, torch.ones_like(y), allow_unused=True)

        found["pykan"] = (lambda: layer(x)[0], both)
    if name in JAXKAN and find_spec("jaxkan"):
        import jax
        from flax import nnx
        from jaxkan import layers

        kind, word = JAXKAN[name]
        theirs = getattr(layers, kind)(n_in=n_in, n_out=n_out, **{word: size})
        forward = nnx.jit(lambda model, x: model(x))
        backward = nnx.jit(nnx.grad(lambda model, x: model(x).sum(), argnums=(0, 1)))
        data = jax.numpy.asarray(rows.numpy())
        found["jaxKAN"] = tuple(
            lambda run=run: jax.block_until_ready(jax.tree.leaves(run(theirs, data))) for run in (forward, backward)
        )
    return found


def milliseconds(run: Callable[[], object], device: str) -> float:
    if device == "cuda":
        torch.cuda.synchronize()
    began = time.perf_counter()
    run()
    if device == "cuda":
        torch.cuda.synchronize()
    return 1000 * (time.perf_counter() - began)


def captured(run: Callable[[], object]) -> Callable[[], object]:
    """The same work as one CUDA graph, which is launched at once."""
    aside = torch.cuda.Stream()
    aside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(aside):  # where lazily made workspaces must not be part of the graph
        for _ in range(3):
            run()
    torch.cuda.current_stream().wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        run()
    return graph.replay


def measure(name: str, shape: tuple[int, int, int, int], repeats: int, device: str = "cpu") -> list[dict]:
    sides: dict[str, tuple[Callable[[], object], Callable[[], object]]] = {}
    for side, (forward, inputs) in contenders(name, shape, device).items():

        def both(forward: Callable[[], Tensor] = forward, inputs: list[Tensor] = inputs) -> None:
            y = forward()
            torch.autograd.grad(y, inputs, torch.ones_like(y))

        sides[side] = (forward, both)
    if device == "cuda":
        with torch.no_grad():
            ahead = {side: captured(sides[side][0]) for side in ("plain", "compiled")}
        sides |= {f"{side}, captured": (run, captured(sides[side][1])) for side, run in ahead.items()}
    else:
        sides |= peers(name, shape)
    times: dict[tuple[str, str], list[float]] = {}
    for repeat in range(repeats + 2):
        for side, (forward, both) in sides.items():
            with torch.no_grad():
                alone = milliseconds(forward, device)
            together = milliseconds(both, device)
            if repeat >= 2:  # the first two warm up
                times.setdefault((side, "forward"), []).append(alone)
                times.setdefault((side, "forward + backward"), []).append(together)
    medians = {key: statistics.median(values) for key, values in times.items()}
    batch, n_in, n_out, size = shape
    return [
        {"layer": name, "batch": batch, "in": n_in, "out": n_out, "size": size, "side": side, "pass": what}
        | {"milliseconds": round(ms, 4), "times_floor": round(ms / medians["floor", what], 3)}
        for (side, what), ms in medians.items()
    ]


def draw(table: pd.DataFrame) -> Figure:
    best = "compiled, captured" if "compiled, captured" in set(table["side"]) else "compiled"
    ours = table[(table["side"] == best) & (table["pass"] == "forward + backward")]
    shapes = list(dict.fromkeys(zip(ours["batch"], ours["in"], ours["out"], ours["size"], strict=True)))
    figure = Figure(figsize=(8.5, 0.32 * ours["layer"].nunique() + 1.3), layout="constrained")
    axes = figure.subplots()
    names = list(dict.fromkeys(ours["layer"]))
    for i, shape in enumerate(shapes):
        here = ours[[tuple(row) == shape for row in ours[["batch", "in", "out", "size"]].to_numpy().tolist()]]
        at = np.array([names.index(name) for name in here["layer"]]) + 0.15 * (i - 1.5)
        axes.plot(here["times_floor"], at, "o", color=CYCLE[i], markersize=4, label=str(shape))
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set(xscale="log", ylim=(len(names) - 0.5, -0.5), xlabel="forward + backward, in times of the matmul alone")
    axes.set_yticks(range(len(names)), names)
    axes.legend(title="batch, in, out, size", fontsize=8, title_fontsize=8)
    return figure


def markdown(table: pd.DataFrame) -> str:
    """Forward + backward of every layer and shape in times of the floor: plain / compiled, peers in brackets.

    On a GPU: plain / compiled / plain captured / compiled captured.
    """
    both = table[table["pass"] == "forward + backward"]
    shapes = [tuple(row) for row in both[SHAPE].drop_duplicates().to_numpy().tolist()]
    lines = ["| layer | " + " | ".join(map(str, shapes)) + " |", "|---" * (len(shapes) + 1) + "|"]
    for layer, rows in both.groupby("layer", sort=False):
        cells = []
        for shape in shapes:
            at = rows[(rows[SHAPE] == list(shape)).all(axis=1)].set_index("side")["times_floor"]
            sides = [at[side] for side in ("plain", "compiled", "plain, captured", "compiled, captured") if side in at]
            shown = [f"**{value:.1f}**" if value == min(sides) else f"{value:.1f}" for value in sides]
            peers = [f"{peer} {at[peer]:.1f}" for peer in ("jaxKAN", "pykan") if peer in at]
            cells.append(" / ".join(shown) + (f" ({', '.join(peers)})" if peers else "") or "-")
        lines.append(f"| {layer} | {' | '.join(cells)} |")
    return "\n".join(lines)


def into_readme(text: str, name: str) -> None:
    readme = Path(__file__).resolve().parent.parent / "README.md"
    between = rf"(<!-- {name} -->\n).*?(<!-- /{name} -->)"
    readme.write_text(re.sub(between, lambda m: f"{m[1]}{text}\n{m[2]}", readme.read_text(), flags=re.DOTALL))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("layers", nargs="*", metavar="LAYER", help=f"of {', '.join(LAYERS)}; all where none is named")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--readme", action="store_true", help="write the table into the README as well")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    given = parser.parse_args()
    if given.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device cuda: torch finds no GPU")
    tune()
    print(f"torch {torch.__version__}, {torch.get_num_threads()} threads, GPU: {torch.cuda.is_available()}")
    rows: list[dict] = []
    for name in given.layers or LAYERS:
        for shape in SHAPES:
            basis = LAYERS[name](shape[3])
            if basis.per_edge and shape[0] * shape[1] * shape[2] * basis.terms > PER_EDGE_LIMIT:
                print(f"{name:<17} {shape!s:<22} left out: over {PER_EDGE_LIMIT:.0e} numbers in its features")
                continue
            measured = measure(name, shape, given.repeats, given.device)
            rows += measured
            times = {(row["side"], row["pass"]): row["times_floor"] for row in measured}
            shown = [
                f"{side} {times[side, 'forward']:.2f} {ratio:.2f}"
                for (side, what), ratio in times.items()
                if what == "forward + backward" and side != "floor"
            ]
            print(f"{name:<17} {shape!s:<22} times floor, forward and with backward: {'   '.join(shown)}", flush=True)
    out = Path("outputs/bench")
    out.mkdir(parents=True, exist_ok=True)
    table = pd.DataFrame(rows)
    file = "layers" if given.device == "cpu" else "layers_cuda"
    table.to_csv(out / f"{file}.csv", index=False)
    save(draw(table), out / file)
    print(out / f"{file}.csv")
    if given.readme:
        into_readme(markdown(table), "bench" if given.device == "cpu" else "bench cuda")


if __name__ == "__main__":
    main()
