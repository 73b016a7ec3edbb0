"""What was trained is of use: predictions for new rows, networks as modules, single edges, files that run anywhere."""

import contextlib
import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import ROOT
from helpers.components import classes
from PIL import Image as Picture

import kanexp
from kanexp.cli import main
from kanexp.error import ConfigError
from kanexp.score.functions import median_row

QUICK = ["steps=20", "seeds=3", "diagnostics=false", "name=x"]
RUN = "outputs/x/latest"
LAYERS = sorted(file.stem for file in (ROOT / "conf/layer").glob("[!_]*.yaml"))
HOUSES = ["task=tabular", "task.path=houses.csv", "layer=chebyshev", *QUICK]


@pytest.fixture
def houses(tmp_path, monkeypatch, rng):
    """A folder, where we are, with a table of a hole, texts and a price far from zero."""
    monkeypatch.chdir(tmp_path)
    size = rng.normal(50, 10, 80)
    table = pd.DataFrame({"town": rng.choice(["Bern", "Oslo"], 80), "size": size, "price": 1e6 + 3 * size})
    table.loc[3, "size"] = np.nan
    table.to_csv("houses.csv", index=False)
    return table


def ask(*words):
    """Exit code, what was said, and what was said to be wrong."""
    said, wrong = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(wrong):
        code = main(list(words))
    return code, said.getvalue(), wrong.getvalue()


def test_new_rows_of_a_table_are_answered_in_own_units(houses):
    assert ask(*HOUSES, "task.target=price")[0] == 0
    drawn = pd.read_csv(f"{RUN}/figures/prediction.csv")
    houses[["town", "size"]].iloc[::-1].to_csv("new.csv", index=False)  # another order of rows and columns
    Path("houses.csv").unlink()  # which is not needed any more
    code, said, wrong = ask("predict", RUN, "new.csv")
    assert (code, wrong) == (0, "")
    table = pd.read_csv(io.StringIO(said))
    assert list(table.columns) == ["town", "size", "price_predicted", "price_low", "price_high"]
    assert (table["price_low"] <= table["price_predicted"]).all()
    assert (table["price_predicted"] <= table["price_high"]).all()
    run = kanexp.load(RUN)
    for seed, network in run.networks.items():
        own = run.predict(houses, each_seed=True)[run.seeds.index(seed)]
        features = run.encoding.read(houses).T
        np.testing.assert_allclose(network(features).detach(), own)
    # What the run itself drew of its test rows is what is predicted for them.
    shown = run.networks[run.median_seed](torch.from_numpy(drawn[run_columns(drawn)].to_numpy())).detach()[:, 0]
    np.testing.assert_allclose(shown, drawn["after"], rtol=0, atol=1e-4 * np.ptp(drawn["target"]))


def run_columns(table):
    return [column for column in table if column.startswith("x")]


def test_scores_are_those_of_the_predictions(houses):
    assert ask(*HOUSES, "task.target=price", "task.test=0.5", "task.val=0.1")[0] == 0
    run = kanexp.load(RUN)
    drawn = pd.read_csv(f"{RUN}/figures/prediction.csv")
    seed = run.median_seed
    off = run.networks[seed](torch.from_numpy(drawn[run_columns(drawn)].to_numpy())).detach().numpy()[:, 0]
    assert np.abs(off - drawn["target"]).mean() == pytest.approx(run.scores.loc[seed, "test_mae"], rel=1e-4)
    assert list(run.scores.index) == [0, 1, 2]
    assert set(run.metrics.columns) == {"step", "seed", "metric", "value"}


def test_classes_come_with_their_probabilities(houses):
    kind = np.where(houses["size"].fillna(0) > 50, "large", "small")
    houses.drop(columns="price").assign(kind=kind).to_csv("houses.csv", index=False)
    assert ask(*HOUSES, "task.target=kind", "steps=100")[0] == 0
    run = kanexp.load(RUN)
    table = run.predict(houses)
    assert set(table["kind_predicted"]) <= {"large", "small"}
    np.testing.assert_allclose(table["p(large)"] + table["p(small)"], 1)
    assert ((table["p(large)"] > 0.5) == (table["kind_predicted"] == "large")).all()
    assert table["kind_agreement"].between(1 / 3, 1).all()
    assert (table["kind_predicted"] == kind).mean() > 0.8


