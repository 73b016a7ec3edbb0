"""What Hydra makes of a command's words: the combinations of a sweep, and options with the lines they share."""

import dataclasses
import re
from collections import Counter
from importlib import import_module

import pytest
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser

from kanexp.config import chosen
from kanexp.config.catalog import Catalog, SharedLines, config_folder
from kanexp.config.combination import combinations
from kanexp.config.compose import load
from kanexp.config.experiment import KINDS, build_experiment
from kanexp.config.inheritance import declared_by
from kanexp.config.overrides import parse
from kanexp.error import ConfigError
from kanexp.layer.bspline import BSpline
from kanexp.sweep.plan import job_names

CATALOG = Catalog((config_folder(),))
LAYERS = list(CATALOG.options["layer"])


@pytest.mark.parametrize(
    ("words", "jobs"),
    [
        ([], [[]]),
        (["seeds=3"], [["seeds=3"]]),
        (
            ["layer=fourier,rbf", "seeds=3", "init=smooth,glorot"],
            [[f"layer={a}", "seeds=3", f"init={b}"] for a in ("fourier", "rbf") for b in ("smooth", "glorot")],
        ),
        (["steps=range(2,9,3)", "seeds=1,2"], [[f"steps={n}", f"seeds={m}"] for n in (2, 5, 8) for m in (1, 2)]),
        (["steps=sort(3,1,2)"], [["steps=1"], ["steps=2"], ["steps=3"]]),
        (["optimizer.learning_rate=1e-3,1e-2"], [["optimizer.learning_rate=0.001"], ["optimizer.learning_rate=0.01"]]),
        (["seeds=[1,2],[3,4]"], [["seeds=[1,2]"], ["seeds=[3,4]"]]),
        (["refine=null,{200: 10}"], [["refine=null"], ["refine={200:10}"]]),
        (["task.path='a, b.png',c.png"], [["task.path='a, b.png'"], ["task.path=c.png"]]),
        (["name='x y'", "seeds=1,2"], [["name='x y'", "seeds=1"], ["name='x y'", "seeds=2"]]),
        # Said twice: the place of the first, the values of the last.
        (
            ["layer=fourier", "steps=5,6", "layer=gram,rbf"],
            [["layer=gram", "steps=5"], ["layer=gram", "steps=6"], ["layer=rbf", "steps=5"], ["layer=rbf", "steps=6"]],
        ),
        (["layer=glob(*)"], [[f"layer={name}"] for name in LAYERS]),
        (["layer=glob([*e*],exclude=b*)"], [[f"layer={n}"] for n in LAYERS if "e" in n and not n.startswith("b")]),
    ],
)
def test_a_sweep_counts_as_hydras_own(words, jobs):
    parsed, mistakes = parse(words, CATALOG, sweep=True)
    assert mistakes == []
    assert [[override.input_line for override in job] for job in combinations(parsed, CATALOG)] == jobs
    hydra = OverridesParser.create(config_loader=Options()).parse_overrides(words)
    assert BasicSweeper.split_arguments(hydra, None) == [jobs]


def jobs_of(*words: str) -> list[list[str]]:
    return [list(job.overrides) for job in load(words, CATALOG, sweep=True)]


