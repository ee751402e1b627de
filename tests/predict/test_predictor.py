from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from lacss_tools.cells import cells_from_labels, cells_to_labels
from lacss_tools.errors import InputError
from lacss_tools.network.lacss import Lacss
from lacss_tools.network.scoring import Scoring
from lacss_tools.network.settings import ModelSettings
from lacss_tools.predict.found import Found, encode
from lacss_tools.predict.original import Frame, to_original
from lacss_tools.predict.predictor import Predictor, load_predictor
from lacss_tools.predict.settings import ALL_DETECTIONS, PredictSettings
from tests.made_up import made_up_image

CPU = torch.device("cpu")
TRAINED = Path(__file__).parents[1] / "data" / "run_0_1_0" / "runs" / "old"


@pytest.mark.parametrize(("shape", "size"), [((80, 100), (80, 100)), ((160, 200), (80, 100)), ((57, 71), (80, 100))])
@pytest.mark.parametrize("place", [(0.45, 0.6), (0.02, 0.99)])
def test_cells_of_the_working_grid_lie_in_the_same_place_on_the_original(shape, size, place):
    """A smooth bump known in original coordinates, seen at the working scale, comes back; at the border too."""
    centre, sigma = np.array(place) * shape, 0.1 * shape[0]

    def bump(y, x):
        return np.exp(-((y - centre[0]) ** 2 + (x - centre[1]) ** 2) / (2 * sigma**2))

    factor = np.array(size) / np.array(shape)
    middle = (centre + 0.5) * factor - 0.5
    y0, x0 = np.maximum(np.rint(middle).astype(int) - 16, 0)
    y1, x1 = np.minimum(np.rint(middle).astype(int) + 16, size)
    lines = [(np.arange(a, b) + 0.5) / f - 0.5 for a, b, f in zip((y0, x0), (y1, x1), factor, strict=True)]
    codes = np.rint(255 * bump(lines[0][:, None], lines[1][None])).astype(np.uint8)
    one, boxes = np.array([0.7]), np.array([[y0, x0, y1, x1]])
    frame = Frame(size, shape)
    moved = to_original(Found(size, one, middle[None], boxes, (codes,), one, np.zeros(1, bool)), frame)
    expected = bump(*np.mgrid[: shape[0], : shape[1]])
    a, b, c, d = moved.boxes[0]
    assert moved.locations[0] == pytest.approx(centre)
    assert moved.areas()[0] == pytest.approx((expected > 0.5).sum(), rel=0.02)
    assert np.abs(moved.crops[0] / 255 - expected[a:c, b:d])[expected[a:c, b:d] > 0.5].max() < 0.025
    tight = moved.crops[0] >= 128
    assert tight[[0, -1]].any(axis=1).all()
    assert tight[:, [0, -1]].any(axis=0).all()


def test_a_cell_without_a_pixel_of_the_original_is_dropped():
    crops = (np.array([[0, 0], [0, 130]], np.uint8), np.full((6, 6), 200, np.uint8))
    boxes, two = np.array([[2, 2, 4, 4], [10, 10, 16, 16]]), np.array([0.9, 0.8])
    found = Found((20, 20), two, boxes[:, :2].astype(float), boxes, crops, two, np.zeros(2, bool))
    assert to_original(found, Frame((20, 20), (5, 5))).scores.tolist() == [0.8]


def test_codes_keep_their_side_of_a_half():
    values = np.nextafter(np.float32(0.5), np.array([[0, 1]], np.float32))
    assert encode(torch.from_numpy(values)).tolist() == [[127, 128]]
    line = torch.linspace(0, 1, 1001)[None]
    assert ((encode(line) >= 128) == (line > 0.5)).all()
    assert (encode(line) / 255.0 - line).abs().max() < 0.003


def test_contested_pixels_go_to_the_more_probable_cell():
    parts = cells_from_labels(np.array([[1, 1, 1, 1, 1, 1, 0, 0, 0, 0], [0, 0, 0, 0, 2, 2, 2, 2, 2, 2]]))
    boxes = parts.boxes.copy()
    boxes[1, [0, 2]] = 0, 1  # both on the first row
    parts.crops[0][:, 5] = 150
    labels = cells_to_labels(type(parts)((1, 10), parts.scores, parts.locations, boxes, parts.crops))
    assert labels.tolist() == [[1, 1, 1, 1, 1, 2, 2, 2, 2, 2]]


