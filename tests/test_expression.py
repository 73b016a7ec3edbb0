import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kanexp.data.expression import Expression, function_named

POINTS = np.random.default_rng(0).uniform(0.1, 0.9, (3, 50))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("exp(sin(pi*x1)+x2**2)", lambda x, y, z: np.exp(np.sin(np.pi * x) + y**2)),
        ("-x1 + +x2 % 0.3 / 2", lambda x, y, z: -x + y % 0.3 / 2),
        ("2", lambda x, y, z: np.full_like(x, 2)),
        ("x3 if x1 < 1/2 else -x3", lambda x, y, z: np.where(x < 0.5, z, -z)),
        ("max(x1, x2) - abs(x3)", lambda x, y, z: np.maximum(x, y) - np.abs(z)),
        ("e**x1", lambda x, y, z: np.exp(x)),
        ("erf(x1)", lambda x, y, z: np.vectorize(math.erf)(x)),
    ],
)
def test_values(text, expected):
    formula = Expression(text, ["x1", "x2", "x3"])
    np.testing.assert_allclose(formula(POINTS), expected(*POINTS), rtol=1e-14)


def test_variables_are_those_up_to_the_highest():
    assert Expression("x3 + 1").variables == ["x1", "x2", "x3"]
    assert Expression("pi").variables == ["x1"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("__import__('os').system('true')", "may hold numbers, variables"),
        ("().__class__", "may hold numbers, variables"),
        ("x1.real", "may hold numbers, variables"),
        ("[x1]", "may hold numbers, variables"),
        ("lambda: 1", "may hold numbers, variables"),
        ("x1 < 2", "may hold numbers, variables"),
        ("(1 if x1 else 2)", "may hold numbers, variables"),
        ("sin(x1, out=x1)", "may hold numbers, variables"),
        ("'a'", "may hold real numbers only"),
        ("True", "may hold real numbers only"),
        ("2j*x1", "may hold real numbers only"),
        ("eval(x1)", "has no function 'eval'"),
        ("fresnel(x1)", "has no function 'fresnel'"),
        ("errstate(x1)", "has no function 'errstate'"),
        ("sin(x1, x2)", "gives sin 2 arguments, but it takes 1"),
        ("x1 + y", "has no variable 'y'; it knows x1, pi, e, euler_gamma"),
        ("x0", "must use the variables x1"),
        ("x1000000000", "must use the variables x1"),
        ("x1 +", "is not a formula"),
        ("", "is not a formula"),
        ("x1; x2", "is not a formula"),
        ("1+" * 600 + "1", "must have at most 1000 characters"),
        ("-" * 990 + "x1", "must have at most 200 operations inside each other, got 990"),
        ("~" * 990 + "x1", "must have at most 200 operations inside each other"),
        ("x1+" * 300 + "x1", "must have at most 200 operations inside each other, got 300"),
        ("x1" + "(1)" * 300, "must have at most 200 operations inside each other"),
        ("1" + "0" * 400, "may hold numbers up to 1.8e+308 only, got '1000"),
        ("0x" + "f" * 900, "may hold numbers up to 1.8e+308 only"),
        ("x1 + 1e999", "may hold numbers up to 1.8e+308 only, got 'inf'"),
        ("eval_hermite(3, x1)", "has no function 'eval_hermite'"),
        ("hankel1(1, x1)", "has no function 'hankel1'"),
        ("x1\nx2", r"is not a formula: 'x1\\nx2' "),
        ("\ud800", r"is not a formula: '\\ud800' "),
    ],
)
def test_everything_else_is_refused(text, sentence):
    with pytest.raises(ValueError, match="^" + re.sub(r"([(*+])", r"\\\1", sentence)) as refused:
        Expression(text)
    assert len(str(refused.value)) < 300
    assert str(refused.value).isprintable()


@pytest.mark.parametrize(
    "text", ["x1+" * 200 + "x1", "sin(" * 90 + "x1" + ")" * 90, "x1 if x1<1 else " * 60 + "1", "1if x1<2else 3"]
)
def test_a_long_formula_has_values(text):
    assert np.isfinite(Expression(text)(POINTS[:1])).all()


def test_huge_powers_end_at_infinity_at_once():
    assert np.isinf(Expression("9**9**9**9")(POINTS[:1])).all()
    with pytest.raises(ValueError, match="is not a formula"):
        Expression("(" * 400 + "x1" + ")" * 400)


def sentence(text: str) -> str:
    """What is said against a text; empty where it is a formula."""
    try:
        Expression(text)
    except ValueError as error:
        return str(error)
    return ""


TOKENS = ("x1", "x2", "pi", "0", "2.5", "+", "-", "*", "/", "**", "%", "(", ")", ",", " ", "sin(", "max(", "<", "if")


@given(st.one_of(st.text(max_size=40), st.lists(st.sampled_from(TOKENS), max_size=9).map("".join)))
def test_any_text_is_a_formula_or_a_sentence(text):
    assert re.match(r"(may hold|has no|gives|must|is not a formula|is one formula)[ :,]|$", sentence(text))


def larger(parts: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    operator = st.sampled_from(["+", "-", "*", "/", "**", "%"])
    return st.one_of(
        st.builds("({}{}{})".format, parts, operator, parts),
        st.builds("sin(-{})".format, parts),
        st.builds("max({}, {})".format, parts, parts),
        st.builds("({} if {} < {} else {})".format, parts, parts, parts, parts),
    )


@given(st.recursive(st.sampled_from(["x1", "x2", "pi", "0", "2.5"]), larger, max_leaves=8))
def test_whatever_the_grammar_makes_is_a_formula(text):
    formula = Expression(text)
    assert formula(np.ones((len(formula.variables), 3))).shape == (3,)


def test_functions_take_real_numbers_and_return_one():
    assert function_named("jv") is not None
    assert function_named("airy") is None
    assert function_named("ufunc") is None
    assert function_named("__doc__") is None
