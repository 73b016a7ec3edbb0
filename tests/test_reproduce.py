"""The table of reproductions: claims on made-up runs, rows as data, and the cheap rows themselves."""

import json
import math
import re
from dataclasses import replace

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import ROOT
from helpers.commands import check_command

from kanexp.config.catalog import Catalog, config_folder
from kanexp.config.compose import load
from kanexp.config.schema import build
from kanexp.data import picture_sets
from kanexp.error import ConfigError
from kanexp.figure.style import save
from kanexp.folder.record import Record, read_record
from kanexp.folder.run_folder import RunFolder
from kanexp.report.table import Run, flat, read
from kanexp.reproduce import edges as edge_functions
from kanexp.reproduce.carry_out import _with_data, carry_out
from kanexp.reproduce.figures import FIGURES
from kanexp.reproduce.kind import KINDS
from kanexp.reproduce.markdown import remark_text
from kanexp.reproduce.outcome import MET, NOT_MET, UNJUDGED, judge
from kanexp.reproduce.page import page
from kanexp.reproduce.row import load_rows, row_files, split_command
from kanexp.reproduce.runs import NotFound, Runs

CATALOG = Catalog((config_folder(),))
ROWS = list(row_files(CATALOG))
GLOROT, DEFAULT = {"init": "glorot"}, {"init": "default"}


def make_run(path, init, values, metric="mse", status=None, config=None, **record):
    """A run folder as a run leaves it, without training anything."""
    path.mkdir(parents=True)
    folder, seeds = RunFolder(path), list(range(len(values)))
    folder.write_config(yaml.safe_dump({"init": {"_target_": init}, "layer": {"intervals": 5}, **(config or {})}))
    choices = {"task": "function", "layer": "chebyshev", "init": init, "reg": "none", "optimizer": "adam"}
    test = {metric: {str(s): v for s, v in zip(seeds, values, strict=True)}}
    made = {
        "status": "done",
        "choices": choices | {"model": "kan"},
        "seeds": seeds,
        "widths": [2, 3, 1],
        "parameters": 99,
        "started": "2026-01-01T00:00:00+00:00",
        "ended": "2026-01-01T00:00:20+00:00",
        "versions": {"torch": "2"},
        "hardware": {"cores": 2, "threads": 1, "gpu": None, "processor": "x"},
        "steps": 20,
        "seed_status": {str(s): (status or {}).get(s, "ok") for s in seeds},
        "best_step": {str(s): 20 for s in seeds},
        "test": test,
        "scores": {metric: {"better": "higher" if metric in ("accuracy", "psnr") else "lower"}},
    }
    folder.write_record(read_record(made | record))
    with folder.logs() as logs:
        for step in (0, 10, 20):
            for name in ("train_loss", "val_loss"):
                logs.metrics(step, seeds, name, [v / 100 * (21 - step) for v in values])
            for name in ("evaluations", "samples"):
                logs.metrics(step, seeds, name, [step] * len(seeds))
            logs.timing(step, step / 4, 2 * step)
    return folder


def two_arms(tmp_path, glorot=(1.0, 2.0, 3.0), default=(4.0, 5.0, 2.5), **more) -> Runs:
    folders = [make_run(tmp_path / "glorot", "glorot", glorot, **more)]
    folders.append(make_run(tmp_path / "default", "default", default, **more))
    runs, problems = read(folders)
    assert problems == []
    return Runs(runs)


def claim(kind, **fields):
    made, mistakes = build(KINDS[kind], fields, "", kind)
    assert mistakes == []
    return made


# -- claims ---------------------------------------------------------------------------------------------------------

