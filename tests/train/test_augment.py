import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from lacss_tools.network.working import normalise
from lacss_tools.train.augment import blur, draw_strengths, gamma, gaussian, reach_of, vary_intensity
from lacss_tools.train.settings import TrainSettings

OFF = TrainSettings(gain=0.0, offset=0.0, noise=0.0, gamma=0.0, blur=0.0)


def crop(channels=2):
    return torch.from_numpy(np.random.default_rng(0).uniform(-0.5, 1.5, (channels, 24, 30)).astype(np.float32))


def vary(seed=0, image=None, **settings):
    chosen = TrainSettings(**{**OFF.__dict__, **settings})
    image = crop() if image is None else image
    return vary_intensity(image[None], draw_strengths(tuple(image.shape), chosen, np.random.default_rng(seed)))[0]


def test_nothing_asked_nothing_changed():
    assert torch.equal(vary(), crop())


def test_each_channel_has_its_own_gain_and_offset():
    changed = vary(gain=0.5) / crop()
    factors = changed.flatten(1).median(dim=1).values
    torch.testing.assert_close(changed, factors[:, None, None].expand_as(changed), rtol=1e-4, atol=1e-4)
    assert factors[0] != factors[1]
    shifts = (vary(offset=0.3) - crop()).flatten(1)
    assert (shifts.std(dim=1) < 1e-5).all()
    assert shifts[0, 0] != shifts[1, 0]


@given(st.integers(0, 10_000))
def test_strengths_stay_within_their_settings(seed):
    ones = torch.ones(1, 8, 8)
    assert 1 / 1.25 <= float(vary(seed, ones, gain=0.25).mean()) <= 1.25
    assert abs(float(vary(seed, ones, offset=0.1).mean()) - 1) <= 0.1 + 1e-6
    assert float(vary(seed, ones, noise=0.05).std()) <= 0.05 * 1.5


def test_switching_one_on_leaves_the_draws_of_the_others():
    plain, with_blur = vary(seed=3, noise=0.05), vary(seed=3, noise=0.05, blur=1e-6)
    torch.testing.assert_close(plain, with_blur)


def test_gamma_keeps_black_and_white_and_the_order():
    x = torch.linspace(-0.5, 1.5, 50).view(1, 1, 50)
    for power in (0.5, 2.0):
        y = gamma(x, power)
        assert float(y[0, 0, 0]) == -0.5
        assert float(y[0, 0, -1]) == pytest.approx(1.5)
        assert (y.diff() > 0).all()
    assert (gamma(x, 2.0) <= x + 1e-6).all()
    assert torch.isfinite(gamma(x - 1, 0.5)).all()  # darker than black


@pytest.mark.parametrize("sigma", [0.4, 1.0, 2.0])
def test_blur_is_a_gaussian(sigma):
    image = crop(1)
    expected = ndimage.gaussian_filter(image[0].numpy(), sigma, mode="nearest", radius=max(1, round(3 * sigma)))
    sharp = crop(1) * 2
    kernels = torch.stack([gaussian(sigma, reach=8), gaussian(1e-6, reach=8)])  # each crop of a batch has its own
    blurred = blur(torch.stack([image, sharp]), kernels)
    np.testing.assert_allclose(blurred[0, 0].numpy(), expected, atol=1e-5)
    torch.testing.assert_close(blurred[1], sharp)
    assert gaussian(sigma, reach_of(sigma)).sum() == pytest.approx(1)


def test_blur_by_nothing_changes_nothing():
    torch.testing.assert_close(blur(crop()[None], gaussian(0.0, reach=1)[None])[0], crop())


def test_nuclei_are_blanked_in_a_fraction_of_the_crops_and_nothing_else():
    settings = TrainSettings(blank_nuclei=0.3)
    seen = 0
    for seed in range(400):
        with_nuclei, plain = (
            draw_strengths((2, 8, 8), settings, np.random.default_rng(seed), nuclei) for nuclei in (True, False)
        )
        assert with_nuclei.visible is not None
        assert plain.visible is None
        image = crop()[None, :, :8, :8]
        changed, expected = vary_intensity(image, with_nuclei), vary_intensity(image, plain)
        assert torch.equal(changed[:, 0], expected[:, 0])
        if with_nuclei.visible[0, 1]:
            seen += 1
            assert torch.equal(changed[:, 1], expected[:, 1])
        else:
            assert (changed[:, 1] == normalise(np.zeros((1, 8, 8), np.float32))).all()
    assert 0.63 < seen / 400 < 0.77
