"""A network as a graph: nodes in columns, and on every edge a small box with its learned function."""

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from kanexp.figure.style import BLACK, BLUE, STYLE, axis_label

MOST = 24  # edges of a layer that a page has room for
FAINTEST = 0.12  # opacity of an edge that carries nothing
STEP = 3.0  # from one column of nodes to the next


def graph(table: pd.DataFrame, nodes: pd.DataFrame, title: str) -> Figure:
    """Inputs on the left, outputs on the right, and the edges between by importance, up to MOST of a layer.

    `table` has layer, output, input, x, y and importance of one seed's edges, `nodes` layer, node, name and importance
    of its nodes, those of layer 0 being the inputs. Opacity is importance, next to the largest of the same layer. A
    function fills its box, whatever its size.
    """
    layers = sorted(nodes["layer"].unique())[:-1]
    edges = table.groupby(["layer", "output", "input"], as_index=False)["importance"].first()
    shown = {layer: _most(edges[edges["layer"] == layer]) for layer in layers}
    rows = max([len(own) for own in shown.values()] + [1.3 * n for n in nodes.groupby("layer").size()])
    notes = [title]
    for layer, own in shown.items():
        if len(own) < (all_edges := int((edges["layer"] == layer).sum())):
            notes.append(f"layer {layer + 1}: the {len(own)} most important of {all_edges} edges are drawn")
    with mpl.rc_context(STYLE):
        size = (2.4 * len(layers) + 2.4, max(2.4, 0.34 * rows) + 0.2 * len(notes) + 0.3)
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots()
        places = _places(nodes, rows)
        for layer, own in shown.items():
            _edges(axes, own, table[table["layer"] == layer], places, rows)
        _nodes(axes, nodes, places, edges)
        axes.set(xlim=(-1.9, STEP * len(layers) + 1.5), ylim=(rows, 0))
        axes.set_axis_off()
        figure.suptitle("\n".join(notes), fontsize=9)
        return figure


def _most(edges: pd.DataFrame) -> pd.DataFrame:
    """The most important edges of a layer, those of a node one below the other."""
    return edges.nlargest(MOST, "importance", keep="first").sort_values(["output", "input"])


def _places(nodes: pd.DataFrame, rows: float) -> dict[tuple[int, int], tuple[float, float]]:
    """Where each node is, evenly down its column."""
    counts = nodes.groupby("layer").size()
    numbers = zip(nodes["layer"].tolist(), nodes["node"].tolist(), strict=True)
    return {(layer, node): (STEP * layer, (node + 0.5) * rows / counts[layer]) for layer, node in numbers}


def _opacity(importance: float, largest: float) -> float:
    share = importance / largest if largest > 0 else 0.0
    return FAINTEST + (1 - FAINTEST) * min(1.0, share)


def _edges(axes: Axes, edges: pd.DataFrame, curves: pd.DataFrame, places: dict, rows: float) -> None:
    """The edges of one layer: from the node to the box, the box with its function, from the box to the next node."""
    room = rows / max(1, len(edges))
    wide, tall = 1.0, min(0.8 * room, 1.6)
    for i, edge in enumerate(edges.itertuples()):
        opacity = _opacity(edge.importance, edges["importance"].max())
        start, end = places[edge.layer, edge.input], places[edge.layer + 1, edge.output]
        left, y = start[0] + 0.62 * STEP - wide / 2, (i + 0.5) * room
        axes.plot([start[0], left], [start[1], y], color=BLACK, alpha=opacity, linewidth=0.8, zorder=1)
        axes.plot([left + wide, end[0]], [y, end[1]], color=BLACK, alpha=opacity, linewidth=0.8, zorder=1)
        frame = Rectangle((left, y - tall / 2), wide, tall, facecolor="white", edgecolor=BLACK, linewidth=0.6, zorder=2)
        axes.add_patch(frame)
        own = curves[(curves["output"] == edge.output) & (curves["input"] == edge.input)]
        at_x, at_y = _unit(own["x"].to_numpy()), _unit(own["y"].to_numpy())
        at_x, at_y = left + wide * (0.08 + 0.84 * at_x), y + tall * (0.42 - 0.84 * at_y)  # rows count downwards
        axes.plot(at_x, at_y, color=BLUE, alpha=opacity, linewidth=1.2, zorder=3)


def _unit(values: np.ndarray) -> np.ndarray:
    """Values brought to [0, 1]; 1/2 where they are all the same."""
    low, high = values.min(), values.max()
    return (values - low) / (high - low) if high > low else np.full_like(values, 0.5)


def _nodes(axes: Axes, nodes: pd.DataFrame, places: dict, edges: pd.DataFrame) -> None:
    """Nodes as dots, gray where no edge is left; inputs and outputs with their names."""
    last = nodes["layer"].max()
    used = set(zip(edges["layer"], edges["input"], strict=True))
    for node in nodes.itertuples():
        x, y = places[node.layer, node.node]
        alive = node.layer == last or (node.layer, node.node) in used
        axes.plot(x, y, "o", color=BLACK if alive else "#BBBBBB", markersize=5, zorder=4)
        colour = BLACK if alive else "#888888"
        if node.layer == 0:
            axes.text(x - 0.2, y, axis_label(node.name, 22), ha="right", va="center", fontsize=8, color=colour)
        elif node.layer == last:
            axes.text(x + 0.2, y, axis_label(node.name, 22), ha="left", va="center", fontsize=8)
