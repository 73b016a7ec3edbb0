"""Ranks of arms over problems, and what a paper says of its methods."""

import re

import numpy as np
import pandas as pd
import pytest
from helpers.runs import make_run
from scipy.stats import chi2

from kanexp.figure.place_figures import critical_difference
from kanexp.report.methods import sources
from kanexp.report.place import Places
from kanexp.report.report import Question, report

# AUC of C4.5 with four ways to set its parameters on 14 data sets: Demšar 2006, table 6 (its names of data sets left
# out), https://jmlr.org/papers/v7/demsar06a.html
AUC = """
0.763 0.768 0.771 0.798
0.599 0.591 0.590 0.569
0.954 0.971 0.968 0.967
0.628 0.661 0.654 0.657
0.882 0.888 0.886 0.898
0.936 0.931 0.916 0.931
0.661 0.668 0.609 0.685
0.583 0.583 0.563 0.625
0.775 0.838 0.866 0.875
1.000 1.000 1.000 1.000
0.940 0.962 0.965 0.962
0.619 0.666 0.614 0.669
0.972 0.981 0.9751 0.975
0.957 0.978 0.946 0.970
"""
PUBLISHED = pd.DataFrame(
    [[float(number) for number in line.split()] for line in AUC.split("\n") if line],
    columns=["C4.5", "C4.5+m", "C4.5+cf", "C4.5+m+cf"],
)


def test_the_published_example_of_ranks():
    """Its mean ranks are 3.143, 2.000, 2.893 and 1.964, Friedman's chi^2 9.28, the critical difference 1.25."""
    places = Places.of(-PUBLISHED)
    expected = {"C4.5+m+cf": 1.964, "C4.5+m": 2.000, "C4.5+cf": 2.893, "C4.5": 3.143}
    assert places.mean.round(3).to_dict() == expected
    assert list(places.mean.index) == list(expected)
    assert places.distance == pytest.approx(1.25, abs=0.01)
    chi = 12 * 14 / 20 * float((places.mean**2).sum() - 25)
    assert chi == pytest.approx(9.28, abs=0.01)
    tied = sum((n**3 - n for _, row in PUBLISHED.iterrows() for n in row.value_counts()), 0)
    assert places.p == pytest.approx(chi2.sf(chi / (1 - tied / (14 * 60)), 3))  # with ties, as the paper has not
    assert places.groups == [(0, 3)]  # 3.143 - 1.964 = 1.18: Nemenyi's test is too weak here, as the paper says


def test_groups_are_the_largest_of_arms_that_are_near():
    costs = pd.DataFrame([[1.0, 2.0, 3.0, 4.0]] * 12, columns=list("abcd"))
    places = Places.of(costs)
    assert places.distance == pytest.approx(2.569 * (20 / 72) ** 0.5, abs=1e-3)  # table 5: q of four at .05
    assert places.groups == [(0, 1), (1, 2), (2, 3)]
    bars = critical_difference(places.mean, places.distance, places.groups).axes[0].lines
    assert sum(line.get_linewidth() == 3.5 for line in bars) == 3
    assert Places.of(pd.DataFrame([[1.0, 2.0, 3.0, 4.0]] * 200, columns=list("abcd"))).groups == []


@pytest.mark.parametrize("shape", [(2, 5), (5, 2), (0, 3)])
def test_too_few_arms_or_problems_have_no_ranks(shape):
    assert Places.of(pd.DataFrame(np.ones(shape))) is None


def test_ties_on_every_problem_establish_nothing():
    places = Places.of(pd.DataFrame(np.ones((4, 3))))
    assert (places.p, places.mean.tolist(), places.groups) == (1.0, [2.0, 2.0, 2.0], [(0, 2)])


@pytest.fixture
def tasks(tmp_path):
    """Three arms on four problems, the first the best on all, the last without one of them."""
    for i, function in enumerate(("product", "exp", "sin", "square")):
        for j, init in enumerate(("smooth", "lecun", "default")):
            mse = tuple(10.0 ** (j - 3) * (1 + 0.1 * seed + i) for seed in range(6))
            make_run(tmp_path / f"{function}-{init}", init, mse, options={"function": function})
    make_run(tmp_path / "alone", "power", (1.0, 2.0), options={"function": "product"})
    return tmp_path


def test_a_report_over_several_tasks_ranks_arms(tasks):
    out, _ = report([tasks], None, Question())
    table = pd.read_csv(out / "ranks.csv")
    assert table.groupby("arm")["mean_rank"].first().to_dict() == {"smooth": 1.0, "lecun": 2.0, "default": 3.0}
    assert len(table) == 12  # without the arm that one task alone has
    for kind in ("png", "svg", "pdf"):
        assert (out / f"ranks.{kind}").stat().st_size > 2000
    page = (out / "report.html").read_text()
    assert "Mean ranks over 4 problems (1 is best)" in page


def test_methods_say_what_was_run_and_cite_its_parts(tasks):
    out, _ = report([tasks], None, Question())
    text = (out / "methods.md").read_text()
    assert re.search(r"We compare 4 arms \(.*lecun.*\) on function=product, function=exp, ", text)
    assert "with 2 to 6 seeds each" in text
    assert "Optimizer: adam." in text
    assert "regularization" not in text.lower()  # there is none
    assert re.search(r"corrected for all \d+ comparisons", text)
    assert "author = {Demšar}" in text
    assert re.search(r"@misc\{demsar2006-\d+,", text)


def test_sources_are_those_that_a_part_names():
    assert sources("kanexp.task.burgers.Burgers") == [
        ("Raissi, Perdikaris and Karniadakis 2019", "https://doi.org/10.1016/j.jcp.2018.10.045"),
        ("the solution by Basdevant et al. 1986", "https://doi.org/10.1016/0045-7930(86)90036-8"),
    ]
    for nothing in ("kanexp.layer.none.None", "kanexp.layer.bspline.Nothing", "x", "no.such.Part"):
        assert sources(nothing) == []
