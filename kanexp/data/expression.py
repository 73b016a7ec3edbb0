"""Formulas that users type: read through a whitelist on Python's syntax tree, never handed to eval."""

import ast
import operator
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy import special
from torch import Tensor

from kanexp.error import quoted

LONGEST = 1000  # characters; a formula that needs more is a program
DEEPEST = 200  # operations inside each other, to which a sum of many terms comes as well; far more end Python's stack

CONSTANTS = {"pi": np.pi, "e": np.e, "euler_gamma": np.euler_gamma}

_ELEMENTARY = (
    *("sin", "cos", "tan", "arcsin", "arccos", "arctan", "arctan2", "sinh", "cosh", "tanh", "arcsinh", "arccosh"),
    *("arctanh", "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sqrt", "cbrt", "floor", "ceil", "sign"),
    *("minimum", "maximum", "hypot"),
)
_NUMPY = {name: getattr(np, name) for name in _ELEMENTARY}
_SHORT = {"asin": np.arcsin, "acos": np.arccos, "atan": np.arctan, "abs": np.abs, "min": np.minimum, "max": np.maximum}
_FRESNEL = {"fresnel_s": lambda x: special.fresnel(x)[0], "fresnel_c": lambda x: special.fresnel(x)[1]}

_BINARY: dict[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Mod: operator.mod,
}
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


def function_named(name: str) -> tuple[Callable[..., Any], int] | None:
    """A function of real numbers and how many it takes: an elementary or a special one; None where there is none.

    Those that take whole numbers alone, or give complex ones, are none.
    """
    if name in _FRESNEL:
        return _FRESNEL[name], 1
    found = _NUMPY.get(name) or _SHORT.get(name) or getattr(special, name, None)
    if not isinstance(found, np.ufunc) or f"{'d' * found.nin}->d" not in found.types:
        return None
    return found, found.nin


def _power(base: Tensor, exponent: Tensor) -> Tensor:
    """With a number for an exponent that is one, whose slope nobody needs."""
    return base ** (exponent if exponent.dim() else exponent.item())


@dataclass(frozen=True)
class _Arithmetic:
    """What numbers, powers, choices and functions become."""

    number: Callable[[float], Any]
    power: Callable[[Any, Any], Any]
    choice: Callable[[Any, Any, Any], Any]
    function: Callable[[str], Callable[..., Any]]


def _of_arrays(name: str) -> Callable[..., Any]:
    found = function_named(name)
    assert found is not None
    return found[0]


# Functions that torch can differentiate any number of times.
DIFFERENTIABLE: dict[str, Callable[..., Tensor]] = {
    **{name: getattr(torch, name) for name in (*_ELEMENTARY, "erf", "erfc") if hasattr(torch, name)},
    **{"asin": torch.asin, "acos": torch.acos, "atan": torch.atan, "abs": torch.abs},
    **{"min": torch.minimum, "max": torch.maximum},
}
_ARRAYS = _Arithmetic(np.float64, np.power, np.where, _of_arrays)
_TENSORS = _Arithmetic(
    lambda number: torch.tensor(number, dtype=torch.float64), _power, torch.where, DIFFERENTIABLE.__getitem__
)


