"""scripts/bench: what it measures, and that every side does the same work on the same core."""

import subprocess
import sys
from dataclasses import replace

import pandas as pd
import pytest
import torch
from conftest import ROOT

from kanexp.config.catalog import find_catalog

sys.path.insert(0, str(ROOT / "scripts"))
import bench
import bench_steps

CATALOG = find_catalog()
LAYERS = list(CATALOG.options["layer"])


def test_layers_were_found():
    assert len(LAYERS) > 10


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("size", [8, 120])
def test_every_layer_comes_in_the_size_asked_or_the_largest_it_accepts(name, size):
    basis = bench.sized(bench.find_basis(name, CATALOG), size)
    assert (basis.residual, basis.scale) == ("none", False)
    option = bench.size_option(basis)
    if not option:  # nothing to resize: no whole number changes the terms
        assert basis.terms == 1
        return
    found = getattr(basis, option)
    assert found <= size
    assert basis.terms >= found
    if found < size:
        with pytest.raises(ValueError, match=option):
            replace(basis, **{option: found + 1})


def test_a_layer_that_ends_earlier():
    assert bench.sized(bench.find_basis("bernstein", CATALOG), 120).degree == 60


@pytest.mark.filterwarnings("ignore")  # the compiler's own
def test_a_new_layer_is_two_files(tmp_path, monkeypatch):
    (tmp_path / "cubes.py").write_text(
        "from dataclasses import dataclass\n"
        "import torch\n"
        "from kanexp.layer.base import Basis\n\n"
        "@dataclass(frozen=True)\n"
        "class Cubes(Basis):\n"
        "    blocks: int = 2\n"
        "    copies: int = 3\n"
        "    residual: str = 'silu'\n\n"
        "    @property\n"
        "    def terms(self):\n"
        "        return self.blocks\n\n"
        "    def features(self, x):\n"
        "        return torch.stack([x**3] * self.blocks, dim=-3)\n"
    )
    (tmp_path / "layer").mkdir()
    (tmp_path / "layer" / "cubes.yaml").write_text("# Cubes.\n_target_: cubes.Cubes\nblocks: 2\ncopies: 3\n")
    monkeypatch.syspath_prepend(tmp_path)
    catalog = find_catalog([tmp_path])
    assert "cubes" in catalog.options["layer"]
    basis = bench.sized(bench.find_basis("cubes", catalog), 7)
    assert (basis.blocks, basis.copies, basis.residual) == (7, 3, "none")
    rows = bench.measure("cubes", basis, (5, 3, 2, 7), 1)
    ours = [row for row in rows if row["side"] in ("plain", "compiled")]
    assert {(row["layer"], row["layer_size"], row["terms"]) for row in rows} == {("cubes", 7, 7)}
    assert len(ours) == 4
    assert all(row["milliseconds"] > 0 for row in ours)


def test_backward_starts_from_a_random_cotangent():
    weight = torch.randn(3, 4, generator=torch.Generator().manual_seed(0)).requires_grad_()
    x = torch.randn(4, 5, generator=torch.Generator().manual_seed(1)).requires_grad_()
    of_weight, of_x = bench.torch_side(lambda: weight @ x, [weight, x]).both()
    cotangent = torch.linalg.lstsq(weight.detach().T.double(), of_x.double()).solution.float()
    torch.testing.assert_close(weight.detach().T @ cotangent, of_x)
    torch.testing.assert_close(cotangent @ x.detach().T, of_weight)
    assert len(cotangent.unique()) == cotangent.numel()


@pytest.mark.filterwarnings("ignore")  # the compiler's own
def test_functions_per_edge_are_compared_with_shared_ones_too():
    rows = bench.measure("mlp_edge", bench.sized(bench.find_basis("mlp_edge", CATALOG), 2), (9, 3, 2, 2), 1)
    times = {row["side"]: row["times_floor"] for row in rows if row["pass"] == "forward + backward"}
    assert times["plain"] > times["floor"] == 1
    assert times[bench.SHARED] > 0
    alone = bench.measure("sine", bench.sized(bench.find_basis("sine", CATALOG), 2), (9, 3, 2, 2), 1)
    assert bench.SHARED not in {row["side"] for row in alone}


def test_one_core_for_all_sides():
    code = (
        "import os, torch, bench\n"
        "bench.use_one_core()\n"
        "x = torch.ones(1500, 1500)\n"
        "taken = bench.taken(lambda: x @ x, 'cpu')\n"
        "print(len(os.sched_getaffinity(0)), torch.get_num_threads(), taken.processor / taken.wall)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT / "scripts", capture_output=True, text=True, check=True, timeout=120
    )
    cores, threads, used = done.stdout.split()
    assert (cores, threads) == ("1", "1")
    assert 0 < float(used) <= bench.MOST_CORES


def test_more_than_one_core_is_refused(monkeypatch):
    row = {"side": "plain", "pass": "forward", "times_floor": 1.0, "cores": 1.6}
    monkeypatch.setattr(bench, "measure", lambda *given: [row])
    with pytest.raises(SystemExit, match=r"chebyshev \(1024, 64, 64, 8\): a side used 1.60 cores"):
        bench.measure_shapes("chebyshev", bench.find_basis("chebyshev", CATALOG), 1, "cpu")


def test_the_table():
    def row(layer, size, layer_size, side, times):
        shape = {"batch": 4, "in": 2, "out": 2, "size": size}
        return {"layer": layer, **shape, "layer_size": layer_size, "side": side, "times_floor": times}

    rows = [row("wave", size, None, side, 2.0) for size in (8, 120) for side in ("floor", "plain", "compiled")]
    rows += [row("bump", 8, 8, "plain", 1.34), row("bump", 8, 8, "compiled", 1.21), row("bump", 8, 8, "jaxKAN", 3.0)]
    rows += [row("bump", 8, 8, "JAX's floor", 0.9), row("bump", 120, 60, "JAX's floor", 0.7)]
    rows += [row("own", 8, 8, "plain", 40.0), row("own", 8, 8, "compiled", 30.0), row("own", 8, 8, bench.SHARED, 7.5)]
    rows += [row("bump", 120, 60, "plain", 1.5), row("bump", 120, 60, "compiled", 1.6)]
    table = pd.DataFrame([one | {"pass": "forward + backward"} for one in rows])
    assert bench.markdown(table).splitlines() == [
        "| layer | (4, 2, 2, 8) | (4, 2, 2, 120) |",
        "|---|---|---|",
        "| wave | **2.0** / **2.0** | **2.0** / **2.0** |",
        "| bump | 1.3 / **1.2** (jaxKAN 3.0) | **1.5** / 1.6, size 60 |",
        "| own | 40.0 / **30.0** (4.0 of matmul of shared functions) | - |",
        "| *JAX's matmul alone* | 0.9 | 0.7 |",
    ]


@pytest.mark.parametrize("case", ["chebyshev", "chebyshev:0", "chebyshev:x", "nothing:5", "rbf:5:adam:burgers:more"])
def test_what_is_no_case_of_training_steps(case):
    with pytest.raises(ValueError, match="a case is one of chebyshev, bspline, fourier, rbf and a number of members"):
        bench_steps.sides(case, 100)


@pytest.mark.parametrize("words", [(), ("lbfgs",), ("levenberg_marquardt", "poisson")], ids=" ".join)
def test_training_steps_are_timed_from_look_to_look(words):
    assert all(0 < seconds < 10 for seconds in bench_steps.kanexp("chebyshev", 1, 300, False, *words)())
