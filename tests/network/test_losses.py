import itertools
import math

import pytest
import torch

from lacss_tools.network.losses import aux_loss, border_magnitude, full_loss, lpn_offset_loss, lpn_score_loss, weak_loss
from lacss_tools.network.patches import Patches, pixel_index


def windows(origins, shape, size, batch=None):
    where = torch.tensor(origins)
    owner = torch.zeros(len(where), dtype=torch.long) if batch is None else torch.tensor(batch)
    return Patches(where, owner, shape, size)


def logit(p):
    return math.log(p / (1 - p))


def slow_weak_loss(logits, patches, mask):
    """The formula, pixel by pixel, in Python floats."""
    total = count = 0.0
    y = torch.sigmoid(logits.double())
    for k in range(len(patches)):
        for i in range(patches.size):
            for j in range(patches.size):
                py, px = (patches.origins[k] + torch.tensor([i, j])).tolist()
                if not (0 <= py < patches.shape[0] and 0 <= px < patches.shape[1]):
                    continue
                m = mask[patches.batch[k], py, px].item()
                own = y[k, i, j].item()
                rivals = 0.0
                for o in range(len(patches)):
                    oy, ox = py - patches.origins[o, 0].item(), px - patches.origins[o, 1].item()
                    same = o != k and patches.batch[o] == patches.batch[k]
                    if same and 0 <= oy < patches.size and 0 <= ox < patches.size:
                        rivals -= math.log(1 - y[o, oy, ox].item())
                total += (1 - m) * own + m * (1 - own) + own * rivals
                count += 1
    return total / count


def test_weak_loss_of_one_cell_is_its_error_against_the_mask():
    patches = windows([[0, 0]], (2, 2), 2)
    logits = torch.tensor([[[logit(0.9), logit(0.2)], [logit(0.5), logit(0.6)]]])
    mask = torch.tensor([[[1.0, 0.0], [1.0, 0.0]]])
    assert weak_loss(logits, patches, mask).item() == pytest.approx((0.1 + 0.2 + 0.5 + 0.6) / 4, abs=1e-6)


def test_weak_loss_of_two_rivals_on_four_pixels_in_closed_form():
    patches = windows([[0, 0], [0, 0]], (2, 2), 2)
    a, b = 0.7, 0.4
    logits = torch.stack([torch.full((2, 2), logit(a)), torch.full((2, 2), logit(b))])
    mask = torch.ones(1, 2, 2)
    expected = ((1 - a) + (1 - b) - a * math.log(1 - b) - b * math.log(1 - a)) / 2
    assert weak_loss(logits, patches, mask).item() == pytest.approx(expected, abs=1e-6)


def test_symmetric_rivals_rest_at_0_36():
    """2(1-y) - 2y log(1-y): the derivative -1 - log(1-y) + y/(1-y) is zero at y = 0.36 (method, section 5)."""
    patches = windows([[0, 0], [0, 0]], (2, 2), 2)
    logits = torch.zeros(2, 2, 2, requires_grad=True)
    optimiser = torch.optim.SGD([logits], lr=4.0)
    for _ in range(400):
        optimiser.zero_grad()
        weak_loss(logits, patches, torch.ones(1, 2, 2)).backward()
        optimiser.step()
    y = torch.sigmoid(logits.detach())
    assert (-1 - torch.log(1 - y) + y / (1 - y)).abs().max() < 1e-3
    assert y.mean().item() == pytest.approx(0.36, abs=0.01)


@pytest.mark.parametrize("seed", range(4))
def test_weak_loss_equals_the_pixel_loop(seed):
    generator = torch.Generator().manual_seed(seed)
    origins = (torch.randint(-2, 4, (4, 2), generator=generator) * 2).tolist()
    patches = windows(origins, (8, 8), 4, batch=[0, 0, 1, 1])
    logits = torch.randn(4, 4, 4, generator=generator)
    mask = (torch.rand(2, 8, 8, generator=generator) > 0.5).float()
    assert weak_loss(logits, patches, mask).item() == pytest.approx(slow_weak_loss(logits, patches, mask), rel=1e-5)


