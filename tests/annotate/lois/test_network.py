from dataclasses import replace

import numpy as np
import pytest
import tifffile
from scipy.ndimage import gaussian_filter
from typer.testing import CliRunner

from lacss_tools.annotate.lois.find import find_lois
from lacss_tools.annotate.lois.network import (
    NUCLEI,
    Nuclei,
    cut_out,
    find_nuclei,
    first_scale,
    load_finder,
    merge,
    separate,
    typical_diameter,
    without_debris,
)
from lacss_tools.annotate.lois.settings import LoiSettings
from lacss_tools.cli import app
from lacss_tools.io.lois import read_lois
from lacss_tools.io.native import read_labels
from lacss_tools.predict.found import Found
from tests.made_up import nuclei

SETTINGS = LoiSettings(method="network")


def spaced(rng, diameter, size, most=25):
    """Centres of nuclei that do not touch, none cut by the border."""
    centres = []
    for _ in range(600):
        centre = rng.uniform(0.7 * diameter, size - 0.7 * diameter, 2)
        if len(centres) < most and all(np.hypot(*(centre - other)) > 1.5 * diameter for other in centres):
            centres.append(centre)
    return np.array(centres)


def missed_and_extra(points, centres, radius):
    """How many nuclei have no point within their radius, and how many points are the second of one, or of none."""
    distance = np.hypot(*(points[:, None] - centres[None]).transpose(2, 0, 1))
    owner = np.where(distance.min(axis=1) < np.broadcast_to(radius, len(centres))[distance.argmin(axis=1)], 1, 0)
    hit = np.unique(distance.argmin(axis=1)[owner > 0])
    return len(centres) - len(hit), len(points) - len(hit)


@pytest.mark.parametrize(("diameter", "size"), [(6, 128), (10, 160), (20, 256), (40, 320), (80, 480)])
def test_nuclei_of_any_size_get_one_point_each(diameter, size):
    rng = np.random.default_rng(diameter)
    centres = spaced(rng, diameter, size)
    image = nuclei(centres, size, diameter / 2, rng)
    missed, extra = missed_and_extra(find_lois(image, SETTINGS)[0], centres, diameter / 2)
    assert max(missed, extra) <= len(centres) // 20


def test_small_nuclei_beside_large_ones():
    rng = np.random.default_rng(8)
    centres = spaced(rng, 40, 300)
    radii = np.where(np.arange(len(centres)) % 3 == 0, 20.0, 6.0)
    image = nuclei(centres, 300, radii, rng)
    grain = gaussian_filter(rng.standard_normal(image.shape), 2)  # what is large and without texture is debris
    points, _ = find_lois((image * (1 + 0.2 * grain / grain.std())).astype(np.float32), SETTINGS)
    assert missed_and_extra(points, centres, radii) == (0, 0)


@pytest.mark.parametrize(("radius", "size"), [(6, 100), (20, 256)])
def test_discs_without_any_texture_are_nuclei(radius, size):
    centres = np.array([[0.3, 0.3], [0.7, 0.6]]) * size
    points, _ = find_lois(nuclei(centres, size, radius), SETTINGS)
    assert missed_and_extra(points, centres, radius) == (0, 0)


def test_nuclei_cut_by_the_border_count():
    rng = np.random.default_rng(9)
    inner = spaced(rng, 18, 160)
    cut = np.array([[0, 40], [2, 110], [80, 158], [159, 60]])
    apart = np.hypot(*(inner[:, None] - cut[None]).transpose(2, 0, 1)).min(axis=1) > 24
    centres = np.concatenate([inner[apart], cut])
    points, _ = find_lois(nuclei(centres, 160, 9, rng), SETTINGS)
    assert missed_and_extra(points, centres, 9) == (0, 0)


def test_the_same_nuclei_at_twice_the_size():
    rng = np.random.default_rng(1)
    centres = spaced(rng, 16, 200)
    small, large = (find_lois(nuclei(centres * z, 200 * z, 8 * z, rng), SETTINGS)[0] for z in (1, 2))
    assert len(small) == len(large) == len(centres)
    nearest = np.hypot(*(small[:, None] - large[None] / 2).transpose(2, 0, 1)).min(axis=1)
    assert nearest.max() < 2


@pytest.mark.parametrize(("gain", "offset", "kind"), [(1, 0, np.uint8), (200, 1000, np.uint16), (1e-4, -3, np.float32)])
def test_gain_offset_and_type_of_the_camera_do_not_matter(gain, offset, kind):
    rng = np.random.default_rng(2)
    centres = spaced(rng, 14, 160)
    plane = (nuclei(centres, 160, 7, rng).round() * gain + offset).astype(kind).astype(np.float32)
    assert missed_and_extra(find_lois(plane, SETTINGS)[0], centres, 7) == (0, 0)


