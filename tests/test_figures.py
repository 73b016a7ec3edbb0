"""kanexp figures: all figures of a finished run, and the tables of those that a run has no time for."""

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image as Picture

from kanexp.cli import main
from kanexp.data.encoding import Column, Encoding
from kanexp.figure import answer_figures, film, layer_figures, pair_figures, run_figures, surface
from kanexp.figure.style import fit, save
from kanexp.init.default import Default
from kanexp.layer.bspline import BSpline
from kanexp.measure import answers
from kanexp.model.kan import KAN
from kanexp.seeding import generator
from kanexp.task.base import Data, Scene, Split

QUICK = ["steps=3", "seeds=2", "widths=[in,3,out]", "name=quick"]
RUN = "outputs/quick/latest"


def ask(*words):
    return main(list(words))


@pytest.mark.parametrize(
    ("words", "more"),
    [
        (["task=tabular", "task.dataset=diabetes", "layer=bspline"], {"residuals", "dependence", "validation"}),
        (["task=tabular", "task.dataset=iris", "layer=chebyshev"], {"calibration", "dependence", "validation"}),
        (["task=burgers", "task.points=64", "layer=chebyshev"], {"error", "output_spectrum", "residual", "validation"}),
        (["task=image", "task.size=[16,12]", "layer=fourier"], {"error", "output_spectrum", "validation"}),
        (["task=function", "model=pair_kan", "layer=rbf", "model.frequencies=2"], {"pairs", "error"}),
    ],
    ids=["numbers", "classes", "equation", "picture", "pairs"],
)
def test_a_run_has_more_figures_when_it_is_asked_for_them(words, more, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert ask(*words, *QUICK) == 0
    figures = (tmp_path / RUN / "figures").resolve()
    own = {file.name: file.read_bytes() for file in figures.glob("*.csv")}
    assert ask("figures", RUN, "--columns", "2") == 0
    assert {name: (figures / name).read_bytes() for name in own} == own  # tables of the run stay as they are
    drawn = {file.stem for file in figures.glob("*.pdf")}
    assert more | {"loss", "entering", "spectra"} <= drawn
    assert len({"edges", "pairs"} & drawn) == 1
    for name in drawn:
        assert {(figures / f"{name}.{kind}").exists() for kind in ("png", "svg", "csv")} == {True}
        with Picture.open(figures / f"{name}.png") as picture:
            assert picture.width == pytest.approx(7.2 * 160, abs=2)
    assert "PNG, SVG and PDF" in capsys.readouterr().out
    if words[0] != "task=image":  # one run is enough
        return
    pages = {file.name: file.read_bytes() for kind in ("pdf", "svg") for file in figures.glob(f"*.{kind}")}
    assert ask("figures", RUN, "--columns", "2") == 0
    assert {name: (figures / name).read_bytes() for name in pages} == pages  # the same command, the same bytes


def test_a_run_that_drew_none_gets_all_of_them_later(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    words = ["task=function", "layer=fourier", "frames=true", *QUICK]
    assert ask(*words, "figures=false") == 0
    assert f"figures: none were drawn: kanexp figures {RUN.replace('latest', 'v001')}" in capsys.readouterr().out
    run = (tmp_path / RUN).resolve()
    assert not (run / "figures").exists()
    (run / "figures").mkdir()
    (run / "figures/graph.csv").write_text("of,another,command\n")
    assert ask(*words) == 0
    usual = sorted(file.stem for file in ((tmp_path / RUN).resolve() / "figures").glob("*.csv"))
    assert ask("figures", str(run)) == 0
    late = {file.stem: pd.read_csv(file) for file in (run / "figures").glob("*.csv")}
    assert set(usual) <= set(late)
    assert (run / "figures/frames.gif").is_file()
    assert {file.stem for file in (run / "figures").glob("*.pdf")} >= set(usual) - {"signal"}
    for name in usual:  # of single precision there, of double here
        own = pd.read_csv((tmp_path / RUN).resolve() / "figures" / f"{name}.csv")
        pd.testing.assert_frame_equal(late[name], own, rtol=1e-3, atol=1e-4, check_dtype=False)


@pytest.mark.parametrize(
    ("words", "shape", "channels"),
    [
        (["task=image", "task.size=[96,64]", "layer=fourier"], (48, 32), 1),  # every second point: 64 at most
        (["task=function", "task.expression=sin(3*x1)", "layer=chebyshev"], (200,), 1),
        (["task=burgers", "task.points=64", "layer=chebyshev"], (61, 61), 1),
    ],
    ids=["picture", "curve", "surface"],
)
def test_answers_while_it_trains_are_kept_where_they_are_asked_for(words, shape, channels, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert ask(*words, *QUICK, "frames=true") == 0
    table = pd.read_csv(tmp_path / RUN / "frames.csv")
    assert table.groupby("step").size().to_dict() == dict.fromkeys((0, 1, 2, 3), np.prod(shape) * channels)
    assert set(table["seed"]) == {0}
    assert not np.allclose(*(table.loc[table["step"] == step, "value"] for step in (0, 3)))
    figures = tmp_path / RUN / "figures"
    with Picture.open(figures / "frames.gif") as moving:
        assert moving.n_frames == 4
    pd.testing.assert_frame_equal(pd.read_csv(figures / "frames.csv"), table)
    assert (figures / "frames.png").exists()


def test_what_has_no_scene_keeps_no_answers(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert ask("task=tabular", "task.dataset=iris", "layer=bspline", "frames=true", *QUICK) == 2
    assert "frames: are of curves, surfaces and pictures" in capsys.readouterr().err
    assert not (tmp_path / "outputs").exists()


def test_what_is_no_run_has_no_figures(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert ask("figures", "nowhere") == 2
    assert capsys.readouterr().err == "error: figures: nowhere: no run.json, so this is no run folder\n"
    with pytest.raises(SystemExit):
        ask("figures", "nowhere", "--columns", "3")
    assert "invalid choice: 3" in capsys.readouterr().err


def test_a_figure_is_as_wide_as_columns_of_a_paper():
    for across, columns, width in ((1, 1, 3.5), (2, 1, 3.5), (3, 1, 7.2), (1, 2, 7.2)):
        figure = Figure(figsize=(5.0 * across, 3.0))
        figure.subplots(1, across)
        fit(figure, columns)
        assert figure.get_figwidth() == width
        assert min(text.get_fontsize() for axes in figure.axes for text in axes.get_xticklabels()) >= 6


def test_a_title_is_wrapped_where_a_column_is_narrow():
    figure = Figure(figsize=(7.2, 3.0))
    figure.subplots()
    said = "edge functions of seed 1, nearest the median of 5 on validation: gray before, blue after training"
    figure.suptitle(said)
    fit(figure, 1)
    assert figure.get_suptitle().split() == said.split()
    assert figure.get_suptitle().count("\n") == 1


def test_a_pdf_has_no_date(tmp_path):
    written = []
    for name in ("one", "two"):
        figure = Figure(figsize=(2, 2))
        figure.subplots().plot([1, 2])
        written.append(save(figure, tmp_path / name, pdf=True)[2].read_bytes())
    assert written[0] == written[1]
    assert written[0].startswith(b"%PDF")
    assert b"CreationDate" not in written[0]


@pytest.mark.parametrize("shape", [(64,), (64, 64), (48, 64)])
def test_the_power_of_a_wave_is_at_its_own_frequency(shape):
    """Half its amplitude's square, in the ring of its frequency and those beside it, along every side."""
    for axis in range(len(shape)):
        place = torch.arange(shape[axis], dtype=torch.float64) / max(shape)
        wave = 3 * torch.cos(2 * torch.pi * 8 * place)
        field = wave.reshape([-1 if k == axis else 1 for k in range(len(shape))]).expand(shape)
        power = answers.ring_powers(field[None, None])[0]
        assert int(power.argmax()) + 1 == 8
        assert power.sum().item() == pytest.approx(4.5, rel=0.05)
        assert power[5:10].sum().item() == pytest.approx(power.sum().item(), rel=1e-3)


def test_the_calibration_of_known_answers():
    """Four answers that are 90 % sure, of which three are right, and two of 60 %, of which one is."""
    sure = torch.tensor([0.9, 0.9, 0.9, 0.9, 0.6, 0.6], dtype=torch.float64)
    logits = torch.stack([sure.log(), (1 - sure).log()])[None]
    target = torch.tensor([[1.0, 1, 1, 0, 1, 0], [0, 0, 0, 1, 0, 1]])
    table = answers.calibration(logits, target, [7], bins=4)
    assert table["seed"].tolist() == [7, 7]
    assert table[["low", "high", "count"]].to_numpy().tolist() == [[0.5, 0.75, 2], [0.75, 1.0, 4]]
    np.testing.assert_allclose(table[["confidence", "accuracy"]], [[0.6, 0.5], [0.9, 0.75]])
    assert answer_figures.expected_calibration_error(table) == pytest.approx((2 * 0.1 + 4 * 0.15) / 6)


class Linear:
    """y = 2 a + (3 where b is 'yes') + seed, for inputs a and the two of b."""

    def __call__(self, theta, x):
        return theta[:, :, None] + 2 * x[:, :1] + 1.5 * (x[:, 2:3] + 1)


def test_the_dependence_on_a_column_is_that_of_a_sum():
    encoding = Encoding((Column("a"), Column("b", values=("no", "yes"))))
    x = torch.stack([torch.linspace(-1, 1, 50), torch.ones(50), -torch.ones(50)]).double()
    part = Split(x, x[:1])
    theta = torch.tensor([[0.0], [1.0], [4.0]], dtype=torch.float64)
    table = answers.dependence((Linear(), theta), x, Data(part, part, part, encoding=encoding))
    numbers, kinds = table[table["column"] == "a"], table[table["column"] == "b"]
    np.testing.assert_allclose(numbers["median"] - 1, 2 * numbers["at"].astype(float), atol=1e-9)
    assert (numbers["high"] - numbers["low"]).tolist() == pytest.approx([4.0] * 25)
    assert kinds["at"].tolist() == ["no", "yes"]
    assert kinds["median"].diff().iloc[1] == pytest.approx(3.0)
    panels = answer_figures.dependence(table).axes
    assert [axes.get_xlabel() for axes in panels] == ["a", "b"]
    assert [label.get_text() for label in panels[1].get_xticklabels()] == ["no", "yes"]
    many = Data(part, part, part, encoding=Encoding.unchanged(41))
    assert answers.dependence((Linear(), theta), x, many).empty


def test_errors_and_their_spread_over_seeds():
    scene = Scene("surface", torch.tensor([[0.0, 1.0], [5.0, 5.0]]), torch.tensor([[1.0, 2.0]]), (1, 2))
    part = Split(scene.x, scene.target)
    given = torch.tensor([[[1.5, 2.0]], [[0.5, 2.0]], [[1.0, 5.0]]])
    table = answers.errors(given, scene, 1, Data(part, part, part))
    assert table["error"].tolist() == [-0.5, 0.0]
    assert table[["low", "high"]].to_numpy().tolist() == [[0.5, 1.5], [2.0, 5.0]]


def test_what_enters_a_layer_is_counted_within_its_domain():
    network = KAN().network((2, 3, 1), BSpline())
    theta = network.start(Default(), [generator(seed, "init") for seed in range(2)], torch.float64)
    x = torch.linspace(-2, 1, 200, dtype=torch.float64).expand(2, -1)
    table = answers.entering({"before": (network, theta), "after": (network, theta)}, x)
    first = table[(table["layer"] == 0) & (table["state"] == "after")]
    assert first["share"].sum() == pytest.approx(1)
    assert (first["low"].min(), first["high"].max()) == (-2.0, 1.0)
    assert first[["domain_low", "domain_high"]].iloc[0].tolist() == list(BSpline().domain)
    assert "domain" in [text.get_text() for text in layer_figures.entering(table).legends[0].texts]


def surface_table(high):
    x, y = np.meshgrid(np.linspace(0, 1, 5), np.linspace(0, high, 4))
    after = np.linspace(0, 2, 20)
    columns = {"x1": x.ravel(), "x2": y.ravel(), "channel": 0, "target": after / 2, "before": -after, "after": after}
    return pd.DataFrame(columns | {"error": after / 2, "low": after, "high": after + 1})


@pytest.mark.parametrize(("high", "aspect"), [(2.0, 1.0), (50.0, "auto")])
def test_surfaces_have_equal_scales_unless_their_sides_are_far_from_equal(high, aspect):
    figure = surface.surface(surface_table(high), (4, 5), ("t", "x"), ("u",))
    assert {axes.get_aspect() for axes in figure.axes[:4]} == {aspect}
    assert [axes.get_xlabel() for axes in figure.axes[:4]] == ["t"] * 4
    assert figure.axes[2].images[0].colorbar.extend == "both"  # the target's scale hides what lies beyond


def test_pictures_count_downwards():
    table = surface_table(2.0)
    names = ("x", "y"), ("gray",)
    upright, flipped = (surface.error(table, (4, 5), "", *names, picture=kind) for kind in (False, True))
    assert upright.axes[0].get_ylim() == (0.0, 2.0)
    assert flipped.axes[0].get_ylim() == (2.0, 0.0)


def test_edges_are_drawn_over_the_interval_they_end_with_and_categories_as_bars():
    x = np.linspace(-1, 1, 11)
    parts = [
        pd.DataFrame({"state": state, "layer": 0, "output": 0, "input": j, "x": wide * x, "y": x * (j + 1)})
        for state, wide in (("before", 3.0), ("after", 1.0))
        for j in range(2)
    ]
    (axes,) = layer_figures.edges(pd.concat(parts, ignore_index=True), "", (), ("size", "town=A"), (False, True)).axes
    assert "over [-1, 1]" in axes.get_xlabel()
    assert [label.get_text() for label in axes.get_xticklabels()] == ["size", "town=A"]
    assert len(axes.patches) == 2  # a bar before and one after
    for lines in axes.collections:
        for path in lines.get_paths():
            assert 0.05 <= path.vertices[:, 0].min() <= path.vertices[:, 0].max() <= 0.95


def pair_table(pairs, outputs, a=(0.0, 1.0, 2.0), scale=1.0):
    """A level of products output * a * b."""
    p, o, i, j = (index.ravel() for index in np.indices((pairs, outputs, len(a), len(a))))
    a = np.array(a)
    columns = {"level": 0, "pair": p, "output": o, "first": 2 * p, "second": 2 * p + 1, "a": a[i], "b": a[j]}
    return pd.DataFrame(columns | {"y": scale * o * a[i] * a[j]})


def test_functions_of_two_inputs_have_one_scale_and_their_second_input_upwards():
    figure = pair_figures.pairs(pair_table(1, 3), "", ["x1", "size"])
    cells = figure.axes[0].images
    values = [cell.get_array() for cell in cells]
    assert values[2][2].tolist() == [-2.0, 2.0, 6.0]  # b is largest in the last row, and that is drawn on top
    assert [values[k].max() for k in range(3)] == [0.0, 3.0, 6.0]
    assert all(bottom > top for *_, bottom, top in (cell.get_extent() for cell in cells))  # as the axis, counting down
    assert {cell.get_clim() for cell in cells} == {(-6.0, 6.0)}
    assert [label.get_text() for label in figure.axes[0].get_xticklabels()] == ["x₁,\nup size"]


@pytest.mark.parametrize(
    "table",
    [
        pair_table(1, 2, a=(1.0, 1.0, 1.0)),
        pair_table(1, 2, a=(np.nan,) * 3),
        pair_table(1, 2, scale=np.nan),
        pair_table(1, 128),
        pair_table(128, 1),
    ],
    ids=["a point", "a lost seed", "lost values", "tall", "wide"],
)
def test_functions_of_two_inputs_are_drawn_whatever_they_are(table, tmp_path):
    figure = pair_figures.pairs(table, "", ["x1", "x2", "x3"])  # an embedding made other inputs of them
    assert len(figure.axes[0].images) == table.groupby(["pair", "output"]).ngroups
    assert figure.axes[0].get_xticklabels()[0].get_text() == "1,\nup 2"
    assert max(figure.get_size_inches()) < 25
    save(figure, tmp_path / "pairs")


def test_layers_of_a_deep_network_are_drawn_in_rows():
    ends = {"low": [0.0, 1.0], "high": [1.0, 2.0], "share": 0.5, "domain_low": np.nan, "domain_high": np.nan}
    parts = [pd.DataFrame({"state": s, "layer": i, **ends}) for i in range(7) for s in ("before", "after")]
    figure = layer_figures.entering(pd.concat(parts, ignore_index=True))
    assert len(figure.axes) == 7
    assert figure.get_figwidth() < 15


def test_shares_have_a_linear_scale_and_errors_a_logarithmic_one():
    rows = [
        {"step": step, "seed": 0, "metric": metric, "value": 0.5 + step}
        for step in (0, 1)
        for metric in ("val_accuracy", "val_mse")
    ]
    names = ("val_accuracy", "val_mse")
    figure = run_figures.curves(pd.DataFrame(rows), names, linear=("val_accuracy",))
    assert [axes.get_yscale() for axes in figure.axes] == ["linear", "log"]


def test_training_spectra_are_colours_over_step_and_frequency():
    rows = [
        {"step": step, "seed": seed, "layer": 0, "frequency": f, "power": 10.0 ** (-f - step) * (1 + seed)}
        for step in (0, 1, 2)
        for seed in (0, 1, 2)
        for f in (1, 2, 3)
    ]
    axes = layer_figures.training_spectra(pd.DataFrame(rows)).axes[0]
    np.testing.assert_allclose(axes.collections[0].get_array()[1, 2], 2e-4)  # the median seed at step 1, frequency 3
    assert [label.get_text() for label in axes.get_yticklabels()] == ["0", "1", "2"]


def test_how_much_of_a_target_is_explained():
    table = pd.DataFrame({"target": [0.0, 2.0, 4.0], "residual": [1.0, 0.0, -1.0]})
    assert answer_figures.r2(table) == pytest.approx(1 - 2 / 8)
    assert np.isnan(answer_figures.r2(table.assign(target=1.0)))


def test_names_of_inputs_are_whole_below_their_cells_and_upright_where_there_is_no_room():
    def drawn(names):
        at = [
            {"state": state, "layer": 0, "output": 0, "input": j, "x": x, "y": x}
            for state in ("before", "after")
            for j in range(len(names))
            for x in (0.0, 1.0)
        ]
        figure = layer_figures.edges(pd.DataFrame(at), "", inputs=names)
        figure.draw_without_rendering()
        (axes,) = figure.axes
        label = axes.xaxis.label.get_window_extent()
        return [(text.get_text(), text.get_rotation()) for text in axes.get_xticklabels()], label.y0 >= 0

    few = ["sepal length (cm)", "sepal width (cm)"]
    assert drawn(few) == ([(name, 0) for name in few], True)
    many = [f"a rather long name {i}" for i in range(10)]
    assert drawn(many) == ([(name, 90) for name in many], True)


@pytest.mark.parametrize(("kind", "shape"), [("curve", (4,)), ("surface", (2, 2)), ("picture", (2, 2))])
def test_answers_of_a_lost_seed_are_drawn_without_a_known_solution(kind, shape, tmp_path):
    table = pd.DataFrame(
        [(step, 0, 0, point, value) for step, value in ((0, 1.0), (1, np.nan)) for point in range(4)],
        columns=["step", "seed", "channel", "point", "value"],
    )
    drawn = (table, np.full((1, 4), np.nan), (kind, shape), "x")
    assert [axes.get_title() for axes in film.strip(*drawn, "").axes] == ["step 0", "step 1"]
    film.write_gif(*drawn, tmp_path / "frames.gif")
    assert (tmp_path / "frames.gif").stat().st_size > 0