@pytest.mark.parametrize(
    ("words", "jobs"),
    [
        (
            ["zip={task.function: [product,runge], seeds: [5,6]}", "task=function", "init=smooth,glorot"],
            [
                [f"task.function={f}", f"seeds={n}", "task=function", f"init={init}"]
                for f, n in (("product", 5), ("runge", 6))
                for init in ("smooth", "glorot")
            ],
        ),
        (
            ["task=function", """zip={task.expression: ["sin(x1)", 'x1*x2'], widths: [[in,5,out],[in,6,out]]}"""],
            [
                ["task=function", 'task.expression="sin(x1)"', "widths=[in,5,out]"],
                ["task=function", "task.expression='x1*x2'", "widths=[in,6,out]"],
            ],
        ),
        (
            ["zip={seeds: [2,3]}", "zip.2={steps: [4,5]}"],
            [[f"seeds={n}", f"steps={m}"] for n in (2, 3) for m in (4, 5)],
        ),
        (
            ["sets={layer: fourier, init: [default,smooth]},{layer: bspline, layer.intervals: [5,10]}", "seeds=3"],
            [
                ["layer=fourier", "init=default", "seeds=3"],
                ["layer=fourier", "init=smooth", "seeds=3"],
                ["layer=bspline", "layer.intervals=5", "seeds=3"],
                ["layer=bspline", "layer.intervals=10", "seeds=3"],
            ],
        ),
        (
            ["sets={layer: rbf, zip: {steps: [3,4], seeds: [5,6]}},{layer.scale: true}"],
            [["layer=rbf", "steps=3", "seeds=5"], ["layer=rbf", "steps=4", "seeds=6"], ["layer.scale=true"]],
        ),
        (["steps=9", "sets={steps: 3},{seeds: 4}"], [["steps=3"], ["steps=9", "seeds=4"]]),
        (
            ["layer=fourier,bspline", "layer.bspline.intervals=5,10", "init=smooth,glorot"],
            [
                ["layer=fourier", "init=smooth"],
                ["layer=fourier", "init=glorot"],
                *(
                    ["layer=bspline", f"layer.intervals={n}", f"init={init}"]
                    for n in (5, 10)
                    for init in ("smooth", "glorot")
                ),
            ],
        ),
        (
            ["layer=rbf,bspline", "layer.low=-2", "layer.bspline.low=-3", "layer.rbf.centers=range(5,7)"],
            [
                ["layer=rbf", "layer.low=-2", "layer.centers=5"],
                ["layer=rbf", "layer.low=-2", "layer.centers=6"],
                ["layer=bspline", "layer.low=-3"],
            ],
        ),
        (["layer.bspline.low=-3", "layer.low=-2,-1", "layer=bspline"], [["layer.low=-3", "layer=bspline"]]),
        (["layer.fourier.frequencies=4"], [["layer.frequencies=4"]]),
    ],
)
def test_words_that_say_which_combinations(words, jobs):
    assert jobs_of(*words) == jobs


def test_no_job_is_there_twice_in_other_words():
    sets = "sets={layer: fourier},{layer.frequencies: [5,6]},{zip: {layer: [fourier], layer.frequencies: [6]}}"
    assert jobs_of("task=function", sets) == [
        ["task=function", "layer=fourier"],
        ["task=function", "layer.frequencies=6"],
    ]


INTERACTING = """\
# @package _global_
# Mine: chooses a start and a value for a layer, as no option of a group does.
defaults:
  - override /init: smooth
layer:
  residual: silu
steps: 7
"""


@pytest.mark.parametrize("sets", [False, True])
def test_jobs_of_a_sweep_are_put_together_as_each_is_composed_alone(sets, tmp_path):
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment/mine.yaml").write_text(INTERACTING)
    folders = (config_folder(), tmp_path)
    words = ["layer=rbf,bspline,fourier", "experiment=null,mine,jaxkan_t3", "optimizer=adam,lbfgs", "init=glorot,lecun"]
    if sets:
        words = ["sets={layer: [rbf, gram], init: [glorot, lecun]},{optimizer: [adam, lbfgs], task: [sdf, heat]}"]
    jobs = load(words, Catalog(folders), sweep=True)
    assert len(jobs) == (8 if sets else 36)
    chosen._composed.cache_clear()
    for job in jobs[:: 2 if sets else 9]:
        (alone,) = load(job.overrides, Catalog((*folders, tmp_path)))  # which shares nothing with the other
        assert alone.values == job.values
        assert list(alone.values) == list(job.values)
        assert alone.choices == job.choices


def test_hydra_composes_no_more_jobs_than_words_differ(monkeypatch):
    calls = []
    compose = chosen.compose
    monkeypatch.setattr(chosen, "compose", lambda *words, **more: calls.append(words) or compose(*words, **more))
    words = ["layer=rbf,bspline,fourier,gram", "init=glorot,lecun,smooth", "optimizer=adam,lbfgs"]
    jobs = load(words, Catalog((config_folder(),)), sweep=True)
    assert len({tuple(job.choices.items()) for job in jobs}) == len(jobs) == 24
    assert len(calls) <= 1 + 3 + 2 + 1


def test_names_of_jobs_say_what_only_some_of_them_have():
    words = ["layer=fourier,bspline", "layer.bspline.intervals=5,10", "init=smooth,glorot", "task=function"]
    names = ["fourier-smooth", "fourier-glorot"]
    names += [f"bspline-intervals={n}-{init}" for n in (5, 10) for init in ("smooth", "glorot")]
    assert job_names(load(words, CATALOG, sweep=True)) == names


