"""Time of one layer, forward and with backward, as multiples of the matmul it cannot do without.

Every layer of conf/layer is measured, without residual and scale, in each size asked for or the largest below that it
accepts. Backward starts from a random cotangent of the outputs, an argument, and the outputs are asked for as well: a
compiler may fold the ones that are the cotangent of a plain sum, and leaves out the forward matmul where gradients are
all that is asked for.

The floor of a layer with functions per edge is the matmul that a single function each would take. Beside it stands that
of shared functions, as many as the size, which such a layer is an alternative to.

Ratios of medians, taken in turn within one process. Big blocks are kept by the allocator on every side
(kanexp.machine). On the CPU all sides have the same single core, which is checked, and a time is what the processor
spent on all threads of the process, so that other programs do not count. Absolute times are in the CSV for reference
only. pykan and jaxKAN are measured too where they are installed (pip install kanexp[bench]).

With --device cuda every side is on the GPU and waited for; two more replay plain and compiled steps as a CUDA graph.

usage: scripts/bench [--repeats N] [--readme] [--device cuda] [LAYER ...]
"""

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from importlib.metadata import version
from importlib.util import find_spec
from typing import NamedTuple

import numpy as np
import pandas as pd
import torch
from marked import ROOT, fill
from matplotlib.figure import Figure
from torch import Tensor, nn

from kanexp.config.catalog import Catalog, find_catalog
from kanexp.config.compose import load
from kanexp.config.experiment import build_experiment
from kanexp.figure.style import CYCLE, save
from kanexp.init.default import Default
from kanexp.layer.base import Basis
from kanexp.machine import tune
from kanexp.model.edge_layer import EdgeLayer
from kanexp.model.network import Network
from kanexp.seeding import generator

Shape = tuple[int, int, int, int]
SHAPE = ["batch", "in", "out", "size"]  # columns
SHAPES = [(1024, 64, 64, 8), (1024, 784, 64, 8), (4096, 10, 10, 120), (256, 512, 512, 8)]
# Layers of jaxKAN, what they call the size, and what makes them the same as ours.
JAXKAN = {
    "fourier": ("FourierLayer", "D", {}),
    "bspline": ("SplineLayer", "G", {"residual": None, "external_weights": False}),
    "chebyshev": ("ChebyshevLayer", "D", {}),
    "legendre": ("LegendreLayer", "D", {}),
    "rbf": ("RBFLayer", "D", {}),
}
# Beside layers with functions per edge: the floor of a layer of this size whose edges share their functions.
SHARED = "matmul of shared functions"
PER_EDGE_LIMIT = 2e8  # numbers in the features of a per-edge layer, above which a shape is left out
MOST_CORES = 1.05  # processor time over wall time: one core, and how exactly the two clocks agree
PACKAGES = {"torch": "torch", "jax": "jax", "jaxkan": "jaxkan", "pykan": "kan"}  # and their modules
PAGE = "outputs/readme/bench.md"


class Side(NamedTuple):
    """What is timed of one implementation."""

    forward: Callable[[], object]
    both: Callable[[], object]  # forward and backward


def find_basis(name: str, catalog: Catalog) -> Basis:
    """A layer's functions by their defaults, but for residual and scale, which few layers have by theirs."""
    return replace(build_experiment(load([f"layer={name}"], catalog)[0]).layer, residual="none", scale=False)


def with_option(basis: Basis, option: str, value: int) -> Basis | None:
    """The basis with another value of an option; None where it refuses that."""
    try:
        return replace(basis, **{option: value})
    except ValueError:
        return None


def size_option(basis: Basis) -> str:
    """What refinement raises, or the first whole number that the terms grow with; empty where there is none."""
    numbers = [field.name for field in fields(basis) if type(getattr(basis, field.name)) is int]

    def grows(name: str) -> bool:  # at the largest that it accepts, terms are fewer with one less
        larger, smaller = (with_option(basis, name, getattr(basis, name) + step) for step in (1, -1))
        return larger.terms > basis.terms if larger else bool(smaller) and smaller.terms < basis.terms

    return basis.size or next(filter(grows, numbers), "")