def test_gradients_equal_finite_differences():
    patches = windows([[0, 0], [2, 0], [-2, 2]], (6, 6), 4)
    logits = torch.randn(3, 4, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1)).requires_grad_()
    mask = (torch.rand(1, 6, 6, generator=torch.Generator().manual_seed(2)) > 0.4).double()
    labels = torch.randint(0, 4, (1, 6, 6), generator=torch.Generator().manual_seed(3)).double()
    own = torch.tensor([1.0, 2.0, 3.0], dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda z: weak_loss(z, patches, mask), logits)
    assert torch.autograd.gradcheck(lambda z: full_loss(z, patches, labels, own), logits)
    border = torch.rand(1, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(4)).requires_grad_()
    flat = (logits.detach() * 0.1).requires_grad_()  # borders under the clip at 1
    assert torch.autograd.gradcheck(lambda b, z: aux_loss(b, z, patches), (border, flat))
    aux_loss(border, flat, patches).backward()
    assert flat.grad.abs().max() > 1e-4


def test_what_lies_beyond_the_image_has_no_part_in_the_auxnet_term():
    patches = windows([[-2, -2], [4, 4]], (6, 6), 4)
    border = torch.rand(1, 6, 6, generator=torch.Generator().manual_seed(0))
    logits = torch.randn(2, 4, 4, generator=torch.Generator().manual_seed(1))
    other = torch.where(pixel_index(patches)[1], logits, 50.0)
    assert (other != logits).any()
    assert aux_loss(border, other, patches) == aux_loss(border, logits, patches)


def test_full_loss_is_cross_entropy_against_the_own_label():
    patches = windows([[0, 0]], (2, 2), 2)
    labels = torch.tensor([[[3.0, 0.0], [3.0, 1.0]]])
    logits = torch.tensor([[[logit(0.8), logit(0.1)], [logit(0.5), logit(0.3)]]])
    expected = -(math.log(0.8) + math.log(0.9) + math.log(0.5) + math.log(0.7)) / 4
    assert full_loss(logits, patches, labels, torch.tensor([3.0])).item() == pytest.approx(expected, abs=1e-6)


def test_full_loss_is_the_weighted_mean_over_pixels_inside_the_image():
    patches = windows([[-2, -2], [4, 4]], (6, 6), 4)
    labels = torch.randint(0, 3, (1, 6, 6), generator=torch.Generator().manual_seed(0)).float()
    logits = torch.randn(2, 4, 4, generator=torch.Generator().manual_seed(1))
    terms = torch.nn.functional.softplus(torch.where(labels[0, :2, :2] == 1, -logits[0, 2:, 2:], logits[0, 2:, 2:]))
    others = torch.nn.functional.softplus(torch.where(labels[0, 4:, 4:] == 2, -logits[1, :2, :2], logits[1, :2, :2]))
    loss = full_loss(logits, patches, labels, torch.tensor([1.0, 2.0]), torch.tensor([1.0, 0.5]))
    assert loss.item() == pytest.approx(float(terms.sum() + 0.5 * others.sum()) / 8, rel=1e-5)


@pytest.mark.parametrize("seed", range(3))
def test_trust_weighs_the_terms_in_which_labels_or_mask_enter_pixel_by_pixel(seed):
    random = torch.Generator().manual_seed(seed)
    patches = windows([[-2, -2], [1, 2], [4, 4]], (6, 6), 4)
    labels = torch.randint(0, 4, (1, 6, 6), generator=random).float()
    mask, trust = (labels > 0).float(), torch.rand(1, 6, 6, generator=random)
    logits, own = torch.randn(3, 4, 4, generator=random), torch.tensor([1.0, 2.0, 3.0])
    entropy, filling, count = 0.0, 0.0, 0
    for k, (top, left) in enumerate(patches.origins.tolist()):
        for y, x in itertools.product(range(max(0, top), min(6, top + 4)), range(max(0, left), min(6, left + 4))):
            p = float(torch.sigmoid(logits[k, y - top, x - left]))
            entropy += float(trust[0, y, x]) * -math.log(p if labels[0, y, x] == own[k] else 1 - p)
            filling += (1 - float(trust[0, y, x])) * abs(float(mask[0, y, x]) - p)
            count += 1
    assert full_loss(logits, patches, labels, own, trust=trust).item() == pytest.approx(entropy / count, rel=1e-5)
    rivals_and_all, weighted = (weak_loss(logits, patches, mask, trust=given).item() for given in (None, trust))
    assert rivals_and_all - weighted == pytest.approx(filling / count, rel=1e-4)


