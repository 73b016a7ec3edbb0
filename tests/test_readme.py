"""What the README and the other pages say, done as they say."""

import re
import shlex
import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT
from helpers.commands import check_command, shown
from PIL import Image as Picture
from scipy.io import wavfile

from kanexp.config.catalog import GROUPS

README = (ROOT / "README.md").read_text()
FILES = [ROOT / "README.md", *sorted((ROOT / "kanexp").rglob("README.md")), *sorted(ROOT.glob("outputs/readme/*.md"))]
PAGES = {str(file.relative_to(ROOT)): file.read_text() for file in FILES}
COMMANDS = list(dict.fromkeys(command for page in PAGES.values() for command in shown(page)))


def block(after: str, page: str = README) -> str:
    """The first fenced block behind a text."""
    return re.search(r"```\w+\n(.*?)```", page.split(after, 1)[1], re.DOTALL)[1]


def own_parts(folder) -> None:
    """The files of one's own that commands on pages name: a layer, a table, pictures and a sound."""
    (folder / "power.py").write_text(block("`power.py`"))
    (folder / "my_conf" / "layer").mkdir(parents=True)
    (folder / "my_conf" / "layer" / "power.yaml").write_text(block("`my_conf/layer/power.yaml`"))
    rows = [f"{size},{color},{100 * size + 7 * (size % 3)}" for size in range(40) for color in ("red", "blue")]
    (folder / "mine.csv").write_text("\n".join(["size,color,price", *rows]))
    Picture.effect_noise((300, 280), 50).save(folder / "mine.jpg")
    for name in ("daisy", "roses"):
        (folder / "flower_photos" / name).mkdir(parents=True)
        for i in range(10):
            Picture.effect_noise((40, 30), 50).save(folder / "flower_photos" / name / f"{i}.jpg")
    wavfile.write(folder / "mine.wav", 2000, np.sin(np.arange(6000) / 9).astype(np.float32))


# -- every page -----------------------------------------------------------------------------------------------------


def test_the_pages_were_found():
    assert set(PAGES) >= {"README.md", "outputs/readme/numbers.md", "outputs/readme/reproductions.md"}
    folders = {"sweep", "search", "folder", "report", "reproduce"}
    assert set(PAGES) >= {f"kanexp/{folder}/README.md" for folder in folders}
    assert len(COMMANDS) > 50


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    folder = tmp_path_factory.mktemp("workplace")
    own_parts(folder)
    return folder


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_shown_is_right(command, workplace):
    check_command(command, workplace)


def test_a_wrong_command_is_noticed(workplace):
    wrong = ["kanexp layer=forier", "kanexp report x --bye init", "kanexp list layers", "kanexp reproduce poison"]
    for command in [*wrong, "pip install 'kanexp[slum]'", "scripts/reedme examples", "python -c 'import'"]:
        with pytest.raises((AssertionError, SyntaxError, SystemExit)):
            check_command(command, workplace)


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", PAGES[page]):
        if not target.startswith("https://"):
            path, _, heading = target.partition("#")
            file = (ROOT / page).parent / path if path else ROOT / page
            assert file.exists(), f"{page} links to {target}"
            assert not heading or heading in headings(file.read_text()), f"{page} links to {target}"


def headings(text: str) -> set[str]:
    """The anchors that a page's headings get."""
    found = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in found}