def sized(basis: Basis, size: int) -> Basis:
    """The basis in this size, or in the largest below that it accepts; as it is where it has no size."""
    option = size_option(basis)
    smaller = (with_option(basis, option, n) for n in range(size, 0, -1)) if option else ()
    return next(filter(None, smaller), basis)


def contenders(basis: Basis, shape: Shape, device: str) -> dict[str, Side]:
    batch, n_in, n_out, size = shape
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
    wide, weights = normal(1, size * n_in, batch), normal(1, n_out, size * n_in)
    shared = torch_side(lambda: torch.baddbmm(bias, weights, wide), [wide, weights, bias])
    return {
        "floor": torch_side(lambda: torch.baddbmm(bias, weight, features), [features, weight, bias]),
        **({SHARED: shared} if basis.per_edge else {}),
        "linear + silu": torch_side(lambda: linear(nn.functional.silu(rows)), [rows, *linear.parameters()]),
        "plain": torch_side(lambda: layer.forward(network.weights(theta)[0], x), [x, theta]),
        "compiled": torch_side(lambda: compiled.forward(network.weights(theta)[0], x), [x, theta]),
    }


def torch_side(forward: Callable[[], Tensor], inputs: Sequence[Tensor]) -> Side:
    """Backward gives the gradients of the inputs."""
    with torch.no_grad():
        y = forward()
    cotangent = torch.randn(y.shape, generator=generator(0, "cotangent")).to(y.device)

    def both() -> tuple[Tensor, ...]:
        return torch.autograd.grad(forward(), inputs, cotangent)

    return Side(forward, both)


def peers(name: str, basis: Basis, shape: Shape) -> dict[str, Side]:
    """The same layer in pykan and jaxKAN, where they have it and are installed; and JAX's matmul alone."""
    batch, n_in, n_out, _ = shape
    rows = torch.randn((batch, n_in), generator=generator(0, "bench"))
    found: dict[str, Side] = {}
    if name == "bspline" and find_spec("kan"):
        found["pykan"] = pykan_side(basis, rows, n_out)
    if name in JAXKAN and find_spec("jaxkan"):
        compute_where_called()
        found["jaxKAN"] = jaxkan_side(name, basis, rows, n_out)
        found["JAX's floor"] = jax_floor(basis, rows, n_out)
    return found


def pykan_side(basis: Basis, rows: Tensor, n_out: int) -> Side:
    """pykan's layer cannot be without residual and scale: they are zero and constant."""
    from kan.KANLayer import KANLayer

    constant = {"base_fun": torch.zeros_like, "sb_trainable": False, "sp_trainable": False}
    layer = KANLayer(rows.shape[1], n_out, num=basis.pieces, k=3, **constant)
    x = rows.clone().requires_grad_()
    return torch_side(lambda: layer(x)[0], [x, *(p for p in layer.parameters() if p.requires_grad)])


def compute_where_called() -> None:
    """Keep JAX from a thread of its own, which clears up while the next side is measured; before it makes any array."""
    import jax

    jax.config.update("jax_cpu_enable_async_dispatch", False)


def jaxkan_side(name: str, basis: Basis, rows: Tensor, n_out: int) -> Side:
    from flax import nnx
    from jaxkan import layers

    kind, word, same = JAXKAN[name]
    size = getattr(basis, basis.size)
    layer = getattr(layers, kind)(n_in=rows.shape[1], n_out=n_out, **{word: size}, **same)
    graph, weights, others = nnx.split(layer, nnx.Param, ...)
    return jax_side(lambda weights, x: nnx.merge(graph, weights, others)(x), weights, rows, n_out)


def jax_floor(basis: Basis, rows: Tensor, n_out: int) -> Side:
    """The matmul alone, which JAX may be faster at than torch."""
    import jax

    features = rows.repeat(1, basis.terms)
    weights = jax.random.normal(jax.random.key(1), (n_out, features.shape[1])), jax.numpy.zeros(n_out)
    return jax_side(lambda weights, x: x @ weights[0].T + weights[1], weights, features, n_out)