SPECIAL = [
    (
        "zip={seeds: [5,6], steps: [5,6,7]}",
        "'zip={task.function: [product, runge], layer.intervals: [5, 10]}', got 2 of",
    ),
    ("zip={seeds: 5, steps: [5,6]}", "got no list of seeds, 2 of steps"),
    ("zip=3,4", "zip=3,4: must be of the form 'zip={task.function: ["),
    (
        "sets=fourier",
        "sets=fourier: must be of the form 'sets={layer: fourier, init: [default, smooth]},{layer: bspline,",
    ),
    ("zip={layr: [fourier]}", "zip: layr=fourier: there is no group or setting 'layr'; did you mean 'layer'?"),
    ("sets={layer: [rbf,forier]}", "sets: layer=forier: there is no layer 'forier'; did you mean 'fourier'?"),
    ("sets={launcher: local}", "sets: all jobs of a sweep have one launcher; say it beside"),
    ("zip={task.expression: [sin(x1),x1*x2]}", """needs quotes, as in 'zip={task.expression: ["sin(x1)", "x1*x2"]}'"""),
    ("layer.bspline.intervls=5", "layer.bspline.intervls=5: layer=bspline has no option 'intervls'; did you mean"),
    ("layer.bspline.intervals=5,6", "layer.bspline.intervals: no job has layer=bspline, whose setting it is; choose"),
    ("layer.bspline.intervals=range(3,1)", "layer.bspline.intervals=range(3,1): a range that has no values"),
    ("sets={seeds: [" + "1," * 400 + "1], steps: [" + "1," * 400 + "1]}", "a sweep may have 100000 jobs, got 160801"),
]


@pytest.mark.parametrize(("word", "sentence"), SPECIAL, ids=lambda text: text[:30])
def test_mistakes_in_words_that_say_which_combinations(word, sentence):
    with pytest.raises(ConfigError) as caught:
        load([word], CATALOG, sweep=True)
    (mistake,) = caught.value.mistakes
    assert sentence in mistake


@pytest.mark.parametrize("word", ["zip={seeds: [2,3]}", "sets={seeds: 2}", "layer.bspline.intervals=5,6"])
def test_one_run_has_no_combinations(word):
    with pytest.raises(ConfigError, match="several values, but this is one run; add -m"):
        load([word], CATALOG)


class Options:
    """What Hydra asks for the options of a group."""

    def get_group_options(self, group, results_filter=None):
        return list(CATALOG.options[group])


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("layer=glob(x*)", "layer=glob(x*): there is no layer of such a name\n  options of layer: bernstein"),
        ("layer.degree=glob(*)", "layer.degree=glob(*): only options of a group have names to choose by a pattern"),
        ("steps=glob(*)", "steps=glob(*): only options of a group have names to choose by a pattern"),
    ],
)
def test_mistakes_in_patterns(word, sentence):
    with pytest.raises(ConfigError) as caught:
        load([word], CATALOG, sweep=True)
    assert sentence in str(caught.value)


WORDS = [
    ("refine={10: 5, 10: 6}", "refine={10: 5, 10: 6}: '10' is given twice; give it once"),
    ("refine={10: 5, '10': 6}", "'10' is given twice; give it once"),
    ("match={like: {model: mlp, model: kan}}", "'model' is given twice; give it once"),
    ("reg.parts={l1: 1, l2: {weight: 1, weight: 2}}", "'weight' is given twice; give it once"),
    ("widths=" + "[" * 100 + "1" + "]" * 100, "must have at most 20 brackets inside each other"),
    ("seeds=" + "1" * 5000, "not of the form key=value"),
    ("seeds=[" + "1," * 20000 + "1]", "must have at most 20000 characters; write it to a file of experiment/"),
    ("seeds=${oc.decode:'{'}", "mismatched input"),
    ("seeds=1" + "0" * 400, "seeds: must have whole numbers below 2^63, got '1000"),
    ("seeds=[0,9223372036854775808]", "seeds: must have whole numbers below 2^63, got [0, 9223372036854775808]"),
    ("optimizer.learning_rate=1" + "0" * 400, "optimizer.learning_rate: must have whole numbers below 2^63"),
    ("match={parameters: 1" + "0" * 400 + "}", "match: must have whole numbers below 2^63"),
    ("match={like: [mlp]}", "match.like: there is no model"),
    ("layers=[[fourier]]", "layers.0: there is no layer"),
]


