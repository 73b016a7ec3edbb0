"""The set that scripts/replay runs: small commands of every option that a source tree has, and of all else it can do.

A tree is known here by its conf/ folder alone.
"""

import io
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image

FORKED, BLANK, FRESH, KILLED, EQUAL, SETTLE = "forked", "blank", "fresh", "killed", "equal", "settle"
BRIEF = "seeds=2 steps=12 log_every=4"
SIZES = "task.train=40 task.val=20 task.test=20 widths=[in,3,out]"
SMALL = f"task=function {SIZES} {BRIEF}"
EQUATION = "task.points=64 task.edge_points=8 widths=[in,3,out] seeds=2 steps=4 log_every=2"
DIGITS = "task=vision task.dataset=digits seeds=2 steps=4 log_every=2 batch_size=16"
ALONE = "launcher.workers=1"  # one job or pack at a time, so that they end in one order


@dataclass(frozen=True)
class Step:
    """One command, without the word kanexp, and in what process it is run."""

    command: str
    # FORKED: from a process that has torch. BLANK: so, and figures are made but not painted, which takes most of the
    # time; their CSVs tell what they show. FRESH: as by a user. KILLED: so, until its first checkpoint. EQUAL: no
    # command but two files, of which is noted whether they are equal. SETTLE: no command either, but all runs so far
    # get times made up from their order, of which reports make numbers, curves and rankings.
    how: str = FORKED


SETTLED = Step("", SETTLE)


@dataclass(frozen=True)
class Case:
    """Commands, one after the other, in a folder of their own that holds these files at first."""

    name: str
    steps: tuple[Step, ...]
    files: dict[str, bytes] = field(default_factory=dict)


def cases(conf: Path) -> list[Case]:
    """The set for a tree with this configuration folder; what takes long comes first, so that nobody waits for it."""
    parts = []
    for group, commands in OF_OPTIONS.items():
        for name in sorted(file.stem for file in (conf / group).glob("[!_]*.yaml")):
            how = FORKED if group in ("task", "model") else BLANK
            parts.append(_case(f"{group}-{name}", *commands(name), files=FILES.get(f"{group}-{name}"), how=how))
    return [*_sweeps(), *_searches(), *_reports(), *_runs(), *parts, *_words()]


def left_out() -> list[str]:
    """What cannot be run here, as sentences."""
    return [] if _searches() else ["search: optuna is not installed"]


def _case(name: str, *steps: str | Step, files: dict[str, bytes] | None = None, how: str = FORKED) -> Case:
    return Case(name, tuple(Step(step, how) if isinstance(step, str) else step for step in steps), files or {})


def _layer(name: str) -> list[str]:
    return [f"{SMALL} layer={name}", f"{SMALL} layer={name} layer.residual=identity layer.scale=true name=more"]


def _init(name: str) -> list[str]:
    if name == "custom":
        return [f"{SMALL} layer=chebyshev init=custom init.path=start.npz"]
    return [f"{SMALL} layer={layer} init={name}" for layer in ("fourier", "bspline")]


def _reg(name: str) -> list[str]:
    more = "'reg.parts={l1: 1e-3, smooth: {weight: 1e-2, order: 1}}'" if name == "sum" else "reg.weight=0.01"
    return [f"{SMALL} layer=chebyshev reg={name} {more}"]


def _optimizer(name: str) -> list[str]:
    parts = " 'optimizer.parts={adam: 0.01, lbfgs: {}}' 'optimizer.switch=[4]'" if name == "chain" else ""
    return [f"{SMALL} layer={layer} dtype=float64 optimizer={name}{parts}" for layer in ("chebyshev", "bspline")]


def _model(name: str) -> list[str]:
    if name == "vit":
        vit = f"{DIGITS} model=vit model.patch=4 model.dim=8 model.depth=1 model.heads=2"
        return [vit, f"{vit} model.qkv=kan model.head=kan name=learned"]
    if name == "conv_kan":
        return [f"{DIGITS} layer=chebyshev model=conv_kan model.channels=2"]
    return [f"{SMALL} layer=chebyshev model={name} widths=[in,4,4,out]"]


