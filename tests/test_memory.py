"""Sizes are judged before they are taken: one sentence with what is needed at least and what is there."""

import re

import pytest
import torch

from kanexp import machine
from kanexp.config.catalog import Catalog, config_folder
from kanexp.config.compose import load
from kanexp.config.experiment import KINDS, build_experiment
from kanexp.error import ConfigError
from kanexp.layer.bspline import BSpline
from kanexp.layer.mlp_edge import MLPEdge
from kanexp.layer.wavelet import Wavelet
from kanexp.model import edge_layer
from kanexp.model.edge_layer import EdgeLayer
from kanexp.run.prepare import check, prepare
from kanexp.run.run import cause
from kanexp.sweep.sweep import accept

CATALOG = Catalog((config_folder(),))
SENTENCE = r"memory: the run takes at least [\d.e+]+ [KMGTPE]B, most of it for its (weights|data|layers' values), "
SENTENCE += r"and [\d.]+ GB are free; use "


def prepared(*words: str):
    return prepare(load(["task=function", "layer=chebyshev", *words], CATALOG))


TOO_LARGE = [
    ["seeds=1000000000"],
    ["seeds=9223372036854775807"],
    ["widths=[in,1000000,1000000,out]"],
    ["widths=[in,1000000000000,out]"],
    ["layer.degree=10000000000"],
    ["layer=fourier", "layer.frequencies=10000000000"],
    ["layer=mlp_edge", "layer.octaves=10000000000"],
    ["layer=wavelet", "widths=[in,1000000,1000000,out]"],
    ["layer=bspline", "layer.grid=quantiles", "layer.intervals=10000000000"],
    ["refine={5: 10000000000}"],
    ["match={parameters: 1000000000000000}"],
    ["match={parameters: 1000000000000000, by: grid}"],
    ["model=mlp", "widths=[in,1000000,1000000,out]"],
    ["task=vision", "task.dataset=digits", "model=vit", "model.patch=2", "model.dim=4000000"],
    ["task.train=1000000000000"],
    ["task.test=1000000000000"],
    ["task=poisson", "task.points=1000000000000"],
    ["task=diffusion", "task.measured=1000000000000"],
    ["task=image", "task.size=2048", "seeds=1000", "widths=[in,1000,out]"],
    ["optimizer=levenberg_marquardt", "dtype=float64", "seeds=1000000"],
]


@pytest.mark.parametrize("words", TOO_LARGE, ids=" ".join)
def test_what_has_no_place_is_told_before_it_is_taken(words, monkeypatch):
    monkeypatch.setattr(machine, "free_memory", lambda device="cpu": 64e9)
    with pytest.raises(ConfigError) as caught:
        prepared(*words)
    assert re.match(SENTENCE, str(caught.value))
    assert len(caught.value.mistakes) == 1


def test_other_mistakes_are_told_beside_it():
    with pytest.raises(ConfigError) as caught:
        prepared("layer.degree=1000000000000", "widths=[3,4]")
    assert [mistake.split(":")[0] for mistake in caught.value.mistakes] == ["widths", "memory"]


def test_a_sweep_names_the_job(monkeypatch):
    jobs = load(["task=function", "layer=chebyshev", "layer.degree=5,10000000000"], CATALOG, sweep=True)
    with pytest.raises(ConfigError, match=r"^degree=10000000000: memory: the run takes at least "):
        accept(jobs)


OPTIONS = [(group, name) for group in ("layer", "optimizer", "experiment") for name in CATALOG.options[group]]


@pytest.mark.parametrize(("group", "name"), OPTIONS, ids="=".join)
def test_nothing_small_is_refused(group, name, monkeypatch):
    """Within half a gigabyte, on as many samples as most of them have."""
    monkeypatch.setattr(machine, "free_memory", lambda device="cpu": 5e8)
    words = ["optimizer.parts={adam: {}, lbfgs: {}}", "optimizer.switch=[5]"] if name == "chain" else []
    e = build_experiment(load([f"{group}={name}", *words], CATALOG)[0])
    check(e, 4000, e.settings.seed_count)