BOTH = {"of": GLOROT, "over": DEFAULT, "metric": "mse"}
# kind, what makes it true of glorot 1, 2, 3 and default 4, 5, 2.5, and what makes it false
JUDGED = [
    ("median", {"of": GLOROT, "metric": "mse", "published": 2, "within": [2, 3]}, {"within": [2.1, 3]}),
    ("median", {"of": GLOROT, "metric": "train_loss", "published": 2, "within": [0.019, 0.021]}, {"within": [1, 3]}),
    ("covers", {"of": GLOROT, "metric": "mse", "published": 4, "widened": 1.5}, {"widened": 1.2}),
    ("covers", {"of": GLOROT, "metric": "mse", "published": 0.5, "widened": 2}, {"published": 0.4}),
    ("wins", BOTH | {"probability": 0.88}, {"probability": 0.9}),  # 8 of 9 pairs
    ("wins", BOTH | {"probability": 0.6, "paired": True}, {"probability": 0.7}),  # 2 of 3 seeds
    ("wins", BOTH | {"probability": 0.88}, {"of": DEFAULT, "over": GLOROT}),
    ("ratio", BOTH | {"at_most": 0.5}, {"at_most": 0.49}),
    ("ratio", BOTH | {"of": DEFAULT, "over": GLOROT, "at_least": 2}, {"at_least": 2.1}),
    ("difference", BOTH | {"at_most": -3}, {"at_most": -3.1}),
    ("worst", {"of": DEFAULT, "among": [GLOROT], "metric": "mse"}, {"of": GLOROT, "among": [DEFAULT]}),
    ("parameters", {"of": GLOROT, "over": DEFAULT, "within": 0.01}, None),
]


@pytest.mark.parametrize(("kind", "true", "false"), JUDGED)
def test_a_claim_can_be_met_and_can_fail(kind, true, false, tmp_path):
    runs = two_arms(tmp_path)
    verdict = claim(kind, **true).judge(runs)
    assert verdict.met is True
    assert all(isinstance(text, str) for text in verdict[:4])
    if false:
        assert claim(kind, **(true | false)).judge(runs).met is False


def test_networks_of_different_sizes_are_not_called_equal(tmp_path):
    folders = [make_run(tmp_path / "a", "glorot", [1.0]), make_run(tmp_path / "b", "default", [1.0], parameters=101)]
    one = claim("parameters", of=GLOROT, over=DEFAULT, within=0.01)
    assert not one.judge(Runs(read(folders)[0])).met


def test_scores_are_better_where_they_are_higher(tmp_path):
    runs = two_arms(tmp_path, metric="psnr")
    assert claim("wins", of=DEFAULT, over=GLOROT, metric="psnr", probability=0.8).judge(runs).met
    assert claim("worst", of=GLOROT, among=[DEFAULT], metric="psnr").judge(runs).met
    assert not claim("wins", of=GLOROT, over=DEFAULT, metric="psnr", probability=0.8).judge(runs).met


def test_a_lost_seed_counts_against_its_arm(tmp_path):
    runs = two_arms(tmp_path, glorot=(1.0, 1.0, 1.0), status={0: "diverged at step 3: x", 1: "diverged at step 3: x"})
    assert math.isinf(runs.scores(GLOROT, "mse").median())
    assert not claim("median", of=GLOROT, metric="mse", published=1, within=[0, 2]).judge(runs).met
    # Lost on both sides is a tie, and the third seed is won.
    found = claim("wins", **BOTH, probability=0.9, paired=True).judge(runs)
    assert (found.ours, found.met) == ("in 2 of 3 pairs", False)


def test_undecided_is_what_random_signs_do_as_well(tmp_path):
    apart, together = np.linspace(1, 2, 10), 1 + 0.1 * np.array([1, -1] * 5)
    runs = two_arms(tmp_path / "apart", glorot=apart.tolist(), default=(9 * apart).tolist())
    assert not claim("undecided", **BOTH).judge(runs).met
    runs = two_arms(tmp_path / "together", glorot=apart.tolist(), default=(apart * together).tolist())
    assert claim("undecided", **BOTH).judge(runs).met


def staircase(tmp_path, errors):
    before = {str(1000 * (i + 1)): {"rmse": {"0": e, "1": 2 * e, "2": e / 2}} for i, e in enumerate(errors[:-1])}
    config = {"refine": {1000 * (i + 1): 10 * 2**i for i in range(len(errors) - 1)}}
    last = [errors[-1], 2 * errors[-1], errors[-1] / 2]
    folder = make_run(tmp_path, "pykan", last, "rmse", config=config, test_before_refinement=before)
    return Runs(read([folder])[0])


