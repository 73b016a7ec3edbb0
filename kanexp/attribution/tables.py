"""Attribution as tables: of columns, of nodes and edges, of pairs, and what the graph is drawn from."""

import numpy as np
import pandas as pd
import torch

from kanexp.attribution.learned import Learned
from kanexp.attribution.pair import column_importance, interactions, p_value, pairs, structure
from kanexp.attribution.permutation import permutation
from kanexp.measure.importance import Importance, importance
from kanexp.measure.tables import edges as edge_functions


def columns(learned: Learned) -> pd.DataFrame:
    """A row for each column and seed: name, seed, importance, permuted (empty where it has no meaning)."""
    scores, permuted = column_importance(learned), permutation(learned)
    seeds, names = len(learned.seeds), learned.names
    table = pd.DataFrame(
        {"name": np.tile(names, seeds), "seed": np.repeat(learned.seeds, len(names)), "importance": scores.flatten()}
    )
    table["permuted"] = np.nan if permuted is None else permuted.flatten().numpy()
    return table


def nodes(learned: Learned, found: Importance) -> pd.DataFrame:
    """A row for each node and seed: seed, layer (0: the inputs), node, name (of inputs and outputs), importance."""
    tables = []
    for layer, scores in enumerate(found.nodes):
        seeds, width = scores.shape
        named = {0: learned.encoding.names, len(found.nodes) - 1: output_names(learned)}.get(layer, [""] * width)
        tables.append(
            pd.DataFrame(
                {
                    "seed": np.repeat(learned.seeds, width),
                    "layer": layer,
                    "node": np.tile(np.arange(width), seeds),
                    "name": np.tile(named, seeds),
                    "importance": scores.flatten().numpy(),
                }
            )
        )
    return pd.concat(tables, ignore_index=True)


def edges(learned: Learned, found: Importance) -> pd.DataFrame:
    """A row for each edge and seed: seed, layer, output, input, importance."""
    tables = []
    for layer, scores in enumerate(found.edges):
        seed, output, entering = (places.ravel() for places in np.indices(tuple(scores.shape)))
        numbers = {"seed": np.array(learned.seeds)[seed], "layer": layer, "output": output, "input": entering}
        tables.append(pd.DataFrame({**numbers, "importance": scores.flatten().numpy()}))
    return pd.concat(tables, ignore_index=True)


def graph(learned: Learned, found: Importance) -> pd.DataFrame:
    """The edge functions of one seed with their importance: layer, output, input, x, y, importance.

    Edges that are zero, as pruned ones are, are left out. Empty of a network with too many edges to be drawn.
    """
    states = {"after": (learned.network, learned.theta)}
    with torch.no_grad():
        table = edge_functions(states, learned.data.train.x, learned.row).drop(columns="state")
    scores = edges(learned, found)
    scores = scores[scores["seed"] == learned.seeds[learned.row]].drop(columns="seed")
    table = table.merge(scores, on=["layer", "output", "input"])
    there = table.groupby(["layer", "output", "input"])["y"].transform(lambda y: y.abs().max()) > 0
    return table[there].reset_index(drop=True)


def pair_table(learned: Learned) -> pd.DataFrame:
    """A row for each pair and seed: first, second, seed, interaction, sum, product, symmetric (distances)."""
    chosen = pairs(learned)
    columns = ["first", "second", "seed", "interaction", "sum", "product", "symmetric"]
    if not chosen:
        return pd.DataFrame(columns=columns)
    seeds, names = len(learned.seeds), learned.names
    table = pd.DataFrame(
        {
            "first": np.tile([names[j] for j, _ in chosen], seeds),
            "second": np.tile([names[k] for _, k in chosen], seeds),
            "seed": np.repeat(learned.seeds, len(chosen)),
            "interaction": interactions(learned, chosen).flatten().numpy(),
        }
    )
    tested = learned.task.least_squares and learned.task.solved and not learned.encoding.classes
    distances = structure(learned, chosen) if tested else {}
    for name in columns[4:]:
        table[name] = distances[name].flatten().numpy() if distances else np.nan
    return table


def structure_table(table: pd.DataFrame) -> pd.DataFrame:
    """Over seeds, a row for each pair: first, second, median interaction, and p of sum, product and symmetric."""
    rows = []
    for (first, second), own in table.groupby(["first", "second"], sort=False):
        p = {f"p_{name}": p_value(own[name].to_numpy(dtype=float)) for name in ("sum", "product", "symmetric")}
        rows.append({"first": first, "second": second, "interaction": own["interaction"].median(), **p})
    return pd.DataFrame(rows, columns=["first", "second", "interaction", "p_sum", "p_product", "p_symmetric"])


def output_names(learned: Learned) -> list[str]:
    """What each output is called."""
    count = learned.network.widths[-1]
    named = list(learned.encoding.classes or learned.encoding.targets)
    return named if len(named) == count else [f"y{i + 1}" for i in range(count)] if count > 1 else ["y"]


def importance_of(learned: Learned) -> Importance:
    """The importance of all parts of the networks, on their training data."""
    with torch.no_grad():
        return importance(learned.network, learned.theta, learned.data.train.x)
