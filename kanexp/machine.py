"""The machine a run is on: what it is, what is installed, how much memory was used, and how to use it well."""

import ctypes
import os
import platform
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


def peak_memory(device: torch.device) -> int:
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak  # bytes there, kibibytes elsewhere
