"""Program: a function of tensors as compiled code, made once and kept in the user's cache; and those of a training."""

import contextlib
import hashlib
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.fx import GraphModule
from torch.fx.experimental.proxy_tensor import make_fx

from kanexp import console
from kanexp.folder.lock import hold
from kanexp.machine import processor

# By the exponential, tanh takes half the time; near zero its absolute error is what numbers near one are rounded by.
OPTIONS = {"cpp.use_decompose_tanh": True}
KEPT = 256  # programs in the cache, of about 2 MB each; the oldest make room


class Programs:
    """The programs of a training, each made when it is first asked for; none any more once one cannot be."""

    def __init__(self, wanted: bool):
        self.wanted = wanted
        self._made: dict[tuple[object, ...], Program] = {}

    @property
    def used(self) -> bool:
        """Whether there are any, and all could be made."""
        return self.wanted and bool(self._made)

    def get(
        self, key: tuple[object, ...], function: Callable[..., tuple[Tensor, ...]], inputs: Sequence[Tensor]
    ) -> "Program":
        """That of a function, which the key names, for inputs of these shapes."""
        whole = (*key, *(one.shape for one in inputs))
        if whole not in self._made:
            self._made[whole] = Program(function, inputs)
        return self._made[whole]

    def give_up(self, error: Exception) -> None:
        """Say once why what comes is not compiled."""
        self.wanted = False
        why = next(iter(str(error).strip().splitlines()), "")
        console.say(f"warning: steps are not compiled, which takes them longer: {type(error).__name__}: {why}")


class Program:
    """What a function makes of tensors like the examples: the same operations in the same order, compiled.

    The function is followed once on the examples, so that what it decides by shapes and words is decided there, and
    what it would decide by numbers cannot be compiled. Called with tensors of the same shapes, it gives its results as
    a list. Where the cache has a program of the same operations, nothing is compiled; of several processes that want
    one at the same time, one compiles and the others wait.

    Raises RuntimeError and others of torch's many where there is no compiler, or an operation that it cannot do.
    Source: AOTInductor, https://docs.pytorch.org/docs/stable/torch.compiler_aot_inductor.html
    """

    def __init__(self, function: Callable[..., tuple[Tensor, ...]], examples: Sequence[Tensor]):
        examples = [one.contiguous() for one in examples]
        graph = _followed(function, examples)
        file = folder() / f"{_digest(graph, examples)}.pt2"
        file.parent.mkdir(parents=True, exist_ok=True)
        with hold(file.with_suffix(".lock"), seconds=-1):
            self._code = _load(file) or _made(graph, examples, file)

    def __call__(self, inputs: Sequence[Tensor]) -> list[Tensor]:
        # Compiled code takes strides for granted.
        return self._code.run([one.contiguous() for one in inputs])


def folder() -> Path:
    """Where compiled programs are kept, whether it is there or not."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "kanexp" / "programs"


def _followed(function: Callable[..., tuple[Tensor, ...]], examples: Sequence[Tensor]) -> GraphModule:
    """The operations of a function, gradients included."""
    with _compiling():
        return make_fx(function)(*examples)


@contextlib.contextmanager
def _compiling() -> Iterator[None]:
    """Within, `torch.compiler.is_compiling()` says so: layers take their plain formulas."""
    before, torch.compiler._is_compiling_flag = torch.compiler._is_compiling_flag, True
    try:
        yield
    finally:
        torch.compiler._is_compiling_flag = before


def _digest(graph: GraphModule, examples: Sequence[Tensor]) -> str:
    """What names a program: its operations, its numbers, and for what it is compiled."""
    made_for = [
        torch.__version__,
        str(OPTIONS),
        processor(),
        torch.backends.cpu.get_cpu_capability(),
        torch.get_num_threads(),
    ]
    shapes = [(str(one.dtype), str(one.device), list(one.shape)) for one in examples]
    found = hashlib.sha256(f"{made_for} {shapes} {graph.code}".encode())
    for name, constant in graph.named_buffers():
        found.update(f"{name} {constant.dtype} {list(constant.shape)} {constant.tolist()}".encode())
    return found.hexdigest()[:32]


def _load(file: Path) -> "torch._C._aoti.AOTIModelPackageLoader | None":
    """The program of a file; None where there is none that can be read."""
    if not file.is_file():
        return None
    try:
        # What torch.load's like for programs, torch._inductor.aoti_load_package, does after two seconds of imports.
        return torch._C._aoti.AOTIModelPackageLoader(str(file), "model", False, 1, -1)
    except RuntimeError:
        return None


def _made(graph: GraphModule, examples: Sequence[Tensor], file: Path) -> "torch._C._aoti.AOTIModelPackageLoader":
    """The program, compiled and kept in this file."""
    from torch._inductor import aoti_compile_and_package  # takes two seconds

    part = file.with_name(f"{file.stem}.part.pt2")
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")  # torch's own, of its parts about each other
        exported = torch.export.export(graph, tuple(examples), strict=False)
        aoti_compile_and_package(exported, package_path=str(part), inductor_configs=dict(OPTIONS))
    os.replace(part, file)
    _make_room(file.parent)
    found = _load(file)
    if found is None:
        raise RuntimeError(f"{file}: what was compiled cannot be loaded")
    return found


def _make_room(place: Path) -> None:
    """Delete the oldest programs where there are too many; whoever has loaded one keeps it."""
    files = sorted(place.glob("*.pt2"), key=lambda file: file.stat().st_mtime)
    for file in files[: max(0, len(files) - KEPT)]:
        for old in (file, file.with_suffix(".lock")):
            old.unlink(missing_ok=True)