@pytest.mark.parametrize(("word", "sentence"), WORDS, ids=lambda text: text[:30])
def test_a_hostile_word_gets_one_short_sentence(word, sentence):
    with pytest.raises(ConfigError) as caught:
        build_experiment(load(["task=function", word], CATALOG)[0])
    (mistake,) = caught.value.mistakes
    assert sentence in mistake
    assert len(mistake) < 400
    assert mistake.replace("\n  options of", "").isprintable()


@pytest.mark.parametrize("word", ["refine={10: 5, 20: 6}", "layers=[{layer: rbf},{layer: rbf},{layer: rbf}]"])
def test_equal_keys_of_different_pairs_are_no_mistake(word):
    assert load(["task=function", word], CATALOG)


SWEPT = [
    ("steps=range(5,2)", "steps=range(5,2): a range that has no values"),
    ("steps=range(1,5,0)", "a range needs finite ends and a step that is not 0"),
    ("steps=range(1,1000000000)", "a range of 1e+09 values, and a sweep may have 100000 jobs"),
    ("steps=range(0,1,1e-9)", "a range of 1e+09 values, and a sweep may have 100000 jobs"),
    ("sweeper=optuna sweeper.n_trials=1000000000", "n_trials must be at most 100000, got 1000000000"),
    ("layer.frequencies=range(1,1000) seeds=range(1,1000)", "-m: a sweep may have 100000 jobs, got 998001"),
    ("tune={trials:1000000000,optimizer.learning_rate:[1e-4,1e-1]}", "tune: must give 2 to 10000 trials"),
    ("tune={trials:3,layer.frequencies:[1,1" + "0" * 400 + "]}", "tune: must give 2 to 10000 trials"),
    ("tune={trials:3,optimizer.learning_rate:[1e-4,inf]}", "tune: must give 2 to 10000 trials"),
]


@pytest.mark.parametrize(("words", "sentence"), SWEPT, ids=lambda text: text[:30])
def test_a_sweep_without_end_is_not_begun(words, sentence):
    with pytest.raises(ConfigError) as caught:
        build_experiment(load(words.split(), CATALOG, sweep=True)[0])
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("group", "text", "words"),
    [
        ("experiment", "# @package _global_\nrefine: {10: 5, 10: 6}\n", ["experiment=mine"]),
        ("layer", "_target_: kanexp.layer.rbf.RBF\ncenters: 5\ncenters: 6\n", ["layer=mine"]),
        ("layer", "_target_: kanexp.layer.rbf.RBF\ncenters: 5\ncenters: 6\n", ["layers=[mine]"]),
    ],
)
def test_a_key_that_stands_twice_in_a_file_is_a_mistake(group, text, words, tmp_path):
    (tmp_path / group).mkdir()
    (tmp_path / group / "mine.yaml").write_text(text)
    with pytest.raises(ConfigError, match="duplicate key"):
        load(words, Catalog((config_folder(), tmp_path)))


FILES = {group: sorted((config_folder() / group).glob("*.yaml")) for group in KINDS}
SHARED = [file for files in FILES.values() for file in files if file.name.startswith("_")]
TARGETS = [option.content["_target_"] for group in KINDS for option in CATALOG.options[group].values()]


def find(target: str) -> type:
    module, _, name = target.rpartition(".")
    return getattr(import_module(module), name)


def own_fields(cls: type) -> dict:
    """Fields that a class declares itself, with their defaults."""
    own = [f for f in dataclasses.fields(cls) if f.name in vars(cls).get("__annotations__", {})]
    return {f.name: f.default if f.default_factory is dataclasses.MISSING else f.default_factory() for f in own}


def test_shared_lines_were_found():
    assert {file.parent.name for file in SHARED} == {"init", "layer", "model", "optimizer", "reg", "task"}


@pytest.mark.parametrize("file", SHARED, ids=lambda file: f"{file.parent.name}/{file.stem}")
def test_shared_lines_are_what_a_base_declares(file):
    lines = SharedLines(file).lines
    base = find(lines["_target_"])
    assert file.stem == re.sub("(?=[A-Z])", "_", base.__name__).lower()
    assert {key: value for key, value in lines.items() if key not in ("_target_", "_self_")} == own_fields(base)


