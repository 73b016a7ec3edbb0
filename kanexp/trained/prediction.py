"""Prediction: what networks answer for rows, as a table with the median and the range over seeds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Prediction:
    """Answers (seeds, rows, outputs) of networks in own units; of classes, their probabilities."""

    answers: np.ndarray
    targets: Sequence[str]
    classes: Sequence[str] = ()

    def table(self) -> pd.DataFrame:
        """A row for each row asked about.

        Of numbers, for each target its median over seeds, and with several seeds the lowest and highest answer. Of
        classes, the one of the highest mean probability, the share of seeds that say the same, and these probabilities.
        """
        return self._of_classes() if self.classes else self._of_numbers()

    def _of_numbers(self) -> pd.DataFrame:
        columns = {}
        for i, target in enumerate(self.targets):
            own = self.answers[:, :, i]
            columns[f"{target}_predicted"] = np.median(own, axis=0)
            if len(own) > 1:
                columns |= {f"{target}_low": own.min(axis=0), f"{target}_high": own.max(axis=0)}
        return pd.DataFrame(columns)

    def _of_classes(self) -> pd.DataFrame:
        target, names = self.targets[0], np.array(self.classes)
        mean = self.answers.mean(axis=0)
        said = mean.argmax(axis=1)
        columns = {f"{target}_predicted": names[said]}
        if len(self.answers) > 1:
            columns[f"{target}_agreement"] = (self.answers.argmax(axis=2) == said).mean(axis=0)
        return pd.DataFrame(columns | {f"p({name})": mean[:, i] for i, name in enumerate(self.classes)})