def _task(name: str) -> list[str]:
    usual = f"task={name} layer=chebyshev"
    commands = {
        "feynman": [f"{usual} {SIZES} {BRIEF}"],
        "function": [f"{SMALL} layer=chebyshev 'task.expression=exp(sin(pi*x1)+x2**2)' task.noise=0.1"],
        "image": [f"{usual} task.size=12 task.color={color} {BRIEF} name=color-{color}" for color in ("true", "false")],
        "tabular": [
            f"{usual} task.dataset=iris {BRIEF}",
            f"{usual} task.path=mine.csv task.target=kind {BRIEF} name=class",
            f"{usual} task.path=mine.csv task.target=price task.normalize=range {BRIEF} name=number",
            f"{usual} task.dataset=two_moons optimizer=lbfgs {BRIEF} name=moons",
        ],
        "vision": [
            f"{DIGITS} layer=chebyshev widths=[in,4,out]",
            f"{usual} task.dataset=folder task.data_dir=pictures task.size=4 widths=[in,4,out] {BRIEF} name=folder",
        ],
        "diffusion": [f"{usual} {EQUATION} task.measured=20 optimizer=lbfgs"],
        "equation": [
            f"{usual} {EQUATION} 'task.residual=u_t - D*u_xx' 'task.domain={{t: [0, 1], x: [0, 1]}}' task.measured=20 "
            "'task.unknowns={D: 1}' 'task.exact=\"exp(-pi**2*t)*sin(pi*x)\"' optimizer=levenberg_marquardt",
            f"{usual} {EQUATION} task.residual=u_x-1 'task.domain={{x: [0, 2]}}' 'task.known=\"u(0) = 0\"' name=line",
        ],
        "operator": [f"{usual} {BRIEF} model=deeponet widths=[in,4,out] task.train=5 task.val=3 task.test=3"],
        "wave": [f"{usual} {EQUATION} optimizer=lbfgs", f"{usual} {EQUATION} task.hard=true name=hard"],
    }
    return commands.get(name, [f"{usual} {EQUATION} optimizer=lbfgs", f"{usual} {EQUATION} task.resample=2 name=drawn"])


def _shown(group: str):
    return lambda name: [f"--cfg {group}={name}"]


OF_OPTIONS = {
    "layer": _layer,
    "init": _init,
    "reg": _reg,
    "optimizer": _optimizer,
    "model": _model,
    "task": _task,
    **{group: _shown(group) for group in ("experiment", "sweeper", "launcher", "logger")},
}