def test_least_is_less_than_what_a_run_takes(monkeypatch):
    """The bound is what is allocated, or less: theta as it was drawn, and its copies in a step."""
    asked = []
    monkeypatch.setattr(machine, "free_memory", lambda device="cpu": asked.append(device) or 1e12)
    found = prepared("seeds=3", "widths=[in,5,out]")
    assert found.start.shape[0] == 3
    assert set(asked) == {"cpu"}


@pytest.mark.parametrize(
    ("layer", "shapes"),
    [
        (MLPEdge(), {"inner": (32, 7, 3, 2), "inner_bias": (32, 3, 2)}),
        (Wavelet(), {"shift": (3, 2), "width": (3, 2)}),
        (BSpline(grid="quantiles"), {"knots": (2, 12)}),
    ],
    ids=lambda value: type(value).__name__,
)
@pytest.mark.parametrize("small", [0, 2**22])
def test_shapes_need_no_memory(layer, shapes, small, monkeypatch):
    monkeypatch.setattr(edge_layer, "SMALL", small)
    found = EdgeLayer(layer, n_in=2, n_out=3)
    assert found.inner_shapes == shapes
    assert found.kept == frozenset({"knots"} & set(shapes))


GROUPS = {
    "/sys/fs/cgroup/a/b/memory.max": "max",
    "/sys/fs/cgroup/a/b/memory.current": "5",
    "/sys/fs/cgroup/a/memory.max": "3000",
    "/sys/fs/cgroup/a/memory.current": "2500",
    "/sys/fs/cgroup/a/memory.stat": "anon 2300\nactive_file 100\ninactive_file 50\n",
}
OLD_GROUPS = {
    "/sys/fs/cgroup/memory/a/b/memory.limit_in_bytes": "3000",
    "/sys/fs/cgroup/memory/a/b/memory.usage_in_bytes": "2500",
    "/sys/fs/cgroup/memory/a/b/memory.stat": "active_file 1\ntotal_active_file 100\ntotal_inactive_file 50\n",
}


@pytest.mark.parametrize(
    ("group", "files", "free"),
    [("0::/a/b", GROUPS, 650), ("4:memory:/a/b", OLD_GROUPS, 650), ("0::/", {}, 7 * 1024), ("", {}, 7 * 1024)],
)
@pytest.mark.parametrize("swap", [0, 2])
def test_free_memory_is_that_of_the_control_group(group, files, free, swap, monkeypatch):
    known = {"/proc/meminfo": f"MemTotal: 9 kB\nMemAvailable:  7 kB\nSwapFree: {swap} kB\n", "/proc/self/cgroup": group}
    monkeypatch.setattr(machine, "_text", lambda file: (known | files).get(str(file), ""))
    assert machine.free_memory() == free + 1024 * swap


def test_without_proc_the_machine_has_what_is_built_in(monkeypatch):
    monkeypatch.setattr(machine, "_text", lambda file: "")
    assert machine.free_memory() > 1e8


def test_no_memory_is_a_cause():
    with pytest.raises(RuntimeError) as caught:
        torch.empty(2**60)
    assert cause(caught.value).startswith("there was no memory for ")
    assert cause(MemoryError()) == "there was no memory; use fewer seeds, a smaller batch_size or smaller layers"
    assert cause(torch.OutOfMemoryError("CUDA")).startswith("the GPU's memory is full; use ")
    assert cause(RuntimeError("shapes differ")) == "RuntimeError: shapes differ"


def test_data_without_a_place_are_a_mistake(monkeypatch):
    def load_nothing(self, generator):
        raise MemoryError

    e = build_experiment(load(["task=function"], CATALOG)[0])
    monkeypatch.setattr(type(e.task), "load", load_nothing)
    with pytest.raises(ConfigError, match=r"^task: Function: there was no memory; use "):
        e.load_data()


def test_every_kind_of_task_says_what_it_makes():
    assert KINDS["task"]
    made = {name: build_experiment(load([f"task={name}"], CATALOG)[0]).task.made for name in ("image", "function")}
    assert made == {"image": 64**2, "function": 1200}
