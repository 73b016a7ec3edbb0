"""The networks of a finished run, rebuilt from its folder: the only file here that needs torch."""

import pandas as pd
import torch

from kanexp.config import compose
from kanexp.config.experiment import build_experiment
from kanexp.config.run_config import RunConfig
from kanexp.folder.file import UnreadableRun
from kanexp.folder.run_folder import RunFolder
from kanexp.measure import tables
from kanexp.paths import recorded
from kanexp.reproduce.runs import NotFound
from kanexp.run.diagnose import trained_network
from kanexp.run.run import load_data
from kanexp.seeding import generator


def edges(run: RunFolder) -> pd.DataFrame:
    """state, seed, layer, output, input, x, y of every seed, before training and of its best state after."""
    try:
        record, file = run.ended()
    except UnreadableRun as error:
        raise NotFound(str(error)) from error
    experiment = build_experiment(RunConfig(compose.load_file(run.config), record["choices"], (), recorded(record)))
    data, _ = load_data(experiment)
    seeds, x = record["seeds"], data.train.x
    network = experiment.network()
    # The run drew its start in its own precision; so does this.
    dtype = getattr(torch, experiment.settings.dtype)
    start = network.start(experiment.init, [generator(seed, "init") for seed in seeds], dtype, x).double()
    states = {"before": (network, start), "after": trained_network(experiment, torch.load(file, weights_only=True))}
    tables = [tables.edges(states, x, row).assign(seed=seed) for row, seed in enumerate(seeds)]
    return pd.concat(tables, ignore_index=True)
