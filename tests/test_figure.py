"""What figures share, and the files they are saved to."""

import base64

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

from kanexp.figure import arm_figures, panel, published_figures, run_figures
from kanexp.figure.label import arm_label
from kanexp.figure.power import letters, write_powers
from kanexp.figure.style import STYLE, embedded, head, save
from kanexp.score.cost import Metric
from kanexp.score.score import MSE


def test_a_saved_figure_is_embedded_at_its_own_width(tmp_path):
    figure = Figure(figsize=(2.5, 1))
    figure.subplots().plot([1, 2])
    png, svg = save(figure, tmp_path / "line")
    assert [file.suffix for file in (png, svg)] == [".png", ".svg"]
    address, width = embedded(png)
    assert width == 240  # a page has 96 pixels to the inch
    assert base64.b64decode(address.removeprefix("data:image/png;base64,")) == png.read_bytes()


@pytest.mark.parametrize(
    ("values", "scale"), [([1e-3, 1.0], "log"), ([0.0, 1.0], "linear"), ([-1.0, 1.0], "linear"), ([np.nan], "linear")]
)
def test_only_positive_values_are_on_a_logarithmic_axis(values, scale):
    for table in (pd.Series(values), pd.DataFrame({"one": values, "other": 1.0})):
        axes = Figure().subplots()
        assert panel.log_where_positive(axes, table) == (scale == "log")
        assert axes.get_yscale() == scale


def test_a_name_may_have_dots(tmp_path):
    """Names of problems end in numbers: what stands behind a dot is no suffix."""
    files = save(Figure(), tmp_path / "arms-low=0_high=0.9", pdf=True)
    assert [file.name for file in files] == [f"arms-low=0_high=0.9.{kind}" for kind in ("png", "svg", "pdf")]
    assert all(file.is_file() for file in files)


def test_points_are_spread_in_a_fixed_way_and_evenly():
    np.testing.assert_array_equal(panel.spread(7, 5), [-1, -0.5, 0, 0.5, 1, -1, -0.5])
    assert panel.spread(70, 7).mean() == pytest.approx(0)
    assert len(panel.spread(0, 5)) == 0


def test_a_band_reaches_from_the_lowest_seed_to_the_highest():
    table = pd.DataFrame({"step": [0, 0, 0, 5, 5, 5], "value": [3.0, 1.0, 2.0, 6.0, 5.0, 9.0]})
    seeds = panel.seed_range(table.groupby("step")["value"])
    assert seeds.to_dict("list") == {"low": [1, 5], "median": [2, 6], "high": [3, 9]}
    axes = Figure().subplots()
    panel.band(axes, seeds.index, seeds, "red", alpha=0.2)
    (line,), (area,) = axes.lines, axes.collections
    assert line.get_ydata().tolist() == [2, 6]
    assert {tuple(point) for point in area.get_paths()[0].vertices} == {(0, 1), (0, 3), (5, 5), (5, 9)}


@pytest.mark.parametrize(("better", "scale"), [("lower", "log"), ("higher", "linear")])
def test_published_numbers_far_from_ours_are_within_the_figure(better, scale):
    score = {"metric": "test_mine", "better": better}
    table = pd.DataFrame({"arm": "kan", **score, "value": [2.0, 3.0, 4.0], "published": 200.0})
    (axes,) = published_figures.points(table).axes
    low, high = axes.get_xlim()
    assert axes.get_xscale() == scale
    assert low < 2 < 200 < high


@pytest.mark.parametrize(
    ("low", "high", "first"),
    [(5.1, 9.0, "6"), (1.2, 1.9, "1.2"), (0.9, 6.0, "10⁰"), (1e-4, 1.0, "10⁻⁴"), (2.1, np.inf, "10¹")],
)
def test_ticks_of_a_logarithmic_axis_are_few_and_readable_over_any_range(low, high, first):
    figure = Figure(figsize=(5.0, 1.0))
    axes = figure.subplots()
    axes.set(xscale="log", xlim=(low, min(high, 1e4)))
    panel.decades(axes.xaxis, low, high)
    places = [x for x in axes.get_xticks() if low <= x <= high]
    assert 2 <= len(places) <= 6
    assert letters(axes.xaxis.get_major_formatter().format_ticks(places)[0]) == first


