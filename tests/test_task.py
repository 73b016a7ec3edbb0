import importlib.util
import math
import re
from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers.components import TASKS, name
from PIL import Image as Picture
from scipy import special
from scipy.io import wavfile
from torch.testing import assert_close

from kanexp.data.feynman import pykan_problems
from kanexp.score import functions
from kanexp.seeding import generator
from kanexp.task.audio import Audio
from kanexp.task.feynman import EQUATIONS, Feynman
from kanexp.task.function import Function
from kanexp.task.image import SAMPLES, Image
from kanexp.task.sdf import SHAPES, SignedDistance
from kanexp.testing import check_task


@pytest.mark.parametrize("task", TASKS, ids=name)
def test_battery(task):
    check_task(task)


def test_function_values():
    x = torch.tensor([[0.5], [-0.3]], dtype=torch.float64)
    assert Function().solution(x).item() == pytest.approx(0.25 + 2 * math.exp(-0.3))
    assert Function(function="exp_sin_square").solution(x).item() == pytest.approx(math.exp(1 + 0.09))
    assert Function(function="product").solution(x).item() == pytest.approx(-0.15)
    assert Function(function="runge").solution(x[:1]).item() == pytest.approx(1 / 7.25)


def test_the_initialization_studys_functions():
    x, y = torch.tensor([0.4, -0.7], dtype=torch.float64), torch.tensor([0.3, -0.6], dtype=torch.float64)
    points, (a, b) = torch.stack([x, y]), (x.numpy(), y.numpy())
    third = special.i1(a) + np.exp(special.i1e(b)) + np.sin(a * b)
    s, c = special.fresnel(third + special.erfinv(b))
    for function, expected in (
        ("bessel_sum", third),
        ("fresnel_product", s * c),
        ("jumps", b + special.erf(a) * a * b),
    ):
        np.testing.assert_allclose(Function(function=function).solution(points)[0], expected, rtol=1e-13)
    far = Function(function="jumps", low=-3.0, high=3.0).solution(torch.tensor([[2.0], [1.5]], dtype=torch.float64))
    assert far.item() == pytest.approx(-1.5 + special.erf(2.0) / 3)


def test_special_functions_by_name_and_ranges_for_each_input():
    task = Function(function="ellipkinc", low=[0.0, 0.1], high=[1.0, 0.5], train=50)
    data = task.load(generator(0, "data"))
    x = data.encoding.features(data.train.x)
    np.testing.assert_allclose(data.own_units(data.train.y)[0], special.ellipkinc(*x.numpy()))
    assert x[0].max() > 0.8
    assert 0.1 < x[1].min() < x[1].max() < 0.5


def test_ranges_other_than_the_unit_one_are_scaled_unless_it_is_said():
    usual, far = (
        Function(scale="auto"),
        Function(expression="1e9+1e3*x1*x2", low=[0.0, 100.0], high=[1.0, 300.0], noise=0.1, scale="auto"),
    )
    data = far.load(generator(0, "data"))
    for part in (data.train, data.val, data.test):
        assert part.x.abs().max() <= 1
    assert_close(data.train.y.mean(), torch.tensor(0.0).double(), atol=1e-6, rtol=0)
    assert_close(data.train.y.std(correction=0), torch.tensor(1.0).double())
    assert_close(data.own_units(data.test.y), far.solution(data.encoding.features(data.test.x)), rtol=1e-14, atol=0)
    assert "x1 in [0, 1], x2 in [100, 300]" in data.notes[0]
    scene = far.scene(data)
    assert_close(scene.target, far.solution(data.encoding.features(scene.x)), rtol=1e-14, atol=0)
    assert (usual.scaled, replace(usual, scale=True).scaled, far.scaled, replace(far, scale=False).scaled) == (
        *(False, True),
        *(True, False),
    )
    left = replace(far, scale=False).load(generator(0, "data"))
    assert (left.offset, left.scale, left.notes) == (0.0, 1.0, ())
    assert left.train.x[1].min() > 100


