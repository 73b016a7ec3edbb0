"""Solve the equations of kanexp/task/ that have no formula for their solution, and store the solutions beside them.

Each is solved twice, on a grid and with places twice and steps in time twice as far apart; what they differ by is
printed. Allen-Cahn: central differences in space, LSODA in time. Korteweg-de Vries, Kuramoto-Sivashinsky, Schroedinger:
Fourier modes, exponential Runge-Kutta steps of fourth order (Kassam and Trefethen 2005,
https://doi.org/10.1137/S1064827502410633). Cavity: stream function and vorticity, central differences, Newton's steps;
its grids differ at the corners below the lid, where the flow is singular.

usage: python scripts/references.py [allen_cahn] [korteweg_de_vries] [kuramoto_sivashinsky] [schroedinger] [cavity]
"""

import sys
from collections.abc import Callable

import numpy as np
import scipy.sparse as sparse
from scipy.integrate import solve_ivp
from scipy.sparse.linalg import splu

from kanexp.task import allen_cahn, cavity, korteweg_de_vries, kuramoto_sivashinsky, schroedinger

Table = dict[str, np.ndarray]  # an axis for each input and a table over both for each answer
SIDE = 101  # entries along each time, as many as the grid of comparison has
PLACES = 201


def of_allen_cahn(finer: int) -> Table:
    places, times = 4000 * finer + 1, np.linspace(0, 1, SIDE)
    x = np.linspace(-1, 1, places)
    factor = allen_cahn.DIFFUSION / (x[1] - x[0]) ** 2

    def change(t: float, u: np.ndarray) -> np.ndarray:
        slope = np.zeros_like(u)
        slope[1:-1] = factor * (u[2:] - 2 * u[1:-1] + u[:-2]) + allen_cahn.REACTION * (u[1:-1] - u[1:-1] ** 3)
        return slope

    start = x**2 * np.cos(np.pi * x)
    found = solve_ivp(change, (0, 1), start, "LSODA", times, rtol=1e-9, atol=1e-11, lband=1, uband=1)
    return {"t": times, "x": x[:: 10 * finer], "u": found.y.T[:, :: 10 * finer]}


def of_korteweg_de_vries(finer: int) -> Table:
    x, k = modes(-1, 1, 400 * finer)
    linear = korteweg_de_vries.DISPERSION * 1j * k**3
    u = exponential_steps(linear, lambda u: -0.5j * k * aliased(u.real**2), np.cos(np.pi * x), 1.0, 100 * finer)
    return {"t": np.linspace(0, 1, SIDE), "x": np.linspace(-1, 1, PLACES), "u": thinned(u.real)}


def of_kuramoto_sivashinsky(finer: int) -> Table:
    x, k = modes(0, 2 * np.pi, 400 * finer)
    linear = kuramoto_sivashinsky.GROWTH * k**2 - kuramoto_sivashinsky.DAMPING * k**4

    def bend(u: np.ndarray) -> np.ndarray:
        return -0.5j * kuramoto_sivashinsky.STEEPENING * k * aliased(u.real**2)

    u = exponential_steps(linear, bend, np.cos(x) * (1 + np.sin(x)), 1.0, 100 * finer)
    return {"t": np.linspace(0, 1, SIDE), "x": np.linspace(0, 2 * np.pi, PLACES), "u": thinned(u.real)}


def of_schroedinger(finer: int) -> Table:
    x, k = modes(-5, 5, 3200 * finer)  # the start has a kink where the ends meet
    h = exponential_steps(
        -0.5j * k**2, lambda h: 1j * aliased(np.abs(h) ** 2 * h), 2 / np.cosh(x), np.pi / 2, 200 * finer
    )
    axes = {"t": np.linspace(0, np.pi / 2, SIDE), "x": np.linspace(-5, 5, PLACES)}
    return axes | {"u": thinned(h.real), "v": thinned(h.imag)}


def modes(low: float, high: float, places: int) -> tuple[np.ndarray, np.ndarray]:
    """Places on a circle, from its low end on, and the wave number of each Fourier mode."""
    length = high - low
    return low + length * np.arange(places) / places, 2 * np.pi * np.fft.fftfreq(places, length / places)


def aliased(values: np.ndarray) -> np.ndarray:
    """Fourier modes of products, without the upper third, where those of higher ones would come back as others."""
    found = np.fft.fft(values)
    third = len(found) // 3
    found[third:-third] = 0
    return found


