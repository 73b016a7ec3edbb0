import dataclasses
import importlib
import inspect

import numpy as np
import pytest
import torch
import yaml
from conftest import ROOT

from kanexp.config.catalog import GROUPS, SUBJECTS, Catalog, config_folder, find_catalog
from kanexp.config.compose import load
from kanexp.config.experiment import KINDS, build_experiment
from kanexp.config.run_config import default_name
from kanexp.config.settings import Settings, role_of
from kanexp.config.synonym import SIZES
from kanexp.error import ConfigError
from kanexp.layer.bspline import BSpline
from kanexp.layer.fourier import Fourier
from kanexp.reg.l1 import L1
from kanexp.reg.smooth import Smooth
from kanexp.sweep.plan import job_names

CATALOG = Catalog((config_folder(),))
OPTIONS = [option for options in CATALOG.options.values() for option in options.values()]


def experiment(*words: str):
    (job,) = load(words, CATALOG)
    return build_experiment(job)


def test_every_file_is_an_option_or_a_row_of_reproductions():
    files = set((ROOT / "conf").glob("*/[!_]*.yaml")) - set((ROOT / "conf" / "reproduce").glob("*"))
    assert {option.file for option in OPTIONS} == files
    assert {option.group for option in OPTIONS} == set(GROUPS)


@pytest.mark.parametrize("option", OPTIONS, ids=lambda o: f"{o.group}={o.name}")
def test_every_option_builds_and_says_what_it_is(option, tmp_path):
    words = [f"{option.group}={option.name}"]
    if option.name == "custom":  # the one option that needs a file of the user's
        np.savez(tmp_path / "start.npz", a=np.zeros(1))
        words.append(f"init.path={tmp_path / 'start.npz'}")
    if option.name == "sum":  # and one that needs penalties
        words.append("reg.parts={l1: 1}")
    if option.name == "chain":  # or optimizers
        words += ["optimizer.parts={adam: 0.01, lbfgs: {}}", "optimizer.switch=[5]"]
    if option.name in ("vit", "conv_kan"):  # or inputs that are a square picture
        words += ["task=function", "task.expression=x1+x16"]
    if option.name == "vit":
        words.append("model.patch=2")
    if (option.group, option.name) == ("task", "equation"):  # or an equation
        words += ["task.residual=u_x - 1", "task.domain={x: [0, 1]}", "task.known='u(0) = 0'"]
    built = experiment(*words)
    assert built.config.choices[option.group] == option.name
    assert option.description.endswith(".") or option.group == "experiment"
    if option.group in KINDS:
        lines = option.file.read_text().splitlines()
        part = getattr(built, option.group)
        # What it is, its class, and a line for each of its options.
        assert len(lines) <= 2 + max(8, len(dataclasses.fields(part)))
        cls = type(getattr(built, option.group))
        # One name in the YAML, the module and, but for its capitals, the class.
        assert (
            yaml.safe_load(option.file.read_text())["_target_"] == f"kanexp.{option.group}.{option.name}.{cls.__name__}"
        )
        made = {f.name: f.default_factory() for f in dataclasses.fields(cls) if f.default is dataclasses.MISSING}
        defaults = {f.name: made.get(f.name, f.default) for f in dataclasses.fields(cls)}
        assert defaults == option.values, (
            "each option is in its YAML or in lines that it shares, with the default of the class"
        )


def test_settings_are_those_of_the_file_and_every_line_says_its_effect():
    typed = [f.name for f in dataclasses.fields(Settings) if f.name != "pruned"]  # which a command writes
    assert list(CATALOG.settings) == typed
    text = (config_folder() / "config.yaml").read_text().split("\nhydra:")[0].split("hydra_logging: disabled")[1]
    assert {line.split(":")[0] for line in text.strip().splitlines()} == set(CATALOG.settings)
    assert all("#" in line for line in text.strip().splitlines())


def test_every_component_module_has_its_option():
    for group in KINDS:
        base = getattr(importlib.import_module(KINDS[group][0]), KINDS[group][1])
        names = [p.stem for p in (ROOT / "kanexp" / group).glob("*.py") if p.stem != "base"]
        modules = {name: importlib.import_module(f"kanexp.{group}.{name}") for name in names}
        options = {
            name for name, module in modules.items() if any(_is_option(v, base, module) for v in vars(module).values())
        }
        assert options == set(CATALOG.options[group])