def test_claims_about_refinement(tmp_path):
    runs, arm = staircase(tmp_path / "falls", [1e-2, 1e-2 / 16, 1e-2 / 256]), {"init": "pykan"}
    common = {"of": arm, "metric": "rmse"}
    assert list(runs.stages(arm, "rmse")) == [5, 10, 20]
    assert claim("stages", **common, published=[2e-2, 6e-4], factors=[2, 1.1]).judge(runs).met
    assert not claim("stages", **common, published=[2e-2, 6e-4], factors=[1.9, 1.1]).judge(runs).met
    assert not claim("stages", **common, published=[1e-2, 6e-3], factors=[1, 1.1]).judge(runs).met  # too good
    assert claim("stages", **common, published=[2e-2, 9], factors=[2]).judge(runs).ours.count("[") == 2
    assert claim("decreasing", **common, at_most=4e-5).judge(runs).met
    assert not claim("decreasing", **common, at_most=3e-5).judge(runs).met
    verdict = claim("slope", **common, sizes=3, published=3.6, within=[3.9, 4.1]).judge(runs)
    assert (verdict.ours, verdict.met) == ("4", True)
    assert not claim("slope", **common, sizes=3, published=3.6, within=[3, 3.9]).judge(runs).met
    with pytest.raises(NotFound, match="has 3 sizes of the grid"):
        claim("stages", **common, published=[1, 1, 1, 1], factors=[9, 9, 9, 9]).judge(runs)
    for kind, more in {"stages": {"published": [1, 2], "factors": [1]}, "decreasing": {}}.items():
        table = FIGURES["staircase"].table(runs, [claim(kind, **common, **more)])
        assert len(table) == 9
        assert table["published"].notna().sum() == (6 if kind == "stages" else 0)
    rises = staircase(tmp_path / "rises", [1e-2, 1e-3, 2e-3])
    assert not claim("decreasing", **common).judge(rises).met


@pytest.mark.parametrize(
    ("arm", "metric", "sentence"),
    [
        ({"init": "lecun"}, "mse", "0 of 2 runs have lecun, and a claim needs one"),
        ({"optimizer": "adam"}, "mse", "2 of 2 runs have adam"),
        (GLOROT, "psnr", "has no psnr; it has train_loss, mse"),
    ],
)
def test_a_claim_about_what_is_not_there_cannot_be_judged(arm, metric, sentence, tmp_path):
    with pytest.raises(NotFound, match=sentence):
        claim("median", of=arm, metric=metric, published=1, within=[0, 9]).judge(two_arms(tmp_path))


# -- edge functions -------------------------------------------------------------------------------------------------


def edge_table(functions, state="after", seeds=3, noise=0.0):
    """{(layer, output, input): y(x)} as the edges of a few seeds, each with a scale and a sign of its own."""
    x, draw, tables = np.linspace(-1, 1, 129), np.random.default_rng(0), []
    for seed in range(seeds):
        for (layer, output, input_), function in functions.items():
            y = (-1) ** seed * (seed + 2) * function(x) + seed + noise * draw.normal(size=len(x))
            place = {"layer": layer, "output": output, "input": input_}
            tables.append(pd.DataFrame({"state": state, "seed": seed, **place, "x": x, "y": y}))
    return pd.concat(tables, ignore_index=True)


@pytest.fixture
def edges_are(monkeypatch, tmp_path):
    """Makes the claims about edges see a table of our own; returns the runs to judge."""

    def use(table):
        monkeypatch.setattr("kanexp.reproduce.edge_claim.edges_of_all_seeds", lambda run: table)
        return two_arms(tmp_path)

    return use


@pytest.mark.parametrize(
    ("name", "function"),
    [
        ("sin(pi x)", lambda x: np.sin(np.pi * x)),
        ("x^2", np.square),
        ("exp(x)", lambda x: np.exp(-2.7 * x + 1)),  # any rate: the layer before has a scale of its own
    ],
)
def test_an_edge_is_its_function_up_to_factor_and_constant(name, function, edges_are):
    fields = {"of": GLOROT, "layer": 0, "input": 0, "function": name, "r2": 0.999}
    runs = edges_are(edge_table({(0, 0, 0): function}))
    assert claim("edge", **fields).judge(runs).met
    own = edge_table({(0, 0, 0): function}, seeds=1, noise=1.0)
    r2 = edge_functions.affine_r2(own, name)
    assert r2 == pytest.approx(np.corrcoef(edge_functions.affine_fit(own, name), own["y"])[0, 1] ** 2)
    assert r2 < 0.999