def test_every_equation_is_finite_where_its_ranges_are_and_known_ones_are_right():
    assert {task.equation for task in TASKS if isinstance(task, Feynman)} >= set(EQUATIONS)
    x = torch.tensor([[0.3], [0.5]], dtype=torch.float64)
    for equation, value in (
        ("I.12.11", 1 + 0.3 * math.sin(0.5)),
        ("I.16.6", 0.8 / 1.15),
        ("I.26.2", math.asin(0.3 * math.sin(0.5))),
        ("I.30.3", math.sin(0.075) ** 2 / math.sin(0.25) ** 2),
        ("I.40.1", 0.3 * math.exp(-0.5)),
        ("II.2.42", -0.35),
        ("II.35.18", 0.3 / (math.exp(0.5) + math.exp(-0.5))),
        ("III.10.19", math.sqrt(1.34)),
    ):
        assert Feynman(equation=equation).solution(x).item() == pytest.approx(value)


def test_pykans_problems_are_finite_on_its_ranges():
    problems = pykan_problems()
    assert len(problems) == 120
    for equation in problems:
        task = Feynman(equation=equation, domain="pykan", train=200, val=50, test=50)
        data = task.load(generator(0, "data"))
        assert data.train.y.isfinite().all()
        assert task.ranges == list(problems[equation].variables.values())


def test_some_of_pykans_problems_are_what_the_lectures_say():
    cases = {
        "I.9.18": ((1, 2, 3, 0, 1, 0, 2, 0, 2), 6 / 9),
        "I.16.6": ((0.5, 0.25, 1), 0.75 / 1.125),
        "I.18.12": ((2, 3, math.pi / 2), 6),
        "II.10.9": ((1, 2, 1), 0.25),
        "III.4.32": ((1, 1, 1, 1), 1 / (math.e - 1)),
        "Goldstein_3.74": ((1, 1, 1, 1), 2 * math.pi / math.sqrt(2)),
    }
    for equation, (values, expected) in cases.items():
        x = torch.tensor(values, dtype=torch.float64)[:, None]
        assert Feynman(equation=equation, domain="pykan").solution(x).item() == pytest.approx(expected), equation