def _is_option(value, base, module):
    """Whether a module defines it, and it can be made: not what options are derived from or made of."""
    own = isinstance(value, type) and issubclass(value, base) and value.__module__ == module.__name__
    return own and not value.__name__.startswith("_") and not inspect.isabstract(value)


@pytest.mark.parametrize(
    ("optimizer", "precision"),
    [("adam", "float32"), ("lbfgs", "float32"), ("levenberg_marquardt", "float64"), ("ssbroyden", "float64")],
)
def test_the_precision_not_given_is_what_the_optimizer_needs_and_the_run_is_the_same_as_if_given(optimizer, precision):
    (chosen,), (given,) = (load([f"optimizer={optimizer}", *words], CATALOG) for words in ([], [f"dtype={precision}"]))
    assert chosen.values["dtype"] == precision
    assert (chosen.values, chosen.hash) == (given.values, given.hash)


def test_words_reach_the_objects():
    e = experiment("layer=chebyshev", "layer.degree=7", "seeds=[3,7]", "optimizer.learning_rate=1e-2", "dtype=float64")
    assert e.layer.degree == 7
    assert e.settings.seed_list == [3, 7]
    assert e.optimizer.learning_rate == 0.01
    assert experiment("seeds=3").settings.seed_list == [0, 1, 2]
    assert experiment("init=glorot", "init.gain=2").init.gain == 2.0


def test_a_sum_is_given_as_weights_or_options_and_written_in_full():
    e = experiment("reg=sum", "reg.parts={l1: 1e-2, smooth: {weight: 3, order: 1}}", "layer=bspline")
    assert e.reg.parts == {"l1": L1(weight=0.01), "smooth": Smooth(weight=3.0, order=1)}
    written = yaml.safe_load(e.config.yaml)["reg"]["parts"]["smooth"]
    assert written == {"_target_": "kanexp.reg.smooth.Smooth", **dataclasses.asdict(Smooth(weight=3, order=1))}
    assert build_experiment(dataclasses.replace(e.config, values=yaml.safe_load(e.config.yaml))).reg == e.reg


@pytest.mark.parametrize(
    ("typed", "widths"),
    [("[2,6,6,1]", [2, 6, 6, 1]), ("[in,5,out]", [2, 5, 1]), ("[in,out]", [2, 1]), ("[2,3,out]", [2, 3, 1])],
)
def test_widths(typed, widths):
    assert experiment("task=function", f"widths={typed}").widths == widths


def test_names():
    def name(*words):
        jobs = load(words, CATALOG, sweep=True)
        return default_name(jobs[0], jobs)

    assert name("layer=fourier", "init=smooth") == "image-fourier-smooth"
    assert name("optimizer=lbfgs", "reg=l1", "model=mlp") == "image-fourier-default-l1-lbfgs-mlp"
    assert name("experiment=jaxkan_t3", "init=smooth") == "jaxkan_t3"
    assert name("name=mine") == "mine"
    assert name("layer=fourier,chebyshev", "init=smooth") == "image-fourier+chebyshev-smooth"


@pytest.mark.parametrize("stem", ["a\nb", "-x", " x", "a\x1b", "ü" * 101, "nan", "1e3", "3", "Null"])
def test_files_of_a_user_have_names_that_can_be_typed(stem, tmp_path):
    (tmp_path / "layer").mkdir()
    (tmp_path / "layer" / f"{stem}.yaml").write_text("_target_: kanexp.layer.rbf.RBF\n")
    with pytest.raises(ConfigError, match=r"^--config-dir: '.*(; give it another name)$") as caught:
        find_catalog([tmp_path])
    assert str(caught.value).isprintable()


def test_names_of_jobs_are_folders(tmp_path):
    values = ["'a\tb'", "'a/b'", "'" + "ж" * 120 + "'", "'..'"]
    names = job_names(load([f"task.path={','.join(values)}"], Catalog((config_folder(),)), sweep=True))
    assert len(set(names)) == 4
    for name in names:
        (tmp_path / name).mkdir()


