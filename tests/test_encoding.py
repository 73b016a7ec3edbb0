"""How rows of a table become inputs, and what is said of rows that cannot."""

import json

import numpy as np
import pandas as pd
import pytest
import torch
from torch.testing import assert_close

from kanexp.data.encoding import Column, Encoding

CITY = Column("city", values=("Bern", "Oslo", "missing"))
AREA = Column("area", offset=50.0, scale=10.0, fill=48.0)
ENCODING = Encoding((AREA, CITY), ("price",))


def test_rows_become_numbers_in_own_units_and_inputs_of_one_size():
    table = pd.DataFrame({"city": ["Oslo", None], "note": ["a", "b"], "area": [70.0, np.nan]})
    features = ENCODING.read(table)
    assert_close(features[0, 0], torch.tensor(70.0).double())
    assert features[0, 1].isnan()
    assert features[1:].tolist() == [[0, 0], [1, 0], [0, 1]]
    inputs = ENCODING.inputs(features)
    assert inputs.tolist() == [[2.0, -0.2], [-1, -1], [1, -1], [-1, 1]]
    assert_close(ENCODING.features(inputs)[:, 0], features[:, 0])
    assert ENCODING.names == ["area", "city=Bern", "city=Oslo", "city=missing"]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"area": [1.0]}, "there is no column 'city'; the columns are area"),
        ({"area": ["much"], "city": ["Oslo"]}, "column 'area' holds 'much' in row 1, which is no number"),
        ({"area": [np.inf], "city": ["Oslo"]}, "column 'area' is infinite in row 1"),
        (
            {"area": [1.0], "city": ["Rome"]},
            "'city' holds 'Rome', which training did not see; it knows Bern, ",
        ),
    ],
)
def test_rows_that_training_knows_nothing_of(values, sentence):
    with pytest.raises(ValueError, match=sentence):
        ENCODING.read(pd.DataFrame(values))


def test_what_must_be_there():
    with pytest.raises(ValueError, match="column 'x1' is empty in row 2; put a number there"):
        Encoding.unchanged(1).read(pd.DataFrame({"x1": [1.0, None]}))


def test_it_comes_back_from_plain_values():
    assert Encoding.from_plain(json.loads(json.dumps(ENCODING.plain()))) == ENCODING
    assert not ENCODING.is_unchanged
    assert Encoding.unchanged(3).is_unchanged