@pytest.mark.parametrize("height", [4, 10])
def test_debris_and_hot_pixels_cost_nothing_else(height):
    rng = np.random.default_rng(3)
    centres = spaced(rng, 16, 240)
    image = nuclei(centres, 240, 8, rng)
    image[rng.random(image.shape) < 0.001] = 220 * height
    y, x = np.mgrid[:240, :240]
    disc = np.hypot(y - 20, x - 120) < 8.5
    image[disc] = 220 * height
    clear = np.hypot(*(centres - (20, 120)).T) > 20
    points, _ = find_lois(image, SETTINGS)
    points = points[~disc[tuple(points.astype(int).T)]]
    missed, extra = missed_and_extra(points, centres[clear], 8)
    assert missed == 0
    assert extra <= 1


def test_nuclei_under_a_lit_corner_are_found():
    rng = np.random.default_rng(3)
    centres = spaced(rng, 16, 240)
    image = nuclei(centres, 240, 8, rng)
    y, x = np.mgrid[:240, :240]
    lit = image + 1000 / (1 + np.exp(np.clip((np.hypot(y, x) / 90 - 1) * 20, -30, 30)))
    assert missed_and_extra(find_lois(lit.astype(np.float32), SETTINGS)[0], centres, 8)[0] <= 1


def test_a_constant_or_noisy_image_has_hardly_any():
    assert len(find_lois(np.full((64, 64), 7, np.float32), SETTINGS)[0]) == 0
    noise = np.random.default_rng(4).normal(100, 5, (128, 128)).astype(np.float32)
    assert len(find_lois(noise, SETTINGS)[0]) <= 2


def test_labels_are_numbered_by_falling_score_and_hold_their_points():
    rng = np.random.default_rng(5)
    found = find_nuclei(nuclei(spaced(rng, 14, 160), 160, 7, rng), SETTINGS)
    assert (np.diff(found.scores) <= 0).all()
    under = found.labels[tuple(found.points.astype(int).T)]
    assert under.tolist() == list(range(1, len(found.points) + 1))
    assert found.labels.max() == len(found.points)


def test_fewer_nuclei_are_numbered_anew():
    labels = np.array([[1, 1, 0, 2], [0, 3, 3, 2]])
    found = Nuclei(np.zeros((3, 2)), np.array([0.9, 0.8, 0.7]), labels).select(np.array([True, False, True]))
    assert found.labels.tolist() == [[1, 1, 0, 0], [0, 2, 2, 0]]
    assert found.scores.tolist() == [0.9, 0.7]


def some(areas, scores):
    """Squares of these areas in a row."""
    sides = np.sqrt(areas).astype(int)
    left = np.concatenate([[0], np.cumsum(sides + 1)[:-1]])
    boxes = np.stack([0 * left, left, sides, left + sides], axis=1)
    crops = tuple(np.full((side, side), 255, np.uint8) for side in sides)
    scores = np.array(scores)
    return Found((50, 200), scores, boxes[:, :2].astype(float), boxes, crops, scores, np.zeros(len(sides), bool))


def test_the_typical_diameter_is_that_of_the_nuclei_with_most_area():
    found = some([16, 16, 16, 144, 400], [0.9, 0.9, 0.9, 0.9, 0.2])
    assert typical_diameter(found) == pytest.approx(np.sqrt(4 / np.pi * 144))
    assert typical_diameter(found.select(np.array([4]))) == 0


def test_many_specks_are_debris_and_few_are_not():
    found = some([400, 400, 25, 100, 25], [0.9, 0.8, 0.7, 0.6, 0.5])
    assert without_debris(found, 0.3).areas().tolist() == [400, 400, 100]
    assert len(without_debris(found, 0.0)) == 5
    assert len(without_debris(found.select(np.arange(4)), 0.3)) == 4


def test_of_two_nuclei_on_the_same_pixels_one_stays():
    found = some([100, 100], [0.9, 0.8])
    same = found.boxes[[0, 0]]
    twice = replace(found, locations=found.locations[[0, 0]], boxes=same, crops=(found.crops[0],) * 2)
    assert separate(twice).points.tolist() == [[4, 4]]
    assert len(separate(found).points) == 2


def test_the_first_look_is_at_no_more_than_the_original():
    assert first_scale((200, 256)) == 1
    assert first_scale((400, 400)) == pytest.approx(0.64)
    assert first_scale((4000, 4000)) == 0.5