def test_sweeps_are_the_product():
    jobs = load(["layer=fourier,chebyshev", "seeds=3", "init=smooth,glorot"], CATALOG, sweep=True)
    chosen = [(job.choices["layer"], job.choices["init"]) for job in jobs]
    assert chosen == [(layer, init) for layer in ("fourier", "chebyshev") for init in ("smooth", "glorot")]
    assert job_names(jobs) == ["fourier-smooth", "fourier-glorot", "chebyshev-smooth", "chebyshev-glorot"]
    rates = load(["optimizer.learning_rate=1e-3,1e-2", "seeds=[1,2],[3,4]"], CATALOG, sweep=True)
    assert job_names(rates)[1] == "learning_rate=0.001-seeds=[3,4]"
    assert len({job.hash for job in jobs + rates}) == 8


def test_the_hash_is_of_what_determines_the_result():
    (a,), (b,), (c,) = (load(w, CATALOG) for w in ([], ["name=x", "output_dir=/tmp/y"], ["steps=7"]))
    assert a.hash == b.hash != c.hash


@pytest.mark.parametrize(
    ("override", "same"),
    [
        *((text, True) for text in ("diagnostics=false", "checkpoint=1", "name=x", "output_dir=y", "pack=false")),
        *((text, True) for text in ("rerun=all", "dry_run=true", "launcher=slurm", "logger=mlflow")),
        *((text, False) for text in ("log_every=1", "steps=7", "seeds=3", "data_seed=1", "patience=9", "init=glorot")),
    ],
)
def test_a_setting_counts_in_the_hash_by_its_role(override, same):
    """When validation is looked at decides which state is the best; what is looked into on the way does not."""
    (usual,), (other,) = load([], CATALOG), load([override], CATALOG)
    assert (usual.hash == other.hash) == same


def test_every_setting_has_a_role():
    assert {role_of(key) for key in CATALOG.settings} == {"result", "replicate", "how", "where"}
    assert {role_of(group) for group in SUBJECTS} == {role_of("layer.degree")} == {"result"}
    assert {role_of(group) for group in set(GROUPS) - set(SUBJECTS)} == {"how"}


def test_the_hash_is_of_what_is_in_files(tmp_path):
    file, same = tmp_path / "a.csv", tmp_path / "b.csv"
    for path in (file, same):
        path.write_text("x,y\n1,2\n")
    (job,) = load(["task=tabular", f"task.path={file}", "task.target=y"], CATALOG)
    (other,) = load(["task=tabular", f"task.path={same}", "task.target=y"], CATALOG)
    before = job.hash
    assert before != other.hash
    file.write_text("x,y\n1,3\n")
    assert job.hash != before
    file.write_text("x,y\n1,2\n")
    assert job.hash == before
    file.unlink()
    assert job.hash != before  # and no complaint: whoever reads the file says that it is gone


def test_an_option_that_came_later_leaves_the_digests_of_runs_from_before():
    words = ["task=feynman", "task.equation=I.9.18"]
    more = ([], ["task.domain=own"], ["task.domain=unit"])
    plain, same, other = (load([*words, *own], find_catalog())[0] for own in more)
    assert plain.hash == same.hash == "5535c695614bd6ae"  # as where there is no domain
    assert other.hash != plain.hash


@pytest.mark.parametrize(
    ("words", "digest"),
    [
        (["task=function", "layer=chebyshev"], "8f3661a2803482fd"),
        (["task=burgers", "optimizer=lbfgs", "dtype=float64"], "469c7191e90aafc6"),
        (["task=tabular"], "2bab0b8f0ce2654f"),
        (["layer=bspline"], "786b170710665e58"),
    ],
)
def test_digests_are_those_of_runs_from_before_networks_knew_frequencies(words, digest):
    """As computed on revision d211b76: sweeps of then are gone on with, not repeated."""
    assert load(words, find_catalog())[0].hash == digest
    changed = load([*words, "model.frequencies=3"], find_catalog())[0]
    assert changed.hash != digest


@pytest.mark.parametrize(
    ("words", "digest"),
    [
        (["layer=wavelet"], "eef2bf429f24fedd"),
        (["task=function", "widths=[2,5,1]", "layers=[wavelet,fourier]"], "54bbe764cb6c2f88"),
    ],
)
def test_digests_are_those_of_runs_from_before_wavelets_had_kinds(words, digest):
    """As computed on revision b46de8f."""
    assert load(words, find_catalog())[0].hash == digest


def test_the_written_config_repeats_the_run():
    (job,) = load(["layer=bspline", "layer.intervals=9"], CATALOG)
    assert yaml.safe_load(job.yaml) == job.values


