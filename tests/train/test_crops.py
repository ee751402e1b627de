from dataclasses import replace

import numpy as np
import torch

from lacss_tools.contrast import Range
from lacss_tools.network.preprocess import BLACK, scaled_size, to_range, typical_diameter, working_scale
from lacss_tools.network.working import normalise, to_working
from lacss_tools.train.crops import (
    BEYOND,
    TrainingImage,
    draw_batch,
    full_image,
    guess,
    plan_crop,
    random_centre,
    random_matrix,
    render,
    unguessed_image,
    weak_image,
)
from lacss_tools.train.sampling import sample, sampling_grids
from lacss_tools.train.settings import TrainSettings

QUIET = TrainSettings(crop=64, batch=3, jitter=0.0)
PLAIN = replace(QUIET, gain=0.0, offset=0.0, noise=0.0, gamma=0.0, blur=0.0)


def dotted_field(seed=0):
    """Bright discs of radius 6 on 160 x 200 pixels with a LOI in the middle of each."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:160, :200]
    points, labels = [], np.zeros((160, 200), np.int32)
    for k, (cy, cx) in enumerate(((a + 10, b + 10) for a in range(10, 140, 32) for b in range(10, 180, 36)), start=1):
        points.append((cy, cx))
        labels[(y - cy) ** 2 + (x - cx) ** 2 <= 36] = k
    image = (labels > 0) * 100.0 + rng.normal(10, 1, labels.shape)
    return image.astype(np.float32)[None], labels, np.array(points, dtype=np.float64)


def test_lois_mask_labels_and_image_move_together_under_augmentation():
    image, labels, points = dotted_field()
    field = full_image(image, labels, points, np.arange(1, len(points) + 1), scale=1.0)
    seen = 0
    for step in range(20):
        crop = draw_batch([field], replace(QUIET, batch=1), step)
        inside = ((crop.lois > 0) & (crop.lois < 63)).all(dim=1)
        at = crop.lois[inside].round().long()
        assert (crop.labels[0, at[:, 0], at[:, 1]] == crop.own[inside]).all()
        assert (crop.mask[0, at[:, 0], at[:, 1]] == 1).all()
        assert (crop.image[0, 0, at[:, 0], at[:, 1]] > 0.5).all()
        seen += len(at)
    assert seen > 20


def test_doubt_is_cropped_as_the_mask_is_and_carried_only_where_there_is_some():
    image, labels, points = dotted_field()
    whole = unguessed_image(image, labels > 0, points, 1.0, labels > 0)
    plain = unguessed_image(image, labels > 0, points, 1.0)
    for step in range(3):
        crop, other = draw_batch([whole], QUIET, step), draw_batch([plain], QUIET, step)
        assert torch.equal(crop.doubt, crop.mask)
        assert crop.doubt.any()
        assert other.doubt is None
        assert torch.equal(crop.image, other.image)
        assert torch.equal(crop.mask, other.mask)
    half = unguessed_image(image, labels > 0, points, 0.5, labels > 0)
    assert half.doubt.shape == half.mask.shape
    assert torch.equal(half.doubt > 0.5, half.mask > 0)


def test_crops_around_cells_reach_a_little_beyond_the_field_and_small_fields_are_seen_whole():
    image, labels, points = dotted_field()  # 160 x 200
    field = full_image(image, labels, points, np.arange(1, len(points) + 1), scale=1.0)
    centres = torch.stack([random_centre(field, 96, np.random.default_rng(k)) for k in range(400)])
    slack = torch.minimum(centres, torch.tensor([160.0, 200.0]) - centres) - 96 / 2
    near = (slack >= -BEYOND).all(1)
    assert 0.8 < near.float().mean() < 1.0  # one in five is anywhere
    assert (slack[near].amin(0) == -BEYOND).all()
    middles = torch.stack([random_centre(field, 256, np.random.default_rng(k)) for k in range(50)])
    assert 0.6 < (middles[:, 0] == 80).float().mean() < 1.0


def test_large_labels_stay_apart():
    labels = np.zeros((64, 64), np.int32)
    labels[2:6, 2:10], labels[6:10, 2:10] = 2**24, 2**24 + 1
    points, own = np.array([[4.0, 5.0], [8.0, 5.0]]), np.array([2**24, 2**24 + 1])
    for filled in (labels, np.maximum(labels, 7)):
        field = full_image(np.zeros((1, 64, 64), np.float32), filled, points, own, scale=1.0)
        assert field.own.tolist() == [field.labels[4, 5].item(), field.labels[8, 5].item()]
        assert len(field.labels.unique()) == 3
        assert (field.mask.numpy() == (filled > 0)).all()


def test_only_a_gpu_that_reads_pinned_memory_copies_in_the_background(monkeypatch):
    asked = []
    monkeypatch.setattr(torch.Tensor, "to", lambda part, device, non_blocking=False: asked.append(non_blocking) or part)
    image, labels, points = dotted_field()
    field = full_image(image, labels, points, np.arange(1, len(points) + 1), scale=1.0)
    batch = draw_batch([field], TrainSettings(batch=1, crop=64), 0)
    asked.clear()
    batch.to(torch.device("mps"))
    assert asked
    assert not any(asked)
    asked.clear()
    batch.to(torch.device("cuda"))
    assert all(asked)


def test_a_batch_depends_on_seed_and_step_alone():
    image, labels, points = dotted_field()
    fields = [weak_image(image, labels > 0, points, 1.0)]
    again, other = draw_batch(fields, QUIET, 7), draw_batch(fields, QUIET, 8)
    first = draw_batch(fields, QUIET, 7)
    assert torch.equal(first.image, again.image)
    assert torch.equal(first.lois, again.lois)
    assert not torch.equal(first.image, other.image)
    assert first.image.shape == (3, 1, 64, 64)
    assert first.batch.tolist() == sorted(first.batch.tolist())


def test_crops_are_turned_by_any_angle_mirrored_every_other_time_and_resized_within_the_range():
    matrices = torch.stack(
        [random_matrix(TrainSettings(scale_range=0.25), np.random.default_rng(k)) for k in range(400)]
    )
    determinants = torch.linalg.det(matrices)
    factors = determinants.abs() ** -0.5
    assert 0.4 < (determinants < 0).float().mean() < 0.6
    assert 0.8 <= factors.min() < 0.82
    assert 1.22 < factors.max() <= 1.25
    turned = matrices * factors[:, None, None]
    torch.testing.assert_close(turned @ turned.mT, torch.eye(2).expand(400, 2, 2))
    quadrants = (turned[:, :, 0] > 0).long() @ torch.tensor([1, 2])
    assert quadrants.bincount(minlength=4).min() > 70


def test_lois_are_moved_by_the_jitter():
    image, labels, points = dotted_field()
    field = full_image(image, labels, points, np.arange(1, len(points) + 1), scale=1.0)
    moves = []
    for seed in range(40):
        still, moved = (
            plan_crop(0, field, replace(QUIET, jitter=j), np.random.default_rng(seed)).loci.lois for j in (0.0, 2.0)
        )
        inner = ((still > 8) & (still < 55)).all(dim=1)  # far from the edge, where they are held back
        moves.append((moved - still)[inner])
    assert len(torch.cat(moves)) > 50
    assert 1.7 < torch.cat(moves).std() < 2.3


def test_each_cell_is_seen_equally_often_and_empty_images_as_if_they_had_three():
    nothing = torch.zeros(1, 64, 64)
    full = TrainingImage(nothing, torch.ones(64, 64), nothing[0], torch.full((27, 2), 32.0), torch.arange(27.0))
    empty = TrainingImage(nothing, torch.zeros(64, 64), nothing[0], torch.zeros(0, 2), torch.zeros(0))
    batches = [draw_batch([full, empty], QUIET, step) for step in range(100)]
    of_empty = sum(int((~batch.mask.flatten(1).any(dim=1)).sum()) for batch in batches)
    assert 0.05 < of_empty / 300 < 0.15  # 3 of 33; half of the time if images were drawn alike


def test_beyond_the_image_a_crop_is_black_without_cells():
    image, labels, points = dotted_field()
    field = full_image(image + 50, labels, points, np.arange(1, len(points) + 1), scale=1.0)
    crop = render([field], plan_crop(0, field, replace(PLAIN, crop=512), np.random.default_rng(0)))
    assert (crop.image[0][:, [0, 0, -1, -1], [0, -1, 0, -1]] == BLACK).all()
    assert not crop.mask[0, 0].any()
    assert not crop.labels[0, 0].any()
    assert crop.image.max() > 1


def test_sampling_with_the_unit_matrix_is_a_crop():
    images = [torch.rand(2, 40, 50), torch.rand(2, 30, 40)]  # of any size
    extents = torch.tensor([[40.0, 50.0], [30.0, 40.0]])
    grids = sampling_grids(torch.eye(2).expand(2, 2, 2), torch.tensor([[19.5, 24.5], [9.5, 11.5]]), extents, 8)
    out = sample(images, grids, "bilinear")
    torch.testing.assert_close(out[0], images[0][:, 16:24, 21:29], atol=1e-5, rtol=0)
    torch.testing.assert_close(out[1], images[1][:, 6:14, 8:16], atol=1e-5, rtol=0)


def test_normalise_ignores_gain_and_offset():
    image = dotted_field()[0]
    torch.testing.assert_close(normalise(image), normalise(image * 37 + 500), atol=1e-3, rtol=0)
    assert torch.isfinite(normalise(np.zeros((1, 40, 40), np.float32))).all()


def test_dim_cells_stay_visible_by_the_square_root_and_the_brightest_pixels_are_cut():
    pixels, ends = np.array([[[0, 10, 20, 50, 1000]]], np.float32), np.array([10, 50], np.float32).reshape(2, 1, 1, 1)
    out = to_range(pixels, Range(ends[0], ends[1]))
    np.testing.assert_allclose(out[0, 0], [BLACK, BLACK, 0.5, 1.5, 2 * np.sqrt(2) - 0.5], atol=1e-6)


def test_working_scale_brings_the_typical_cell_to_the_wanted_diameter():
    area_of_60_px_discs = 20 * np.pi * 30**2
    assert abs(working_scale(typical_diameter(area_of_60_px_discs, 20), 30.0) - 0.5) < 1e-9


def test_points_follow_the_resize():
    size = scaled_size((100, 200), 0.5)
    corners = to_working(torch.tensor([[0.0, 0.0], [99.0, 199.0]]), (100, 200), size)
    torch.testing.assert_close(corners, torch.tensor([[-0.25, -0.25], [49.25, 99.25]]))


def test_pseudo_labels_come_from_the_cells_and_not_from_their_nuclei():
    image, labels, points = dotted_field()
    nuclei = np.random.default_rng(0).random(image.shape).astype(np.float32)
    plain = unguessed_image(image, labels >= 0, points, 1.0)
    both = replace(unguessed_image(np.concatenate([image, nuclei]), labels >= 0, points, 1.0), nuclei=True)
    assert torch.equal(guess(both, "bright").labels, guess(plain, "bright").labels)
    assert not torch.equal(guess(replace(both, nuclei=False), "bright").labels, guess(plain, "bright").labels)


def test_a_batch_has_blanked_nuclei_in_some_crops():
    image, labels, points = dotted_field()
    both = replace(weak_image(np.concatenate([image, image]), labels > 0, points, 1.0), nuclei=True)
    batches = [draw_batch([both], replace(QUIET, blank_nuclei=0.5), step).image for step in range(12)]
    blank = torch.cat([(batch[:, 1] == BLACK).all(dim=(1, 2)) for batch in batches])
    assert 8 <= int(blank.sum()) <= 28  # of 36
    assert not (torch.cat(batches)[:, 0] == BLACK).all(dim=(1, 2)).any()
