import numpy as np
import pytest
import torch

from lacss_tools.cells import Cells, cells_from_labels, cells_to_labels
from lacss_tools.errors import InputError
from lacss_tools.train.model.lacss import Lacss
from lacss_tools.train.model.patches import patches_around
from lacss_tools.train.predict import Predictor, suppress, to_original
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
    ((y0, x0, values),) = to_original(torch.from_numpy(bump).float()[None], patches, size, shape)
    y, x = np.mgrid[y0 : y0 + values.shape[0], x0 : x0 + values.shape[1]]
    expected = np.exp(-((y - centre[0]) ** 2 + (x - centre[1]) ** 2) / (2 * sigma**2))
    middle = expected > 0.6
    assert middle.sum() > 20
    assert np.abs(values - expected)[middle].max() < 0.02


def cell(y0, x0, y1, x1, score):
    crop = np.ones((y1 - y0, x1 - x0), np.float32)
    return Cells((20, 20), np.array([score]), np.array([[y0, x0]], float), np.array([[y0, x0, y1, x1]]), (crop,))


def join(*parts):
    return Cells(
        (20, 20),
        np.concatenate([p.scores for p in parts]),
        np.concatenate([p.locations for p in parts]),
        np.concatenate([p.boxes for p in parts]),
        tuple(p.crops[0] for p in parts),
    )


def test_a_cell_inside_a_better_one_goes_and_a_neighbour_stays():
    kept = suppress(join(cell(0, 0, 10, 10, 0.9), cell(2, 2, 8, 8, 0.8), cell(0, 8, 10, 18, 0.7)), max_overlap=0.5)
    assert kept.scores.tolist() == [0.9, 0.7]


def test_contested_pixels_go_to_the_more_probable_cell():
    parts = join(cell(0, 0, 4, 6, 0.9), cell(0, 4, 4, 10, 0.8))
    parts.crops[0][:, 5] = 0.6
    labels = cells_to_labels(parts)
    assert labels[0].tolist() == [1, 1, 1, 1, 1, 2, 2, 2, 2, 2] + [0] * 10


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
    assert (cells.boxes[:, :2] >= 0).all()
    assert (cells.boxes[:, 2:] <= shape).all()
    assert all(c.shape == (y1 - y0, x1 - x0) for c, (y0, x0, y1, x1) in zip(cells.crops, cells.boxes, strict=True))
    assert (np.diff(cells.scores) <= 0).all()


def test_wrong_number_of_channels_is_explained():
    model = Lacss(ModelSettings(channels=2, widths=(8, 8, 8, 8, 8), blocks=(1,) * 5, pyramid=8, fine=8))
    with pytest.raises(InputError, match="1 channels, the model was trained on 2"):
        Predictor(model, 1.0, CPU, PredictSettings())(np.zeros((1, 40, 40), np.float32))