@pytest.mark.parametrize("group", KINDS)
def test_what_options_inherit_is_written_once(group):
    """An option has such a line itself only where its default, or what is to be said of it, is another."""
    lines = Counter()
    for file in FILES[group]:
        pairs = [line.partition(":") for line in file.read_text().splitlines() if re.match("[a-z]", line)]
        cls = find(re.search("^_target_: (.*)", file.read_text(), re.M)[1])
        inherited = {f.name for f in dataclasses.fields(cls)} - (set() if file in SHARED else own_fields(cls).keys())
        lines.update(f"{key}: {' '.join(rest.split())}" for key, _, rest in pairs if key in inherited)
    assert [line for line, count in lines.items() if count > 1] == []


@pytest.mark.parametrize("target", TARGETS)
def test_what_a_class_inherits_is_read_without_importing_it(target):
    cls = find(target)
    owners = {f.name: next(c for c in cls.__mro__ if f.name in own_fields(c)) for f in dataclasses.fields(cls)}
    assert declared_by(target) == {name: f"{c.__module__}.{c.__name__}" for name, c in owners.items()}


COMPONENTS = """\
from dataclasses import dataclass
from typing import Literal
import kanexp.layer.base
import kanexp.optimizer.base as contract
from kanexp.layer.chebyshev import Chebyshev as Published
from kanexp.optimizer.adam import Adam
from kanexp.optimizer.lbfgs import LBFGS, LBFGSStepper

@dataclass(frozen=True, kw_only=True)
class Plain(kanexp.layer.base.Basis):
    power: int = 2
    terms = property(lambda self: 1)
    def features(self, x):
        return (x**self.power).unsqueeze(-3)

@dataclass(frozen=True, kw_only=True)
class Alive(Plain):
    residual: Literal["none", "silu", "identity"] = "silu"

@dataclass(frozen=True, kw_only=True)
class Family(Plain):
    size_of_all: float = 1.0

@dataclass(frozen=True, kw_only=True)
class Member(Family):
    own: int = 1

@dataclass(frozen=True, kw_only=True)
class Descent(contract.FirstOrder):
    pull: float = 0.5
    def stepper(self, theta):
        return Adam().stepper(theta)

@dataclass(frozen=True, kw_only=True)
class Whole(contract.Optimizer):
    history: int = 10
    max_evaluations: int = 25
    def stepper(self, theta):
        return LBFGSStepper(self, theta)

again = Plain
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Where a user's options lie, beside the file of their classes."""
    (tmp_path / "users_own.py").write_text(COMPONENTS)
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path / "conf"


