"""The machine a run is on: what it is, what is installed, how much memory was used, and how to use it well."""

import ctypes
import math
import os
import platform
import re
import resource
import socket
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from kanexp.error import ConfigError


def tune() -> None:
    """Make tensors of this process fast to reuse and to compute with; before the first of them is made.

    glibc keeps big tensors' memory: otherwise each one over 32 MB is mapped, faulted in and unmapped on every use,
    which costs half the time. Numbers too small for the normal format become zero: with them a processor is ten times
    slower, and high powers, narrow bumps and an optimizer's fading means are full of them.
    """
    torch.set_flush_denormal(True)
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(-3, 1 << 30)  # M_MMAP_THRESHOLD
        libc.mallopt(-1, (1 << 31) - 1)  # M_TRIM_THRESHOLD


def find_device(name: str) -> torch.device:
    """The device that auto, cpu or cuda means here. Raises ConfigError where a GPU was asked for and there is none."""
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError("device: cuda was asked for, but torch finds no GPU; use device=cpu or device=auto")
    return torch.device("cuda" if name != "cpu" and torch.cuda.is_available() else "cpu")


def free_memory(device: str = "cpu") -> float:
    """Bytes that this process can still take there (cpu or cuda), within its control group; infinite where unknown."""
    if device == "cuda":
        return torch.cuda.mem_get_info()[0]
    known = _numbers(Path("/proc/meminfo"))
    if "MemAvailable" not in known:
        pages = hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") if pages else math.inf
    swap = 1024 * known.get("SwapFree", 0)
    return min([1024 * known["MemAvailable"], *_group_memory()]) + swap


def size_text(count: float) -> str:
    """Bytes as a person reads them."""
    units = ("bytes", "KB", "MB", "GB", "TB", "PB", "EB")
    power = min(int(math.log10(max(count, 1)) // 3), len(units) - 1)
    return f"{count / 1000**power:.3g} {units[power]}"


def out_of_memory(error: BaseException) -> str:
    """The sentence for an error of whoever found no memory; empty for every other error."""
    text = str(error)
    if isinstance(error, torch.OutOfMemoryError):
        return "the GPU's memory is full; use fewer seeds, a smaller batch_size or smaller layers"
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and "llocate memory" in text):
        asked = re.search(r"tried to allocate (\d+) bytes", text)
        what = f" for {size_text(int(asked[1]))} more" if asked else ""
        return f"there was no memory{what}; use fewer seeds, a smaller batch_size or smaller layers"
    return ""


def _group_memory() -> list[int]:
    """What each control group that this process is in still has, of version 2 or 1; none where none has a limit.

    Files that were read and kept count as free: they give way.
    """
    found = []
    for line in _text(Path("/proc/self/cgroup")).splitlines():
        _, kinds, path = line.split(":", 2)
        if kinds not in ("", "memory"):
            continue
        root = Path("/sys/fs/cgroup", kinds)
        limit, used = ("memory.limit_in_bytes", "memory.usage_in_bytes") if kinds else ("memory.max", "memory.current")
        for folder in [root / path.strip("/"), *(root / path.strip("/")).parents]:
            most, now = _text(folder / limit).strip(), _text(folder / used).strip()
            if most.isdecimal() and now.isdecimal():
                kept, total = _numbers(folder / "memory.stat"), "total_" if kinds else ""
                found.append(
                    int(most) - int(now) + sum(kept.get(f"{total}{k}_file", 0) for k in ("active", "inactive"))
                )
            if folder == root:
                break
    return found


def _numbers(file: Path) -> dict[str, int]:
    """A file of lines such as MemFree: 123 kB."""
    parts = [line.replace(":", " ").split() for line in _text(file).splitlines()]
    return {part[0]: int(part[1]) for part in parts if len(part) > 1 and part[1].isdecimal()}


def _text(file: Path) -> str:
    try:
        return file.read_text()
    except (OSError, ValueError):
        return ""


def provenance(device: torch.device) -> dict[str, Any]:
    """Versions, commit and hardware, as they go into run.json."""
    versions = {name: version(name) for name in ("kanexp", "torch", "numpy", "hydra-core")}
    return {
        "versions": versions | {"python": platform.python_version()},
        "git_commit": git_commit(),
        "hardware": hardware(device),
    }


def git_commit() -> str | None:
    """The commit of the source tree that runs, with a plus where it has changes; None outside of git."""
    here = Path(__file__).resolve().parent

    def git(*words: str) -> str:
        return subprocess.run(
            ["git", "-C", here, *words], capture_output=True, text=True, timeout=10, check=True
        ).stdout.strip()

    try:
        # An installed copy may lie inside some other project's tree: only a tracked file speaks for its commit.
        git("ls-files", "--error-unmatch", Path(__file__).name)
        return git("rev-parse", "HEAD") + ("+" if git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def hardware(device: torch.device) -> dict[str, Any]:
    return {
        "host": socket.gethostname(),
        "system": platform.platform(),
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name(device) if device.type == "cuda" else None,
    }


def processor() -> str:
    """What code that is compiled for this processor needs of another: its name and its abilities."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()}"
    said = {
        line for line in lines if line.startswith(("model name", "flags", "Features", "CPU implementer", "CPU part"))
    }
    return f"{platform.machine()} {sorted(said)}"


def peak_memory(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak  # bytes there, kibibytes elsewhere