def test_an_option_for_each_layer_is_written_in_full():
    e = experiment("task=function", "widths=[2,5,1]", "layers=[fourier,{layer: bspline, intervals: 8}]")
    assert [layer.basis for layer in e.network().layers] == [Fourier(), BSpline(intervals=8)]
    assert e.config.choices["layer"] == "fourier_bspline"
    again = build_experiment(dataclasses.replace(e.config, values=yaml.safe_load(e.config.yaml)))
    assert again.layers == e.layers


@pytest.mark.parametrize("words", [["ffn=mlp"], ["ffn=kan"], ["ffn=kan", "head=kan"]])
@pytest.mark.parametrize("layer", ["bspline", "chebyshev", "fourier", "rbf"])
def test_the_transformers_of_an_experiment_are_of_one_size(words, layer):
    e = experiment("experiment=kansformer_digits", f"layer={layer}", *(f"model.{word}" for word in words))
    assert e.match.target == 26_538
    assert abs(e.network().parameters / e.match.target - 1) < 0.01


def test_match_takes_the_closest_size():
    words = ["task=function", "layer=chebyshev", "widths=[in,20,10,out]"]
    for asked in ("{parameters: 700}", "{like: mlp}", "{parameters: 9000, by: grid}"):
        e = experiment(*words, f"match={asked}")
        off = [
            abs(experiment(*words, other).network().parameters - e.match.target)
            for n in range(1, 60)
            for other in ([f"layer.degree={n}"] if "grid" in asked else [f"widths=[in,{n},{max(1, round(n / 2))},out]"])
        ]
        assert abs(e.network().parameters - e.match.target) == min(off)
        assert e.match.record["parameters"] == e.network().parameters
    assert experiment("task=function", "match={like: mlp}").match.target == 2 * 10 + 10 + 10 * 10 + 10 + 10 + 1


