"""What networks use: importance against hand calculation and known functions, pairs, the graph, kanexp explain."""

import contextlib
import io
from pathlib import Path

import matplotlib.image
import numpy as np
import pandas as pd
import pytest
import torch

from kanexp.attribution.learned import Learned
from kanexp.attribution.pair import column_importance, interactions, p_value, pairs, structure
from kanexp.attribution.permutation import permutation
from kanexp.cli import main
from kanexp.figure.graph import MOST, graph
from kanexp.layer.bspline import BSpline
from kanexp.layer.chebyshev import Chebyshev
from kanexp.measure.importance import importance
from kanexp.model.kan import KAN
from kanexp.model.mlp import MLP
from kanexp.model.residual_kan import ResidualKAN


def ask(*words):
    """Exit code, what was said, and what was said to be wrong."""
    said, wrong = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(wrong):
        code = main(list(words))
    return code, said.getvalue(), wrong.getvalue()


def grid(count=41):
    """Points (2, count^2) whose two coordinates are independent."""
    line = torch.linspace(-1, 1, count, dtype=torch.float64)
    return torch.cartesian_prod(line, line).T


# -- importance -----------------------------------------------------------------------------------------------------


def test_squares_are_shares_of_variance_in_a_sum():
    network = MLP().network([2, 1])
    theta = network.flatten(
        {"layers.0.coef": torch.tensor([[[[3.0, 4.0]]], [[[1.0, 0.0]]]]), "layers.0.bias": torch.ones(2, 1)}
    )
    found = importance(network, theta.double(), grid())
    assert found.inputs[0].tolist() == pytest.approx([0.6, 0.8], rel=1e-3)  # a variance of samples, sd of all
    assert found.inputs[1].tolist() == [pytest.approx(1, rel=1e-3), 0.0]  # what is not used has 0, exactly
    assert found.nodes[1].tolist() == [[1.0], [1.0]]


def test_scores_are_carried_backward_as_the_formula_says(randn):
    """pykan's formula, written out with NumPy on the functions themselves."""
    network = KAN().network([3, 4, 2], Chebyshev(degree=3))
    theta, x = randn(2, network.length), randn(3, 200)
    found = importance(network, theta, x)
    entering = [x.expand(2, -1, -1), *network.inputs(theta, x[None])[1:]]
    score = np.full((2, 2), 0.5)
    for layer in (1, 0):
        own, w = network.layers[layer], network.weights(theta)[layer]
        values = torch.einsum("stib,soti->soib", own.at(w, entering[layer]), own.edge_weights(w)).numpy()
        node = values.sum(2).std(-1)
        share = score[:, :, None] * values.std(-1, ddof=1) / node[:, :, None]
        np.testing.assert_allclose(found.edges[layer].numpy(), share, rtol=1e-8)
        score = share.sum(1)
        np.testing.assert_allclose(found.nodes[layer].numpy(), score, rtol=1e-8)


def test_a_node_that_does_not_vary_carries_nothing(randn):
    network = KAN().network([2, 3, 1], BSpline())
    theta, x = randn(1, network.length), randn(2, 100).clamp(-0.99, 0.99)
    named = {name: w.clone() for name, w in network.unflatten(theta).items()}
    for name in ("coef", "residual", "scale"):
        if f"layers.0.{name}" in named:
            named[f"layers.0.{name}"][:, 1] = 0.0
    found = importance(network, network.flatten(named), x)
    assert float(found.nodes[1][0, 1]) == 0.0
    assert (found.edges[0][0, 1] == 0).all()
    assert all(scores.isfinite().all() for scores in (*found.edges, *found.nodes))
    nothing = importance(network, torch.zeros_like(theta), x)
    assert all((scores == 0).all() for scores in (*nothing.edges, nothing.inputs))


def test_seeds_do_not_mix(randn):
    network = KAN().network([2, 3, 1], Chebyshev(degree=4))
    theta, x = randn(3, network.length), randn(2, 100)
    together = importance(network, theta, x)
    for row in range(3):
        alone = importance(network, theta[row : row + 1], x)
        torch.testing.assert_close(together.inputs[row], alone.inputs[0], rtol=1e-10, atol=0)


def test_what_is_no_row_of_layers_is_refused(randn):
    network = ResidualKAN().network([2, 2, 1], Chebyshev())
    with pytest.raises(ValueError, match="its layers are no row"):
        importance(network, randn(1, network.length), randn(2, 10))


# -- runs -----------------------------------------------------------------------------------------------------------

