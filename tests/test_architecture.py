"""Who may import whom, kept true; and the checks that are cheap enough to run with every test."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

PACKAGE = ROOT / "kanexp"
GROUPS = ("layer", "init", "reg", "optimizer", "task", "model", "logger")
FILES = sorted(PACKAGE.rglob("*.py"))
# What a component may use besides its own base and third-party libraries.
ALLOWED = {
    "layer": {"kanexp.error"},
    "init": {"kanexp.error"},
    "reg": {"kanexp.error", "kanexp.layer.base", "kanexp.model.edge_layer"},
    "optimizer": {"kanexp.error"},
    "logger": set(),
    "task": {
        "kanexp.error",
        "kanexp.task.equation",
        "kanexp.data.expression",
        "kanexp.score.functions",
        "kanexp.data.table_file",
        "kanexp.data.picture_files",
        "kanexp.data.picture_sets",
    },
    "model": {
        "kanexp.error",
        "kanexp.layer.base",
        "kanexp.init.base",
        "kanexp.model.edge_layer",
        "kanexp.model.network",
        "kanexp.model.wiring",
        "kanexp.model.activation",
    },
}


def imports(file: Path) -> set[str]:
    """Modules a file imports anywhere, functions included."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found |= {f"{node.module}.{alias.name}" for alias in node.names if node.module == "kanexp"}
    return found - {"kanexp"}


def test_the_package_was_found():
    assert len(FILES) > 40
    assert {file.parent.name for file in FILES} >= {*GROUPS, "report", "kanexp"}


@pytest.mark.parametrize("group", GROUPS)
def test_components_know_only_their_base(group):
    for file in (PACKAGE / group).glob("*.py"):
        ours = {module for module in imports(file) if module.startswith("kanexp.")}
        assert ours <= ALLOWED[group] | {f"kanexp.{group}.base"}, file
        assert not imports(file) & {"hydra", "omegaconf"}, file


def test_only_five_files_know_hydra_and_omegaconf():
    users = {f.name for f in FILES if any(m.split(".")[0] in ("hydra", "omegaconf") for m in imports(f))}
    assert users == {"words.py", "config.py", "space.py", "launch.py", "kanexp_local_launcher.py"}


@pytest.mark.parametrize(
    ("library", "files"),
    [("optuna", {"study.py"}), ("tensorboard", set()), ("mlflow", {"mlflow.py"}), ("submitit", set()), ("ray", set())],
)
def test_extras_are_known_to_one_file_or_none(library, files):
    assert {f.name for f in FILES if any(m.split(".")[0] == library for m in imports(f))} == files


def test_reports_never_import_torch():
    for file in (PACKAGE / "report").glob("*.py"):
        ours = {m for m in imports(file) if m.startswith("kanexp.")}
        assert ours <= {"kanexp.error", "kanexp.folder.run_folder"} | {
            m for m in ours if m.startswith("kanexp.report")
        }, file
        assert not any(m.split(".")[0] in ("torch", "hydra", "omegaconf") for m in imports(file)), file


def test_verdicts_and_their_figures_never_import_torch():
    """They are made from run folders alone; what rebuilds a network or runs one is imported when it is needed."""
    for file in (PACKAGE / "reproduce").glob("*.py"):
        if file.stem not in ("rebuild", "carry_out"):
            ours = {m for m in imports(file) if m.startswith("kanexp.")}
            light = (
                "kanexp.report",
                "kanexp.reproduce",
                "kanexp.error",
                "kanexp.folder.run_folder",
                "kanexp.config.settings",
            )
            light = (*light, "kanexp.config.catalog", "kanexp.data.picture_sets")
            assert all(m.startswith(light) for m in ours), file
            assert not any(m.split(".")[0] in ("torch", "hydra", "omegaconf") for m in imports(file)), file


def test_nothing_imports_the_command():
    assert not [file for file in FILES if "kanexp.cli" in imports(file)]


def test_the_package_itself_imports_nothing():
    assert (PACKAGE / "__init__.py").read_text() == ""


@pytest.mark.parametrize(
    "words",
    [["--help"], ["list"], ["layr=3"], ["layer=forier"], ["layer.degre=3"], ["sedes=3"], ["reproduce", "--list"]],
)
def test_light_commands_do_without_torch(words):
    code = "import sys; from kanexp.cli import main; main(sys.argv[1:]); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "False"


def test_names_inside_a_run_folder_are_known_to_one_file():
    for file in FILES:
        if file.name not in ("run_folder.py", "cli.py"):
            for name in ('"run.json"', '"metrics.csv"', '"timings.csv"', '"model.pt"'):
                assert name not in file.read_text(), f"{file} spells {name}"


@pytest.mark.parametrize("command", [["ruff", "check"], ["ruff", "format", "--check"], ["mypy"]])
def test_clean(command):
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


def test_no_file_at_the_top_but_the_agreed_ones():
    agreed = {"pyproject.toml", "README.md", "kanexp", "conf", "tests", "outputs", "scripts"}
    listed = subprocess.run(["git", "-C", ROOT, "ls-files"], capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        tops = {line.split("/")[0] for line in listed.stdout.splitlines()}
        assert {top for top in tops if not top.startswith(".")} == agreed
