import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from lacss_tools.annotate.candidates.candidates import find_candidates
from lacss_tools.annotate.candidates.graphcut import Smoothness, cut
from lacss_tools.annotate.candidates.settings import CutSettings
from lacss_tools.annotate.candidates.tiles import cut_tiles, plan


@settings(max_examples=100, deadline=None)
@given(st.tuples(st.integers(1, 150), st.integers(1, 150)), st.integers(20, 60), st.integers(2, 10))
def test_cores_cover_every_pixel_once_and_windows_are_no_larger_than_allowed(shape, side, overlap):
    seen = np.zeros(shape, int)
    for tile in plan(shape, side, overlap):
        seen[tile.core] += 1
        for core, window, size in zip(tile.core, tile.window, shape, strict=True):
            assert window.stop - window.start <= side
            assert window.start == max(0, core.start - overlap // 2)
            assert window.stop == min(size, core.stop + overlap // 2)
    assert (seen == 1).all()


def blobs(seed, shape=(90, 110)):
    rng = np.random.default_rng(seed)
    q = ndimage.gaussian_filter(rng.normal(size=shape), 4)
    # mostly plainly cell or plainly background, as cells are
    return np.clip(0.5 + 0.3 * np.tanh(3 * q / q.std()) + rng.normal(0, 0.05, shape), 0.01, 0.99).astype(np.float32)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.floats(0.1, 0.3))
def test_tiles_agree_with_the_whole_where_the_overlap_is_wide(seed, weight):
    q, thresholds, smoothness = blobs(seed), [0.4, 0.5, 0.6], Smoothness(weight)
    masks, seam = cut_tiles(q.shape, plan(q.shape, 64, 24), 3, lambda window: cut(q[window], thresholds, smoothness))
    whole = cut(q, thresholds, smoothness)
    assert (masks != whole).mean() < 1e-3
    assert seam < 0.05  # the outermost pixels of a window miss neighbours
    assert not (masks[1:] & ~masks[:-1]).any()


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.floats(0.1, 3))
def test_any_difference_from_the_whole_lies_in_cores_that_their_border_can_reach(seed, weight):
    """Where clamping all outside the window to cell, then to background, changes nothing, the tile must agree."""
    q, smoothness = blobs(seed), Smoothness(weight)
    whole = cut(q, [0.5], smoothness)[0]
    for tile in plan(q.shape, 64, 24):
        inside = np.zeros(q.shape, bool)
        inside[tile.window] = True
        low, high = (
            cut(np.where(inside, q, np.float32(outside)), [0.5], smoothness, edge=0.0)[0] for outside in (0, 1)
        )
        sure = (low == high)[tile.window]
        part = cut(q[tile.window], [0.5], smoothness)[0]
        assert (part == whole[tile.window])[sure].all()


def test_the_seam_is_the_part_of_the_overlap_on_which_tiles_disagree():
    tiles = plan((4, 10), 8, 4)
    assert len(tiles) > 1
    count = iter(range(100))

    def alternating(window):
        shape = tuple(part.stop - part.start for part in window)
        return np.full((1, *shape), next(count) % 2 == 0)

    masks, seam = cut_tiles((4, 10), tiles, 1, alternating)
    assert seam > 0
    for k, tile in enumerate(tiles):
        assert (masks[0][tile.core] == (k % 2 == 0)).all()
    assert cut_tiles((4, 10), tiles, 1, lambda w: np.ones((1, *(p.stop - p.start for p in w)), bool))[1] == 0


@pytest.mark.parametrize("contrast", [False, True])
def test_a_large_image_is_tiled_by_itself_and_normalised_as_a_whole(contrast):
    image = (blobs(1, (200, 260)) * 3000).astype(np.float32)[None]
    whole = find_candidates(image, CutSettings(contrast=contrast, polarity="bright"))
    tiled = find_candidates(image, CutSettings(contrast=contrast, polarity="bright", tile=128, overlap=48))
    assert whole.seam is None
    assert tiled.seam is not None
    assert tiled.seam < 0.01
    assert tiled.thresholds == whole.thresholds
    assert (tiled.masks != whole.masks).mean() < 1e-3