MISTAKES = [
    (
        ["task=function", "layers=[forier]"],
        ["layers.0: there is no layer 'forier'; did you mean 'fourier'?"],
        1,
    ),
    (
        ["task=function", "layers=[fourier,{layer: bspline, intervls: 3}]", "widths=[2,5,1]"],
        ["layers.1.intervls: BSpline has no option 'intervls'; did you mean 'intervals'?"],
        1,
    ),
    (
        ["task=function", "layers=[fourier,bspline]"],
        ["layers: must name one option for each of the 3 layers between widths [2, 10, 10, 1], got 2"],
        1,
    ),
    (["task=function", "layers=[fourier]", "layer=rbf"], ["layer=rbf: layers already names the option"], 1),
    (["match={parameters: 3}"], ["match: 3 parameters are fewer than the"], 1),
    (["match={size: 3}"], ["match: must be {parameters: 5000} or {like: mlp}"], 1),
    (["match={like: mpl}"], ["match.like: there is no model 'mpl'; did you mean 'mlp'?"], 1),
    (["match={parameters: 500, by: grid}", "layer=sine"], ["match: Sine has no grid or degree to solve"], 1),
    (["match={parameters: 500}", "widths=[in,out]"], ["have no hidden width to solve"], 1),
    (["model=vit"], ["model: ViT: 2 inputs are no square picture, gray or in color; use model=kan"], 1),
    (["model=vit", "model.heads=5"], ["heads must divide dim, got heads 5 and dim 64"], 1),
    (
        ["task=function", "task.expression=__import__(1)"],
        ["task: Function: expression has no function '__import__'; it knows numpy's elementary and scipy.special's"],
        1,
    ),
    (["task=function", "task.function=sinn"], ["task: Function: function must be one of square_plus_exp, "], 1),
    (["task=feynman", "task.equation=I.1"], ["task: Feynman: equation must be one of I.6.2, "], 1),
    (
        ["layer=sine", "refine={200: 10}"],
        ["refine: Sine has no grid or degree to raise; use layer=bspline, or refine=null"],
        1,
    ),
    (["model=mlp", "refine={200: 10}"], ["refine: MLP has no grid or degree to raise; use model=kan"], 1),
    (
        ["layer=bspline", "refine={200: 10, 400: 4}"],
        ["refine: sizes must not fall, got 10, 4 after layer.intervals=5"],
        1,
    ),
    (["layer=gram", "refine={200: 100}"], ["refine: Gram: points must be above the degree, got 64 and 100"], 1),
    (["refine={5000: 10}"], ["refine: must have steps below steps=2000 and sizes of at least 1, got {5000: 10}"], 1),
    (["patience=0"], ["patience: must be at least 1, or null for none, got 0"], 1),
    (["budget={minutes: 1}"], ["budget: must be of seconds, evaluations or both, got {minutes: 1.0}"], 1),
    (["budget={seconds: 0}"], ["budget: must be positive, got {seconds: 0.0}"], 1),
    (["budget=60"], ["budget: must be pairs like {seconds: 60, evaluations: 1000} or null, got 60"], 1),
    (["refine=[3]"], ["refine: must be pairs like {200: 10, 400: 20} or null, got [3]"], 1),
    (
        ["layer=bspline", "layer.bound=affine", "layer.grid=quantiles"],
        ["layer: BSpline: grid quantiles already follows the data, got bound affine as well; use bound: none"],
        1,
    ),
    # what was typed, every sentence that must be in the answer, and how many mistakes there are
    (["layer=forier"], ["there is no layer 'forier'; did you mean 'fourier'?"], 1),
    (["layer=xyz"], ["there is no layer 'xyz'\n  options of layer: bernstein, bessel, bspline"], 1),
    (["layr=fourier"], ["layr=fourier: there is no group or setting 'layr'; did you mean 'layer'?"], 1),
    (["sedes=3"], ["there is no group or setting 'sedes'; did you mean 'seeds'?"], 1),
    (["degree=3", "layer=gram"], ["there is no group or setting 'degree'; did you mean 'layer.degree'?"], 1),
    (
        ["degree=3"],
        ["no group or setting 'degree'; did you mean 'layer.frequencies'?\n  degree is an option of layer=bernstein, "],
        1,
    ),
    (["dataset=iris"], ["setting 'dataset'\n  dataset is an option of task=tabular, task=vision"], 1),
    (["lr=1e-2"], ["there is no group or setting 'lr'; did you mean 'optimizer.learning_rate'?"], 1),
    (["epochs=3"], ["there is no group or setting 'epochs'; did you mean 'steps'?"], 1),
    (["batch=3"], ["there is no group or setting 'batch'; did you mean 'batch_size'?"], 1),
    (["hidden=[3,3]"], ["there is no group or setting 'hidden'; did you mean 'widths'?"], 1),
    (["seed=3"], ["there is no group or setting 'seed'; did you mean 'seeds'?"], 1),
    (["optimizer.lr=1"], ["optimizer=adam has no option 'lr'; did you mean 'learning_rate'?"], 1),
    (["layer=bspline", "layer.grid_size=9"], ["layer=bspline has no option 'grid_size'; did you mean 'intervals'?"], 1),
    (["layer=rbf", "layer.intervals=9"], ["layer=rbf has no option 'intervals'; did you mean 'centers'?"], 1),
    (["reg=l1", "reg.lambda=1"], ["reg=l1 has no option 'lambda'; did you mean 'weight'?"], 1),
    (
        ["task=function", "task.points=3"],
        [
            "task=function has no option 'points'\n  options of function: function, expression, ",
            "scale\n  points is an option of task=advection, task=allen_cahn, task=burgers, ",
        ],
        1,
    ),
    (["output_dir=~/x"], ["output_dir=~/x: '~' in a value needs quotes", ": 'output_dir=\"~/x\"'"], 1),
    (
        ["name=a=b"],
        ["name=a=b: '=' in a value needs quotes, and these need the shell's around them: 'name=\"a=b\"'"],
        1,
    ),
    (
        ["task.target=größe (m)"],
        ["these need the shell's around them: 'task.target=\"größe (m)\"'"],
        1,
    ),
    (["task.target=it's"], ["""such a value needs quotes""", """'task.target="it'"'"'s"'"""], 1),
    (["steps=5\r"], [r"'steps=5\r': ends with \r, which a line of a Windows file leaves behind; take it away"], 1),
    (["task.expression=x1\r"], [r"'task.expression=x1\r': ends with \r, which a line of a Windows file leaves"], 1),
    (
        ["task=function", "task.expression=sin(x1^2)"],
        ["task: Function: expression has ^ in 'x1 ^ 2'; the power is **, as in x1**2"],
        1,
    ),
    (
        ["task=function", "task.expression=sin(x1),x1+x2"],
        [
            "expression is one formula, got 2; those of a sweep have quotes of their own inside the shell's: "
            '\'task.expression="sin(x1)","x1 + x2"\''
        ],
        1,
    ),
    (
        ["task=function", 'task.expression="sin(x1)",x1*(x2)'],
        [
            "'(' in a value needs quotes, and these need the shell's around them",
            '\'task.expression="sin(x1)","x1*(x2)"\'',
        ],
        1,
    ),
    (
        ["task=tabular", "task.dataset=breast_cancer", "widths=[in,5,1]"],
        ["end with its 2 outputs, one for each class (or the word out)", "for example widths=[in,5,out]"],
        1,
    ),
    (["task=tabular", "task.dataset=iris", "widths=[4,5,6,2]"], ["for example widths=[in,5,6,out]"], 1),
    (["layer=chebyshev", "layer.degre=3"], ["layer=chebyshev has no option 'degre'; did you mean 'degree'?"], 1),
    (["layer.degree=3"], ["layer=fourier has no option 'degree'; did you mean 'frequencies'?", "layer=chebyshev"], 1),
    (
        ["+layer.extra=1"],
        ["layer=fourier has no option 'extra'\n  options of fourier: frequencies, residual, scale"],
        1,
    ),
    (["+foo.bar=1"], ["there is no group or setting 'foo.bar'\n  groups: task, layer"], 1),
    (["~layer"], ["nothing can be deleted"], 1),
    (["smooth"], ["smooth: not of the form key=value"], 1),
    (["steps.x=1"], ["'steps' is a single value and has no 'x'"], 1),
    (["hydra/launcher=joblib"], ["there is no group or setting 'hydra/launcher'"], 1),
    (["layer=fourier,chebyshev"], ["several values, but this is one run; add -m"], 1),
    (["layer.frequencies=0"], ["layer: Fourier: frequencies must be at least 1, got 0"], 1),
    (["layer.frequencies=2.5"], ["layer.frequencies: must be a whole number, got 2.5"], 1),
    (["layer.frequencies=many"], ["layer.frequencies: must be a whole number, got 'many'"], 1),
    (["layer.residual=relu"], ["layer.residual: must be one of none, silu, identity, got 'relu'"], 1),
    (["layer.scale=1"], ["layer.scale: must be true or false, got 1"], 1),
    (["init=glorot", "init.gain=-1"], ["init: Glorot: gain must be positive, got -1.0"], 1),
    (["optimizer.learning_rate=nan"], ["learning_rate must be positive, got nan"], 1),
    (["dtype=float16"], ["dtype: must be one of float32, float64, got 'float16'"], 1),
    (["steps=0"], ["steps: must be at least 1, got 0"], 1),
    (["seeds=0"], ["seeds: must be at least 1, got 0"], 1),
    (["seeds=[3,3]"], ["seeds: must be different numbers from 0, got [3, 3]"], 1),
    (
        ["seeds=true"],
        ["seeds: must be a whole number or a list like [3, 7] or pairs like {until: decided, most: 40}, got true"],
        1,
    ),
    (["name=a/b"], ["name: must be a plain folder name, got 'a/b'; it has a slash"], 1),
    (["name='a\nb'"], [r"name: must be a plain folder name, got 'a\nb'; it has characters that cannot be printed"], 1),
    (["name='\x1b[31m'"], [r"got '\x1b[31m'; it has characters that cannot be printed"], 1),
    (["name='a\u202eb'"], [r"got 'a\u202eb'; it has characters that cannot be printed"], 1),
    (["name='x '"], ["name: must be a plain folder name, got 'x '; it begins or ends with a space"], 1),
    (["name=.."], ["name: must be a plain folder name, got '..'; it has nothing but dots and spaces"], 1),
    (
        ["name='-x'"],
        ["name: must be a plain folder name, got '-x'; it begins with a minus, as options of commands do"],
        1,
    ),
    (["name=" + 101 * "ü"], ["' (101 characters); it has 202 bytes, and 200 are the most"], 1),
    (
        ["output_dir='a\tb\n'"],
        [r"output_dir: must be the path of a folder, of characters that can be printed, got 'a\tb\n'"],
        1,
    ),
    (["output_dir=''"], ["output_dir: must be the path of a folder, of characters that can be printed, got ''"], 1),
    (["widths=[6,6]"], ["must begin with the task's 2 inputs", "for example widths=[in,6,6,out]"], 1),
    (["widths=[in,0,out]"], ["widths: hidden widths must be numbers of at least 1, got [in, 0, out]"], 1),
    (["task.val=0.7", "task.test=0.4"], ["val and test must leave pixels to train on, got 0.7 + 0.4"], 1),
    (
        ["optimizer=lbfgs", "batch_size=8"],
        ["LBFGS compares losses along a line", "use batch_size=null or optimizer=adam"],
        1,
    ),
    (["reg=sum"], ["reg: Sum: parts must name at least one penalty, for example"], 1),
    (["reg=sum", "reg.parts={smoth: 1}"], ["reg.parts: there is no reg 'smoth'; did you mean 'smooth'?"], 1),
    (["reg=l1", "reg.threshold=1"], ["reg: L1: threshold must be at least 0 and below 1, got 1.0"], 1),
    (["reg.threshold=0.1", "steps=100"], ["reg.threshold_every: must be below steps=100, or no edge ever goes"], 1),
    (["reg.threshold=0.1", "model=residual_kan"], ["reg.threshold: the layers of ResidualKAN are no row, and"], 1),
    (["reg=sum", "reg.parts={l1: {threshold: 0.1}}"], ["a part has no threshold of its own; set reg.threshold"], 1),
    (["reg=sum", "reg.parts={l1: -1}"], ["reg.parts.l1: L1: weight must be zero or more, got -1.0"], 1),
    (["reg=sum", "reg.parts={l1: {wait: 1}}"], ["reg.parts.l1.wait: L1 has no option 'wait'"], 1),
    (["reg=sum", "reg.parts=l1"], ["reg.parts: must be pairs like {l1: 1e-3, smooth: 1e-2} or null, got 'l1'"], 1),
    (["reg=sum", "reg.parts={frequency: 1}", "layer=rbf"], ["Sum does not go with RBF: frequency: its terms"], 1),
    (
        ["reg=l1", "reg.schedule=warmup", "optimizer=lbfgs"],
        ["reg.schedule: LBFGS compares losses of different steps and needs a constant weight, got warmup; use"],
        1,
    ),
    (
        ["optimizer=levenberg_marquardt", "reg=l1", "dtype=float32"],
        [
            "optimizer: LevenbergMarquardt minimizes a sum of squares, to which L1 cannot be added; use reg=none",
            "dtype: LevenbergMarquardt squares the rounding errors, got float32; use dtype=float64",
        ],
        2,
    ),
    (
        ["optimizer=ssbroyden", "dtype=float32"],
        ["dtype: SSBroyden divides differences of gradients, got float32; use"],
        1,
    ),
    (
        ["optimizer=chain", "optimizer.parts={adam: 0.01}", "optimizer.switch=[5]"],
        ["optimizer: Chain: parts must name at least two optimizers, for example 'optimizer.parts={adam: {}, lbfgs"],
        1,
    ),
    (
        ["optimizer=chain", "optimizer.parts={adam: 0.01, lbfsg: {}}", "optimizer.switch=[5]"],
        ["optimizer.parts: there is no optimizer 'lbfsg'; did you mean 'lbfgs'?"],
        1,
    ),
    (
        ["optimizer=chain", "optimizer.parts={adam: 0.01, lbfgs: 3}", "optimizer.switch=[5]"],
        ["optimizer.parts.lbfgs.learning_rate: LBFGS has no option 'learning_rate'"],
        1,
    ),
    (
        ["optimizer=chain", "optimizer.parts={adam: 0.01, lbfgs: {}}", "optimizer.switch=[9, 5]"],
        [
            "optimizer: Chain: switch must have the step at which each part after the first begins, 1 for 2",
            "optimizer: Chain: switch must rise from above 0, got 9, 5",
        ],
        2,
    ),
    (
        ["optimizer=chain", "optimizer.parts={adam: 0.01, hessian_free: {}}", "optimizer.switch=[5]", "dtype=float32"],
        ["dtype: Chain has a part that squares the rounding errors, got float32; use dtype=float64"],
        1,
    ),
    (["reg=frequency", "layer=bspline"], ["reg: Frequency does not go with BSpline", "use reg=l1"], 1),
    (["init=smooth", "model=mlp"], ["init: Smooth does not go with Activation", "use init=default"], 1),
    (["layer=bspline", "layer.order=9", "layer.low=3"], ["order must be between 1 and 5", "low must be below high"], 2),
    (
        ["layer=forier", "sedes=3", "steps=-1", "task.size=2", "optimizer.lr=1"],
        ["'forier'", "'sedes'", "steps: must be at least 1", "size must be between 4 and 4096", "has no option 'lr'"],
        5,
    ),
]