MISTAKES = {
    "a column is missing": ("town\nBern\n", "there is no column 'size'"),
    "another category": ("town,size\nRome,3\n", "column 'town' holds 'Rome', which training did not see"),
    "no number": ("town,size\nBern,3\nOslo,4\nOslo,much\n", "'much' in row 3"),
}


@pytest.mark.parametrize(("text", "sentence"), MISTAKES.values(), ids=MISTAKES)
def test_rows_that_cannot_be_answered(text, sentence, houses, tmp_path):
    assert ask(*HOUSES, "task.target=price")[0] == 0
    (tmp_path / "new.csv").write_text(text)
    code, said, wrong = ask("predict", RUN, "new.csv")
    assert (code, said) == (2, "")
    assert wrong.startswith("error: new.csv: ")
    assert sentence in wrong


def test_what_is_asked_wrongly(houses):
    assert ask(*HOUSES, "task.target=price")[0] == 0
    for words, sentence in (
        (["predict", RUN], "give one of DATA.csv, --grid N for a function or equation, --size N for a picture"),
        (["predict", RUN, "houses.csv", "--grid", "3"], "give one of DATA.csv"),
        (["predict", RUN, "--grid", "3"], "--grid: Tabular has no ranges"),
        (["predict", RUN, "--size", "3"], "--size: Tabular is no picture"),
        (["predict", RUN, "houses.csv", "--out", "no/such/folder.csv"], "--out: cannot write 'no/such/folder.csv'"),
        (["predict", "nowhere", "houses.csv"], "nowhere: no run.json, so this is no run folder"),
        (["export", RUN, "--out", "no/x.pt2"], "--out: there is no folder 'no' to write 'x.pt2' in; make it first"),
        (["export", RUN, "--seed", "7"], "--seed: must be one of 0, 1, 2, got 7"),
        (["export", RUN, "--out", "x.onnx"], "a file of --format torch must end in .pt2, got 'x.onnx'"),
    ):
        code, _, wrong = ask(*words)
        assert code == 2, words
        assert sentence in wrong
    run = kanexp.load(RUN)
    for rows in (np.zeros((4, 2)), np.zeros(3)):
        with pytest.raises(ValueError, match=r"rows must be \(rows, 3\) with size, town=Bern, town=Oslo, got"):
            run.predict(rows)
    with pytest.raises(ValueError, match="edge: there is no layer 9"):
        run.edge(9, 0, 0)
    with pytest.raises(ValueError, match="edge: layer 0 has 3 inputs and "):
        run.edge(0, 3, 0)
    with pytest.raises(ConfigError, match=r"nowhere: no run\.json"):
        kanexp.load("nowhere")