def test_labels_survive_the_way_through_cells():
    rng = np.random.default_rng(0)
    labels = np.kron(rng.integers(0, 9, (6, 7)), np.ones((3, 3), int)).astype(np.int32)
    back = cells_to_labels(cells_from_labels(labels))
    numbers = {int(k): n for n, k in enumerate(np.unique(labels[labels > 0]), start=1)}
    assert (back == np.vectorize(lambda k: numbers.get(int(k), 0))(labels)).all()


@pytest.mark.parametrize("shape", [(33, 47), (64, 64), (100, 31)])
def test_an_untrained_model_gives_valid_cells_on_any_size(shape):
    torch.manual_seed(0)
    model = Lacss(ModelSettings(widths=(8, 8, 8, 16, 16), blocks=(1, 1, 1, 1, 1), pyramid=8, fine=8, patch_size=32))
    predictor = Predictor(model.eval(), 0.8, CPU, PredictSettings(min_score=0.0, min_area=1.0))
    cells = predictor(np.random.default_rng(0).random((1, *shape), dtype=np.float32))
    assert cells.shape == shape
    assert len(cells) > 1
    assert (cells.boxes[:, :2] >= 0).all()
    assert (cells.boxes[:, 2:] <= shape).all()
    assert all(c.shape == (y1 - y0, x1 - x0) for c, (y0, x0, y1, x1) in zip(cells.crops, cells.boxes, strict=True))
    assert (np.diff(cells.scores) <= 0).all()


def test_the_score_that_is_cut_is_that_of_the_cells():
    torch.manual_seed(0)
    model = Lacss(ModelSettings(widths=(8, 8, 8, 16, 16), blocks=(1, 1, 1, 1, 1), pyramid=8, fine=8, patch_size=32))
    image = np.random.default_rng(0).random((1, 96, 90), dtype=np.float32)
    everything = PredictSettings(min_score=0.0, min_area=1.0)
    all_cells = Predictor(model.eval(), 0.8, CPU, everything)(image)
    middle = float(np.median(all_cells.scores))
    cut = Predictor(model, 0.8, CPU, replace(everything, min_score=middle))
    kept = cut(image)
    assert kept.scores.tolist() == all_cells.scores[all_cells.scores >= middle].tolist()
    assert 0 < len(kept) < len(all_cells)
    given = cut(image, all_cells.locations[-3:])
    assert len(given) > 0
    assert given.scores.min() < middle  # cells that are asked for are not cut


def test_calibration_changes_neither_the_order_nor_what_ap_is_of():
    torch.manual_seed(0)
    model = Lacss(ModelSettings(widths=(8, 8, 8, 16, 16), blocks=(1, 1, 1, 1, 1), pyramid=8, fine=8, patch_size=32))
    image = np.random.default_rng(0).random((1, 96, 90), dtype=np.float32)
    model.scoring = Scoring(power=3.0)
    ranked = Predictor(model.eval(), 0.8, CPU, ALL_DETECTIONS)(image)
    model.scoring = Scoring(power=3.0, slope=3.0, offset=-1.0)
    found = Predictor(model, 0.8, CPU, PredictSettings()).for_ap()(image)
    np.testing.assert_array_equal(found.boxes, ranked.boxes)
    np.testing.assert_allclose(found.scores, model.scoring.of_rank(ranked.scores))
    assert len(found) > 1
    assert found.scores.max() < 0.05  # which alone would say that there is nothing


def test_wrong_number_of_channels_is_explained():
    model = Lacss(ModelSettings(channels=2, widths=(8, 8, 8, 8, 8), blocks=(1,) * 5, pyramid=8, fine=8))
    with pytest.raises(InputError, match="1 channels, the model was trained on 2"):
        Predictor(model, 1.0, CPU, PredictSettings())(np.zeros((1, 40, 40), np.float32))


@pytest.mark.parametrize("height", [4, 10])
def test_a_bright_disc_costs_no_cells_elsewhere(height):
    image, labels, centres = made_up_image(0, 160)
    image[0, labels % 5 > 1] = 0.1
    distance = np.hypot(*(np.mgrid[:160, :160] - np.array([60, 90])[:, None, None]))
    spoilt = np.where(distance < 9, np.float32(0.1 + height), image)
    assert np.percentile(spoilt, 99.7) > 0.9 * height
    find, far = load_predictor(TRAINED, "cpu"), distance > 30
    usual, found = (cells_to_labels(find(each)) > 0 for each in (image, spoilt))
    there = [tuple(np.rint(centre).astype(int)) for k, centre in enumerate(centres, 1) if k % 5 <= 1]
    there = [place for place in there if far[place]]
    assert sum(found[place] for place in there) >= sum(usual[place] for place in there) > 0.8 * len(there)
    assert (usual & found & far).sum() > 0.85 * ((usual | found) & far).sum()
