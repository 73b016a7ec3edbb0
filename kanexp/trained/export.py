"""A trained network as a file that runs without kanexp: torch.export's or ONNX, checked against our own answers."""

import copy
import importlib.util
import logging
import warnings
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from kanexp.error import ConfigError
from kanexp.folder.file import said
from kanexp.seeding import generator
from kanexp.trained.module import TrainedNetwork
from kanexp.trained.trained import Trained

TOLERANCE = 1e-6  # of the outputs' size, by which a file may differ from the network it was made of
SUFFIXES = {"torch": ".pt2", "onnx": ".onnx"}
CHECKED = 257  # rows on which it is compared, another number than it was traced with


def export(run: Trained, form: str, file: Path, seed: int) -> str:
    """Write one seed's network in float64 to a file of this form, read it back, compare; returns what was found.

    Raises ConfigError where the network cannot be written so, or what was written does not answer as it does.
    """
    # In double precision, for rounding differs from one program to the next by more than a millionth otherwise.
    module = copy.deepcopy(run.networks[seed]).double()
    x = _rows(run)
    try:
        answer = {"torch": _torch, "onnx": _onnx}[form](module, x[:2], file)
    except OSError as error:
        raise ConfigError(f"--out: cannot write '{file}': {said(error)}") from error
    ours = module(x).detach()
    if answer is None:
        return "not compared: onnxruntime is not installed (pip install 'kanexp[onnx]')"
    size = (ours - module.target_offset).abs().max().clamp(min=1e-300)
    off = float((answer(x).detach() - ours).abs().max() / size)
    if not off <= TOLERANCE:
        raise ConfigError(f"export: {file} answers otherwise than the network, by {off:.2g} of its outputs' size")
    return f"its answers are the network's within {off:.1e} of their size"


def _rows(run: Trained) -> Tensor:
    """Features (rows, features) around what the network was trained on."""
    encoding = run.encoding
    unit = 2 * torch.rand((len(encoding.names), CHECKED), generator=generator(0, "export"), dtype=torch.float64) - 1
    return encoding.features(unit).T.contiguous()


def _torch(module: TrainedNetwork, example: Tensor, file: Path) -> Callable[[Tensor], Tensor]:
    program = _trace(module, example)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.export.save(program, file)
        return torch.export.load(file).module()


def _onnx(module: TrainedNetwork, example: Tensor, file: Path) -> Callable[[Tensor], Tensor] | None:
    missing = [name for name in ("onnx", "onnxscript") if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(f"export: ONNX needs {' and '.join(missing)}; install with: pip install 'kanexp[onnx]'")
    program = _trace(module, example)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings(), redirect_stdout(StringIO()), redirect_stderr(StringIO()):
        warnings.simplefilter("ignore")
        try:
            made = torch.onnx.export(
                program, (), input_names=["features"], output_names=["answers"], dynamo=True, verbose=False
            )
        except Exception as error:  # torch has many words for what ONNX lacks
            raise ConfigError(f"export: this network cannot be ONNX: {_reason(error)}; try --format torch") from error
        assert made is not None
        made.model.metadata_props.update(
            {"features": ", ".join(module.feature_names), "classes": ", ".join(module.classes)}
        )
        made.save(str(file))
    if importlib.util.find_spec("onnxruntime") is None:
        return None
    import onnxruntime

    try:
        session = onnxruntime.InferenceSession(str(file), providers=["CPUExecutionProvider"])
    except Exception as error:  # a type that an operation of its lacks
        raise ConfigError(f"export: onnxruntime cannot run {file}: {_reason(error)}; try --format torch") from error
    name = session.get_inputs()[0].name
    return lambda x: torch.from_numpy(np.asarray(session.run(None, {name: x.numpy()})[0]))


def _trace(module: TrainedNetwork, example: Tensor) -> torch.export.ExportedProgram:
    """The network as a program of torch's own operations, for any number of rows."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.export.export(module, (example,), dynamic_shapes=({0: torch.export.Dim.DYNAMIC},))
    except Exception as error:  # whatever a layer does that cannot be traced
        raise ConfigError(f"export: this network cannot be traced: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """The first line of what a library says."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__