def test_powers_are_letters_on_every_logarithmic_axis():
    with mpl.rc_context(STYLE):
        figure = Figure(layout="constrained")
        wide, narrow = figure.subplots(1, 2)
        wide.set(yscale="log", ylim=(1e-4, 1e3), xscale="symlog", xlim=(-100, 100))
        narrow.set(xscale="log", xlim=(2e-3, 6e-3))
        figure.colorbar(narrow.pcolormesh([[1.0, 1e5]], norm="log"))
        write_powers(figure)
        figure.draw_without_rendering()
    shown = {
        text.get_text()
        for axes in figure.axes
        for axis in (axes.xaxis, axes.yaxis)
        for text in axis.get_ticklabels(which="both")
    }
    assert {"10⁻⁴", "10³", "-10²", "10⁵"} <= shown
    assert any(text.endswith("\N{MULTIPLICATION SIGN}10⁻³") for text in shown)
    assert not any("$" in text for text in shown)


def test_names_of_arms_are_short_and_wrapped_at_words():
    assert arm_label('bspline widths=["in", 5, "out"]') == "bspline widths=[in,5,out]"
    name = "bspline intervals=20 residual=silu learning_rate=0.001 weight_decay=0.01"
    wrapped = arm_label(name)
    assert wrapped.split() == name.split()
    assert max(map(len, wrapped.split("\n"))) <= 34
    assert max(map(len, arm_label("x" * 100).split("\n"))) <= 34  # a formula without spaces


def test_rows_of_long_names_are_tall_enough_for_them():
    scores = {"value": [1.0, 2.0], "ended_well": True}
    short, long = (
        arm_figures.points(pd.DataFrame({"arm": [f"{name} 1", f"{name} 2"], **scores}), Metric.of(MSE, [1.0]))
        for name in ("a", " ".join(["learning_rate=0.001"] * 6))
    )
    assert long.get_figheight() - short.get_figheight() > 1
    labels = [text.get_text() for text in long.axes[0].get_yticklabels()]
    assert [label.count("\n") for label in labels] == [5, 5]


def test_a_head_stands_above_what_a_figure_says_itself():
    figure = Figure()
    head(figure, "burgers")
    assert figure.get_suptitle() == "burgers"
    head(figure, "task")
    assert figure.get_suptitle() == "task\nburgers"


def test_names_at_the_ends_of_lines_keep_their_order_and_do_not_overlap():
    places, sizes = np.array([0.5, 0.52, 0.0, 1.0, 0.51]), np.full(5, 0.1)
    found = panel.apart(places, sizes)
    assert (np.argsort(found) == np.argsort(places)).all()
    assert (np.diff(np.sort(found)) >= 0.1 - 1e-12).all()
    np.testing.assert_allclose(
        found[[0, 1, 4]].mean(), places[[0, 1, 4]].mean()
    )  # the block stays where it wants to be
    np.testing.assert_allclose(found[[2, 3]], [0.05, 0.95])  # within the panel
    full = panel.apart(np.full(10, 0.5), np.full(10, 0.1))
    np.testing.assert_allclose(np.sort(full), np.arange(10) / 10 + 0.05)


def test_lines_of_a_few_arms_are_named_where_they_end_and_many_have_a_legend():
    def drawn(count):
        arms = [f"arm{i}" for i in range(count)]
        at = [
            {"arm": arm, "at": step, "low": 1.0, "median": 2.0 + step, "high": 9.0} for arm in arms for step in (0, 5)
        ]
        return arms, arm_figures.curves(pd.DataFrame(at).assign(metric="val_loss", over="step"))

    arms, few = drawn(3)
    assert {text.get_text() for text in few.axes[0].texts} == set(arms)
    assert not few.legends
    _, many = drawn(12)
    assert not many.axes[0].texts
    assert many.legends


def test_panels_that_are_compared_have_one_range():
    metrics = pd.DataFrame(
        [
            (name, 0, step, 10.0**-step * size)
            for name, size in (("train_loss", 1), ("val_loss", 50))
            for step in (0, 3)
        ],
        columns=["metric", "seed", "step", "value"],
    )
    train, val = run_figures.curves(metrics).axes
    assert train.get_ylim() == val.get_ylim()
    assert train.get_ylim()[0] <= 1e-3
    assert train.get_ylim()[1] >= 50