def test_the_unit_domain_is_that_of_the_initialization_study():
    study = "I.6.2 I.6.2b I.12.11 I.13.12 I.16.6 I.18.4 I.26.2 I.27.6 I.29.16 I.30.3 I.40.1 I.50.26 II.2.42 II.6.15a"
    for equation in [*study.split(), "II.11.7", "II.11.27", "II.35.18", "II.36.38", "III.10.19", "III.17.37"]:
        own, unit = Feynman(equation=equation), Feynman(equation=equation, domain="unit")
        assert unit.ranges == [(-1, 1)] * len(own.ranges)
        assert unit.problem.formula == own.problem.formula
        assert unit.load(generator(0, "data")).train.y.isfinite().all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"equation": "I.8.4"}, "equation I.8.4 has no domain=own; use task.domain=pykan or unit"),
        (
            {"equation": "II.11.7", "domain": "pykan"},
            "equation II.11.7 has no domain=pykan; use task.domain=own or unit",
        ),
        ({"equation": "I.0"}, "equation must be one of I.6.2, I.6.2b, "),
    ],
)
def test_an_equation_that_a_domain_lacks_says_which_has_it(options, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        Feynman(**options)


def test_an_equation_outside_of_its_domain_says_where():
    with pytest.raises(ValueError, match=r"^equation: is nan at "):
        Feynman(equation="I.44.4", domain="unit").load(generator(0, "data"))


def test_a_function_that_is_not_finite_says_where():
    with pytest.raises(
        ValueError, match=r"^expression: is nan at \(-0\.\d+\), and not finite at \d+ of 800 samples; choose"
    ):
        Function(expression="log(x1)").load(generator(0, "data"))
    with pytest.raises(ValueError, match=r"^function: is nan"):
        Function(function="log").load(generator(0, "data"))
    with pytest.raises(
        ValueError, match=r"low must be a number, or a list of one for each of the 2 inputs, got \[0.0\]"
    ):
        Function(low=[0.0])


def test_noise_is_on_the_training_targets_alone():
    clean, noisy = (Function(noise=noise).load(generator(0, "data")) for noise in (0.0, 0.1))
    assert torch.equal(clean.train.x, noisy.train.x)
    assert (noisy.train.y - clean.train.y).std().item() == pytest.approx(0.1, rel=0.15)
    assert torch.equal(clean.test.y, noisy.test.y)


def test_function_metrics():
    target = torch.zeros(1, 1, 4)
    scores = Function().metrics(torch.tensor([[[1.0, -1.0, 1.0, 3.0]]]), target)
    assert {k: v.item() for k, v in scores.items()} == {
        "mse": 3.0,
        "rmse": pytest.approx(3**0.5),
        "mae": 1.5,
        "relative_l2": math.inf,
        "max": 3.0,
    }


def test_picture_pixels_lie_where_they_are_seen(tmp_path):
    picture = Picture.new("RGB", (8, 8))
    picture.putpixel((7, 0), (255, 0, 0))  # top right, red
    picture.save(tmp_path / "dot.png")
    task = Image(path=str(tmp_path / "dot.png"), size=8, color=True, extent=2.0)
    scene = task.scene(task.load(generator(0, "data")))
    (bright,) = (scene.target[0] > 0.5).nonzero().flatten().tolist()
    assert scene.x[:, bright].tolist() == [2.0, -2.0]
    assert scene.target[:, bright].tolist() == [1.0, 0.0, 0.0]
    assert bright == 7  # reading order


def wide(tmp_path):
    """A picture of 96 x 64 that grows brighter to the right, with a black row on top."""
    ramp = np.tile(np.arange(96, dtype=np.uint8) * 2 + 40, (64, 1))
    ramp[0] = 0
    Picture.fromarray(ramp).save(tmp_path / "wide.png")
    return str(tmp_path / "wide.png")


def test_a_rectangle_is_learned_whole(tmp_path):
    task = Image(path=wide(tmp_path), size=[96, 64])
    data = task.load(generator(0, "data"))
    scene = task.scene(data)
    assert (scene.shape, task.made, data.notes) == ((64, 96), 6144, ())
    pixels = scene.target.reshape(64, 96)
    assert pixels[0].max() == 0  # the row on top is there, and so are both ends
    assert pixels[5, [0, -1]].mul(255).tolist() == [40.0, 230.0]
    x, y = scene.x.reshape(2, 64, 96)
    assert x[0, [0, -1]].tolist() == [-1.0, 1.0]
    assert y[-1, 0].item() == pytest.approx(63 / 95)  # pixels are squares
    assert (x[0, 1] - x[0, 0]).item() == pytest.approx((y[1, 0] - y[0, 0]).item())
    assert task.scene_metrics(scene.target[None], scene)["picture_ssim"].item() == pytest.approx(1)
    assert task.shape_at(192) == (128, 192)


def test_what_is_cut_from_a_picture_is_said(tmp_path):
    path = wide(tmp_path)
    (note,) = Image(path=path, size=32).load(generator(0, "data")).notes
    assert note == (
        "of 96 x 64 pixels the middle 64 x 64 are learned, as 32 x 32; task.size=[32,21] keeps the whole picture"
    )
    assert Image(path=path, size=[32, 21]).load(generator(0, "data")).notes == ()
    assert "the middle 32 x 64" in Image(path=path, size=[20, 40]).load(generator(0, "data")).notes[0]


@pytest.mark.parametrize("size", [[], [8, 8, 8], [2, 8], [8, 5000], 3])
def test_sizes_of_pictures_that_are_none(size):
    with pytest.raises(ValueError, match=r"size must be .*, got"):
        Image(size=size)


def test_every_pixel_is_in_one_part():
    data = Image(size=20, val=0.1, test=0.25).load(generator(0, "data"))
    parts = [split.x for split in (data.train, data.val, data.test)]
    assert [p.shape[1] for p in parts] == [260, 40, 100]
    assert len(torch.cat(parts, dim=1).T.unique(dim=0)) == 400


def test_all_pixels_train_where_none_are_held_out():
    data = Image(size=20, val=0.0, test=0.0).load(generator(0, "data"))
    whole = Image(size=20).scene(data)
    assert data.val is data.train
    assert torch.equal(data.test.y, whole.target)
    assert len(torch.cat([data.train.x, data.train.y]).T.unique(dim=0)) == 400
    assert [note.split()[1] for note in data.notes[-2:]] == ["task.val=0", "task.test=0"]
    beside = Image(size=20, val=0.0, test=0.25).load(generator(0, "data"))
    assert (beside.train.x.shape[1], beside.test.x.shape[1]) == (300, 100)


def test_pictures_are_scored_whole_where_they_were_held_out_and_at_twice_the_size():
    """Errors that are at test pixels alone, and then everywhere in the larger picture."""
    task = Image(size=[48, 32], test=0.2)
    data = task.load(generator(0, "data"))
    scene = task.scene(data)
    assert torch.equal(scene.target[:, scene.held].flatten().sort()[0], data.test.y.flatten().sort()[0])
    wrong = scene.target + 0.1 * scene.held
    found = task.scene_metrics(wrong[None], scene)
    assert found["picture_psnr"].item() == pytest.approx(-10 * math.log10(0.01 * scene.held.double().mean()))
    assert set(found) == {"picture_psnr", "picture_ssim", "ssim"}
    assert 0 < found["ssim"].item() < found["picture_ssim"].item() < 1  # errors are in the middle of its windows
    finer = task.finer_scene(data)
    assert finer.shape == (64, 96)
    found = task.scene_metrics(finer.target[None] + 0.1, finer)
    assert set(found) == {"twice_psnr", "twice_ssim"}
    assert found["twice_psnr"].item() == pytest.approx(20)


def test_the_larger_picture_lies_over_the_smaller():
    task = Image(size=[48, 32])
    data = task.load(generator(0, "data"))
    scene, finer = task.scene(data), task.finer_scene(data)
    mean = finer.x.reshape(2, 32, 2, 48, 2).mean(dim=(2, 4)).flatten(1)
    torch.testing.assert_close(mean, scene.x)
    pixels = finer.target.reshape(64, 96)
    likeness = {
        shift: functions.psnr(
            pixels.roll(shift, (0, 1)).reshape(1, 1, 32, 2, 48, 2).mean(dim=(3, 5)).flatten(2), scene.target[None]
        )
        for shift in [(0, 0), (1, 0), (-1, 0), (0, 1), (0, -1)]
    }
    assert max(likeness, key=lambda shift: likeness[shift]) == (0, 0)


def test_no_larger_picture_is_made_up(tmp_path):
    task = Image(path=wide(tmp_path), size=[50, 30])
    assert task.finer_scene(task.load(generator(0, "data"))) is None


def test_psnr():
    scores = Image().metrics(torch.full((1, 1, 9), 0.6), torch.full((1, 1, 9), 0.5))
    assert scores["psnr"].item() == pytest.approx(20.0, abs=1e-4)


def test_the_signed_distance_of_a_box_is_known():
    x = 2 * torch.rand((2, 500), generator=generator(0, "check"), dtype=torch.float64) - 1
    (right, up) = SHAPES["box"][2]
    beside, above = x[0].abs() - right, x[1].abs() - up
    outside = torch.hypot(beside.clamp(min=0), above.clamp(min=0))
    known = outside + torch.maximum(beside, above).clamp(max=0)
    assert_close(SignedDistance(shape="box").solution(x)[0], known)
    turned = SignedDistance(
        corners=[[y, -x] for x, y in reversed(SHAPES["box"])]
    )  # by a right angle, the other way round
    assert_close(turned.solution(torch.stack([x[1], -x[0]]))[0], known)


@pytest.mark.parametrize("shape", ["circle", "box", "star"])
def test_signed_distances_grow_by_as_much_as_one_goes(shape):
    """Their slope has length 1 wherever there is one, and they are negative in the middle alone."""
    x = (2 * torch.rand((2, 200), generator=generator(1, "check"), dtype=torch.float64) - 1).requires_grad_()
    y = SignedDistance(shape=shape).solution(x)
    (slope,) = torch.autograd.grad(y.sum(), x)
    assert_close(slope.norm(dim=0), torch.ones(200, dtype=torch.float64))
    corners = torch.tensor([[0.0, 1.0, -1.0], [0.0, 1.0, -1.0]], dtype=torch.float64)
    assert (SignedDistance(shape=shape).solution(corners) < 0).tolist() == [[True, False, False]]


def test_the_inside_of_a_shape_is_compared():
    task = SignedDistance(shape="circle", scale=True)
    scene = task.scene(task.load(generator(0, "data")))
    found = task.scene_metrics(torch.stack([scene.target, scene.target + 0.3, scene.target + 2]), scene)["grid_iou"]
    assert found.tolist() == [1.0, pytest.approx(0.25, abs=0.02), 0.0]  # half the radius


@pytest.mark.parametrize("corners", [[], [[0.0, 0.0], [1.0, 0.0]], [[0.0, 0.0], [1.0, 0.0], [1.0, 1.5]], [[0.0]] * 3])
def test_corners_that_are_none(corners):
    with pytest.raises(ValueError, match=r"corners must be three or more of \[x, y\], each from -1 to 1, got"):
        SignedDistance(corners=corners)


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.int32, np.float32])
def test_sounds_are_read_from_wav_files(tmp_path, kind):
    wave = np.sin(np.arange(400) / 7) * np.exp(-np.arange(400) / 150)
    large = {np.uint8: 100, np.int16: 3e4, np.int32: 2e9, np.float32: 0.3}[kind]
    written = (large * wave + (128 if kind is np.uint8 else 0)).astype(kind)
    wavfile.write(tmp_path / "wave.wav", 1000, np.stack([written, written], axis=1))
    task = Audio(path=str(tmp_path / "wave.wav"), extent=2.0)
    data = task.load(generator(0, "data"))
    scene = task.scene(data)
    assert_close(scene.target[0], torch.from_numpy(wave / np.abs(wave).max()), rtol=0, atol=0.02)
    assert scene.x[0, [0, -1]].tolist() == [-2.0, 2.0]
    assert data.notes == ("400 samples, 1000 per second, divided by the largest",)
    half = Audio(path=task.path, seconds=0.2, rate=500).load(generator(0, "data"))
    assert half.notes == ("100 samples, 500 per second, divided by the largest",)
    found = task.scene_metrics(torch.stack([0.9 * scene.target, 0 * scene.target]), scene)["sound_snr"]
    assert found.tolist() == [pytest.approx(20), pytest.approx(0)]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "no such file"),
        (b"text", ""),
        (b"RIFF....WAVE", ""),
        (np.zeros(99), "silence"),
        (np.ones(3), "3 samples"),
    ],
)
def test_unreadable_sounds(tmp_path, content, why):
    file = tmp_path / "wave.wav"
    if isinstance(content, bytes):
        file.write_bytes(content)
    elif content is not None:
        wavfile.write(file, 1000, content)
    with pytest.raises(ValueError, match=rf"path: .*wave.wav.*{why}.*give a "):
        Audio(path=str(file)).load(generator(0, "data"))


