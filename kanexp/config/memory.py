"""The memory that a run takes at least, told before any of it is taken.

Every number here is a lower bound: what would run is never refused, and what is not refused may still be too much.
"""

from typing import TYPE_CHECKING

from kanexp.config.settings import Settings

if TYPE_CHECKING:  # the components import torch, which a typo should not wait for
    from kanexp.config.experiment import Experiment
    from kanexp.model.edge_layer import EdgeLayer
    from kanexp.model.network import Network
    from kanexp.task.base import Task

NUMBER = 8  # bytes of a number of float64, in which data and starts are drawn
COPIES = 5  # of all weights in a step: as they are, were before and were best, their gradient, and what comes next

ADVICE = {
    "weights": "fewer seeds, smaller widths or smaller layers",
    "data": "fewer samples",
    "values": "fewer seeds, a smaller batch_size, smaller widths or smaller layers",
}


def too_many_weights(settings: Settings, weights: int) -> str:
    """What is wrong with networks of so many weights; empty where one copy of them fits into memory."""
    return _mistake({"weights": settings.seed_count * weights * _bytes(settings)}, "cpu")


def too_much_data(task: "Task") -> str:
    """What is wrong with the samples that a task will make; empty where they fit into memory."""
    return _mistake({"data": NUMBER * task.made * (task.inputs + task.outputs)}, "cpu")


def too_large(e: "Experiment", network: "Network", rows: int, samples: int, device: str) -> str:
    """What is wrong with training so many networks on so many samples there; empty where nothing is known to be."""
    start = {"weights": 2 * NUMBER * rows * network.length}  # a row for each seed, then all of them as one
    return _mistake(start, "cpu") or _mistake(_training(e, network, rows, samples), device)


def _training(e: "Experiment", network: "Network", rows: int, samples: int) -> dict[str, int]:
    """Bytes that exist at once in a step."""
    whole = e.settings.batch_size is None or e.settings.batch_size >= samples
    batch = samples if whole or e.settings.batch_size is None else e.settings.batch_size
    values = rows * batch * sum(layer.n_out for layer in network.layers)
    shared = whole and not e.task.differential  # all seeds see the same inputs
    features = max(
        _features(layer, rows, batch, shared and i == 0, e.task.differential) for i, layer in enumerate(network.layers)
    )
    if e.optimizer.jacobian:
        values += rows * batch * e.task.outputs * network.length
    size = _bytes(e.settings)
    weights = COPIES * rows * network.length
    data = samples * (e.task.inputs + e.task.outputs)
    return {"weights": size * weights, "data": size * data, "values": size * (values + features)}


def _features(layer: "EdgeLayer", rows: int, batch: int, shared: bool, differential: bool) -> int:
    """Numbers of a layer's features that exist at once; most layers make them for a part of the batch at a time."""
    each = layer.features_each
    if shared and not layer.inner_shapes:
        return each * batch if rows > 1 else 0
    return rows * each * batch if differential or not layer.by_hand else 0


def _mistake(parts: dict[str, int], device: str) -> str:
    from kanexp.machine import free_memory, size_text

    needed, free = sum(parts.values()), free_memory(device)
    if needed <= free:
        return ""
    most = max(parts, key=lambda name: parts[name])
    what = "its layers' values" if most == "values" else f"its {most}"
    where = " on the GPU" if device == "cuda" else ""
    return (
        f"memory: the run takes at least {size_text(needed)}{where}, most of it for {what}, and {size_text(free)} "
        f"are free; use {ADVICE[most]}"
    )


def _bytes(settings: Settings) -> int:
    return 8 if settings.dtype == "float64" else 4
