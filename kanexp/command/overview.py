"""All commands with what --help says of them, and that page; nothing here needs torch."""

from collections.abc import Mapping

from kanexp.config.catalog import GROUPS, Catalog

# A command's name, which is that of its file here, how it is used, and what it does. Words without a name are those of
# a run (run.py).
COMMANDS = {
    "list": ("[GROUP ...]", "every group and option, with defaults"),
    "runs": ("[PATH]", "what there is: status, what differs, score, age, size; --remove"),
    "resume": ("DIR", "go on with a run or sweep that was stopped or killed"),
    "report": ("PATH ...", "tables, figures, statistics and a page about finished runs"),
    "watch": ("[PATH]", "the page of a report in a browser, while its runs go on"),
    "figures": ("RUN", "all its figures for a paper, as PDF too, and more than a run draws"),
    "compare": ("A B", "is one better than the other?"),
    "audit": ("FILE|PATH ...", "what is wrong with somebody's results: a CSV file, or runs"),
    "predict": ("RUN DATA", "what its networks answer for new rows, on a grid, at another size"),
    "explain": ("RUN", "which columns, nodes and edges its answers come from; its graph"),
    "prune": ("RUN", "as few edges as the validation loss allows, as a run of its own"),
    "export": ("RUN", "a trained network as a file that runs without kanexp: ONNX, or torch"),
    "formula": ("RUN", "what its networks are as formulas, and how many seeds agree"),
    "diagnose": ("RUN", "was it the optimizer, or what the network can express?"),
    "reproduce": ("[ROW ...]", "published results against ours; --quick takes minutes, --list names the rows"),
}

EXAMPLES = """\
examples:
  kanexp layer=fourier init=smooth
  kanexp task=function layer=chebyshev init=glorot seeds=10 widths=[2,6,6,1]
  kanexp -m layer=fourier,chebyshev init=default,glorot optimizer.learning_rate=1e-3,1e-2
  kanexp report outputs/image-fourier-smooth/latest"""


def page(catalog: Catalog) -> str:
    """What kanexp --help prints."""
    commands = "\n".join(f"  {f'kanexp {name} {words}':<30}  {what}" for name, (words, what) in COMMANDS.items())
    groups = "\n".join(f"  {group + '=':<12} {', '.join(catalog.options[group])}" for group in GROUPS)
    return f"""\
kanexp: settle claims about Kolmogorov-Arnold networks, over seeds and honestly.

usage:
  kanexp [WORD=VALUE ...]         one run; every word has a default
  kanexp -m WORD=V1,V2 ...        a sweep over all combinations
{commands}

groups (one option each; their own settings are group.key=value):
{groups}

settings:
  {pairs(catalog.settings)}

words of sweeps, beside WORD=V1,V2:
  'zip={{KEY: [A,B], KEY: [C,D]}}'   values that go together: A with C, B with D
  'sets={{KEY: A, ...}},{{...}}'       one set of combinations after the other, no job twice
  GROUP.OPTION.KEY=V1,V2           a setting of one option, only where that is chosen
  'seeds={{until: decided, most: 40}}'   more seeds, five at a time, for arms that cannot be told apart yet

options:
  --config-dir DIR   look for options of your own in DIR/<group>/*.yaml as well
  --cfg              print the composed configuration, checked, and stop
  --profile FILE     write where the time goes, function by function, to FILE.csv or FILE.prof
  --version, -h, --help

{EXAMPLES}"""


def pairs(values: Mapping[str, object]) -> str:
    """Settings with their defaults on one line, as they would be typed."""
    return "  ".join(f"{key}={_typed(value)}" for key, value in values.items())


def _typed(value: object) -> str:
    if isinstance(value, list):
        return "[" + ",".join(map(_typed, value)) + "]"
    return "null" if value is None else str(value).lower() if isinstance(value, bool) else str(value)