@pytest.mark.parametrize("sample", SAMPLES)
def test_samples_are_pictures(sample):
    if importlib.util.find_spec(SAMPLES[sample][0]) is None:
        with pytest.raises(ValueError, match="the package scikit-image that brings it is not installed: pip install"):
            Image(path=sample).load(generator(0, "data"))
        return
    y = Image(path=sample, size=32).load(generator(0, "data")).train.y
    assert y.std() > 0.1
    assert y.min() >= 0
    assert y.max() <= 1


@pytest.mark.parametrize(
    ("content", "why"), [(None, "no such file"), (b"text", "cannot identify"), (b"\x89PNG\r\n", "")]
)
def test_unreadable_pictures(tmp_path, content, why):
    file = tmp_path / "picture.png"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ValueError, match=rf"path: cannot read a picture from .*{why}.*give a PNG or JPEG"):
        Image(path=str(file)).load(generator(0, "data"))


def test_truncated_picture(tmp_path, rng):
    Picture.fromarray(rng.integers(0, 256, (64, 64), dtype=np.uint8)).save(tmp_path / "whole.jpg")
    (tmp_path / "half.jpg").write_bytes((tmp_path / "whole.jpg").read_bytes()[:900])
    with pytest.raises(ValueError, match="cannot read a picture"):
        Image(path=str(tmp_path / "half.jpg")).load(generator(0, "data"))


def test_deep_gray_pictures_are_not_clipped(tmp_path):
    ramp = np.linspace(1000, 60000, 64).reshape(8, 8).astype(np.uint16)
    Picture.fromarray(ramp).save(tmp_path / "deep.png")
    task = Image(path=str(tmp_path / "deep.png"), size=8)
    values = task.scene(task.load(generator(0, "data"))).target[0]
    torch.testing.assert_close(values, torch.linspace(0, 1, 64, dtype=torch.float64), rtol=0, atol=0.5 / 255 + 1e-9)