@pytest.mark.parametrize(
    ("words", "sentences", "count"), MISTAKES, ids=lambda v: "+".join(v) if isinstance(v, list) else ""
)
def test_mistakes_are_named_all_together(words, sentences, count):
    with pytest.raises(ConfigError) as caught:
        experiment(*words)
    text = str(caught.value)
    assert [s for s in sentences if s not in text] == [], text
    assert len(caught.value.mistakes) == count, text


@pytest.mark.parametrize(
    ("yaml_text", "sentence"),
    [
        ("degree: 3\n", "layer=mine: its YAML must name a class by _target_"),
        ("_target_: nowhere.Thing\n", "layer=mine: cannot import nowhere.Thing"),
        ("_target_: kanexp.layer.fourier.Nothing\n", "layer=mine: cannot import kanexp.layer.fourier.Nothing"),
        ("_target_: os.system\n", "layer=mine: os.system is no Basis; derive it from kanexp.layer.base.Basis"),
        ("_target_: kanexp.init.default.Default\n", "kanexp.init.default.Default is no Basis"),
        ("_target_: kanexp.layer.base.Basis\n", "layer=mine: Basis does not define features, terms"),
        (
            "_target_: kanexp.layer.fourier.Fourier\nfrequncies: 3\n",
            "no option 'frequncies'; did you mean 'frequencies'?",
        ),
        ("_target_: [\n", "mine.yaml"),
    ],
)
def test_mistakes_in_a_users_own_option(tmp_path, yaml_text, sentence):
    (tmp_path / "layer").mkdir()
    (tmp_path / "layer" / "mine.yaml").write_text(yaml_text)
    catalog = Catalog((config_folder(), tmp_path))
    with pytest.raises(ConfigError) as caught:
        build_experiment(load(["layer=mine"], catalog)[0])
    assert sentence in str(caught.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("steps: 5\n", "experiment=mine: its file lacks the line '# @package _global_'"),
        (
            "# @package _global_\ndefaults:\n  - /layer: rbf\nsteps: 5\n",
            "experiment=mine: '/layer: rbf' in its defaults must be 'override /layer: rbf', for every run has a layer",
        ),
        (
            "# @package _global_\ndefaults: [{override layer: rbf}]\n",
            "experiment=mine: 'override layer: rbf' in its defaults must be 'override /layer: rbf'",
        ),
    ],
)
def test_mistakes_in_a_users_own_experiment(tmp_path, text, sentence):
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment/mine.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(["experiment=mine"], Catalog((config_folder(), tmp_path)))
    (mistake,) = caught.value.mistakes
    assert mistake.startswith(sentence)
    assert mistake.endswith(str(tmp_path / "experiment/mine.yaml"))


def test_no_experiment_is_an_experiment_like_others():
    (usual,), (same,) = load([], CATALOG), load(["experiment=null"], CATALOG)
    assert (usual.values, usual.hash) == (same.values, same.hash)
    jobs = load(["experiment=null,poisson"], CATALOG, sweep=True)
    assert [job.choices.get("experiment") for job in jobs] == [None, "poisson"]


def test_every_layer_size_has_a_synonym():
    sizes = {layer.size for name in CATALOG.options["layer"] if (layer := experiment(f"layer={name}").layer).size}
    assert sizes
    assert sizes <= set(SIZES)


def test_checking_builds_no_tensor(monkeypatch):
    def forbidden(*args, **kwargs):
        raise AssertionError("a tensor was made before everything was checked")

    for maker in ("randn", "rand", "zeros", "ones", "tensor", "linspace"):
        monkeypatch.setattr(torch, maker, forbidden)
    experiment("layer=bspline", "init=glorot", "reg=l1", "optimizer=lbfgs")


def test_words_from_before_a_function_was_scaled_leave_it_as_it_was():
    config = experiment("task=function", "task.low=2", "task.high=3").config
    assert build_experiment(config).task.scaled
    del config.values["task"]["scale"]
    assert not build_experiment(config).task.scaled
