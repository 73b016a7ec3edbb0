"""One trial of a search, in whatever process a launcher has it run."""

from kanexp.folder.sweep_folder import SweepFolder
from kanexp.search.trial import Trial
from kanexp.sweep import worker


def run_pack(folder: SweepFolder, number: int, patience: float = 60) -> int:
    """As `sweep.worker.run_pack`, steered by the trial; returns its exit code."""
    return worker.run_pack(folder, number, patience, guide=Trial)