@pytest.mark.parametrize("name", ["sin(pi x)", "x^2", "exp(x)"])
def test_another_function_is_not_mistaken_for_it(name, edges_are):
    runs = edges_are(edge_table({(0, 0, 0): lambda x: np.abs(x) + x**3}))
    assert not claim("edge", of=GLOROT, layer=0, input=0, function=name, r2=0.99).judge(runs).met


def test_lines_and_twins_at_the_start(edges_are):
    def two_nodes(second):
        places = {(0, 0, 0): np.asarray, (0, 0, 1): np.asarray, (0, 1, 0): second, (0, 1, 1): np.asarray}
        return edges_are(edge_table(places, state="before"))

    line, twins = claim("linear", of=GLOROT, at_most=1e-6), claim("degenerate", of=GLOROT, at_most=0.05)
    runs = two_nodes(np.asarray)
    assert line.judge(runs).met
    assert twins.judge(runs).met


def test_bent_functions_and_different_nodes_at_the_start(edges_are):
    places = {(0, 0, 0): np.asarray, (0, 0, 1): np.asarray, (0, 1, 0): np.square, (0, 1, 1): np.negative}
    runs = edges_are(edge_table(places, state="before"))
    assert not claim("linear", of=GLOROT, at_most=1e-6).judge(runs).met
    assert not claim("degenerate", of=GLOROT, at_most=0.05).judge(runs).met
    assert claim("degenerate", of=GLOROT, at_least=0.2).judge(runs).met


# -- rows -----------------------------------------------------------------------------------------------------------


def test_rows_were_found():
    assert set(ROWS) == {file.stem for file in (ROOT / "conf" / "reproduce").glob("*.yaml")} != set()
    assert set(ROWS) <= set(CATALOG.options["experiment"])


LONG = ("atlas",)  # thousands of jobs, each of which is composed


@pytest.mark.parametrize(
    ("name", "quick"),
    [
        pytest.param(name, quick, marks=[pytest.mark.slow] * (name in LONG and not quick))
        for name in ROWS
        for quick in (False, True)
    ],
)
def test_a_row_is_right(name, quick):
    """Its commands compose, every claim finds exactly one run for each of its arms, and quick is another command."""
    (row,) = load_rows(CATALOG, [name], quick)
    jobs = [job for command in row.commands.values() for job in load(split_command(command), CATALOG, sweep=True)]
    assert all(job.choices["experiment"].startswith(name) for job in jobs)
    made = [_as_run(job) for job in jobs]
    runs = Runs(made)
    for one in row.claims:
        for arm in (getattr(one, "of", None), getattr(one, "over", None), *getattr(one, "among", ())):
            if arm is not None:
                assert runs.one(arm) in made
    assert row.claims
    assert bool(row.differs) == quick
    for figure, needed in {"points": "metric", "pareto": "metric", "staircase": "of"}.items():
        assert figure not in row.row.figures or any(hasattr(one, needed) for one in row.claims)


def _as_run(job):
    return Run(RunFolder(ROOT), Record("done", job.choices, [], [], []), flat(job.values))


def test_every_kind_of_claim_is_tested_and_used():
    entries = [yaml.safe_load((ROOT / "conf" / "reproduce" / f"{n}.yaml").read_text())["full"]["claims"] for n in ROWS]
    assert {entry["claim"] for row in entries for entry in row} == set(KINDS)


