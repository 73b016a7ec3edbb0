"""The networks of a finished run, rebuilt from its folder: the only file here that needs torch."""

import pandas as pd

from kanexp.folder.file import UnreadableRun
from kanexp.folder.restore import restore
from kanexp.folder.run_folder import RunFolder
from kanexp.measure import tables
from kanexp.reproduce.runs import NotFound


def edges(run: RunFolder) -> pd.DataFrame:
    """state, seed, layer, output, input, x, y of every seed, before training and of its best state after."""
    try:
        restored = restore(run)
    except UnreadableRun as error:
        raise NotFound(str(error)) from error
    x = restored.experiment.load_data()[0].train.x
    states = {"before": restored.start(x), "after": (restored.network, restored.theta)}
    each = [tables.edges(states, x, row).assign(seed=seed) for row, seed in enumerate(restored.record.seeds)]
    return pd.concat(each, ignore_index=True)
