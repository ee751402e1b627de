import numpy as np
import pytest
import torch

from lacss_tools.cells import cells_from_labels, cells_to_labels
from lacss_tools.errors import InputError
from lacss_tools.train.model.lacss import Lacss
from lacss_tools.train.model.patches import patches_around
from lacss_tools.train.predict import Predictor
from lacss_tools.train.predict.cut import Frame, continue_inwards, to_original
from lacss_tools.train.predict.found import encode
from lacss_tools.train.settings import ModelSettings, PredictSettings

CPU = torch.device("cpu")


@pytest.mark.parametrize(("shape", "size"), [((80, 100), (80, 100)), ((160, 200), (80, 100)), ((57, 71), (80, 100))])
def test_patches_return_to_the_place_they_came_from(shape, size):
    """A smooth bump known in original coordinates, seen through a patch at the working scale, comes back in place."""
    centre = np.array([0.45 * shape[0], 0.6 * shape[1]])
    factor = np.array(size) / np.array(shape)
    patches = patches_around(
        torch.tensor((centre + 0.5) * factor - 0.5).float()[None], torch.zeros(1, dtype=torch.long), size, 32
    )
    work = patches.origins[0].numpy()[:, None] + np.arange(32)
    original = (work + 0.5) / factor[:, None] - 0.5
    sigma = 0.1 * shape[0]
    bump = np.exp(-((original[0][:, None] - centre[0]) ** 2 + (original[1][None] - centre[1]) ** 2) / (2 * sigma**2))
    ((y0, x0),), (values,) = to_original(torch.from_numpy(bump).float()[None], patches, Frame(size, shape))
    y, x = np.mgrid[y0 : y0 + values.shape[0], x0 : x0 + values.shape[1]]
    expected = np.exp(-((y - centre[0]) ** 2 + (x - centre[1]) ** 2) / (2 * sigma**2))
    y, x = np.mgrid[: shape[0], : shape[1]]
    mask = np.exp(-((y - centre[0]) ** 2 + (x - centre[1]) ** 2) / (2 * sigma**2)) > 0.6
    assert np.abs(values - expected)[expected > 0.6].max() < 0.02
    assert (expected > 0.6).sum() == mask.sum() > 20  # none of it is left out


def test_pixels_beyond_the_window_repeat_its_edge():
    """A patch of 4 x 4 at (-1, 2) over a window of 2 x 5: its rows 1 and 2 and columns 0 to 2 lie inside."""
    patch = torch.arange(16.0).view(1, 4, 4)
    whole = patch + 100
    y = continue_inwards(torch.cat([patch, whole]), torch.tensor([[-1, 2], [0, 0]]), (2, 5))
    assert y[0].tolist() == [[4, 5, 6, 6], [4, 5, 6, 6], [8, 9, 10, 10], [8, 9, 10, 10]]
    assert y[1].tolist() == [[100, 101, 102, 103], [104, 105, 106, 107], [104, 105, 106, 107], [104, 105, 106, 107]]


def test_codes_keep_their_side_of_a_half():
    values = np.nextafter(np.float32(0.5), np.array([[0, 1]], np.float32))
    assert encode(values).tolist() == [[127, 128]]
    line = np.linspace(0, 1, 1001, dtype=np.float32)[None]
    assert ((encode(line) >= 128) == (line > 0.5)).all()
    assert np.abs(encode(line) / 255.0 - line).max() < 0.003


def test_contested_pixels_go_to_the_more_probable_cell():
    parts = cells_from_labels(np.array([[1, 1, 1, 1, 1, 1, 0, 0, 0, 0], [0, 0, 0, 0, 2, 2, 2, 2, 2, 2]]))
    boxes = parts.boxes.copy()
    boxes[1, [0, 2]] = 0, 1  # both on the first row
    parts.crops[0][:, 5] = 0.6
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


def test_wrong_number_of_channels_is_explained():
    model = Lacss(ModelSettings(channels=2, widths=(8, 8, 8, 8, 8), blocks=(1,) * 5, pyramid=8, fine=8))
    with pytest.raises(InputError, match="1 channels, the model was trained on 2"):
        Predictor(model, 1.0, CPU, PredictSettings())(np.zeros((1, 40, 40), np.float32))