def thinned(values: np.ndarray) -> np.ndarray:
    """PLACES of the places on a circle, whose low end comes again as the high one."""
    return np.concatenate([values, values[:, :1]], 1)[:, :: values.shape[1] // (PLACES - 1)]


def exponential_steps(
    linear: np.ndarray, rest: Callable[[np.ndarray], np.ndarray], start: np.ndarray, end: float, steps: int
) -> np.ndarray:
    """Values (SIDE, places) of v' = linear v + rest(values), v being Fourier modes; `steps` from each time to the next.

    The coefficients are means over circles in the complex plane, whose direct formulas cancel.
    """
    h = end / (SIDE - 1) / steps
    around = h * linear[:, None] + np.exp(2j * np.pi * (np.arange(64) + 0.5) / 64)

    def mean(values: np.ndarray) -> np.ndarray:
        return h * values.mean(1)

    e = np.exp(around)
    whole, half = np.exp(h * linear), np.exp(h * linear / 2)
    step = mean((np.exp(around / 2) - 1) / around)
    first = mean((-4 - around + e * (4 - 3 * around + around**2)) / around**3)
    inner = mean((2 + around + e * (-2 + around)) / around**3)
    last = mean((-4 - 3 * around - around**2 + e * (4 - around)) / around**3)

    v, found = np.fft.fft(start), [start.astype(complex)]
    for _ in range(SIDE - 1):
        for _ in range(steps):
            a0 = rest(np.fft.ifft(v))
            a = half * v + step * a0
            b0 = rest(np.fft.ifft(a))
            b = half * v + step * b0
            c0 = rest(np.fft.ifft(b))
            c = half * a + step * (2 * c0 - a0)
            d0 = rest(np.fft.ifft(c))
            v = whole * v + first * a0 + 2 * inner * (b0 + c0) + last * d0
        found.append(np.fft.ifft(v))
    return np.array(found)


def of_cavity(finer: int) -> Table:
    """Extrapolated from two grids, whose errors go with the square of their distances."""
    near, far = cavity_velocity(200 * finer), cavity_velocity(100 * finer)
    pairs = zip(near, far, strict=True)
    u, v = ((4 * fine[:: 2 * finer, :: 2 * finer] - coarse[::finer, ::finer]) / 3 for fine, coarse in pairs)
    axis = np.linspace(0, 1, SIDE)
    return {"x": axis, "y": axis, "u": u, "v": v}


def cavity_velocity(sides: int) -> tuple[np.ndarray, np.ndarray]:
    """u and v (x, y) on a grid with so many sides of squares along each edge."""
    n, h = sides + 1, 1 / sides
    one = sparse.identity(n)
    slope = sparse.diags([-1.0, 1.0], [-1, 1], (n, n)) / (2 * h)
    bend = sparse.diags([1.0, -2.0, 1.0], [-1, 0, 1], (n, n)) / h**2
    along_x, along_y = sparse.kron(slope, one, "csr"), sparse.kron(one, slope, "csr")
    spread = sparse.kron(bend, one, "csr") + sparse.kron(one, bend, "csr")
    number = np.arange(n * n).reshape(n, n)
    inside = np.zeros((n, n))
    inside[1:-1, 1:-1] = 1
    within, wall = sparse.diags(inside.ravel()), sparse.diags(1 - inside.ravel())
    # The vorticity at a wall is that of the stream next to it (Thom), on the lid with its speed.
    rows, columns = [], []
    for at, beside in (
        (number[0, 1:-1], number[1, 1:-1]),
        (number[-1, 1:-1], number[-2, 1:-1]),
        (number[1:-1, 0], number[1:-1, 1]),
        (number[1:-1, -1], number[1:-1, -2]),
    ):
        rows.append(at)
        columns.append(beside)
    at, beside = np.concatenate(rows), np.concatenate(columns)
    thom = sparse.csr_matrix((np.full(len(at), 2 / h**2), (at, beside)), (n * n, n * n))
    lid = np.zeros(n * n)
    lid[number[1:-1, -1]] = 2 / h
    stream, vorticity = np.zeros(n * n), np.zeros(n * n)
    for _ in range(30):
        u, v = along_y @ stream, -along_x @ stream
        flow = sparse.diags(u) @ along_x + sparse.diags(v) @ along_y - spread / cavity.REYNOLDS
        turn = sparse.diags(along_x @ vorticity) @ along_y - sparse.diags(along_y @ vorticity) @ along_x
        poisson = within @ (spread @ stream + vorticity) + wall @ stream
        transport = within @ (flow @ vorticity) + wall @ vorticity + thom @ stream + lid
        matrix = sparse.bmat([[within @ spread + wall, within], [within @ turn + thom, within @ flow + wall]], "csc")
        move = splu(matrix).solve(-np.concatenate([poisson, transport]))
        stream, vorticity = stream + move[: n * n], vorticity + move[n * n :]
        if np.abs(move[: n * n]).max() < 1e-12:
            break
    u, v = ((inside.ravel() * part).reshape(n, n) for part in (along_y @ stream, -along_x @ stream))
    u[:, -1] = 1.0
    return u, v


SOLVED = {
    allen_cahn: of_allen_cahn,
    korteweg_de_vries: of_korteweg_de_vries,
    kuramoto_sivashinsky: of_kuramoto_sivashinsky,
    schroedinger: of_schroedinger,
    cavity: of_cavity,
}


def main(asked: list[str]) -> None:
    for task, solve in SOLVED.items():
        file = task.REFERENCE
        if asked and file.stem not in asked:
            continue
        fine, coarse = solve(2), solve(1)
        answers = [name for name in fine if fine[name].ndim == 2]
        error = max(np.abs(fine[name] - coarse[name]).max() for name in answers)
        norm = np.sqrt(sum(np.sum((fine[name] - coarse[name]) ** 2) for name in answers))
        relative = norm / np.sqrt(sum(np.sum(fine[name] ** 2) for name in answers))
        np.savez_compressed(file, **fine)
        size = file.stat().st_size
        print(
            f"{file.name}: {error:.1e} to the coarser grid at most, relative L2 {relative:.1e}; {size} bytes",
            flush=True,
        )


if __name__ == "__main__":
    main(sys.argv[1:])