RIGHT = {
    "number": 1,
    "title": "t",
    "source": "s",
    "figures": ["points"],
    "full": {
        "commands": {"all": "task=function steps=2"},
        "claims": [{"claim": "median", "of": {}, "metric": "mse", "published": 1, "within": [0, 1]}],
    },
}
MISTAKES = [
    ({"titel": "t"}, "reproduce/mine.yaml.titel: a row has no option 'titel'; did you mean 'title'?"),
    ({"figures": ["picture"]}, "reproduce/mine.yaml: a row: figures must be some of curves, points, pictures"),
    ({"full": {"claims": []}}, "reproduce/mine.yaml.full.commands: a version needs it"),
    ({"claims": [{"claim": "medain"}]}, "full.claims.0.claim: there is no claim 'medain'; did you mean 'median'?"),
    ({"claims": [{"claim": "median", "of": {}, "metric": "mse", "published": 1, "withn": [0, 1]}]}, "within: median"),
    (
        {"claims": [{"claim": "median", "of": {}, "metric": "mse", "published": 1, "within": [2, 1]}]},
        "full.claims.0: median: within must be a lower and a higher number, got [2.0, 1.0]",
    ),
    (
        {"claims": [{"claim": "ratio", "of": {}, "over": {}, "metric": "mse"}]},
        "needs one of at_least and at_most, got 0",
    ),
    ({"needs": "mnits"}, "reproduce/mine.yaml: a row: needs must be one of mnist, fashion_mnist, cifar10, got 'mnits'"),
    ({"number": "first"}, "reproduce/mine.yaml.number: must be a whole number, got 'first'"),
    (
        {"remarks": [{"text": "Over 40 seeds P is .75."}]},
        "reproduce/mine.yaml.remarks.0: a remark: commands must be those that the numbers of 'Over 40 seeds P is .75.'"
        " came from, got none",
    ),
    ({"remarks": ["P is higher."]}, "reproduce/mine.yaml.remarks.0: must be pairs, got P is higher."),
]


@pytest.mark.parametrize(("change", "sentence"), MISTAKES)
def test_a_mistake_in_a_row_is_a_sentence(change, sentence, tmp_path):
    made = json.loads(json.dumps(RIGHT))
    made["full"] |= {"claims": change.pop("claims")} if "claims" in change else {}
    made = {"quick": made["full"], **made, **change}
    (tmp_path / "reproduce").mkdir()
    (tmp_path / "reproduce" / "mine.yaml").write_text(yaml.safe_dump(made))
    with pytest.raises(ConfigError) as caught:
        load_rows(Catalog((config_folder(), tmp_path)), ["mine"], False)
    assert sentence in str(caught.value)


def remarks():
    return [(row.name, remark) for row in load_rows(CATALOG, ROWS, False) for remark in row.remarks]


def test_the_commands_of_remarks_are_right(tmp_path):
    commands = [command for _, remark in remarks() for command in remark.commands]
    assert commands
    for command in commands:
        check_command(command, tmp_path)


def test_the_measured_table_shows_every_row_with_its_remarks():
    table = (ROOT / "outputs" / "readme" / "reproductions.md").read_text()
    later = re.findall("`([a-z_]+)`", table.partition("Not measured in full yet")[2])
    for name in ROWS:
        assert table.count(f"| `kanexp reproduce {name}` |") == (name not in later)
    for name, remark in remarks():
        assert name in later or remark_text(remark) in table


def test_an_unknown_row_is_a_sentence(kanexp):
    done = kanexp("reproduce", "poison")
    assert done.returncode == 2
    assert done.stderr.strip() == "error: reproduce: there is no row 'poison'; did you mean 'poisson'?"


# -- outcomes and the command ---------------------------------------------------------------------------------------


def test_a_run_that_failed_and_a_claim_without_a_run_are_not_met(tmp_path):
    (row,) = load_rows(CATALOG, ["jaxkan_t3"], True)
    version = tmp_path / "starts" / "v001"
    make_run(version / "glorot", "glorot", [2e-3, 3e-3, 3e-3])
    folder = make_run(version / "default", "default", [1e-1], status={})
    folder.write_record(replace(folder.read_record(), status="failed", cause="no memory"))
    (tmp_path / "starts" / "latest").symlink_to("v001")
    outcome = judge(row, tmp_path)
    assert [word for _, word in outcome.verdicts] == [UNJUDGED, MET, UNJUDGED, UNJUDGED]
    assert not outcome.met
    assert "its status is 'failed': no memory" in outcome.problems[0]
    assert outcome.runs.seconds == 20
    assert {file.name for file in (tmp_path / "figures").iterdir()} >= {"points.csv", "points.png", "points.svg"}