def jax_side(call: Callable, weights: object, rows: Tensor, n_out: int) -> Side:
    """A function of weights and inputs, jitted and waited for; backward gives the gradients of both.

    And the outputs: no gradient needs them, so that XLA would leave out the forward matmul, which training does need.
    """
    import jax

    x = jax.numpy.asarray(rows.numpy())
    cotangent = jax.random.normal(jax.random.key(0), (len(rows), n_out))

    def pulled(weights, x, cotangent):
        y, pull = jax.vjp(call, weights, x)
        return y, pull(cotangent)

    forward, both = jax.jit(call), jax.jit(pulled)
    return Side(
        lambda: jax.block_until_ready(forward(weights, x)),
        lambda: jax.block_until_ready(both(weights, x, cotangent)),
    )


def use_one_core() -> None:
    """Give every side the same single core; before any of them makes its threads."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    # What JAX counts its threads by where a process cannot be bound to a core: XLA's flags do not bound them.
    os.environ["NPROC"] = "1"
    torch.set_num_threads(1)


class Taken(NamedTuple):
    """Seconds: by the clock, and of the processor for all threads together."""

    wall: float
    processor: float


def taken(run: Callable[[], object], device: str) -> Taken:
    if device == "cuda":
        torch.cuda.synchronize()
    began, before = time.perf_counter(), time.process_time()
    run()
    if device == "cuda":
        torch.cuda.synchronize()
    return Taken(time.perf_counter() - began, time.process_time() - before)


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


def find_sides(name: str, basis: Basis, shape: Shape, device: str) -> dict[str, Side]:
    sides = contenders(basis, shape, device)
    if device == "cpu":
        return sides | peers(name, basis, shape)
    with torch.no_grad():
        ahead = {side: captured(sides[side].forward) for side in ("plain", "compiled")}
    return sides | {f"{side}, captured": Side(run, captured(sides[side].both)) for side, run in ahead.items()}


def measure(name: str, basis: Basis, shape: Shape, repeats: int, device: str = "cpu") -> list[dict]:
    """A row of the CSV for each side and pass."""
    times: dict[tuple[str, str], list[Taken]] = {}
    sides = find_sides(name, basis, shape, device)
    for repeat in range(repeats + 2):
        for side, (forward, both) in sides.items():
            with torch.no_grad():
                alone = taken(forward, device)
            together = taken(both, device)
            if repeat >= 2:  # the first two warm up
                times.setdefault((side, "forward"), []).append(alone)
                times.setdefault((side, "forward + backward"), []).append(together)
    clock = "wall" if device == "cuda" else "processor"
    medians = {key: statistics.median(getattr(each, clock) for each in values) for key, values in times.items()}
    cores = {key: sum(each.processor for each in at) / sum(each.wall for each in at) for key, at in times.items()}
    option = size_option(basis)
    about = {"layer": name} | dict(zip(SHAPE, shape, strict=True))
    about |= {"layer_size": getattr(basis, option) if option else None, "terms": basis.terms}
    return [
        about
        | {"side": side, "pass": what, "milliseconds": round(1000 * seconds, 4)}
        | {"times_floor": round(seconds / medians["floor", what], 3), "cores": round(cores[side, what], 3)}
        for (side, what), seconds in medians.items()
    ]


def draw(table: pd.DataFrame) -> Figure:
    best = "compiled, captured" if "compiled, captured" in set(table["side"]) else "compiled"
    ours = table[(table["side"] == best) & (table["pass"] == "forward + backward")]
    shapes = list(dict.fromkeys(zip(ours["batch"], ours["in"], ours["out"], ours["size"], strict=True)))
    figure = Figure(figsize=(8.5, 0.32 * ours["layer"].nunique() + 1.3), layout="constrained")
    axes = figure.subplots()
    names = list(dict.fromkeys(ours["layer"]))
    for i, shape in enumerate(shapes):
        here = ours[[tuple(row) == shape for row in ours[SHAPE].to_numpy().tolist()]]
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
        at = [rows[(rows[SHAPE] == list(shape)).all(axis=1)] for shape in shapes]
        lines.append(f"| {layer} | {' | '.join(cell(rows) if len(rows) else '-' for rows in at)} |")
    floors = both[both["side"] == "JAX's floor"].groupby(SHAPE)["times_floor"].median()
    if len(floors):
        lines.append(f"| *JAX's matmul alone* | {' | '.join(f'{floors[shape]:.1f}' for shape in shapes)} |")
    return "\n".join(lines)


def cell(rows: pd.DataFrame) -> str:
    """Of one layer and shape."""
    times = rows.set_index("side")["times_floor"]
    ours = [times[side] for side in ("plain", "compiled", "plain, captured", "compiled, captured") if side in times]
    shown = " / ".join(f"**{value:.1f}**" if value == min(ours) else f"{value:.1f}" for value in ours)
    others = [f"{peer} {times[peer]:.1f}" for peer in ("jaxKAN", "pykan") if peer in times]
    others += [f"{min(ours) / times[SHARED]:.1f} of {SHARED}"] if SHARED in times else []
    asked, size = rows[["size", "layer_size"]].iloc[0]
    return shown + (f" ({', '.join(others)})" if others else "") + (f", size {size:.0f}" if size < asked else "")


def circumstances(repeats: int, device: str) -> str:
    """What the table was measured with, as a sentence."""
    packages = [f"{name} {version(name)}" for name, module in PACKAGES.items() if find_spec(module)]
    where = torch.cuda.get_device_name() if device == "cuda" else f"one core of {os.cpu_count()}"
    return f"{', '.join(packages)}; {where}, load average {os.getloadavg()[2]:.1f}; medians of {repeats} repeats."


def measure_shapes(name: str, basis: Basis, repeats: int, device: str) -> list[dict]:
    """The rows of a layer, with a line printed for each shape. Exits where a side used more than a core."""
    rows: list[dict] = []
    for shape in SHAPES:
        batch, n_in, n_out, size = shape
        ours = sized(basis, size)
        if ours.per_edge and batch * n_in * n_out * ours.terms > PER_EDGE_LIMIT:
            print(f"{name:<17} {shape!s:<22} left out: over {PER_EDGE_LIMIT:.0e} numbers in its features")
            continue
        measured = measure(name, ours, shape, repeats, device)
        cores = max(row["cores"] for row in measured)
        if device == "cpu" and cores > MOST_CORES:
            sys.exit(f"{name} {shape}: a side used {cores:.2f} cores, and all must have one")
        times = {(row["side"], row["pass"]): row["times_floor"] for row in measured}
        shown = [
            f"{side} {times[side, 'forward']:.2f} {ratio:.2f}"
            for (side, what), ratio in times.items()
            if what == "forward + backward" and side != "floor"
        ]
        print(f"{name:<17} {shape!s:<22} times floor, forward and with backward: {'   '.join(shown)}", end="   ")
        print(f"cores at most {cores:.2f}", flush=True)
        rows += measured
    return rows


def parse(names: list[str]) -> argparse.Namespace:
    """The words of the command, checked."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("layers", nargs="*", metavar="LAYER", help=f"of {', '.join(names)}; all where none is named")
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--readme", action="store_true", help=f"write the table of all layers into {PAGE} as well")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    given = parser.parse_args()
    if wrong := [name for name in given.layers if name not in names]:
        parser.error(f"there is no layer {', '.join(wrong)}; layers: {', '.join(names)}")
    if given.readme and given.layers:
        parser.error("--readme: the page shows all layers; name none")
    if given.device == "cuda" and not torch.cuda.is_available():
        parser.error("--device cuda: torch finds no GPU")
    return given


def main() -> None:
    catalog = find_catalog()
    names = list(catalog.options["layer"])
    given = parse(names)
    tune()
    if given.device == "cpu":
        use_one_core()
    rows: list[dict] = []
    for name in given.layers or names:
        rows += measure_shapes(name, find_basis(name, catalog), given.repeats, given.device)
    about = circumstances(given.repeats, given.device)
    out = ROOT / "outputs/bench"
    out.mkdir(parents=True, exist_ok=True)
    table = pd.DataFrame(rows)
    file = "layers" if given.device == "cpu" else "layers_cuda"
    table.to_csv(out / f"{file}.csv", index=False)
    save(draw(table), out / file)
    print(f"{about}\n{out / file}.csv")
    if given.readme:
        fill(PAGE, "bench" if given.device == "cpu" else "bench cuda", f"{markdown(table)}\n\n{about}")


if __name__ == "__main__":
    main()
