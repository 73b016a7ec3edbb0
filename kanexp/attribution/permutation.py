"""What a column of the data is worth to networks: their loss where it is shuffled."""

import torch
from torch import Tensor

from kanexp.attribution.learned import Learned
from kanexp.seeding import generator

TIMES = 5  # that each column is shuffled


def permutation(learned: Learned) -> Tensor | None:
    """How many times as large the loss on the test data is with a column shuffled, (seeds, columns).

    Mean over TIMES orders, the same for all seeds; all inputs of a category are shuffled together. None of an equation,
    whose loss is not one of answers.

    Source: Breiman 2001, https://doi.org/10.1023/A:1010933404324; as a ratio, Fisher et al. 2019,
    https://arxiv.org/abs/1801.01489
    """
    task, test = learned.task, learned.data.test
    if task.differential or not task.solved:
        return None
    draws = generator(0, "permutation")
    orders = [torch.randperm(test.x.shape[1], generator=draws) for _ in range(TIMES)]

    def loss(x: Tensor) -> Tensor:
        with torch.no_grad():
            answers = learned.network(learned.theta, x[None])
        # The smallest number in the place of zero: of a loss of nothing at all there are no multiples.
        return task.loss(answers, test.y[None]).clamp(min=torch.finfo(x.dtype).tiny)

    columns = []
    for inputs in learned.inputs:
        shuffled = []
        for order in orders:
            x = test.x.clone()
            x[inputs] = x[inputs][:, order]
            shuffled.append(loss(x))
        columns.append(torch.stack(shuffled).mean(0))
    return torch.stack(columns, dim=1) / loss(test.x)[:, None]
