"""Columns: what the columns of somebody else's table are, by the names that people give them."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from kanexp.score.score import Better


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


# What a column is to an audit, by its usual names; of each role the first name that a table has counts.
USUAL: dict[str, tuple[str, ...]] = {
    "seed": _words("seed random_seed rng_seed run_seed seed_id run run_id rep repetition repeat replicate"),
    "problem": _words("problem dataset data task benchmark equation pde function image domain"),
    "metric": _words("metric metric_name measure score_name"),
    "value": _words("value metric_value score result"),
    "part": _words("part split partition subset phase"),
    "epoch": _words("epoch step iteration iter"),
    "status": _words("status state outcome"),
    "best_epoch": _words("best_epoch best_step best_iteration best_iter"),
    "reported": _words("reported reported_value headline published"),
    "parameters": _words(
        "parameters params n_parameters n_params num_parameters num_params parameter_count param_count "
        "trainable_parameters"
    ),
    "steps": _words("steps epochs iterations n_steps n_epochs num_steps num_epochs max_steps"),
    "evaluations": _words("evaluations evals nfev n_evaluations function_evaluations"),
    "seconds": _words("seconds train_seconds time train_time training_time runtime wall_time walltime time_s duration"),
    "trials": _words("trials n_trials num_trials settings_tried configs_tried n_configs"),
    "test_size": _words("n_test test_size test_samples num_test test_rows"),
    "train_size": _words("n_train train_size train_samples num_train train_rows"),
    "n": _words("n n_seeds seeds num_seeds n_runs runs repetitions repeats reps count"),
}
# Roles that several columns may have together.
SEVERAL: dict[str, tuple[str, ...]] = {
    "arm": _words(
        "arm method model algorithm approach architecture network variant condition layer basis init "
        "initialization optimizer activation reg regularizer"
    ),
    "setting": _words(
        "setting config configuration hyperparameters trial trial_id lr learning_rate batch_size weight_decay "
        "width widths depth hidden grid grid_size degree order frequencies dropout momentum"
    ),
    "fold": _words("fold data_seed split_seed"),
}
NUMBERS = _words("best_epoch reported parameters steps evaluations seconds trials test_size train_size n")
# Columns that differ from row to row whatever was done.
CLOCKS = _words("timestamp date datetime started ended id index host hostname note notes")

PARTS = {"train": "train", "training": "train", "val": "val", "valid": "val", "validation": "val", "dev": "val"}
PARTS |= {"test": "test", "testing": "test", "eval": "test", "holdout": "test"}
STATISTICS = {"mean": "mean", "avg": "mean", "average": "mean", "std": "std", "sd": "std", "stdev": "std"}
STATISTICS |= {"stddev": "std", "min": "min", "max": "max", "median": "median", "sem": "error", "stderr": "error"}
LAST = ("final", "last", "score")  # words that say nothing here
SCORES = {name: name for name in ("mse", "rmse", "mae", "r2", "accuracy", "f1", "psnr", "ssim", "loss", "error")}
SCORES |= {"mean_squared_error": "mse", "root_mean_squared_error": "rmse", "mean_absolute_error": "mae"}
SCORES |= dict.fromkeys(("relative_l2", "rel_l2", "l2re", "relative_error", "rel_error", "l2_error"), "relative_l2")
SCORES |= dict.fromkeys(("relative_l2_error", "rel_l2_error", "nrmse", "l2"), "relative_l2")
SCORES |= {"r_squared": "r2", "r2_score": "r2", "acc": "accuracy", "top1": "accuracy", "top1_accuracy": "accuracy"}
SCORES |= {"picture_ssim": "ssim", "err": "error", "f1_score": "f1", "macro_f1": "f1", "auc": "auc", "auroc": "auc"}
SCORES |= {name: name for name in ("precision", "recall", "error_rate")}
SCORES |= dict.fromkeys(("nll", "log_loss", "cross_entropy"), "log_loss")

ERRORS = ("mse", "rmse", "mae", "relative_l2", "error", "log_loss")  # never negative, better when lower
SHARES = ("accuracy", "f1", "precision", "recall", "auc", "error_rate")
HIGHER = ("accuracy", "f1", "precision", "recall", "auc", "r2", "psnr", "ssim")


@dataclass(frozen=True)
class Column:
    """A column of results: which score, on which part of the data, and which statistic of the seeds it is."""

    name: str
    score: str
    part: str = ""  # train, val, test; empty where the name does not say
    statistic: str = "value"  # of one seed; mean, std, error, min, max, median of several
    best: bool = False  # whether the name says that it is the best of several
    better: Better | None = None  # which way; None where nobody says


def normal(name: str) -> str:
    """A name in small letters with one underscore between words: 'Test R²' becomes test_r2."""
    words = re.sub(r"([a-z])([A-Z])", r"\1_\2", name.replace("²", "2").replace("#", "n "))
    return re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")


def column_of(name: str, asked: bool = False) -> Column | None:
    """What a column of results holds, by its name; None where that is no known score and nobody asked for it."""
    rest = normal(name)
    found = Column(name, SCORES.get(rest, ""))
    words = rest.split("_")
    while not found.score and words:
        for i in (0, -1):
            if (word := words[i]) in PARTS and not found.part:
                found = replace(found, part=PARTS[word])
            elif word in STATISTICS and found.statistic == "value":
                found = replace(found, statistic=STATISTICS[word])
            elif word == "best":
                found = replace(found, best=True)
            elif word not in LAST:
                continue
            words.pop(i)
            break
        else:
            break
        found = replace(found, score=SCORES.get("_".join(words), ""))
    if not found.score and not asked:
        return None
    score = found.score or "_".join(words) or rest
    return replace(found, score=score, better=better(score))


def better(score: str) -> Better | None:
    """Which way a score is better, where its name is known."""
    return "higher" if score in HIGHER else "lower" if score in (*ERRORS, "loss", "error_rate") else None


def roles(names: Iterable[str], given: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """The columns that have each role: those that were given, else by their usual names."""
    known: dict[str, str] = {}
    for name in names:
        known.setdefault(normal(name), name)
    taken = {name for named in given.values() for name in named}
    found = {role: list(named) for role, named in given.items() if named}
    for role, usual in (*USUAL.items(), *SEVERAL.items()):
        usual = usual[:1] if role == "arm" and "arm" in known else usual  # which is made of the others
        here = [known[word] for word in usual if word in known and known[word] not in taken]
        if here and role not in found:
            found[role] = here if role in SEVERAL else here[:1]
    return found