def test_what_lies_around_the_image_is_cut_off():
    found = some([100, 100], [0.9, 0.8])
    cut = cut_out(found, 4, (6, 12))
    assert cut.shape == (6, 12)
    assert cut.boxes.tolist() == [[0, 0, 6, 6], [0, 7, 6, 12]]
    assert cut.areas().tolist() == [36, 30]
    assert [crop.shape for crop in cut.crops] == [(6, 6), (6, 5)]
    assert len(cut_out(found, 4, (6, 7))) == 1


def test_small_nuclei_come_from_the_finer_look():
    coarse, fine = some([16, 400], [0.9, 0.6]), some([16, 400, 25], [0.5, 0.9, 0.7])
    assert merge(coarse, fine, limit=10.0).scores.tolist() == [0.7, 0.6, 0.5]


def test_a_given_diameter_is_the_scale_but_for_small_nuclei():
    rng = np.random.default_rng(6)
    image = nuclei(spaced(rng, 14, 160), 160, 7, rng)
    looks = []

    class Recorder(type(load_finder())):
        def _look(self, dapi, scale):
            looks.append(scale)
            return super()._look(dapi, scale)

    Recorder(load_finder().predictor).find(image, diameter=40.0)
    assert looks == [0.425, 0.425, 1.0]


def test_the_network_is_small_and_has_its_origin_beside_it():
    from lacss_tools.annotate.lois.network import WEIGHTS

    assert WEIGHTS.stat().st_size < 6e6
    assert "CC0" in (WEIGHTS.parent / "README.md").read_text()
    assert load_finder().predictor.settings == NUCLEI


# ---- the command ----------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(7)
    (tmp_path / "dapi").mkdir()
    for k in range(3):
        image = nuclei(spaced(rng, 12, 128), 128, 6, rng)
        tifffile.imwrite(tmp_path / "dapi" / f"{k}.tif", image.clip(0, 255).astype(np.uint8))
    return tmp_path


def run(folder, *words, method=("--method", "network")):
    words = ["annotate-lois", "--project", str(folder), *method, *map(str, words)]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 0, result.output
    return result


def test_nucleus_labels_beside_the_table(folder):
    run(folder, "--nuclei-labels", "nuclei")
    for k in range(3):
        points, scores = read_lois(folder / "lois" / f"{k}.csv")
        labels = read_labels(folder / "nuclei" / f"{k}.tif")
        assert labels[tuple(points.astype(int).T)].tolist() == list(range(1, len(points) + 1))
        assert (scores >= SETTINGS.least).all()


def test_labels_asked_for_later_leave_a_corrected_table_alone(folder):
    run(folder)
    table = folder / "lois" / "1.csv"
    table.write_text("y,x,response\n5,5,1\n")
    run(folder, "--nuclei-labels", "nuclei")
    assert table.read_text() == "y,x,response\n5,5,1\n"
    assert (folder / "nuclei" / "1.tif").is_file()
    run(folder, "--nuclei-labels", "nuclei", "--overwrite")
    assert len(read_lois(table)[0]) > 5


def test_processes_write_the_same_as_one(folder):
    run(folder, "-o", "one")
    run(folder, "-o", "two", "--workers", 2)
    assert [(folder / "one" / f"{k}.csv").read_bytes() for k in range(3)] == [
        (folder / "two" / f"{k}.csv").read_bytes() for k in range(3)
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--method", "guess"), "must be network, pieces or dog"),
        (("--method", "dog", "--nuclei-labels", "nuclei"), "needs --method network"),
        (("--method", "pieces", "--sigma", 4.2, 5.0), "belongs to --method dog"),
    ],
)
def test_methods_that_do_not_fit_are_refused(folder, words, message):
    result = CliRunner().invoke(app, ["annotate-lois", "--project", str(folder), *map(str, words)])
    assert result.exit_code == 2
    assert message in result.output


def test_dog_is_the_papers_rule(folder):
    run(folder, "-o", "named", method=("--method", "dog"))
    run(folder, "-o", "given", "--sigma", 4.2, 5.0, method=())
    assert (folder / "named" / "0.csv").read_text() == (folder / "given" / "0.csv").read_text()
    plane = tifffile.imread(folder / "dapi" / "0.tif").astype(np.float32)
    points, _ = find_lois(plane, LoiSettings(sigma=(4.2, 5.0)))
    np.testing.assert_allclose(read_lois(folder / "named" / "0.csv")[0], points, atol=0.01)
