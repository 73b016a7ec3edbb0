"""Names in scripts that the font has no letters of."""

import re

import pytest
from matplotlib.figure import Figure

from kanexp.figure import script
from kanexp.figure.style import axis_label, save


@pytest.fixture
def few_fonts(monkeypatch):
    """No font but the one that comes with matplotlib."""
    monkeypatch.setattr(script, "_font_with", lambda letters: None)


def titled(text):
    figure = Figure(figsize=(2, 1))
    return figure, figure.suptitle(text)


@pytest.mark.parametrize(("text", "latin"), [("中 band", "Zhong band"), ("高", "Gao"), ("한국", "HanGug")])
def test_what_no_font_has_is_transliterated(text, latin, few_fonts):
    figure, title = titled(text)
    assert script.readable(figure) == {title: text}
    assert title.get_text() == latin


@pytest.mark.parametrize("text", ["plain", "größer als Ωμ", "цена", "10 €", "≤ 5"])
def test_what_the_font_has_stays(text):
    figure, title = titled(text)
    assert script.readable(figure) == {}
    assert title.get_text() == text


def test_a_font_that_has_the_letters_is_taken(monkeypatch):
    monkeypatch.setattr(script, "_font_with", lambda letters: "Mine")
    figure, title = titled("中")
    assert script.readable(figure) == {}
    assert (title.get_text(), title.get_fontfamily()) == ("中", [script.USUAL, "Mine"])


def test_a_font_of_boxes_is_none():
    script._font_with.cache_clear()
    assert script._font_with(frozenset(chr(0x10FFFD))) is None  # of private use, which no font has


def test_the_picture_is_transliterated_and_the_svg_has_the_letters(tmp_path, few_fonts):
    figure, title = titled("中")
    save(figure, tmp_path / "x")
    assert ">中<" in (tmp_path / "x.svg").read_text()
    assert title.get_text() == "中"
    latin, _ = titled("Zhong")
    save(latin, tmp_path / "y")
    assert (tmp_path / "x.png").read_bytes() == (tmp_path / "y.png").read_bytes()


def test_axes_have_names_of_inputs():
    assert [axis_label(name) for name in ("x1", "area", "x12")] == ["x₁", "area", "x12"]
    assert re.fullmatch(r"a{39}…", axis_label("a" * 60))
