"""Who may import whom, kept true; and the checks that are cheap enough to run with every test."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

from kanexp.command.overview import COMMANDS
from kanexp.folder import names

PACKAGE = ROOT / "kanexp"
FILES = sorted(PACKAGE.rglob("*.py"))

# The architecture: a package (or module at the top) imports only those above it in this list. It is complete.
ORDER = (
    "error",  # mistakes the user can put right
    "interrupt",  # being asked to end
    "paths",  # where Python finds what is not kanexp's
    "seeding",  # random streams
    "machine",  # what a run runs on
    "console",  # what the terminal shows
    "calculus",  # slopes and integrals
    "score",  # what a result is measured by
    "data",  # what tasks read
    "layer",
    "init",
    "optimizer",
    "logger",
    "model",
    "task",
    "reg",
    "config",  # from words to objects
    "folder",  # what lies on disk
    "measure",  # what is measured of networks
    "train",
    "figure",  # everything that draws
    "report",
    "audit",  # what is wrong with somebody's results
    "trained",  # what a run has trained, for use
    "attribution",  # what networks use
    "formula",  # from a network to a formula
    "run",
    "sweep",
    "search",
    "reproduce",
    "testing",  # batteries for components
    "_plugins",
    "command",
    "cli",
)
COMPONENTS = ("layer", "init", "reg", "optimizer", "task", "model", "logger")
# What the files of a component's package may use of kanexp, besides its base, `error` and `calculus`.
CONTRACTS = {
    "layer": set(),
    "init": set(),
    "optimizer": {"optimizer.linear", "optimizer.quasi_newton", "optimizer.line_search", "optimizer.matrices"},
    "logger": set(),
    "task": {"task.collocation", "task.differential", "task.condition", "task.jet", "task.shares", "score", "data"},
    "reg": {"layer.base", "model.edge_layer", "model.table", "reg.quadrature"},
    "model": {
        "layer.base",
        "init.base",
        "model.edge_layer",
        "model.embedding",
        "model.network",
        "model.product",
        "model.sparse_product",
        "model.wiring",
        "model.activation",
        "model.layer_norm",
        "model.gated",
        "model.bodies",
        "model.picture",
        "model.residual",
        "model.table",
        "layer.bspline",  # along the first input of a pair
    },
}


def imports(file: Path) -> set[str]:
    """Modules a file imports anywhere, functions included."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            # `from kanexp.report import stats` imports a module, `from kanexp.error import require` a name of one.
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if _is_module(name) else node.module for name in names}
    return found - {"kanexp"}


def _is_module(name: str) -> bool:
    return (ROOT / name.replace(".", "/")).with_suffix(".py").is_file()


def ours(file: Path) -> set[str]:
    """Modules of kanexp that a file imports, without the first name."""
    return {module.removeprefix("kanexp.") for module in imports(file) if module.startswith("kanexp.")}


def package(file: Path) -> str:
    return file.relative_to(PACKAGE).with_suffix("").parts[0]


def test_the_order_is_complete():
    found = {package(file) for file in FILES} - {"__init__"}
    assert found == set(ORDER)
    assert len(ORDER) == len(set(ORDER))


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_packages_import_only_those_before_them(file):
    if file == PACKAGE / "__init__.py":
        return
    before = ORDER[: ORDER.index(package(file)) + 1]
    assert [module for module in ours(file) if module.split(".")[0] not in before] == []


def test_the_package_itself_imports_nothing_before_it_is_asked():
    code = "import sys, kanexp; before = [m for m in sys.modules if m.startswith(('kanexp.', 'torch', 'pandas'))]; "
    code += "kanexp.load; assert (before, 'torch' in sys.modules) == ([], True), before"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("group", COMPONENTS)
def test_components_know_only_their_base(group):
    files = sorted((PACKAGE / group).glob("*.py"))
    assert len(files) > 2
    for file in files:
        allowed = CONTRACTS[group] | {f"{group}.base", "calculus", "error"}
        assert all(m in allowed or m.split(".")[0] in allowed for m in ours(file)), f"{file} imports {ours(file)}"
        assert not imports(file) & {"hydra", "omegaconf"}, file


def test_only_these_files_know_hydra_and_omegaconf():
    users = {f.name for f in FILES if any(m.split(".")[0] in ("hydra", "omegaconf") for m in imports(f))}
    assert users == {
        "run_config.py",
        "overrides.py",
        "compose.py",
        "chosen.py",
        "combination.py",
        "space.py",
        "launch.py",
        "kanexp_local_launcher.py",
    }


def test_one_file_knows_the_inside_of_hydra():
    users = [f for f in FILES if any(m.startswith("hydra._") for m in imports(f))]
    assert users == [PACKAGE / "sweep" / "launch.py"]