def test_aux_loss_is_small_only_when_auxnet_shows_the_cell_border():
    patches = windows([[0, 0]], (16, 16), 16)
    inside = torch.zeros(1, 16, 16)
    inside[:, 4:12, 4:12] = 1
    logits = 20 * inside - 10
    edge = torch.zeros(1, 16, 16)
    edge[:, 3:13, 3:13] = 1
    edge[:, 5:11, 5:11] = 0
    right = aux_loss(edge * math.tanh(1.0), logits, patches)
    wrong = aux_loss(1 - edge, logits, patches)
    assert right < 1e-3
    assert wrong > 0.05


def test_aux_loss_is_hubers_between_the_border_map_and_tanh_of_all_sobel_magnitudes():
    """Paper, Methods, pixel by pixel in Python floats, with two cells that overlap and delta 0.5."""
    random = torch.Generator().manual_seed(5)
    patches, border = windows([[0, 0], [2, 2]], (6, 6), 4), torch.rand(1, 6, 6, generator=random)
    logits = torch.randn(2, 4, 4, generator=random)
    y, total = torch.sigmoid(logits.double()), [[0.0] * 6 for _ in range(6)]

    def at(k, i, j):
        return y[k, i, j].item() if 0 <= i < 4 and 0 <= j < 4 else 0.0

    for k, i, j in itertools.product(range(2), range(4), range(4)):
        weights = ((-1, 1), (0, 2), (1, 1))
        down = sum(w * (at(k, i + 1, j + b) - at(k, i - 1, j + b)) for b, w in weights)
        right = sum(w * (at(k, i + b, j + 1) - at(k, i + b, j - 1)) for b, w in weights)
        top, left = patches.origins[k].tolist()
        total[top + i][left + j] += min(1.0, math.hypot(down, right))
    far = [abs(border[0, i, j].item() - math.tanh(total[i][j])) for i, j in itertools.product(range(6), range(6))]
    expected = sum(0.5 * d**2 if d <= 0.5 else 0.5 * (d - 0.25) for d in far) / 36
    assert max(far) > 0.5
    assert aux_loss(border, logits, patches).item() == pytest.approx(expected, rel=1e-4)


def test_lpn_losses_in_closed_form():
    target = torch.tensor([[[1.0, 0.0]]])
    logits = torch.tensor([[[logit(0.8), logit(0.3)]]])
    expected = -(0.2**2) * math.log(0.8) - 0.3**2 * math.log(0.7)
    assert lpn_score_loss(logits, target).item() == pytest.approx(expected, abs=1e-6)
    offset = torch.tensor([[[[4.0, 0.0], [99.0, 99.0]]]])
    truth = torch.tensor([[[[0.0, 16.0], [0.0, 0.0]]]])
    assert lpn_offset_loss(offset, truth, target, 8).item() == pytest.approx(0.5 * 0.25 + (2 - 0.5), abs=1e-6)


def test_images_without_cells_have_finite_losses():
    patches = Patches(torch.zeros(0, 2, dtype=torch.long), torch.zeros(0, dtype=torch.long), (8, 8), 4)
    logits = torch.zeros(0, 4, 4)
    assert weak_loss(logits, patches, torch.zeros(1, 8, 8)) == 0
    assert full_loss(logits, patches, torch.zeros(1, 8, 8), torch.zeros(0)) == 0
    assert aux_loss(torch.rand(1, 8, 8), logits, patches) == 0


def test_border_magnitude_is_sobels():
    y = torch.rand(3, 7, 9, generator=torch.Generator().manual_seed(0)) * 0.2
    kernel = torch.tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    both = torch.stack([kernel, kernel.T])[:, None]
    expected = torch.nn.functional.conv2d(y[:, None], both, padding=1).square().sum(1).sqrt().clamp(max=1)
    torch.testing.assert_close(border_magnitude(y), expected, atol=1e-4, rtol=0)
