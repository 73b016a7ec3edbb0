"""Options of launchers and sweepers: checked as all others are, and passed on where they are a plugin's own."""

import dataclasses
import json

import pytest

from kanexp.config.catalog import Catalog, config_folder
from kanexp.config.compose import load
from kanexp.config.experiment import build_experiment
from kanexp.config.launcher import LAUNCHERS, launcher_options
from kanexp.config.sweeper import SWEEPERS
from kanexp.error import ConfigError

CATALOG = Catalog((config_folder(),))
SMALL = ["task=function", "layer=chebyshev", "seeds=1", "steps=3", "widths=[in,3,out]", "task.train=50"]
SMALL += ["diagnostics=false", "name=x"]
CLASSES = {("launcher", name): cls for name, cls in LAUNCHERS.items()}
CLASSES |= {("sweeper", name): cls for name, cls in SWEEPERS.items()}


def test_every_launcher_and_sweeper_has_its_class():
    assert set(LAUNCHERS) == set(CATALOG.options["launcher"])
    assert set(SWEEPERS) == set(CATALOG.options["sweeper"])


@pytest.mark.parametrize(("group", "name"), CLASSES, ids="=".join)
def test_defaults_of_file_and_class_are_the_same(group, name):
    defaults = {f.name: f.default for f in dataclasses.fields(CLASSES[group, name])}
    assert defaults == CATALOG.options[group][name].values


def test_every_launcher_can_do_with_what_null_leaves_to_it():
    for name in LAUNCHERS:
        options = CATALOG.options["launcher"][name].values
        words = [f"launcher.{key}=null" for key in options if key != "plugin"]
        (job,) = load([f"launcher={name}", *words], CATALOG)
        build_experiment(job)


MISTAKES = [
    (["launcher.workers=many"], ["launcher.workers: must be a whole number or null, got 'many'"]),
    (["launcher.workers=1.5"], ["launcher.workers: must be a whole number or null, got 1.5"]),
    (["launcher.workers=true"], ["launcher.workers: must be a whole number or null, got true"]),
    (["launcher.workers=-3"], ["launcher: local: workers must be at least 1, or null, got -3"]),
    (["launcher.workers=0"], ["launcher: local: workers must be at least 1, or null, got 0"]),
    (["launcher.plugin=ray"], ["launcher.plugin: must be one of kanexp_local, got 'ray'"]),
    (["launcher.wrokers=2"], ["launcher=local has no option 'wrokers'; did you mean 'workers'?"]),
    (["launcher=slurm", "launcher.cpus_per_task=0"], ["launcher: slurm: cpus_per_task must be at least 1, or null"]),
    (["launcher=slurm", "launcher.max_num_timeout=-1"], ["slurm: max_num_timeout must be at least 0, or null, got -1"]),
    (
        ["launcher=slurm", "launcher.setup=module", "launcher.mem_gb=x"],
        [
            "launcher.setup: must be a list like ['module load python'] or null, got 'module'",
            "launcher.mem_gb: must be a whole number or null, got 'x'",
        ],
    ),
    (
        ["launcher=submitit_local", "launcher.timeout_min=0"],
        ["submitit_local: timeout_min must be at least 1"],
    ),
    (["launcher=ray", "launcher.gpus=-0.5"], ["launcher: ray: gpus must be at least 0, or null, got -0.5"]),
    (["launcher=ray", "launcher.address=3"], ["launcher.address: must be a word or null, got 3"]),
    (["sweeper=optuna", "sweeper.n_trials=0"], ["sweeper: optuna: n_trials must be at least 1, got 0"]),
    (["sweeper=optuna", "sweeper.seed=x"], ["sweeper.seed: must be a whole number, got 'x'"]),
    # With other mistakes, of words and of values.
    (["sedes=3", "launcher.workers=many"], ["sedes=3: there is no", "launcher.workers: must be a whole number"]),
    (["steps=0", "launcher.workers=-3"], ["steps: must be at least 1", "launcher: local: workers must be at least 1"]),
]


@pytest.mark.parametrize(("words", "sentences"), MISTAKES, ids=lambda v: "+".join(v))
def test_mistakes_are_named_all_together(words, sentences):
    with pytest.raises(ConfigError) as caught:
        build_experiment(load(words, CATALOG)[0])
    assert [s for s in sentences if s not in str(caught.value)] == [], str(caught.value)
    assert len(caught.value.mistakes) == len(sentences)


@pytest.mark.parametrize(
    ("word", "sentence"),
    [
        ("launcher=local,ray", "launcher=local,ray: all jobs of a sweep have one launcher; give one value"),
        ("launcher.workers=1,2", "launcher.workers=1,2: all jobs of a sweep have one launcher; give one value"),
        ("sweeper=grid,optuna", "sweeper=grid,optuna: all jobs of a sweep have one sweeper; give one value"),
    ],
)
def test_a_sweep_has_one_launcher(word, sentence):
    with pytest.raises(ConfigError, match=sentence.replace(".", r"\.")):
        load([word], CATALOG, sweep=True)


def write(root, group: str, text: str) -> None:
    (root / "conf" / group).mkdir(parents=True, exist_ok=True)
    (root / f"conf/{group}/mine.yaml").write_text(text)


