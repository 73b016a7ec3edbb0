"""What is typed of a differential equation: residuals, u_t + u*u_x, and statements of what is known, u_t(0, x) = 0."""

import re
from dataclasses import dataclass

import numpy as np

from kanexp.data.expression import Expression
from kanexp.error import quoted

NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*")
CALLED = re.compile(r"\s*(\w+)\s*\(([^()=]*(?:\([^()=]*\)[^()=]*)*)\)\s*")  # name(arguments), one more level inside


@dataclass(frozen=True)
class Symbols:
    """What the formulas of an equation may name: inputs with their ranges, answers, and unknown numbers.

    u_tx is the derivative of u in t and x.
    """

    ranges: dict[str, tuple[float, float]]
    answers: tuple[str, ...]
    unknowns: tuple[str, ...] = ()

    @property
    def inputs(self) -> tuple[str, ...]:
        return tuple(self.ranges)

    def derivative(self, name: str) -> tuple[int, tuple[int, ...]] | None:
        """The number of the answer and those of the inputs of a derivative; of u itself none. None for other names."""
        answer, _, along = name.partition("_")
        each = "|".join(sorted(map(re.escape, self.inputs), key=len, reverse=True))
        if answer not in self.answers or not re.fullmatch(f"({each})*", along) or name.endswith("_"):
            return None
        return self.answers.index(answer), tuple(sorted(self.inputs.index(one) for one in re.findall(each, along)))

    def residual(self, text: str) -> Expression:
        """A formula in inputs, answers, their derivatives and unknown numbers. Raises ValueError where it is none."""
        named = dict.fromkeys(re.findall(r"[A-Za-z]\w*", text))
        derivatives = [name for name in named if "_" in name and self.derivative(name)]
        return Expression(text, [*self.inputs, *self.answers, *derivatives, *self.unknowns])

    def formula(self, text: str) -> Expression:
        """A formula in the inputs alone. Raises ValueError where it is none."""
        return Expression(text, self.inputs)


@dataclass(frozen=True)
class Statement:
    """u(0, x) = sin(x), a derivative in place of u, or u(t, 0) = u(t, 1): what is known at an end of an input.

    `end` is None where both ends are alike, and `formula` then, too.
    """

    answer: int
    partial: tuple[int, ...]
    axis: int
    end: int | None
    formula: Expression | None

    @classmethod
    def read(cls, text: str, symbols: Symbols) -> "Statement":
        """Raises ValueError with a sentence where it is none."""
        example = f"such as {symbols.answers[0]}({', '.join(['0', *symbols.inputs[1:]])}) = 1"
        left, equals, right = text.partition("=")
        called = CALLED.fullmatch(left)
        meant = symbols.derivative(called[1]) if called else None
        if not (called and equals and meant):
            raise ValueError(
                f"must hold statements {example}, of {', '.join(symbols.answers)} or derivatives, got {quoted(text)}"
            )
        axis, end = _place(called[2], symbols, text)
        other = CALLED.fullmatch(right)
        if other and other[1] == called[1]:
            if _place(other[2], symbols, text) != (axis, 1 - end):
                raise ValueError(f"must compare the two ends of one input, got {quoted(text)}")
            return cls(*meant, axis, None, None)
        try:
            return cls(*meant, axis, end, symbols.formula(right.strip()))
        except ValueError as error:
            raise ValueError(f"{error}, in {quoted(text)}") from None


def _place(arguments: str, symbols: Symbols, text: str) -> tuple[int, int]:
    """Which input is held at which of its ends. Raises ValueError where it is not just one at an end."""
    given = [argument.strip() for argument in arguments.split(",")]
    if len(given) != len(symbols.inputs):
        raise ValueError(f"must give {', '.join(symbols.inputs)} one place each, got {quoted(text)}")
    held = [(i, one) for i, one in enumerate(given) if one != symbols.inputs[i]]
    if len(held) != 1:
        raise ValueError(f"must hold one input at an end and leave the others their names, got {quoted(text)}")
    axis, value = held[0]
    name, ends = symbols.inputs[axis], symbols.ranges[symbols.inputs[axis]]
    try:
        at = float(Expression(value, [])(np.zeros((0, 1)))[0])
    except ValueError as error:
        raise ValueError(f"has a place that {error}, in {quoted(text)}") from None
    for end in (0, 1):
        if abs(at - ends[end]) <= 1e-9 * max(1.0, abs(ends[end])):
            return axis, end
    raise ValueError(f"must hold {name} at an end of its range, {ends[0]:g} or {ends[1]:g}, got {quoted(text)}")
