"""Original codes in the settings of two rows of the table of reproductions, where it is asked if they or we are off.

    python scripts/originals.py poisson 1 2 3          pykan: MSE to the solution after each size of the grid
    python scripts/originals.py poisson --stay 1 2 3   the same with knots that stay where they start
    python scripts/originals.py init_small 0 1 2       jaxKAN: training MSE of f1 = x y from the power start
    python scripts/originals.py formulas 0 1           pykan: from networks to formulas on the Feynman equations
    python scripts/originals.py pyoperon 0 1           the same equations by genetic programming; or pysr

The numbers are seeds. `formulas` and the last fill tables of outputs/readme/feynman_formulas.md (see pykan_chain.py,
genetic.py); --equations I.12.11 II.2.42 does some of them, --simplicity 0 lets pykan choose symbols by their fit alone.
Needs `pip install 'kanexp[bench]'`, and the last `pip install pyoperon`, or pysr with Julia.
"""

import argparse

import torch
from genetic import SEARCHES
from genetic import compare as genetic
from pykan_chain import SIMPLICITY, compare

from kanexp.task.feynman import EQUATIONS

GRIDS, STEPS, MOVES = (5, 10, 20), 50, range(0, 20, 5)  # L-BFGS steps of up to 20 iterations; before which knots move


def poisson(seed: int, stay: bool) -> list[float]:
    from kan import KAN, LBFGS

    side = torch.linspace(-1, 1, 51)
    mesh = torch.cartesian_prod(side, side)
    edge = torch.cat([mesh[mesh[:, axis] == end] for axis in (0, 1) for end in (-1, 1)])

    def solution(x: torch.Tensor) -> torch.Tensor:
        return (torch.pi * x).sin().prod(dim=1, keepdim=True)

    def loss() -> torch.Tensor:
        x = mesh.clone().requires_grad_()
        (first,) = torch.autograd.grad(model(x).sum(), x, create_graph=True)
        second = [torch.autograd.grad(first[:, i].sum(), x, create_graph=True)[0][:, i] for i in (0, 1)]
        residual = sum(second)[:, None] + 2 * torch.pi**2 * solution(mesh)
        return 0.01 * residual.square().mean() + (model(edge) - solution(edge)).square().mean()

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        value = loss()
        value.backward()
        return value

    found = []
    model = KAN(width=[2, 2, 1], grid=GRIDS[0], k=3, seed=seed, auto_save=False).speed()
    for grid in GRIDS:
        if grid != GRIDS[0]:
            model.save_act = True
            model.get_act(mesh)
            model = model.refine(grid).speed()
        exact = {"tolerance_grad": 1e-32, "tolerance_change": 1e-32, "tolerance_ys": 1e-32}
        optimizer = LBFGS(model.parameters(), lr=1, history_size=10, line_search_fn="strong_wolfe", **exact)
        for step in range(STEPS):
            if step in MOVES and not stay:
                model.update_grid_from_samples(mesh)
            optimizer.step(closure)
        found.append((model(mesh) - solution(mesh)).square().mean().item())
    return found


def init_small(seed: int) -> list[float]:
    import jax
    import optax
    from flax import nnx
    from jaxkan.models.KAN import KAN

    x = jax.random.uniform(jax.random.PRNGKey(100 + seed), (4000, 2), minval=-1, maxval=1)
    y = x.prod(axis=1, keepdims=True)
    start = {"type": "power", "pow_b1": 1.75, "pow_b2": 1.75, "pow_r1": 0.25, "pow_r2": 0.25}
    basis = {"k": 3, "G": 5, "residual": nnx.silu, "external_weights": True, "init_scheme": start, "add_bias": True}
    model = KAN(layer_dims=[2, 8, 8, 1], layer_type="spline", required_parameters=basis, seed=seed)
    optimizer = nnx.Optimizer(model, optax.adam(1e-3), wrt=nnx.Param)

    def loss(model):
        return ((model(x) - y) ** 2).mean()

    @nnx.jit
    def step(model, optimizer):
        optimizer.update(model, nnx.grad(loss)(model))

    for _ in range(2000):
        step(model, optimizer)
    return [float(loss(model))]


def formulas(seeds: list[int], equations: list[str], simplicity: float) -> str:
    from kan import KAN

    torch.set_num_threads(1)
    return compare(seeds, equations, simplicity, KAN)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("row", choices=["poisson", "init_small", "formulas", *SEARCHES])
    parser.add_argument("seeds", nargs="+", type=int)
    parser.add_argument("--stay", action="store_true")
    parser.add_argument("--equations", nargs="+", default=[], choices=list(EQUATIONS), metavar="EQUATION")
    parser.add_argument("--simplicity", type=float, default=SIMPLICITY, choices=[SIMPLICITY, 0.0])
    given = parser.parse_args()
    if given.row in SEARCHES:
        torch.set_num_threads(1)
        print(genetic(given.row, given.seeds, given.equations))
        return
    if given.row == "formulas":
        print(formulas(given.seeds, given.equations, given.simplicity))
        return
    for seed in given.seeds:
        found = poisson(seed, given.stay) if given.row == "poisson" else init_small(seed)
        print(f"seed {seed}:", *(f"{value:.3g}" for value in found), flush=True)


if __name__ == "__main__":
    main()
