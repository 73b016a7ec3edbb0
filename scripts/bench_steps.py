"""Milliseconds of a training step: as operations one by one, compiled as a whole, and in what a skilled user writes.

That is a jitted scan over vmapped members in JAX, where JAX can be imported; in kanexp it is the whole loop, its looks
every 100 steps included. Runs in turn; medians over stretches of 100 steps, and ratios to the scan. Times are what the
processor spent on all threads of the process, one of which works, so that other programs hardly count.

usage: OMP_NUM_THREADS=1 python scripts/bench_steps.py [--repeats N] [--steps N] [--readme] [CASE ...]

A case is LAYER:MEMBERS, as chebyshev:20, or with another optimizer than Adam, LAYER:MEMBERS:OPTIMIZER, and another task
than a function, LAYER:MEMBERS:OPTIMIZER:TASK; of these a step is compared to that of operations one by one.
"""

import argparse
import importlib.util
import itertools
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

from marked import fill

from kanexp.config.catalog import find_catalog
from kanexp.config.compose import load
from kanexp.folder.logs import Ledger, NoLogs
from kanexp.machine import tune
from kanexp.run.prepare import prepare
from kanexp.train.loop import train
from kanexp.train.result import Progress

LOOK = 100
PAGE = "outputs/readme/bench.md"
SLOWER = {"lbfgs": 10, "levenberg_marquardt": 25, "hessian_free": 50}  # and how many steps of Adam a step stands for
CASES = ["chebyshev:1", "chebyshev:5", "chebyshev:20", "chebyshev:100", "bspline:5", "fourier:5", "rbf:5"]
SECOND = [f"chebyshev:{members}:{name}" for name in SLOWER for members in (5, 100)]
SECOND += [f"chebyshev:5:{name}:burgers" for name in ("adam", *SLOWER)]
SIZES = {"chebyshev": ([2, 6, 6, 1], 800)}
OTHER_SIZES = ([2, 10, 10, 1], 3276)

Side = Callable[[], list[float]]  # seconds a step, one for each stretch