def test_a_row_without_its_data_is_left_out_and_said_so(tmp_path, monkeypatch):
    def missing(name):
        raise ValueError(f"data_dir: {name} is not on this machine")

    monkeypatch.setattr(picture_sets, "fetched", missing)
    rows = load_rows(CATALOG, ["jaxkan_t3", "efficient_kan_mnist"], True)
    kept, left_out = _with_data(rows)
    assert [row.name for row in kept] == ["jaxkan_t3"]
    assert left_out == ["efficient_kan_mnist: mnist is not on this machine"]
    assert "Left out: efficient_kan_mnist: mnist is not on this machine." in page([], left_out)
    with pytest.raises(ConfigError, match="efficient_kan_mnist: mnist is not on this machine"):
        carry_out(rows[1:], CATALOG, tmp_path / "outputs")
    assert not (tmp_path / "outputs").exists()


def check_row(kanexp, tmp_path, name):
    done = kanexp("reproduce", "--quick", name, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    out = tmp_path / "outputs" / "reproduce"
    (row,) = load_rows(CATALOG, [name], True)
    stem = f"reproduce-quick-{name}"
    table = pd.read_csv(out / f"{stem}.csv")
    assert len(table) == len(row.claims)
    assert set(table["verdict"]) == {MET}
    page = (out / f"{stem}.html").read_text()
    assert page.count("data:image/png;base64,") == len(row.row.figures)
    assert row.row.title.split(" on ")[0].split("'")[0] in page
    for figure in row.row.figures:
        assert (out / row.folder / "figures" / f"{figure}.csv").stat().st_size > 50
        assert mpl.image.imread(out / row.folder / "figures" / f"{figure}.png").std() > 0.01
    assert (out / f"{stem}.tex").read_text().count(r"\\") >= len(row.claims)
    assert (out / f"{stem}.md").read_text().count(f"| `kanexp reproduce --quick {name}` |") == 1
    return done


@pytest.mark.parametrize("name", ["jaxkan_t3", pytest.param("pykan_init_demo", marks=pytest.mark.slow)])
def test_a_cheap_row_is_reproduced(kanexp, tmp_path, name):
    done = check_row(kanexp, tmp_path, name)
    assert "1 of 1 rows met" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in ROWS if name not in ("jaxkan_t3", "pykan_init_demo")])
def test_every_other_row_is_reproduced(kanexp, tmp_path, name):
    (row,) = load_rows(CATALOG, [name], True)
    if row.row.needs and not picture_sets.here(row.row.needs):
        pytest.skip(f"{row.row.needs} is not in {picture_sets.kept(row.row.needs)}")
    check_row(kanexp, tmp_path, name)


def test_the_list_names_every_row(kanexp):
    text = kanexp("reproduce", "--list").stdout
    assert [line.split()[0] for line in text.splitlines()] == sorted(ROWS, key=_number)
    assert "quick:" in kanexp("reproduce", "--list", "--quick").stdout


def _number(name):
    return yaml.safe_load((ROOT / "conf" / "reproduce" / f"{name}.yaml").read_text())["number"]


def test_a_claim_that_is_not_met_is_exit_code_one(kanexp, tmp_path):
    made = json.loads(json.dumps(RIGHT))
    made["full"]["commands"]["all"] += " layer=chebyshev widths=[2,2,1] seeds=2 diagnostics=false"
    made["remarks"] = [{"text": "As was found: 1.2e-5 < 2.", "commands": ["kanexp seeds=3"]}, {"text": "It is ours."}]
    (tmp_path / "conf" / "reproduce").mkdir(parents=True)
    (tmp_path / "conf" / "reproduce" / "mine.yaml").write_text(yaml.safe_dump({"quick": made["full"], **made}))
    done = kanexp("reproduce", "mine", "--config-dir", "conf", "--out", "results")
    assert done.returncode == 1, done.stderr
    assert "not met: mine" in done.stdout
    assert pd.read_csv(tmp_path / "results" / "reproduce-mine.csv")["verdict"].tolist() == [NOT_MET]
    told = done.stdout, *((tmp_path / "results" / f"reproduce-mine.{kind}").read_text() for kind in ("md", "html"))
    assert all("As was found: " in text and "kanexp seeds=3" in text and "It is ours." in text for text in told)
    assert "<span>1.2e-5</span> &lt; 2" in told[-1]  # a number that no line breaks


# -- figures --------------------------------------------------------------------------------------------------------


def test_every_figure_is_asked_for_by_a_row():
    asked = {figure for row in load_rows(CATALOG, [], False) for figure in row.row.figures}
    assert asked == set(FIGURES)