FORMULA = 'task.expression="2*x1+x2**2+0*x3"'
RUNS = {
    "sum": ("task=function", FORMULA, "layer=bspline", "widths=[3,1]", "steps=400"),
    "product": ("task=function", 'task.expression="(1.5+x1)*(1.5+x2)"', "layer=bspline", "widths=[2,4,1]", "steps=400"),
    "table": (
        "task=tabular",
        "task.path=homes.csv",
        "task.target=price",
        "layer=chebyshev",
        "widths=[in,4,1]",
        "steps=300",
    ),
    "classes": ("task=tabular", "task.dataset=iris", "layer=chebyshev", "steps=20"),
    "mlp": ("task=function", FORMULA, "model=mlp", "widths=[3,8,1]", "steps=50"),
    "kept": ("task=function", "layer=bspline", "layer.bound=affine", "widths=[2,3,1]", "steps=30"),
    "equation": ("task=poisson", "layer=chebyshev", "steps=5"),
}


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A folder with a run of each kind."""
    folder = tmp_path_factory.mktemp("lab")
    rng = np.random.default_rng(0)
    town, size, noise = rng.choice(["Bern", "Oslo", "Rome"], 300), rng.normal(50, 10, 300), rng.normal(0, 1, 300)
    price = 40 * (town == "Rome") + 2 * size
    pd.DataFrame({"noise": noise, "town": town, "size": size, "price": price}).to_csv(folder / "homes.csv", index=False)
    with contextlib.chdir(folder):
        for name, words in RUNS.items():
            code, _, wrong = ask(*words, "seeds=3", "diagnostics=false", f"name={name}", "optimizer.learning_rate=1e-2")
            assert (code, wrong) == (0, ""), wrong
    return folder


def learned(name):
    return Learned.of(Path(f"outputs/{name}/latest"), "explain")


def test_known_functions_have_their_known_importance(here):
    """Var 2x = 4/3, Var x^2 = 4/45 on [-1, 1]: squares of importance are their shares of 64/45."""
    found = column_importance(learned("sum"))
    shares = found.square().median(0).values
    assert shares.tolist() == pytest.approx([60 / 64, 4 / 64, 0], abs=0.02)
    permuted = permutation(learned("sum"))
    assert (permuted[:, 0] > permuted[:, 1]).all()
    assert (permuted[:, 1] > 10).all()
    assert (permuted[:, 2] < 2).all()


def test_a_shuffled_column_costs_what_it_explains(here):
    """Of independent columns the loss grows by twice the variance of what is shuffled."""
    own = learned("sum")
    test = own.data.test
    loss = own.task.loss(own.network(own.theta, test.x[None]), test.y[None])
    grown = (permutation(own)[:, 0] - 1) * loss
    assert grown.tolist() == pytest.approx([2 * 60 / 64 * float(test.y.var())] * 3, rel=0.15)


def test_a_category_is_one_column(here):
    own = learned("table")
    assert own.names == ["noise", "size", "town"]
    assert own.inputs == [[0], [1], [2, 3, 4]]
    ranked = column_importance(own).median(0).values
    assert ranked[0] < 0.2 < ranked[1:].min()
    permuted = permutation(own).median(0).values
    assert permuted[0] < 1.5 < 20 < permuted[1:].min()


def test_interactions_of_known_functions(here):
    own = learned("sum")
    assert pairs(own) == [(0, 1), (0, 2), (1, 2)]
    assert interactions(own, pairs(own)).abs().max() < 1e-6  # a network of one layer has none
    own = learned("product")
    # (a + x)(a + y): x y with variance 1/9 of 1/9 + 2 a^2 / 3
    found = interactions(own, [(0, 1)])
    x = own.data.train.x[:, :40]
    assert found.flatten().tolist() == pytest.approx([(1 / 9 / (1 / 9 + 1.5)) ** 0.5] * 3, rel=0.25), x.shape


def test_the_structure_of_known_functions_is_found(here):
    own = learned("product")
    distances = structure(own, [(0, 1)])
    p = {name: p_value(values[:, 0].numpy()) for name, values in distances.items()}
    assert p["sum"] < 0.05
    assert p["product"] > 0.05
    assert p["symmetric"] > 0.05
    own = learned("sum")
    p = {name: p_value(values[:, 0].numpy()) for name, values in structure(own, [(0, 1)]).items()}
    assert p["sum"] > 0.05
    assert p["product"] < 0.05
    assert p["symmetric"] < 0.05


def test_p_values_say_nothing_of_few_seeds():
    assert np.isnan(p_value(np.array([2.0, 3.0])))
    assert np.isnan(p_value(np.array([2.0, np.nan, 3.0])))
    assert p_value(np.array([2.0, 2.0, 2.0])) == 0.0
    assert p_value(np.array([0.5, 0.5, 0.5])) == 1.0
    assert p_value(np.array([4.0, 5.0, 6.0])) < 0.01 < 0.9 < p_value(np.array([0.2, 0.3, 0.1]))


# -- the command ----------------------------------------------------------------------------------------------------


def test_explain_names_the_columns_that_matter(here):
    code, said, wrong = ask("explain", "outputs/table/latest")
    assert (code, wrong) == (0, "")
    words = [line.split()[0] for line in said.splitlines() if line.split()]
    assert words.index("noise") > max(words.index("town"), words.index("size"))
    assert said.splitlines()[-1] == "outputs/table/latest/figures"
    figures = here / "outputs/table/latest/figures"
    table = pd.read_csv(figures / "columns.csv")
    assert list(table.columns) == ["name", "seed", "importance", "permuted"]
    assert len(table) == 9
    names = pd.read_csv(figures / "nodes.csv").query("layer == 0")["name"]
    assert names.tolist()[:5] == ["noise", "size", "town=Bern", "town=Oslo", "town=Rome"]
    assert len(pd.read_csv(figures / "edge_importance.csv")) == 3 * (5 * 4 + 4)
    assert len(pd.read_csv(figures / "pairs.csv")) == 3 * 3
    assert len(pd.read_csv(figures / "structure.csv")) == 3
    for name in ("graph", "columns"):
        assert matplotlib.image.imread(figures / f"{name}.png").shape[0] > 100
        assert (figures / f"{name}.svg").read_text().startswith("<?xml")


def test_explain_writes_the_same_bytes_and_the_run_stays_whole(here):
    written = []
    for _ in range(2):
        assert ask("explain", "outputs/product/latest")[0] == 0
        figures = sorted((here / "outputs/product/latest/figures").iterdir())
        written.append({file.name: file.read_bytes() for file in figures})
    assert written[0] == written[1]
    assert "done already" in ask("resume", "outputs/product/latest")[1]
    assert ask("report", "outputs/product/latest")[0] == 0


@pytest.mark.parametrize(("name", "said"), [("classes", "petal"), ("mlp", "x1"), ("kept", "x2"), ("equation", "  x ")])
def test_explain_takes_other_tasks_and_models(here, name, said):
    code, words, wrong = ask("explain", f"outputs/{name}/latest")
    assert (code, wrong) == (0, "")
    assert said in words
    assert "nan" not in words


def test_explain_says_what_it_cannot(here):
    assert ask("explain", "nowhere")[2] == "error: explain: nowhere: no run.json, so this is no run folder\n"
    assert ask("task=function", "model=residual_kan", "steps=2", "diagnostics=false", "name=around")[0] == 0
    code, _, wrong = ask("explain", "outputs/around/latest")
    assert (code, wrong) == (
        2,
        "error: explain: model=residual_kan: its layers are no row, and what goes around an edge is not seen at the "
        "edge; this takes model=kan or model=mlp\n",
    )
    model = here / "outputs/sum/latest/model.pt"
    model.write_bytes(model.read_bytes()[:-9])
    assert "model.pt" in ask("explain", "outputs/sum/latest")[2]


# -- the graph ------------------------------------------------------------------------------------------------------


def test_of_many_edges_the_most_important_are_drawn():
    x = np.linspace(-1, 1, 5)
    rows = [(0, o, i, x, x * i, 0.1 * i) for o in range(5) for i in range(10)]
    rows += [(1, 0, i, x, x**2, 0.2) for i in range(5)]
    columns = ["layer", "output", "input", "x", "y", "importance"]
    table = pd.DataFrame(rows, columns=columns).explode(["x", "y"]).astype({"x": float, "y": float})
    names = (
        [(0, i, f"in{i}", 1.0) for i in range(10)] + [(1, i, "", 1.0) for i in range(5)] + [(2, 0, "price $ 3 $", 1.0)]
    )
    figure = graph(table, pd.DataFrame(names, columns=["layer", "node", "name", "importance"]), "seed 0")
    assert len(figure.axes[0].patches) == MOST + 5
    assert figure.get_suptitle() == f"seed 0\nlayer 1: the {MOST} most important of 50 edges are drawn"
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert texts == [*(f"in{i}" for i in range(10)), "price $ 3 $"]