def _runs() -> list[Case]:
    """What a run can be told beside its components."""
    spline, waves = f"{SMALL} layer=bspline", f"{SMALL} layer=chebyshev"
    commands = {
        "refine": [
            f"{spline} 'refine={{4: 6, 8: 10}}'",
            f"{waves} 'refine={{4: 6, 8: 8}}' refine_optimizer=reset name=reset",
            f"{spline} layer.grid=quantiles 'refine={{6: 7}}' name=quantiles",
        ],
        "match": [
            f"{waves} 'match={{parameters: 200}}' name=parameters",
            f"{spline} 'match={{like: mlp}}' widths=[in,10,10,out] name=like",
            f"{spline} 'match={{parameters: 300, by: grid}}' name=grid",
        ],
        "layers": [f"{SMALL} 'layers=[fourier,{{layer: bspline, intervals: 4}}]'"],
        "bounds": [f"{spline} layer.bound={bound} name={bound}" for bound in ("tanh", "clamp", "affine")],
        "batches": [f"{waves} batch_size=8", f"{spline} batch_size=8 reg=smooth reg.weight=0.01 name=smooth"],
        "budget": [f"{waves} optimizer=lbfgs steps=50 'budget={{evaluations: 20}}'"],
        "patience": [f"{waves} steps=200 log_every=1 patience=5 optimizer.learning_rate=0.5"],
        "diverged": [f"{waves} layer.residual=identity optimizer=sgd optimizer.learning_rate=1e12 steps=40"],
        "float64": [f"{waves} dtype=float64 'seeds=[3,7]' data_seed=1 diagnostics=false"],
        "schedule": [
            f"{waves} optimizer.schedule=cosine optimizer.schedule_steps=8 optimizer.warmup=3 optimizer.clip=1 reg=l2 "
            "reg.schedule=decay reg.schedule_steps=6",
            f"{waves} optimizer=sgd optimizer.nesterov=true optimizer.schedule=exponential name=nesterov",
        ],
        "own-layer": [
            "--config-dir my_conf task=function layer=power layer.degree=4 init=glorot reg=smooth reg.weight=0.01 "
            f"{SIZES} {BRIEF}",
            "list layer --config-dir my_conf",
        ],
    }
    files = {"own-layer": OWN_LAYER}
    drawn = ("refine", "layers", "diverged", "own-layer")
    cases = [
        _case(name, *steps, files=files.get(name), how=FORKED if name in drawn else BLANK)
        for name, steps in commands.items()
    ]
    slow = f"{waves} steps=250 batch_size=8 log_every=50"
    resumed = [Step(f"{slow} checkpoint=0 name=resumed", KILLED), *["resume outputs/resumed/v001"] * 2]
    tables = ("metrics", "diagnostics", "spectra")
    equal = [Step(f"outputs/resumed/v001/{name}.csv outputs/undisturbed/v001/{name}.csv", EQUAL) for name in tables]
    undisturbed = f"{slow} checkpoint=null name=undisturbed"
    return [_case("resumed", *resumed, undisturbed, *equal, how=BLANK), *cases]


def _sweeps() -> list[Case]:
    """Many runs, in processes that the command makes."""
    grid = f"-m {SMALL} layer=chebyshev,fourier init=default,glorot seeds=6 name=grid {ALONE}"
    apart = f"-m {SMALL} layer=chebyshev init=default,glorot pack=false name=apart {ALONE}"
    tuned = f"-m {SMALL} layer=chebyshev init=default,glorot name=tuned {ALONE}"
    seeds = "'seeds={until: decided, most: 15}'"
    until = f"-m {SMALL} layer=chebyshev init=glorot init.gain=1,1.001,30 {seeds} name=until {ALONE}"
    broken = f"-m --config-dir my_conf {SMALL} layer=broken,chebyshev name=broken {ALONE}"
    reproduce = "reproduce tiny --quick --config-dir my_conf --out page"
    return [
        _case("sweep-packed", Step(grid, FRESH), f"{grid} rerun=false", "resume outputs/grid/latest"),
        _case("sweep-apart", f"{apart} dry_run=true", apart),
        _case(
            "sweep-tuned",
            f"{tuned} 'tune={{trials: 2, optimizer.learning_rate: [1e-3, 1e-1]}}' diagnostics=false",
            SETTLED,
            "report outputs/tuned",
        ),
        _case("sweep-until", until, SETTLED, "report outputs/until", "audit outputs/until"),
        _case("sweep-failing", broken, f"{broken} rerun=failed", SETTLED, "report outputs/broken", files=BROKEN),
        _case("reproduce-own", reproduce, SETTLED, reproduce, files=OWN_ROW),
        _case("run-alone", f"{SMALL} layer=chebyshev", how=FRESH),
    ]


def _searches() -> list[Case]:
    if find_spec("optuna") is None:
        return []
    search = (
        f"-m {SMALL} layer=chebyshev sweeper=optuna sweeper.n_trials=4 sweeper.pruner=none sweeper.at_once=1 "
        "'optimizer.learning_rate=tag(log, interval(1e-3, 1e-1))' init=default,glorot name=search"
    )
    return [_case("search", search, SETTLED, "report outputs/search")]