@pytest.mark.parametrize(
    ("library", "packages"),
    [
        ("optuna", {"search"}),
        ("matplotlib", {"figure"}),
        ("tensorboard", set()),
        ("mlflow", {"logger"}),
        ("submitit", set()),
        ("ray", set()),
    ],
)
def test_libraries_are_known_where_they_belong(library, packages):
    assert {package(f) for f in FILES if any(m.split(".")[0] == library for m in imports(f))} == packages


@pytest.mark.parametrize("name", ["figure", "report", "audit", "reproduce"])
def test_reports_and_their_figures_never_import_torch(name):
    """They are made from run folders alone; what rebuilds a network or runs one is imported when it is needed."""
    files = [file for file in (PACKAGE / name).glob("*.py") if file.stem not in ("rebuild", "carry_out", "__init__")]
    assert files
    for file in files:
        seen, waiting = set(), {f"{name}.{file.stem}"}
        while waiting:
            module = waiting.pop()
            seen.add(module)
            there = PACKAGE / f"{module.replace('.', '/')}.py"
            assert not any(m.split(".")[0] in ("torch", "hydra") for m in imports(there)), f"{file}: {module}"
            waiting |= ours(there) - seen - LATE


LATE = {"reproduce.rebuild", "folder.tensors"}  # imported within the function that needs it


@pytest.mark.parametrize(
    "words",
    [["--help"], ["list"], ["layr=3"], ["layer=forier"], ["layer.degre=3"], ["sedes=3"], ["reproduce", "--list"]]
    + [[name, "--help"] for name in COMMANDS],
    ids=" ".join,
)
def test_light_commands_do_without_torch(words):
    code = "import sys; from kanexp.cli import main\ntry: main(sys.argv[1:])\nexcept SystemExit: pass\n"
    code += "print('loaded', *(name for name in ('torch', 'pandas', 'matplotlib') if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, text=True, check=True, timeout=60)
    rows = ["pandas", "matplotlib"] if words == ["reproduce", "--list"] else []  # their claims and figures are checked
    assert done.stdout.splitlines()[-1].split() == ["loaded", *rows]


def test_names_inside_a_run_folder_are_known_to_one_file():
    endings = (".json", ".pt", ".csv")
    known = {name for name in vars(names).values() if isinstance(name, str) and name.endswith(endings)}
    assert known >= {"run.json", "model.pt"}
    spelled = {file: {name for name in known if f'"{name}"' in file.read_text()} for file in FILES}
    assert {file: found for file, found in spelled.items() if found} == {PACKAGE / "folder" / "names.py": known}
    logs = ('"metrics.csv"', '"timings.csv"')  # which are named after their tables
    assert [file for file in FILES if any(name in file.read_text() for name in logs)] == []


SOURCES = [*FILES, *sorted((ROOT / "tests").rglob("*.py")), *sorted((ROOT / "scripts").glob("*.py"))]
DRAWS = {"rand", "randn", "randint", "randperm", "rand_like", "randn_like", "randint_like", "normal", "bernoulli"}
FILLS = {"normal_", "uniform_", "trunc_normal_", "xavier_uniform_", "kaiming_uniform_"}


def test_every_random_number_comes_from_a_generator():
    """None from those that a whole process shares, and none that begins elsewhere in every run."""
    calls = {file: [n for n in ast.walk(ast.parse(file.read_text())) if isinstance(n, ast.Call)] for file in SOURCES}
    assert [f"{file}: line {call.lineno}" for file, made in calls.items() for call in made if _has_no_seed(call)] == []
    assert [file for file in SOURCES if "random" in imports(file)] == []


def _has_no_seed(call: ast.Call) -> bool:
    *module, function = ast.unparse(call.func).split(".")
    told = {keyword.arg for keyword in call.keywords}
    if module == ["np", "random"]:
        return function not in ("default_rng", "SeedSequence") or not (call.args or told)
    return (function in FILLS or (module == ["torch"] and function in DRAWS)) and "generator" not in told


@pytest.mark.parametrize(
    "call", ["torch.randn(3)", "nn.init.normal_(x)", "np.random.rand(3)", "np.random.default_rng()"]
)
def test_a_random_number_without_a_seed_is_seen(call):
    assert _has_no_seed(ast.parse(call, mode="eval").body)


@pytest.mark.parametrize("command", [["ruff", "check"], ["ruff", "format", "--check"], ["mypy"]])
def test_clean(command):
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]


def test_no_file_at_the_top_but_the_agreed_ones():
    agreed = {"pyproject.toml", "README.md", "kanexp", "conf", "tests", "outputs", "scripts"}
    listed = subprocess.run(["git", "-C", ROOT, "ls-files"], capture_output=True, text=True, check=False)
    if listed.returncode:
        pytest.skip("no checkout, which would say what belongs to the project")
    tops = {line.split("/")[0] for line in listed.stdout.splitlines()}
    assert {top for top in tops if not top.startswith(".")} == agreed
