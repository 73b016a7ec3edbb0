import pytest

from kanexp.config.tune import trials


def test_one_key_is_spaced_evenly_from_end_to_end():
    rates = [
        values["optimizer.learning_rate"] for values in trials({"trials": 4, "optimizer.learning_rate": [1e-4, 0.1]})
    ]
    assert rates == [1e-4, 1e-3, 1e-2, 0.1]
    assert [v["reg.weight"] for v in trials({"trials": 3, "reg.weight": [0, 1.0]})] == [0.0, 0.5, 1.0]


def test_whole_numbers_stay_whole():
    degrees = [values["layer.degree"] for values in trials({"trials": 3, "layer.degree": [3, 7]})]
    assert degrees == [3, 5, 7]
    assert all(type(degree) is int for degree in degrees)


def test_several_keys_fill_their_ranges_and_repeat():
    tune = {"trials": 50, "optimizer.learning_rate": [1e-4, 1e-1], "layer.degree": [2, 9]}
    drawn = trials(tune)
    assert drawn == trials(tune)
    assert len({values["optimizer.learning_rate"] for values in drawn}) == 50
    assert {values["layer.degree"] for values in drawn} == set(range(2, 10))
    below = sum(values["optimizer.learning_rate"] < 10**-2.5 for values in drawn)
    assert 22 <= below <= 28  # half of them below the middle of the logarithms


@pytest.mark.parametrize(
    "tune", [{}, {"trials": 1, "a.b": [1, 2]}, {"trials": 3}, {"trials": 3, "a.b": [2, 1]}, {"trials": 3, "a.b": 5}]
)
def test_what_is_no_tuning(tune):
    with pytest.raises(ValueError, match=r"^tune: must give 2 to 10000 trials and ranges of options"):
        trials(tune)