@pytest.mark.parametrize("page", PAGES)
def test_what_commands_write_is_there(page):
    markers = re.findall(r"<!-- (/?[^>]*?) -->", PAGES[page])
    assert markers[1::2] == [f"/{name}" for name in markers[::2]]
    for name in markers[::2]:
        assert re.search(rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", PAGES[page], re.DOTALL)[1].strip(), name


# -- the README -----------------------------------------------------------------------------------------------------


def test_the_readme_is_short():
    assert len(README.encode()) < 10_000


def test_the_two_commands_are_what_they_were():
    commands = [shlex.split(line, comments=True) for line in block("## Set up").splitlines()]
    assert commands == [["./scripts/kanexp", "layer=fourier", "init=smooth"], ["./scripts/test"]]


def test_the_table_of_words_names_every_group_and_no_more():
    assert re.findall(r"^\| `(\w+)=` \|", README, re.MULTILINE) == list(GROUPS)


def printed(command: str, page: str = README) -> str:
    """What a page shows below a block of commands that begins with this one."""
    return re.search(rf"```bash\n{re.escape(command)}.*?<!-- printed -->\n```text\n(.*?)```", page, re.DOTALL)[1]


def form(text: str) -> list[str]:
    """The lines without numbers and spacing, sorted, for jobs end in any order; none that time and cores decide."""
    lines = [" ".join(line.split()) for line in text.splitlines()]
    varies = r"training |\d+ of \d+ jobs ended|\d+ jobs: "
    kept = [line for line in lines if line.strip("─ ") and not re.match(varies, line)]
    return sorted(re.sub(r"\.?\d[\d.e-]*", "#", line) for line in kept)


def test_the_run_shown_prints_that_and_leaves_a_network_to_load(kanexp, tmp_path):
    told = printed("kanexp layer=fourier init=smooth")
    done = kanexp("layer=fourier", "init=smooth", "steps=20")
    assert form(done.stdout) == form(told)
    code = block("From Python, the five networks")
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "test_psnr" in done.stdout
    assert "gray_predicted" in done.stdout


def test_the_comparison_shown_is_decided():
    told = printed("kanexp -m task=function")
    assert re.search(
        r"^glorot has .* lower test MSE than default \[.*\]; lower in \d+ of 100 pairs of seeds; p . \.\d+$",
        told,
        re.MULTILINE,
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("page", "before"), [("README.md", "## One comparison"), ("kanexp/report/README.md", "in the terminal:")]
)
def test_the_comparisons_shown_print_that(page, before, kanexp):
    commands = block(before, PAGES[page]).splitlines()
    told = "".join(kanexp(*shlex.split(command)[1:]).stdout for command in commands)
    assert form(told) == form(printed(commands[0], PAGES[page]))


def test_a_csv_of_ones_own(kanexp, tmp_path):
    own_parts(tmp_path)
    (command,) = block("## Your own CSV").splitlines()
    done = kanexp(*shlex.split(command)[1:], "steps=20", "seeds=2")
    assert done.returncode == 0, done.stderr
    assert "test R²" in done.stdout


def test_a_layer_of_ones_own_in_two_files(kanexp, tmp_path):
    own_parts(tmp_path)
    check, run = block("Check it and run it").strip().splitlines()
    subprocess.run([sys.executable, *shlex.split(check)[1:]], cwd=tmp_path, check=True, timeout=60)
    done = kanexp(*shlex.split(run)[1:], "steps=20", "seeds=2")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "outputs/function-power-glorot/v001/figures/edges.png").is_file()
    for words in (["init=smooth"], ["init=default", "reg=frequency"], ["optimizer=lbfgs"]):
        done = kanexp("--config-dir", "my_conf", "task=function", "layer=power", "steps=5", "seeds=2", *words)
        assert done.returncode == 0, done.stderr
    assert "Powers of tanh(x)." in kanexp("list", "--config-dir", "my_conf").stdout


# -- measured tables ------------------------------------------------------------------------------------------------


def test_the_numbers_were_filled_in():
    page = PAGES["outputs/readme/numbers.md"]
    rows = re.search(r"<!-- numbers -->\n(.*?)<!-- /numbers -->", page, re.DOTALL)[1].splitlines()[2:]
    assert len(rows) > 4
    assert all(re.fullmatch(r"\| `kanexp .*`.* \| .*\d.* \|.*\|", row) for row in rows)


def test_what_many_jobs_cost_is_computed():
    sys.path.insert(0, str(ROOT / "scripts"))
    from bench_sweep import Costs

    costs = Costs(command=0.012, reading=0.002, process=3.0, figures=2.0, bare=0.5, size=1e6, files=25)
    text = " ".join(costs.text.split())
    assert "100 sweeps of 1,000" in text
    assert "take 20 minutes to submit" in text  # 1,200 s
    assert "in packs of 16, 64 core hours" in text  # (3 + 1000 * .002) / 16 + 2 = 2.3125 s each
    assert "15 minutes on 256 cores" in text
    assert "One by one it would be 194 core hours" in text
    assert "100 GB in 2.5 million files" in text