def _reports() -> list[Case]:
    """Several runs, and what can be said of them."""
    usual = f"{SMALL} layer=chebyshev seeds=6"
    arms = [(init, rate) for init in ("default", "glorot") for rate in (0.01, 1)]
    return [
        _reported(
            "report",
            *(f"{usual} init={init} optimizer.learning_rate={rate} name={init}{rate}" for init, rate in arms),
            f"{usual} init=lecun optimizer=sgd optimizer.learning_rate=1e12 layer.residual=identity name=lost",
            reports=(
                "report outputs --out everything",
                "report outputs --by init --baseline init=default --metric rmse --over evaluations --out by-init",
                "report outputs/default1 outputs/glorot1",
                "report outputs/default1 outputs/glorot1 --over seconds --out seconds",
                "compare outputs/default1 outputs/glorot1",
                "compare outputs/default1 outputs/lost --metric mae",
                "report outputs --metric nonsense",
            ),
        ),
        _reported(
            "report-tasks",
            *_starts(f"task=feynman {SIZES} {BRIEF} layer=chebyshev", "default", "glorot"),
            *_starts(f"{SMALL} layer=chebyshev", "default", "glorot"),
        ),
        _reported(
            "report-classes",
            *_starts(f"task=tabular task.dataset=iris layer=chebyshev widths=[in,3,out] {BRIEF}", "default", "glorot"),
        ),
        _reported(
            "report-pictures",
            *_starts(f"task=image task.size=12 layer=fourier layer.frequencies=3 {BRIEF}", "default", "smooth"),
        ),
        # One layer is linear in its weights: the second-order optimizer comes to rest long before its time is up.
        _reported(
            "diagnose",
            f"{SMALL} layer=chebyshev layer.degree=3 widths=[in,out] name=linear",
            reports=("diagnose outputs/linear/v001 --seconds 500",),
        ),
        _reported(
            "explain",
            f"{SMALL} layer=bspline widths=[in,3,out] name=small",
            reports=(
                "explain outputs/small/v001",
                "prune outputs/small/v001 --steps 5",
                "explain outputs/small-pruned/v001",
                "figures outputs/small/v001 --columns 1",
            ),
        ),
    ]


def _reported(name: str, *runs: str, reports: tuple[str, ...] = ("report outputs --out all",)) -> Case:
    return _case(name, *(Step(run, BLANK) for run in runs), SETTLED, *reports)


def _starts(command: str, *inits: str) -> list[str]:
    return [f"{command} init={init}" for init in inits]


def _words() -> list[Case]:
    """What the command says without training anything."""
    helps = [
        f"{word} --help"
        for word in ("report", "compare", "diagnose", "explain", "figures", "prune", "resume", "reproduce", "list")
    ]
    return [
        _case("help", "--help", "-h", "--version", *helps),
        _case("list", "list", "list layer task"),
        _case("reproduce-list", "reproduce --list"),
        _case("cfg", "--cfg layer=bspline layer.intervals=9", "-m --cfg layer=fourier,rbf init=default,smooth"),
        _case("mistakes", *MISTAKES, files={"taken": b"a file where a folder should be"}),
    ]


MISTAKES = (
    "layer=forier sedes=3",
    "layer.degre=3 layer=chebyshev steps=0 seeds=-1",
    "layer=chebyshev layer.degree=many",
    "task.path=nowhere.png",
    "-m layer=fourier,chebyshev task.path=nowhere.png",
    "-m layer=fourier,chebyshev steps=0,5",
    "layer=fourier,chebyshev",
    "output_dir=taken task.size=8",
    "layer=bspline reg=frequency",
    "init=glorot layer=bspline layer.low=5 layer.high=6",
    "optimizer=lbfgs batch_size=10",
    "model=vit",
    "widths=[3,4,1] task=function",
    "'refine={5000: 10}'",
    "'match={parameter: 10}'",
    "'budget={hours: 1}'",
    "task=function 'layers=[fourier,bsplin]'",
    "layer=chebyshev 'layers=[fourier,bspline]'",
    "task=tabular task.path=nowhere.csv task.target=price",
    "task=function 'task.expression=exp(x1'",
    "init=custom",
    "--config-dir nowhere",
    "--fast",
    "report nowhere",
    "compare nowhere elsewhere",
    "resume nowhere",
    "diagnose nowhere",
    "explain nowhere",
    "figures nowhere",
    "prune nowhere --cut 2",
    "reprot x",
    "reproduce nothing",
    "list layrs",
    "name=a/b",
)