def kanexp(layer: str, members: int, steps: int, compiled: bool, optimizer: str = "adam", task: str = "") -> Side:
    """Training as `kanexp` does it, without a folder."""
    widths, samples = SIZES.get(layer, OTHER_SIZES)
    steps, look = max(3, steps // SLOWER.get(optimizer, 1)), max(1, LOOK // SLOWER.get(optimizer, 1))
    words = [f"task={task}"] if task else ["task=function", f"task.train={samples}", f"widths={widths}"]
    words += [f"layer={layer}", f"optimizer={optimizer}", f"seeds={members}", f"steps={steps}", f"log_every={look}"]
    words += ["diagnostics=false", "device=cpu", f"compile={compiled}"]
    ready = prepare(load(words, find_catalog()))

    def run() -> list[float]:
        seen: list[float] = []

        def watch(progress: Progress) -> None:
            if progress.step % look == 0:
                seen.append(time.process_time())

        ledger = Ledger([NoLogs()], [ready.ensemble.seeds])
        train(ready.ensemble, ready.network, ready.start, ready.data, ledger, watch, compiled=ready.compiled)
        # The first stretch holds the compiling, and steps at which somebody might look.
        return [(after - before) / look for before, after in itertools.pairwise(seen[1:])]

    return run


def scan(layer: str, members: int, steps: int) -> Side:
    """The same in JAX: all steps of all members as one compiled program, without a look."""
    import jax
    import jax.numpy as jnp

    def functions(x: Any) -> Any:
        return jnp.stack(FEATURES[layer](jax, jnp, x), axis=-1).reshape(x.shape[0], -1)

    widths, samples = SIZES.get(layer, OTHER_SIZES)
    inputs = jax.random.uniform(jax.random.PRNGKey(0), (samples, 2), minval=-1, maxval=1)
    targets = inputs[:, :1] ** 2 + 2 * jnp.exp(inputs[:, 1:])
    tree = jax.tree_util.tree_map

    def loss(weights: Any) -> Any:
        x = inputs
        for w, bias in weights:
            x = functions(x) @ w.T + bias
        return jnp.mean((x - targets) ** 2)

    def step(carried: Any, number: Any) -> Any:
        weights, mean, square = carried
        found, grad = jax.value_and_grad(loss)(weights)
        mean = tree(lambda m, g: 0.9 * m + 0.1 * g, mean, grad)
        square = tree(lambda v, g: 0.999 * v + 0.001 * g * g, square, grad)
        t = number + 1.0
        first, second = 1 - 0.9**t, 1 - 0.999**t
        weights = tree(lambda w, m, v: w - 1e-3 * m / first / (jnp.sqrt(v / second) + 1e-8), weights, mean, square)
        return (weights, mean, square), found

    def member(key: Any) -> Any:
        weights = []
        for n_in, n_out in itertools.pairwise(widths):
            key, own = jax.random.split(key)
            terms = functions(jnp.zeros((1, n_in))).shape[1]
            weights.append((jax.random.normal(own, (n_out, terms)) / jnp.sqrt(terms), jnp.zeros(n_out)))
        zeros = tree(jnp.zeros_like, weights)
        return jax.lax.scan(step, (weights, zeros, zeros), jnp.arange(steps, dtype=jnp.float32))[1]

    trained = jax.jit(jax.vmap(member))
    keys = jax.random.split(jax.random.PRNGKey(0), members)
    trained(keys).block_until_ready()

    def run() -> list[float]:
        began = time.process_time()
        trained(keys).block_until_ready()
        return [(time.process_time() - began) / steps]

    return run


def _chebyshev(jax: Any, jnp: Any, x: Any) -> list[Any]:
    t = jnp.tanh(x)
    found = [jnp.ones_like(t), t]
    for _ in range(2, 6):
        found.append(2 * t * found[-1] - found[-2])
    return found[1:]


def _bspline(jax: Any, jnp: Any, x: Any) -> list[Any]:
    """Cox and de Boor's recurrence on 5 intervals and 3 knots beyond them on both sides, with a silu."""
    knots = [-1 + 0.4 * k for k in range(-3, 9)]
    found = [((x >= a) & (x < b)) * 1.0 for a, b in itertools.pairwise(knots)]
    for k in (1, 2, 3):
        found = [
            (x - knots[i]) / (0.4 * k) * found[i] + (knots[i + k + 1] - x) / (0.4 * k) * found[i + 1]
            for i in range(len(found) - 1)
        ]
    return [*found, jax.nn.silu(x)]


FEATURES: dict[str, Callable[[Any, Any, Any], list[Any]]] = {
    "chebyshev": _chebyshev,
    "bspline": _bspline,
    "fourier": lambda jax, jnp, x: [f(k * x) for k in range(1, 6) for f in (jnp.cos, jnp.sin)],
    "rbf": lambda jax, jnp, x: [jnp.exp(-((x - c) ** 2) / 2) for c in (-2.0, -1.0, 0.0, 1.0, 2.0)],
}


def sides(case: str, steps: int) -> dict[str, Side]:
    """The ways to train of a case; raises ValueError where it is none."""
    layer, _, others = case.partition(":")
    members, *rest = others.split(":")
    if layer not in FEATURES or not members.isdigit() or int(members) < 1 or len(rest) > 2:
        raise ValueError(f"a case is one of {', '.join(FEATURES)} and a number of members, as rbf:5, got '{case}'")
    found = {"one by one": kanexp(layer, int(members), steps, False, *rest)}
    found["compiled"] = kanexp(layer, int(members), steps, True, *rest)
    if not rest and importlib.util.find_spec("jax"):
        found["scan"] = scan(layer, int(members), steps)
    return found


def row(case: str, ways: dict[str, Side], repeats: int) -> str:
    """A line of the table: milliseconds of a step each way, and in brackets in times of the scan, or of one by one."""
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(repeats):
        for name, run in ways.items():
            taken[name] += run()
    ms = {name: 1000 * statistics.median(own) for name, own in taken.items()}
    base = ms.get("scan", ms["one by one"])
    cells = [f"{ms[name]:.3g} ({ms[name] / base:.2f})" if name in ms else "-" for name in ("one by one", "compiled")]
    return f"| {case.replace(':', ', ')} | {' | '.join(cells)} | {f'{base:.3g}' if 'scan' in ms else '-'} |"


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("cases", nargs="*", default=[*CASES, *SECOND])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--readme", action="store_true")
    given = parser.parse_args(words)
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    tune()
    lines = ["| layer, members, optimizer, task | one by one | compiled | scan in JAX |", "|---|---|---|---|"]
    print(*lines, sep="\n", flush=True)
    for case in given.cases:
        try:
            ways = sides(case, given.steps)
        except ValueError as error:
            parser.error(str(error))
        lines.append(row(case, ways, given.repeats))
        print(lines[-1], flush=True)
    if given.readme:
        fill(PAGE, "steps", "\n".join(lines))


if __name__ == "__main__":
    main()