def test_a_mistake_leaves_nothing_behind(kanexp, tmp_path):
    done = kanexp("-m", *SMALL, "init=default,glorot", "launcher.workers=many")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: launcher.workers: must be a whole number or null, got 'many'\n"
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("group", "text", "sentence"),
    [
        ("launcher", "workers: 2\n", "launcher=mine: its YAML must name a launcher of Hydra's, as in plugin: submitit"),
        ("launcher", "plugin: basic\nworkers: no\n", "launcher.workers: must be a whole number or null, got false"),
        ("launcher", "plugin: basic\nworkers: 0\n", "launcher: mine: workers must be at least 1, or null, got 0"),
        ("launcher", "plugin: [basic]\n", "launcher.plugin: must be a word, got [basic]"),
        ("sweeper", "n_trials: 3\n", "sweeper=mine: jobs are found by grid or optuna alone; choose one of them"),
        (
            "experiment",
            "# @package _global_\nlauncher: {wrokers: 3}\n",
            "launcher.wrokers: local has no option 'wrokers'; did you mean 'workers'?\n  options of local: ",
        ),
        (
            "experiment",
            "# @package _global_\nlauncher: ray\n",
            "launcher: must be options of launcher=local, got",
        ),
        ("experiment", "# @package _global_\nsweeper: optuna\n", "sweeper: must be options of sweeper=grid, got 'optu"),
        ("experiment", "# @package _global_\nsweeper: {seed: 1}\n", "sweeper.seed: grid has no option 'seed'"),
    ],
)
def test_mistakes_in_a_users_own_file(tmp_path, group, text, sentence):
    write(tmp_path, group, text)
    catalog = Catalog((config_folder(), tmp_path / "conf"))
    with pytest.raises(ConfigError) as caught:
        build_experiment(load([f"{group}=mine"], catalog)[0])
    assert sentence in str(caught.value)


def test_what_a_plugin_calls_hydra_is_read_as_before(tmp_path):
    write(tmp_path, "launcher", "hydra: basic\nqueue: long\n")
    (job,) = load(["launcher=mine"], Catalog((config_folder(), tmp_path / "conf")))
    build_experiment(job)
    assert launcher_options(job) == {"plugin": "basic", "queue": "long"}


PLUGIN = """
import json
from pathlib import Path

from hydra.core.config_store import ConfigStore
from hydra.core.utils import JobReturn, JobStatus
from hydra.plugins.launcher import Launcher

OPTIONS = {"_target_": "hydra_plugins.mine.Mine", "queue": "short", "depth": 1, "cpus_per_task": 4}
ConfigStore.instance().store(group="hydra/launcher", name="mine", node=OPTIONS)


class Mine(Launcher):
    def __init__(self, **options):
        self.options = options

    def setup(self, *, hydra_context, task_function, config):
        self.loader, self.task, self.config = hydra_context.config_loader, task_function, config

    def launch(self, job_overrides, initial_job_idx):
        Path("asked.json").write_text(json.dumps(self.options))
        configs = [self.loader.load_sweep_config(self.config, list(overrides)) for overrides in job_overrides]
        return [JobReturn(status=JobStatus.COMPLETED, _return_value=self.task(config)) for config in configs]
"""


@pytest.mark.slow
def test_options_of_a_users_launcher_reach_its_plugin(kanexp, tmp_path):
    (tmp_path / "hydra_plugins").mkdir()
    (tmp_path / "hydra_plugins/mine.py").write_text(PLUGIN)
    write(tmp_path, "launcher", "# Mine.\nplugin: mine\nworkers: 2\nqueue: long\ncpus_per_task: 1\n")
    words = ["-m", "--config-dir", "conf", *SMALL, "init=default,glorot", "launcher=mine"]
    done = kanexp(*words)
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "asked.json").read_text()) == {"queue": "long", "depth": 1, "cpus_per_task": 1}
    assert "2 of 2 jobs done" in done.stdout

    write(tmp_path, "launcher", "# Mine.\nplugin: mine\nqueu: long\n")
    done = kanexp(*words, "rerun=true")
    assert done.returncode == 2
    assert done.stderr == (
        "error: launcher.queu: mine has no option 'queu'; did you mean 'queue'?\n"
        "  options of mine: queue, depth, cpus_per_task\n"
    )
    write(tmp_path, "launcher", "# Mine.\nplugin: mien\n")
    assert kanexp(*words).stderr == "error: launcher: Hydra has no launcher 'mien'; did you mean 'mine'?\n"
    assert [path.name for path in (tmp_path / "outputs/x").glob("v*")] == ["v001"]


@pytest.mark.slow
def test_a_sweep_from_before_plugins_were_called_so_goes_on(kanexp, tmp_path):
    assert kanexp("-m", *SMALL, "init=default,glorot").returncode == 0
    version = tmp_path / "outputs/x/v001"
    for file in version.glob("*/config.yaml"):
        text = file.read_text()
        assert "  plugin: kanexp_local\n" in text
        file.write_text(text.replace("  plugin: kanexp_local\n", "  hydra: kanexp_local\n"))
        record = json.loads(file.with_name("run.json").read_text())
        del record["seal"], record["config_sha256"]  # there were none
        file.with_name("run.json").write_text(json.dumps(record))
    (version / "glorot/run.json").unlink()
    done = kanexp("resume", "outputs/x/v001")
    assert done.returncode == 0, done.stderr
    assert "2 jobs: 1 done, 1 to run" in done.stdout
    assert "2 of 2 jobs done" in done.stdout


def test_a_sweeper_that_an_experiment_chose_is_asked_for(kanexp, tmp_path):
    text = "# @package _global_\n# Mine.\ndefaults:\n  - override /sweeper: optuna\n"
    write(tmp_path, "experiment", text)
    done = kanexp("-m", "--config-dir", "conf", *SMALL, "experiment=mine", "init=default,glorot")
    assert done.returncode == 2
    assert done.stderr == "error: sweeper: an experiment chose optuna; say so in the command as well: sweeper=optuna\n"
    assert [path.name for path in tmp_path.iterdir()] == ["conf"]
