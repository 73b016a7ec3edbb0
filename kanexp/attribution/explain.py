"""What a finished run uses to give its answers: written beside its figures, and said."""

import pandas as pd
import torch

from kanexp import console
from kanexp.attribution import tables
from kanexp.attribution.learned import Learned
from kanexp.error import ConfigError
from kanexp.figure import attribution_figures
from kanexp.figure.graph import graph
from kanexp.figure.style import save
from kanexp.folder.sheet import write_sheet

SHOWN = 15  # rows that a table in the terminal has
NOTABLE = 0.03  # importance from which on a part counts: pykan's own threshold for pruning
SURE = 0.05  # p below which seeds are further from a structure than their errors explain


def attribute(learned: Learned) -> None:
    """Write the importance of columns, nodes and edges with the graph, and say what matters.

    Raises ConfigError where the model is no row of layers.
    """
    try:
        found = tables.importance_of(learned)
    except ValueError as error:
        model = learned.experiment.config.choices["model"]
        raise ConfigError(f"explain: model={model}: {error}; this takes model=kan or model=mlp") from error
    made = {
        "columns": tables.columns(learned),
        "nodes": tables.nodes(learned, found),
        "edge_importance": tables.edges(learned, found),
        "graph": tables.graph(learned, found),
    }
    seed = learned.seeds[learned.row]
    drawn = {"columns": attribution_figures.columns(made["columns"])}
    several = f", nearest the median of {len(learned.seeds)} on validation" if len(learned.seeds) > 1 else ""
    if len(made["graph"]):
        own = made["nodes"][made["nodes"]["seed"] == seed]
        drawn["graph"] = graph(made["graph"], own, f"seed {seed}{several}; opacity is importance")
    else:
        del made["graph"]
        console.say("graph: not drawn, the network has no edges left or too many for a picture")
    _write(learned, made)
    for name, figure in drawn.items():
        save(figure, learned.folder.figures / name)
    _say_columns(made["columns"])
    _say_edges(made["edge_importance"], learned)


def relate(learned: Learned) -> None:
    """Write how pairs of columns work together and which structure they have, and say it."""
    with torch.no_grad():
        table = tables.pair_table(learned)
    if not len(table):
        return
    summary = tables.structure_table(table)
    _write(learned, {"pairs": table, "structure": summary})
    top = summary.sort_values("interaction", ascending=False, kind="stable").head(SHOWN)
    rows = [
        (
            f"{row.first}, {row.second}",
            f"{row.interaction:.3g}",
            *map(_verdict, (row.p_sum, row.p_product, row.p_symmetric)),
        )
        for row in top.itertuples()
    ]
    note = f"p of at least {SURE:g}: no further from it than the validation error explains"
    if top[["p_sum", "p_product"]].isna().all(axis=None):
        note = "structure is tested over at least 3 seeds, where answers are numbers that are known"
    columns = ("pair", "interaction", "a sum?", "a product?", "symmetric?")
    console.table("pairs of columns: what only both together say", columns, rows, note)


def _verdict(p: float) -> str:
    if pd.isna(p):
        return "-"
    return f"{'no' if p < SURE else 'may be'} (p = {p:.2g})"


def _write(learned: Learned, made: dict[str, pd.DataFrame]) -> None:
    learned.folder.figures.mkdir(exist_ok=True)
    for name, table in made.items():
        write_sheet(table, learned.folder.figures / f"{name}.csv", 7)


def _say_columns(table: pd.DataFrame) -> None:
    """Columns by their median importance, with their range over seeds."""
    grouped = table.groupby("name", sort=False)
    order = grouped["importance"].median().sort_values(ascending=False, kind="stable")
    rows = []
    for name in order.index[:SHOWN]:
        own = grouped.get_group(name)
        rows.append((str(name), *_with_range(own["importance"]), *_with_range(own["permuted"])))
    more = f"; {len(order) - SHOWN} more in columns.csv" if len(order) > SHOWN else ""
    note = f"median and range over {table['seed'].nunique()} seeds; shuffled: test loss, times as large{more}"
    console.table("columns", ("column", "importance", "range", "shuffled", "range"), rows, note)


def _with_range(values: "pd.Series[float]") -> tuple[str, str]:
    if values.isna().any():
        return "-", "-"
    return f"{values.median():.3g}", f"{values.min():.3g} .. {values.max():.3g}"


def _say_edges(table: pd.DataFrame, learned: Learned) -> None:
    """How many edges and nodes of each layer matter; which of the hidden ones do is each seed's own."""
    counts = table.assign(matters=table["importance"] >= NOTABLE).groupby(["layer", "seed"])["matters"].sum()
    own = table[table["seed"] == learned.seeds[learned.row]]
    rows = []
    for layer, of_layer in own.groupby("layer"):
        top = of_layer.nlargest(2, "importance", keep="first")
        named = [f"{edge.input + 1} to {edge.output + 1} ({edge.importance:.2g})" for edge in top.itertuples()]
        over = counts[layer]
        nodes = of_layer[of_layer["importance"] >= NOTABLE]["input"].nunique()
        rows.append(
            (
                f"{layer + 1}",
                f"{over.median():g} of {len(of_layer)}",
                f"{over.min()} .. {over.max()}",
                f"{nodes} of {learned.network.widths[layer]}",
                ", ".join(named),
            )
        )
    seed = learned.seeds[learned.row]
    columns = ("layer", "edges", "range", "from nodes", "the first")
    note = f"median and range over seeds; of seed {seed} from how many of its nodes, and its first edges"
    console.table(f"edges of importance {NOTABLE:g} and more", columns, rows, note)
