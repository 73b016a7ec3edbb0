"""The page of a report in a browser, used as a person would; and what it holds."""

import io
import itertools
import json

import numpy as np
import pandas as pd
import pytest
from helpers.browser import Browser, chromium
from helpers.runs import make_run
from PIL import Image

from kanexp.report import gallery
from kanexp.report.report import Question, report

NASTY = "<script>boom()</script>"  # the name of a layer of somebody's own
ARMS = "report.problems[0].arms"


def dot(color):
    data = io.BytesIO()
    Image.new("RGB", (40, 30), color).save(data, "PNG")
    return data.getvalue()


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder of a report on 8 arms of 3 seeds, and what it found."""
    folder = tmp_path_factory.mktemp("page")
    rng = np.random.default_rng(3)
    for i, layer in enumerate(("fourier", NASTY)):
        for j, init in enumerate(("default", "smooth")):
            for k, rate in enumerate((0.01, 0.1)):
                mse = tuple(np.round(10 ** (-2 - i - 0.4 * k + 0.1 * rng.normal(size=3)), 6))
                choices = {"layer": layer}
                run = make_run(folder / f"{i}{j}{k}", init, mse, choices=choices, options={"learning_rate": rate})
                run.figures.mkdir()
                (run.figures / "prediction.png").write_bytes(dot("red"))
                (run.figures / "loss.png").write_bytes(dot("blue"))
    return report([folder], None, Question())


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    one = Browser(tmp_path_factory.mktemp("browser"), chromium())
    yield one
    one.close()


@pytest.fixture(params=[1400, 400])
def page(browser, made, request):
    """The page as it opens, wide and narrow; nothing went wrong in it, and nothing was fetched."""
    browser.open((made[0] / "report.html").as_uri(), request.param)
    yield browser
    assert browser.errors == []
    assert [r for r in browser.requests if not r.startswith(("data:", "blob:", "file:"))] == []


def cells(browser, table, column):
    """The text of a column, row by row."""
    code = f"""(() => {{
        const place = document.querySelector('[data-table={table}]');
        const at = [...place.querySelectorAll('th')].findIndex(th => th.textContent === {json.dumps(column)});
        return [...place.querySelectorAll('tbody tr')].map(row => row.cells[at].textContent);
    }})()"""
    return browser.run(code)


def head(table, column):
    return f"[...document.querySelectorAll('[data-table={table}] th')].find(th => th.textContent === '{column}')"


def button(place, text):
    return f"[...document.querySelectorAll('{place} button')].find(b => b.textContent === '{text}')"


def tip(browser, figure):
    """What a figure says at the pointer."""
    code = f"[...document.querySelectorAll('#{figure} [aria-label=tip] tspan')].map(t => t.textContent).join('|')"
    browser.wait(f"!!({code})")
    return browser.run(code).replace("\u200b", "")  # which the library puts before every line


def test_tables_sort_and_filter(page):
    up = sorted(cells(page, "rows", "test_mse"), key=float)
    page.click(head("rows", "test_mse"))
    assert cells(page, "rows", "test_mse") == up
    page.click(head("rows", "test_mse"))
    assert cells(page, "rows", "test_mse") == up[::-1]
    field = "document.querySelector('[data-filter=rows]')"
    page.type(field, "smooth seed=1 test_mse<0.002")
    kept = cells(page, "rows", "test_mse")
    assert 0 < len(kept) < 5
    assert all(float(value) < 0.002 for value in kept)
    assert set(cells(page, "rows", "seed")) == {"1"}
    page.type(field, "")
    assert len(cells(page, "rows", "seed")) == 24


def test_the_answer_comes_first_and_a_menu_leads_to_the_rest(page, made):
    order = page.run("[...document.querySelectorAll('main section')].filter(s => !s.hidden).map(s => s.id)")
    assert order[:4] == ["answer", "warnings", "points", "curves"]
    assert order.index("curves") < order.index("figures") < order.index("rows-section")
    links = page.run("[...document.querySelectorAll('nav a')].map(a => a.getAttribute('href'))")
    assert [link for link in links if not page.run(f"!!document.querySelector('{link}')")] == []
    assert {"#points", "#curves", "#parallel", "#difference", "#gallery"} <= set(links)
    best = made[1].headline().sort_values("median")["arm"].tolist()
    assert cells(page, "ranking", "arm") == best
    assert page.run("document.documentElement.scrollWidth <= innerWidth"), "only tables scroll sideways"


def test_a_wide_table_says_that_it_scrolls_and_keeps_its_names_in_sight(page):
    scroll = "document.querySelector('#rows .scroll')"
    assert page.run(f"{scroll}.scrollWidth > {scroll}.clientWidth")
    assert "more columns" in page.run("document.querySelector('#rows .more').textContent")
    page.run(f"{scroll}.scrollLeft = 1e4")
    cell = f"{scroll}.querySelector('tbody td')"
    assert page.run(f"{cell}.getBoundingClientRect().left - {scroll}.getBoundingClientRect().left") < 3


def test_an_arm_is_followed_through_figures_and_tables(page):
    page.click("document.querySelector('#arms .arm button')")
    arm = page.run(f"{ARMS}[0]")
    chosen = page.run("document.querySelectorAll('[data-table=rows] tr.chosen').length")
    assert chosen == 3, "its seeds"
    faint = "[...document.querySelectorAll('#figure-points [aria-label=dot] circle')]"
    assert page.run(f"{faint}.filter(c => c.getAttribute('fill-opacity') > .5).length") == 3
    assert page.run("document.querySelectorAll('[data-table=ranking] tr.chosen').length") == 1
    assert page.run("document.querySelectorAll('#gallery figure.chosen').length") == 1
    assert page.run("document.querySelectorAll('.verdicts li.chosen').length") == 7
    page.click("document.querySelectorAll('[data-table=ranking] td.arm')[2]")
    assert page.run("state.chosen") == page.run(f"{ARMS}[2]") != arm
    page.click("document.querySelectorAll('[data-table=ranking] td.arm')[2]")
    assert page.run("document.querySelectorAll('tr.chosen').length") == 0


def test_a_point_says_what_it_is_and_chooses_its_arm(page):
    first = "document.querySelector('#figure-points [aria-label=dot] circle')"
    page.hover(first)
    arm, seed, run = tip(page, "figure-points").split("|")
    row = page.run(f"report.tables.rows.arm.indexOf({json.dumps(arm)})")
    assert row >= 0
    assert seed.startswith("seed ")
    assert run in page.run("report.settings.runs")
    page.click(first)
    assert page.run("state.chosen") == arm


@pytest.fixture(scope="module")
def over_tasks(tmp_path_factory):
    """A report on three layers with two optimizers on three functions and a picture, without figures of each."""
    folder = tmp_path_factory.mktemp("tasks")
    layers, optimizers = ("rbf", "sine", "relu"), ("adam", "lbfgs")
    for k, task in enumerate(("product", "exp", "sin", "picture")):
        for (i, layer), (j, optimizer) in itertools.product(enumerate(layers), enumerate(optimizers)):
            mse = (0.1 * (1 + (i + 2 * (k == 3)) % 3) + 0.01 * j,)
            own = {"choices": {"layer": layer, "optimizer": optimizer}, "options": {"function": task}}
            own |= {"scene": {"kind": "picture", "shape": [4, 4]}} if task == "picture" else {}
            make_run(folder / f"{task}{i}{j}", mse=mse, **own)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gallery, "MOST_PROBLEMS", 0)
        return report([folder], None, Question())


def test_axes_are_ranked_over_all_tasks_or_those_of_a_kind(browser, over_tasks):
    browser.open((over_tasks[0] / "report.html").as_uri(), 1000)
    pick = "document.querySelector('#axes select')"
    assert browser.run(f"[...{pick}.options].map(o => o.value)") == ["all tasks", "functions", "pictures"]
    assert browser.run("[...document.querySelectorAll('#axes h3')].map(h => h.textContent)") == ["layer", "optimizer"]
    assert cells(browser, "axis-layer", "setting") == ["rbf", "sine", "relu"]
    assert cells(browser, "axis-layer", "wins") == ["3", "1", "0"]
    assert cells(browser, "axis-layer", "function=picture") == ["3", "1", "2"]
    browser.click(head("axis-layer", "function=picture"))
    assert cells(browser, "axis-layer", "setting") == ["sine", "relu", "rbf"]
    browser.run(f"{pick}.value = 'pictures'; {pick}.dispatchEvent(new Event('change'))")
    assert cells(browser, "axis-layer", "mean_rank") == ["1", "2", "3"]
    said = browser.run("document.querySelector('#axes .axis .ranking').textContent")
    assert said == "layer over pictures (1 task): so few tasks decide nothing; mean ranks sine 1, relu 2 and rbf 3"
    assert browser.run("[...document.querySelectorAll('nav a')].some(a => a.getAttribute('href') === '#axes')")
    assert browser.errors == []


def test_curves_are_hovered_toggled_and_drawn_over_other_costs(page):
    lines = "document.querySelectorAll('#figure-curves [aria-label=line] path').length"
    assert page.run(lines) == 8
    page.choose("document.querySelector('[data-role=view]')", "seeds")
    assert page.run(lines) == 24
    page.hover("document.querySelector('#figure-curves svg')")
    said = tip(page, "figure-curves").split("|")
    assert said[0] in page.run(ARMS)
    assert said[1].startswith("seed ")
    assert said[2].endswith(" steps")
    page.click("document.querySelector('#seeds input')")
    assert page.run(lines) == 16
    page.click("document.querySelector('#arms .arm input')")
    assert page.run(lines) == 14
    label = "[...document.querySelectorAll('#figure-curves svg text')].map(t => t.textContent).join(' ')"
    for over in ("evaluations", "samples", "seconds"):
        page.choose("document.querySelector('[data-role=over]')", over)
        assert over in page.run(label)
    page.choose("document.querySelector('[data-role=metric]')", "train_loss")
    assert "train loss" in page.run(label)
    path = "document.querySelector('#figure-curves [aria-label=line] path').getAttribute('d')"
    before = page.run(path)
    page.run("(e => { e.value = 90; e.dispatchEvent(new Event('input')) })(document.querySelector('[type=range]'))")
    smooth = page.run(path)
    assert smooth != before
    page.click("document.querySelector('#figure-curves [type=checkbox]')")
    assert page.run(path) != smooth, "linear instead of logarithmic"


def test_bands_are_those_of_the_table_beside_the_page(page, made):
    """Curves drawn by the page over steps are those that the report writes."""
    name, text = page.download(button("#figure-curves", "CSV"))
    assert name == "curves.csv"
    drawn = pd.read_csv(io.StringIO(text)).sort_values(["arm", "step"])
    table = pd.read_csv(made[0] / "curves.csv").query("metric == 'val_loss'").sort_values(["arm", "at"])
    assert drawn["arm"].tolist() == table["arm"].tolist()
    np.testing.assert_allclose(drawn[["low", "median", "high"]], table[["low", "median", "high"]], rtol=1e-3)


def test_figures_and_tables_are_taken_along(page):
    for figure in ("points", "curves", "importance", "parallel"):
        name, text = page.download(button(f"#figure-{figure}", "SVG"))
        assert name == f"{figure}.svg"
        assert text.startswith("<svg")
        assert 'xmlns="http://www.w3.org/2000/svg"' in text
        assert "<script" not in text
    page.type("document.querySelector('[data-filter=rows]')", "seed=2")
    name, text = page.download(button("[data-table=rows]", "CSV"))
    table = pd.read_csv(io.StringIO(text))
    assert (name, set(table["seed"]), len(table)) == ("rows.csv", {2}, 8)
    assert table["arm"].tolist() == cells(page, "rows", "arm")
    name, text = page.download(button("[data-table=ranking]", "LaTeX"))
    assert name == "ranking.tex"
    assert text.count(r" \\" + "\n") == 9
    assert "\\toprule" in text
    assert "learning\\_rate=0.01" in text


def test_what_matters_is_said(page):
    bars = page.run("report.importance[0].shares")
    assert bars[0]["settings"] == ["layer"], "which was made to differ by a factor of ten"
    assert bars[0]["share"] > 0.5
    said = page.run("document.querySelector('#figure-importance figcaption').textContent")
    assert "random forest of scikit-learn" in said
    assert "log10 of test MSE" in said


def test_runs_are_kept_by_dragging_along_an_axis(page):
    brush = "document.querySelector('#figure-parallel .brush .overlay')"
    x, y = page.place(brush)
    height = page.run(f"{brush}.getBoundingClientRect().height")
    page.drag((x, y + 1), (x, y + height / 2 - 1))
    said = page.run("document.getElementById('kept').textContent")
    assert said.startswith("4 of 8 runs pass there; their median test MSE is ")
    lines = "document.querySelectorAll('#figure-parallel [aria-label=line] path')"
    dim = f"[...{lines}].filter(p => p.style.opacity === '0.06')"
    every = page.run(f"{lines}.length")
    assert page.run(f"{dim}.length") == every / 2 > 0


def test_two_runs_are_laid_side_by_side(page, made):
    runs = [run.label for run in made[1].runs]
    first, second = (f"document.querySelectorAll('#difference select')[{i}]" for i in (0, 1))
    page.choose(first, runs[0])
    page.choose(second, runs[7])
    assert set(cells(page, "difference", "setting")) >= {"layer", "init", "optimizer.learning_rate", "test MSE, median"}
    assert cells(page, "difference", "second run")[0] == NASTY
    page.choose(second, runs[1])
    assert cells(page, "difference", "setting")[:2] == ["optimizer.learning_rate", "name"]
    page.click("document.querySelector('#difference input')")
    assert "steps" in cells(page, "difference", "setting")


def test_a_gallery_of_all_arms_and_of_one(page):
    tiles = "document.querySelectorAll('#gallery .tiles img').length"
    assert page.run(tiles) == 8
    arm = page.run(f"{ARMS}[0]")
    page.choose("document.querySelector('#gallery select')", f"arm {arm}")
    assert page.run("[...document.querySelectorAll('#gallery figcaption')].map(f => f.textContent)") == [
        "prediction",
        "losses",
    ]
    page.click("document.querySelector('#gallery .tiles img')")
    assert page.run("document.getElementById('large').open")
    assert page.run("document.querySelector('#large img').naturalWidth") == 40
    page.click(button("#large", "close"))
    assert not page.run("document.getElementById('large').open")


def test_names_from_data_are_text_everywhere(page):
    assert page.run("typeof boom") == "undefined"
    assert NASTY in page.run("document.querySelector('#arms').textContent")
    assert page.run("[...document.scripts].filter(s => s.textContent.startsWith('boom')).length") == 0


def test_the_same_runs_give_the_same_page(made, tmp_path):
    folder = made[0].parent
    first, second = (report([folder], tmp_path / name, Question())[0] / "report.html" for name in "ab")
    assert first.read_bytes() == second.read_bytes()


def test_the_library_lies_beside_its_licence():
    from importlib.resources import files

    library = files("kanexp.report") / "web" / "library"
    for name in ("d3", "plot"):
        assert "Permission to use, copy, modify" in (library / f"{name}.LICENSE").read_text()
        assert " v" in (library / f"{name}.js").read_text()[:80]
