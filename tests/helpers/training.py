"""Small experiments and their training, without a folder."""

import tempfile
from dataclasses import replace
from pathlib import Path

import torch

from kanexp.config.experiment import Experiment
from kanexp.config.run_config import RunConfig
from kanexp.config.settings import Settings
from kanexp.folder.logs import COLUMNS, Ledger
from kanexp.folder.run_folder import RunFolder
from kanexp.init.glorot import Glorot
from kanexp.layer.chebyshev import Chebyshev
from kanexp.logger.none import NoLogger
from kanexp.model.kan import KAN
from kanexp.optimizer.adam import Adam
from kanexp.reg.none import NoPenalty
from kanexp.seeding import generator
from kanexp.task.base import Data, Split
from kanexp.task.function import Function
from kanexp.train import loop as training
from kanexp.train.ensemble import Ensemble

SETTINGS = Settings(
    name=None,
    seeds=4,
    data_seed=0,
    widths=["in", 4, "out"],
    layers=None,
    match=None,
    steps=50,
    batch_size=None,
    device="cpu",
    dtype="float64",
    compile=False,
    refine=None,
    refine_optimizer="carry",
    patience=None,
    budget=None,
    log_every=10,
    checkpoint=None,
    diagnostics=False,
    tune=None,
    pack=True,
    rerun=False,
    dry_run=False,
    output_dir="outputs",
)


TASK = Function(train=60, val=20, test=20)


def experiment(layer=None, optimizer=None, reg=None, init=None, task=TASK, **settings) -> Experiment:
    return Experiment(
        config=RunConfig({}, {}, ()),
        settings=replace(SETTINGS, **settings),
        task=task,
        layer=layer or Chebyshev(),
        init=init or Glorot(),
        reg=reg or NoPenalty(),
        optimizer=optimizer or Adam(),
        model=KAN(),
        logger=NoLogger(),
        widths=[2, 4, 1],
    )


def train(e: Experiment, start=None, data=None, watch=lambda p: None):
    """Result, metrics as a table, and the network."""
    network = e.network()
    dtype = getattr(torch, e.settings.dtype)
    if start is None:
        start = network.start(e.init, [generator(s, "init") for s in e.settings.seed_list], dtype)
    if data is None:
        loaded = e.task.load(generator(e.settings.data_seed, "data"))
        data = Data(*(Split(s.x.to(dtype), s.y.to(dtype)) for s in (loaded.train, loaded.val, loaded.test)))
    result, tables, network = train_with_tables(e, network, start, data, watch)
    return result, tables["metrics"], network


def train_with_tables(e: Experiment, network, start, data, watch=lambda p: None):
    with tempfile.TemporaryDirectory() as place:
        folder = RunFolder(Path(place))
        with folder.logs() as logs:
            result = training.train(Ensemble((e,)), network, start, data, Ledger([logs], [e.settings.seed_list]), watch)
        return result, {table: folder.read_table(table) for table in COLUMNS}, network