def test_a_function_on_a_grid_and_at_new_points(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ["task=function", "task.expression=1000+x1*x2", "task.low=2", "task.high=[3,5]", "layer=chebyshev"]
    assert ask(*words, *QUICK, "steps=150", "optimizer=levenberg_marquardt", "dtype=float64")[0] == 0
    code, said, _ = ask("predict", RUN, "--grid", "5", "--out", "grid.csv")
    assert code == 0
    assert "grid.csv: 25 rows with y_predicted, y_low, y_high" in said
    table = pd.read_csv("grid.csv")
    assert (table["x1"].min(), table["x1"].max(), table["x2"].max()) == (2, 3, 5)
    np.testing.assert_allclose(table["y_predicted"], 1000 + table["x1"] * table["x2"], atol=0.05)
    answers = kanexp.load(RUN).predict(np.array([[2.5, 3.0]]))
    assert float(answers["y_predicted"].iloc[0]) == pytest.approx(1007.5, abs=0.05)


def test_an_equation_and_its_unknown_are_answered(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert ask("task=poisson", "task.points=64", "layer=chebyshev", *QUICK)[0] == 0
    assert ask("predict", RUN, "--grid", "4", "--out", "u.csv")[0] == 0
    table = pd.read_csv("u.csv")
    run = kanexp.load(RUN)
    assert len(table) == 16
    points = torch.from_numpy(table[["x", "y"]].to_numpy())
    own = run.restored.network(run.restored.theta, points.T[None])[:, 0].detach().numpy()
    np.testing.assert_allclose(table["u_predicted"], np.median(own, axis=0), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("colour", "mode"), [("false", "L"), ("true", "RGB")])
def test_a_picture_at_another_size(colour, mode, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert ask("task=image", "task.size=16", f"task.color={colour}", "layer=fourier", *QUICK, "seeds=1")[0] == 0
    assert ask("predict", RUN, "--size", "48")[0] == 0
    with Picture.open("picture-48.png") as larger:
        assert (larger.size, larger.mode) == ((48, 48), mode)
    assert ask("predict", RUN, "--size", "16", "--out", "same.csv")[0] == 0
    drawn = pd.read_csv(f"{RUN}/figures/prediction.csv").query("channel == 0")
    first = "red" if mode == "RGB" else "gray"
    same = pd.read_csv("same.csv")
    np.testing.assert_allclose(same[f"{first}_predicted"], drawn["after"], atol=1e-5)
    np.testing.assert_allclose(same[["x", "y"]], drawn[["x1", "x2"]], atol=1e-6)


def test_a_rectangle_is_asked_for_by_its_longer_side(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert ask("task=image", "task.size=[12,16]", "layer=fourier", *QUICK, "seeds=1")[0] == 0
    assert ask("predict", RUN, "--size", "32")[0] == 0
    with Picture.open("picture-32.png") as larger:
        assert larger.size == (24, 32)


def test_all_runs_are_one_table(houses):
    for layer in ("chebyshev", "fourier"):
        assert ask(*HOUSES[:2], f"layer={layer}", "task.target=price", *QUICK[:-1], f"name={layer}")[0] == 0
    table = kanexp.load_all("outputs")
    assert table["layer"].tolist() == ["chebyshev", "fourier"]
    assert table["status"].tolist() == ["done", "done"]
    expected = kanexp.load("outputs/fourier/latest").scores["test_r2"].median()
    assert table["test_r2"].iloc[1] == pytest.approx(expected)


def test_pictures_are_told_apart(tmp_path, monkeypatch, rng):
    monkeypatch.chdir(tmp_path)
    for colour, red in (("red", 255), ("blue", 0)):
        (tmp_path / "mine" / colour).mkdir(parents=True)
        for i in range(12):
            pixels = np.stack([np.full((8, 8), red), np.zeros((8, 8)), np.full((8, 8), 255 - red)], axis=2)
            noisy = np.clip(pixels + rng.normal(0, 20, pixels.shape), 0, 255).astype(np.uint8)
            Picture.fromarray(noisy).save(tmp_path / "mine" / colour / f"{i}.png")
    words = ["task=vision", "task.dataset=folder", "task.data_dir=mine", "task.size=4", "layer=chebyshev"]
    assert ask(*words, *QUICK)[0] == 0
    code, said, wrong = ask("predict", RUN, "mine/red")
    assert (code, wrong) == (0, "")
    table = pd.read_csv(io.StringIO(said))
    assert table["file"].tolist() == [str(Path("mine/red") / f"{i}.png") for i in sorted(range(12), key=str)]
    assert set(table["class_predicted"]) == {"red"}
    one = pd.read_csv(io.StringIO(ask("predict", RUN, "mine/blue/3.png")[1]))
    assert one["class_predicted"].tolist() == ["blue"]
    (tmp_path / "none").mkdir()
    assert "none: 'none' has no pictures" in ask("predict", RUN, "none")[2]


def test_an_edge_is_the_function_that_is_drawn(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert ask("task=function", "layer=bspline", *QUICK)[0] == 0
    run = kanexp.load(RUN)
    drawn = pd.read_csv(f"{RUN}/figures/edges.csv").query(
        "state == 'after' and layer == 1 and output == 0 and input == 2"
    )
    np.testing.assert_allclose(run.edge(1, 2, 0)(drawn["x"]), drawn["y"], rtol=1e-4, atol=1e-5)
    assert run.edge(1, 2, 0, seed=1)([[0.1, 0.2]]).shape == (1, 2)


def test_a_module_is_one_of_torch_and_can_be_trained_on(tmp_path, monkeypatch, randn):
    monkeypatch.chdir(tmp_path)
    assert ask("task=function", "layer=fourier", *QUICK)[0] == 0
    module = kanexp.load(RUN).networks[0]
    assert isinstance(module, torch.nn.Module)
    assert "layers.0.coef" in dict(module.named_parameters())
    x = randn(8, 2).float()
    module(x).square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in module.parameters())
    assert not torch.isnan(module(x)).any()


def test_runs_from_before_their_scaling_was_kept_are_answered_by_their_data(houses):
    assert ask(*HOUSES, "task.target=price")[0] == 0
    expected = kanexp.load(RUN).predict(houses)
    folder = kanexp.load(RUN).folder
    _, model = folder.ended()
    mark = folder.write_model({k: v for k, v in model.items() if k not in ("encoding", "offset", "scale")})
    record = folder.read_record()
    record.files["model.pt"] = mark
    folder.write_record(record)
    pd.testing.assert_frame_equal(kanexp.load(RUN).predict(houses), expected)


ALONE = """
import sys, torch
module = torch.export.load(sys.argv[1]).module()
print(repr(module(torch.tensor([[0.3, -0.2], [0.9, 0.5], [0.0, 0.0]], dtype=torch.float64)).tolist()))
assert not [name for name in sys.modules if name.split(".")[0] == "kanexp"]
"""


def test_an_exported_network_runs_without_kanexp(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert ask("task=function", "layer=bspline", *QUICK)[0] == 0
    code, said, wrong = ask("export", RUN)
    assert (code, wrong) == (0, "")
    run = kanexp.load(RUN)
    assert f"network.pt2: seed {run.best_seed}; 2 features: x1, x2; its answers are the network's within" in said
    done = subprocess.run([sys.executable, "-c", ALONE, "network.pt2"], capture_output=True, text=True, check=True)
    x = torch.tensor([[0.3, -0.2], [0.9, 0.5], [0.0, 0.0]])
    np.testing.assert_allclose(eval(done.stdout), run.networks[run.best_seed](x).detach(), rtol=1e-5, atol=1e-6)


def test_a_table_becomes_onnx_with_its_scaling_inside(houses):
    onnxruntime = pytest.importorskip("onnxruntime")
    assert ask(*HOUSES, "task.target=price")[0] == 0
    code, said, wrong = ask("export", RUN, "--format", "onnx", "--seed", "1")
    assert (code, wrong) == (0, "")
    assert "network.onnx: seed 1; 3 features: size, town=Bern, town=Oslo; its answers are the network's within" in said
    session = onnxruntime.InferenceSession("network.onnx")
    run = kanexp.load(RUN)
    features = run.encoding.read(houses).T
    (answers,) = session.run(None, {"features": features.numpy()})
    np.testing.assert_allclose(answers, run.networks[1](features).detach(), rtol=1e-9)
    assert session.get_modelmeta().custom_metadata_map["features"] == "size, town=Bern, town=Oslo"


@pytest.mark.slow
@pytest.mark.parametrize("layer", LAYERS)
def test_networks_of_every_layer_are_exported(layer, tmp_path, monkeypatch):
    pytest.importorskip("onnxruntime")
    monkeypatch.chdir(tmp_path)
    assert ask("task=function", f"layer={layer}", *QUICK)[0] == 0
    for form in ("torch", "onnx"):
        code, said, wrong = ask("export", RUN, "--format", form)
        assert (code, wrong) == (0, "")
        assert "its answers are the network's within" in said


@pytest.mark.slow
@pytest.mark.parametrize("model", sorted(classes("model")))
def test_networks_of_every_model_are_exported(model, tmp_path, monkeypatch):
    pytest.importorskip("onnxruntime")
    monkeypatch.chdir(tmp_path)
    digits = ["task=vision", "task.dataset=digits", "batch_size=64"]
    task = {"vit": [*digits, "model.patch=4"], "conv_kan": digits}.get(model, ["task=function"])
    assert ask(*task, f"model={model}", "steps=3", "seeds=2", "diagnostics=false", "name=x")[0] == 0
    for form in ("torch", "onnx"):
        code, said, wrong = ask("export", RUN, "--format", form)
        assert (code, wrong) == (0, "")
        assert "its answers are the network's within" in said


@pytest.mark.parametrize(
    ("losses", "row"),
    [([3.0], 0), ([1.0, 5.0, 2.0], 2), ([1.0, 4.0], 0), ([5.0, 1.0, np.inf, 4.0], 3), ([np.inf, np.inf], 0)],
)
def test_the_seed_nearest_the_median(losses, row):
    assert median_row(losses) == row
