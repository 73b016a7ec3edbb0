"""What Hydra makes of a command's words: the combinations of a sweep, and options with the lines they share."""

import pytest
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra.core.override_parser.overrides_parser import OverridesParser

from kanexp.config.catalog import Catalog, config_folder
from kanexp.config.compose import combinations, load, parse
from kanexp.error import ConfigError

CATALOG = Catalog((config_folder(),))
LAYERS = list(CATALOG.options["layer"])


@pytest.mark.parametrize(
    ("words", "jobs"),
    [
        ([], [[]]),
        (["seeds=3"], [["seeds=3"]]),
        (
            ["layer=fourier,rbf", "seeds=3", "init=smooth,glorot"],
            [[f"layer={a}", "seeds=3", f"init={b}"] for a in ("fourier", "rbf") for b in ("smooth", "glorot")],
        ),
        (["steps=range(2,9,3)", "seeds=1,2"], [[f"steps={n}", f"seeds={m}"] for n in (2, 5, 8) for m in (1, 2)]),
        (["steps=sort(3,1,2)"], [["steps=1"], ["steps=2"], ["steps=3"]]),
        (["optimizer.learning_rate=1e-3,1e-2"], [["optimizer.learning_rate=0.001"], ["optimizer.learning_rate=0.01"]]),
        (["seeds=[1,2],[3,4]"], [["seeds=[1,2]"], ["seeds=[3,4]"]]),
        (["refine=null,{200: 10}"], [["refine=null"], ["refine={200:10}"]]),
        (["task.path='a, b.png',c.png"], [["task.path='a, b.png'"], ["task.path=c.png"]]),
        (["name='x y'", "seeds=1,2"], [["name='x y'", "seeds=1"], ["name='x y'", "seeds=2"]]),
        # Said twice: the place of the first, the values of the last.
        (
            ["layer=fourier", "steps=5,6", "layer=gram,rbf"],
            [["layer=gram", "steps=5"], ["layer=gram", "steps=6"], ["layer=rbf", "steps=5"], ["layer=rbf", "steps=6"]],
        ),
        (["layer=glob(*)"], [[f"layer={name}"] for name in LAYERS]),
        (["layer=glob([*e*],exclude=b*)"], [[f"layer={n}"] for n in LAYERS if "e" in n and not n.startswith("b")]),
    ],
)
def test_a_sweep_counts_as_hydras_own(words, jobs):
    parsed, mistakes = parse(words, CATALOG, sweep=True)
    assert mistakes == []
    assert [[override.input_line for override in job] for job in combinations(parsed, CATALOG)] == jobs
    hydra = OverridesParser.create(config_loader=Options()).parse_overrides(words)
    assert BasicSweeper.split_arguments(hydra, None) == [jobs]


class Options:
    """What Hydra asks for the options of a group."""

    def get_group_options(self, group, results_filter=None):
        return list(CATALOG.options[group])


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("layer=glob(x*)", "layer=glob(x*): there is no layer of such a name\n  options of layer: bernstein"),
        ("layer.degree=glob(*)", "layer.degree=glob(*): only options of a group have names to choose by a pattern"),
        ("steps=glob(*)", "steps=glob(*): only options of a group have names to choose by a pattern"),
    ],
)
def test_mistakes_in_patterns(word, sentence):
    with pytest.raises(ConfigError) as caught:
        load([word], CATALOG, sweep=True)
    assert sentence in str(caught.value)