def _table() -> bytes:
    """A CSV with numbers, words, gaps and a column that is of no use."""
    rng = np.random.default_rng(0)
    rows = ["size,colour,weight,note,kind,price"]
    for i in range(60):
        size, weight = rng.uniform(1, 9), rng.normal()
        colour = ("red", "green", "", "blue")[rng.integers(4)]
        kind = ("small", "large")[int(size + rng.normal() > 5)]
        gap = "" if i % 7 == 3 else f"{weight:.3f}"
        rows.append(f"{size:.3f},{colour},{gap},row {i},{kind},{2 * size + weight:.3f}")
    return ("\n".join(rows) + "\n").encode()


def _pictures() -> dict[str, bytes]:
    """Two classes of small pictures, bright above and bright to the left."""
    rng, files = np.random.default_rng(1), {}
    for number in range(12):
        for name, axis in (("above", 0), ("left", 1)):
            ramp = np.expand_dims(np.linspace(200, 20, 6), 1 - axis)
            pixels = np.broadcast_to(ramp, (6, 6)) + rng.uniform(0, 50, (6, 6))
            content = io.BytesIO()
            Image.fromarray(pixels.astype(np.uint8)).save(content, "bmp")
            files[f"pictures/{name}/{number:02}.bmp"] = content.getvalue()
    return files


def _start() -> bytes:
    """Weights of a Chebyshev network [2, 3, 1] of degree 5."""
    rng, content = np.random.default_rng(2), io.BytesIO()
    shapes = {"layers.0.coef": (3, 5, 2), "layers.0.bias": (3,), "layers.1.coef": (1, 5, 3)}
    np.savez(content, **{name: rng.normal(0, 0.3, shape) for name, shape in shapes.items()})
    return content.getvalue()


FILES = {"task-tabular": {"mine.csv": _table()}, "task-vision": _pictures(), "init-custom": {"start.npz": _start()}}

OWN_LAYER = {
    "my_conf/layer/power.yaml": b"# Powers of tanh(x).\n_target_: power.Power\ndegree: 5   # highest power\n",
    "power.py": b'''\
from dataclasses import dataclass

import torch

from kanexp.layer.base import Basis


@dataclass(frozen=True)
class Power(Basis):
    """tanh(x)^m for m = 1 .. degree."""

    degree: int = 5

    @property
    def terms(self):
        return self.degree

    def features(self, x):
        t = torch.tanh(x)
        return torch.stack([t**m for m in range(1, self.degree + 1)], dim=-3)
''',
}

BROKEN = {
    "my_conf/layer/broken.yaml": b"# Breaks.\n_target_: broken.Broken\ndegree: 3\n",
    "broken.py": OWN_LAYER["power.py"]
    .replace(b"Power", b"Broken")
    .replace(b"        t = torch", b"        raise RuntimeError('out of patience')\n        t = torch"),
}

OWN_ROW = {
    "my_conf/reproduce/tiny.yaml": f"""\
number: 99
title: two starts of a tiny network
source: nobody
link: https://example.org
figures: [points, curves]

quick:
  differs: all of it is tiny
  commands:
    starts: {SMALL} layer=chebyshev init=default,glorot {ALONE}
  claims:
    - {{claim: median, of: {{init: default}}, metric: mse, published: 8.0, within: [1.0, 20.0]}}
    - {{claim: wins, of: {{init: glorot}}, over: {{init: default}}, metric: mse, probability: 0.9}}
full:
  commands:
    starts: {SMALL} layer=chebyshev init=default,glorot seeds=3 {ALONE}
  claims:
    - {{claim: median, of: {{init: default}}, metric: mse, published: 8.0, within: [1.0, 20.0]}}
""".encode()
}