def picture_table(arm, power):
    """One arm's picture of 8 x 8 pixels, two layers' spectra over ten frequencies and the scores of two seeds."""
    y, x = np.divmod(np.arange(64), 8)
    parts = [pd.DataFrame({"part": p, "x": x, "y": y, "value": x / 8}) for p in ("target", "before", "after")]
    frequency, layer = np.tile(np.arange(1, 11), 2), np.repeat([0, 1], 10)
    for state in ("before", "after"):
        spectrum = {"part": f"spectrum {state}", "x": frequency, "y": layer, "value": frequency ** -float(power)}
        parts.append(pd.DataFrame(spectrum))
    parts.append(pd.DataFrame({"part": "psnr", "x": [0, 1], "y": 0, "value": [9.0, 11.0]}))
    return pd.concat(parts).assign(arm=arm)


def drawn_tables():
    pictures = pd.concat([picture_table("default", 0.5), picture_table("smooth", 4)])
    stages = pd.DataFrame({"seed": [0, 0, 1, 1], "size": [5, 10, 5, 10], "value": [1e-2, 1e-3, 2e-2, 3e-3]})
    places = pd.concat([edge_table({(0, 0, 0): np.sin, (1, 0, 0): np.exp}, s, 1) for s in ("before", "after")])
    scores = {"arm": ["a", "a", "b"], "parameters": [9, 9, 90], "metric": "mae", "seed": [0, 1, 0]}
    side = np.linspace(-1, 1, 9)
    surface = pd.DataFrame({"x1": np.tile(side, 9), "x2": np.repeat(side, 9), "channel": 0, "target": 1.0})
    steps = {"step": [0, 1, 10] * 2, "seed": 0, "layer": [0, 0, 0, 1, 1, 1], "value": [0, 1, 2, 0, 2, 3], "arm": "a"}
    points = pd.DataFrame(scores | {"value": [0.1, 0.2, 0.01], "better": "lower", "published": [0.1, 0.1, np.nan]})
    return {
        "points": points,
        "pareto": points,
        "pictures": pictures,
        "strip": pictures,
        "exponents": pd.DataFrame(steps),
        "edges": places.assign(arm="a", function="", fit=places["y"].where(places["state"] == "after")),
        "staircase": stages.assign(metric="rmse", published=stages["size"].map({5: 2e-2})),
        "solution": surface.assign(before=surface["x1"], after=surface["x2"]),
    }


@pytest.mark.parametrize("name", [name for name in FIGURES if name != "curves"])  # which is the report's
def test_a_figure_is_drawn_from_its_table_alone(name, tmp_path):
    figure = FIGURES[name].draw(drawn_tables()[name])
    (png, svg) = save(figure, tmp_path / name)
    assert mpl.image.imread(png).std() > 0.03
    assert "<svg" in svg.read_text()


def test_a_figure_without_a_claim_to_draw_is_a_sentence(tmp_path):
    runs = two_arms(tmp_path)
    for name, sentence in {
        "points": "no claim names the metric",
        "staircase": "no claim is about the refinement",
    }.items():
        with pytest.raises(NotFound, match=sentence):
            FIGURES[name].table(runs, [])


def test_what_is_published_is_drawn_beside_its_arm():
    axes = FIGURES["points"].draw(drawn_tables()["points"]).axes[0]
    diamonds = [line for line in axes.lines if line.get_marker() == "D"]
    assert next(line.get_xdata().tolist() for line in diamonds) == [0.1]
    assert "diamonds are published" in axes.get_xlabel()
    front = FIGURES["pareto"].draw(drawn_tables()["pareto"]).axes[0].lines[1]
    assert front.get_xdata().tolist() == [9, 90]


def test_rows_of_hours_run_in_full_only_where_they_are_named():
    unnamed = {row.name for row in load_rows(CATALOG, [], False)}
    assert "jaxkan_t3" in unnamed
    assert not {"atlas", "shootout", "shootout_seconds"} & unnamed
    assert [row.name for row in load_rows(CATALOG, ["atlas"], False)] == ["atlas"]
    assert {row.name for row in load_rows(CATALOG, [], True)} == set(ROWS)