class Expression:
    """A formula in given variables, such as "exp(sin(pi*x1)+x2**2)".

    + - * / ** %, comparisons inside `a if condition else b`, the constants pi and e, and the functions of
    `function_named`; numbers are float64 throughout. Anything else raises ValueError with a sentence.
    """

    def __init__(self, text: str, variables: Sequence[str] | None = None):
        """Variables null stands for x1, x2, ... up to the highest that occurs."""
        if len(text) > LONGEST:
            raise ValueError(f"must have at most {LONGEST} characters, got {len(text)}")
        try:
            with warnings.catch_warnings(action="ignore"):  # of Python's style, which nobody asked about
                self._root = ast.parse(text.strip(), mode="eval").body
        except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
            raise ValueError(f"is not a formula: {quoted(text)} ({getattr(error, 'msg', error)})") from None
        if (depth := _depth(self._root)) > DEEPEST:
            raise ValueError(f"must have at most {DEEPEST} operations inside each other, got {depth}: {quoted(text)}")
        names = {node.id for node in ast.walk(self._root) if isinstance(node, ast.Name)}
        names -= {n.func.id for n in ast.walk(self._root) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
        if variables is None:
            numbers = [int(name[1:]) for name in names if name[0] == "x" and name[1:].isdecimal()]
            if not all(1 <= number <= 100 for number in numbers):
                raise ValueError(f"must use the variables x1, x2, ... x100, got {quoted(text)}")
            variables = [f"x{i + 1}" for i in range(max(numbers, default=1))]
        self.variables = list(variables)
        self._check(self._root)

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Values (samples,) at x (variables, samples), float64; infinite or NaN where the formula is."""
        values = dict(zip(self.variables, x.astype(np.float64), strict=True))
        with np.errstate(all="ignore"):
            found = self._value(self._root, values, _ARRAYS)
            return np.broadcast_to(np.asarray(found, dtype=np.float64), x.shape[1:])

    def of_tensors(self, values: Mapping[str, Tensor]) -> Tensor:
        """The value at tensors of its variables, of shapes that go together; it can be differentiated.

        Its functions must be DIFFERENTIABLE.
        """
        return self._value(self._root, values, _TENSORS)

    @property
    def functions(self) -> set[str]:
        """The names of the functions in it."""
        calls = (node for node in ast.walk(self._root) if isinstance(node, ast.Call))
        return {call.func.id for call in calls if isinstance(call.func, ast.Name)}

    def _check(self, node: ast.AST) -> None:
        """Raise ValueError at the first part that is not allowed."""
        match node:
            case ast.Constant(value=bool() | complex()) | ast.Constant(value=str() | bytes() | None):
                raise ValueError(f"may hold real numbers only, got {node.value!r}")
            case ast.Constant(value=int() | float() as number):
                if not abs(number) <= sys.float_info.max:
                    raise ValueError(f"may hold numbers up to {sys.float_info.max:.2g} only, got {quoted(str(number))}")
                return
            case ast.Name(id=name):
                if name not in self.variables and name not in CONSTANTS:
                    known = ", ".join([*self.variables, *CONSTANTS])
                    raise ValueError(f"has no variable {quoted(name)}; it knows {known}")
                return
            case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]):
                found = function_named(name)
                if found is None:
                    raise ValueError(
                        f"has no function {quoted(name)}; it knows numpy's elementary and scipy.special's functions "
                        "of real numbers"
                    )
                if len(arguments) != found[1]:
                    raise ValueError(f"gives {name} {len(arguments)} arguments, but it takes {found[1]}")
                children: list[ast.AST] = list(arguments)
            case ast.BinOp(op=op, left=left, right=right) if type(op) in (*_BINARY, ast.Pow):
                children = [left, right]
            case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=operand):
                children = [operand]
            case ast.IfExp(test=ast.Compare(left=left, ops=[op], comparators=[right]), body=body, orelse=other) if (
                type(op) in _COMPARE
            ):
                children = [left, right, body, other]
            case ast.BinOp(op=ast.BitXor()):
                raise ValueError(f"has ^ in {quoted(ast.unparse(node))}; the power is **, as in x1**2")
            case ast.Tuple(elts=[_, _, *_] as several):
                each = ",".join(f'"{ast.unparse(one)}"' for one in several)
                raise ValueError(
                    f"is one formula, got {len(several)}; those of a sweep have quotes of their own inside the "
                    f"shell's: 'task.expression={each}'"
                )
            case _:
                raise ValueError(
                    f"may hold numbers, variables, + - * / ** %, function calls and 'a if x1 < b else c' only, "
                    f"got {quoted(ast.unparse(node))}"
                )
        for child in children:
            self._check(child)

    def _value(self, node: ast.AST, values: Mapping[str, Any], calculate: _Arithmetic) -> Any:
        def at(child: ast.AST) -> Any:
            return self._value(child, values, calculate)

        match node:
            case ast.Constant(value=int() | float() as number):
                # Of a fixed size: Python's whole numbers have no end, and 9**9**9 would never finish.
                return calculate.number(float(number))
            case ast.Name(id=name):
                return values[name] if name in values else calculate.number(CONSTANTS[name])
            case ast.Call(func=ast.Name(id=name), args=arguments):
                return calculate.function(name)(*(at(argument) for argument in arguments))
            case ast.BinOp(op=ast.Pow(), left=left, right=right):
                return calculate.power(at(left), at(right))
            case ast.BinOp(op=op, left=left, right=right):
                return _BINARY[type(op)](at(left), at(right))
            case ast.UnaryOp(op=op, operand=operand):
                return -at(operand) if isinstance(op, ast.USub) else at(operand)
            case ast.IfExp(test=ast.Compare(left=left, ops=[op], comparators=[right]), body=body, orelse=other):
                return calculate.choice(_COMPARE[type(op)](at(left), at(right)), at(body), at(other))
        raise AssertionError("checked at the start")


def _depth(root: ast.AST) -> int:
    """Operations inside each other, counted without recursion, which the deepest of them would break."""
    depth, level = 0, [root]
    while level := [child for node in level for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr)]:
        depth += 1
    return depth