def write(file, *lines: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("\n".join(["# Mine.", *lines, ""]))


def run(folder, *words: str):
    (job,) = load(["task=function", *words], Catalog((config_folder(), folder)))
    return job.values, build_experiment(job)


def test_a_users_layer_has_what_every_layer_has(folder):
    write(folder / "layer/plain.yaml", "_target_: users_own.Plain", "power: 3")
    values, built = run(folder, "layer=plain", "layer.residual=silu")
    complete = {"_target_": "users_own.Plain", "power": 3, "residual": "silu", "scale": False}
    assert list(values["layer"].items()) == list(complete.items())
    assert (built.layer.residual, built.layer.scale) == ("silu", False)


def test_a_users_yaml_has_the_last_word(folder):
    write(folder / "layer/plain.yaml", "_target_: users_own.Plain", "scale: true", "power: 3")
    values, built = run(folder, "layer=plain")
    assert list(values["layer"]) == ["_target_", "scale", "power", "residual"]
    assert built.layer.scale is True


def test_a_default_of_the_users_class_is_not_replaced(folder):
    write(folder / "layer/alive.yaml", "_target_: users_own.Alive")
    values, built = run(folder, "layer=alive")
    assert "residual" not in values["layer"]
    assert built.layer.residual == "silu"


def test_only_what_the_class_has_is_added(folder):
    write(folder / "optimizer/descent.yaml", "_target_: users_own.Descent", "pull: 0.1")
    write(folder / "optimizer/whole.yaml", "_target_: users_own.Whole", "history: 3")
    values, built = run(folder, "optimizer=descent", "optimizer.schedule=cosine")
    shared = ["schedule", "schedule_steps", "warmup", "clip"]
    assert list(values["optimizer"]) == ["_target_", "learning_rate", "pull", *shared]
    assert built.optimizer.schedule == "cosine"
    values, built = run(folder, "optimizer=whole")
    assert values["optimizer"] == {"_target_": "users_own.Whole", "history": 3}
    with pytest.raises(ConfigError) as caught:
        run(folder, "optimizer=whole", "optimizer.warmup=1")
    assert "optimizer=whole has no option 'warmup'" in str(caught.value)


def test_an_option_that_extends_another_is_complete(folder):
    write(folder / "layer/fine.yaml", "defaults: [bspline, _self_]", "intervals: 50")
    write(folder / "layer/steep.yaml", "defaults: [chebyshev, _self_]", "degree: 50")
    values, built = run(folder, "layer=fine", "layer.bound=tanh")
    assert values["layer"] == CATALOG.options["layer"]["bspline"].content | {"intervals": 50, "bound": "tanh"}
    assert built.layer == BSpline(intervals=50, bound="tanh")
    values, _ = run(folder, "layer=steep")
    complete = CATALOG.options["layer"]["chebyshev"].content | {"degree": 50}
    assert list(values["layer"].items()) == list(complete.items())


def test_an_option_is_not_chosen_by_a_value(folder):
    (folder / "experiment").mkdir(parents=True)
    (folder / "experiment/mine.yaml").write_text("# @package _global_\nlayer: chebyshev\n")
    with pytest.raises(ConfigError) as caught:
        run(folder, "experiment=mine")
    assert str(caught.value) == (
        "layer: must be options of layer=fourier, got 'chebyshev'; "
        "a file chooses one by 'override /layer: NAME' in its defaults"
    )


def test_a_user_shares_lines_as_well(folder):
    write(folder / "layer/_family.yaml", "_target_: users_own.Family", "size_of_all: 1e-3")
    write(folder / "layer/member.yaml", "_target_: users_own.Member", "own: 2")
    values, built = run(folder, "layer=member")
    assert list(values["layer"]) == ["_target_", "size_of_all", "own", "residual", "scale"]
    assert built.layer.size_of_all == 0.001
    _, built = run(folder, "layers=[member,{layer: member, residual: silu}]", "widths=[2,3,1]")
    assert [layer.residual for layer in built.layers] == ["none", "silu"]
    assert [layer.size_of_all for layer in built.layers] == [0.001, 0.001]


@pytest.mark.parametrize(
    ("target", "known"),
    [
        ("users_own.Published", declared_by("kanexp.layer.chebyshev.Chebyshev")),
        ("users_own.again", {}),  # made by no class statement
        ("users_own.Nothing", {}),
        ("nowhere.inside.Thing", {}),
        ("Thing", {}),
        ("os.system", {}),
    ],
)
def test_nothing_is_known_of_what_is_not_in_the_source(folder, target, known):
    assert declared_by(target) == known
    assert known or "Published" not in target


def test_a_class_is_found_through_packages_and_relative_imports(tmp_path, monkeypatch):
    inner = tmp_path / "users_package" / "inner"
    inner.mkdir(parents=True)
    (tmp_path / "users_package/__init__.py").write_text("raise ImportError('only its source is read')\n")
    (inner / "__init__.py").write_text("from .part import Part\n")
    (inner / "part.py").write_text("from ..top import Top\nclass Part(Top):\n    part: int = 1\n")
    (tmp_path / "users_package/top.py").write_text("class Top:\n    top: int = 1\n")
    (inner / "broken.py").write_text("class Broken(\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert declared_by("users_package.inner.Part") == {
        "top": "users_package.top.Top",
        "part": "users_package.inner.part.Part",
    }
    assert declared_by("users_package.inner.broken.Broken") == {}


def test_the_list_shows_what_a_users_option_shares(kanexp, tmp_path):
    (tmp_path / "users_listed.py").write_text("raise ImportError('only its source is read')\n" + COMPONENTS)
    write(tmp_path / "conf/layer/plain.yaml", "_target_: users_listed.Plain", "power: 3")
    done = kanexp("list", "layer", "--config-dir", "conf")
    assert "plain          Mine.\n                 power=3  residual=none  scale=false\n" in done.stdout, done.stderr
    assert "_basis" not in done.stdout
    assert "there is no layer '_basis'" in kanexp("layer=_basis").stderr
