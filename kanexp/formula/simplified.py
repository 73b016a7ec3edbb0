"""Simplification by sympy, which at times never ends: in a process of its own that is ended after a while."""

import subprocess
import sys

import sympy

SECONDS = 10.0


def simplified(written: sympy.Expr, seconds: float = SECONDS) -> sympy.Expr:
    """The expression as sympy finds it simplest; as it was where that is no shorter, or takes longer."""
    try:
        done = subprocess.run(
            [sys.executable, "-m", "kanexp.formula.simplified"],
            input=sympy.srepr(written),
            capture_output=True,
            text=True,
            timeout=seconds,
            check=True,
        )
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError):
        return written
    found = sympy.sympify(done.stdout)
    return found if sympy.count_ops(found) <= sympy.count_ops(written) else written


if __name__ == "__main__":
    print(sympy.srepr(sympy.simplify(sympy.sympify(sys.stdin.read()))))
