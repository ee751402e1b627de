"""OME-Zarr images and plates, as files of both versions of the format say what they hold."""

import json
import shutil

import numpy as np
import pytest
import tifffile

from lacss_tools.errors import InputError
from lacss_tools.io.image import load
from lacss_tools.io.names import AUTO_NUCLEI
from lacss_tools.io.native import read_plane
from lacss_tools.io.nuclei import Wanted, find_nuclei
from lacss_tools.io.project import list_images
from lacss_tools.io.source import open_image

zarr = pytest.importorskip("zarr")
WELLS, FIELDS = ("A/01", "B/12"), ("0", "1")
STEMS = ["p_A01_0", "p_A01_1", "p_B12_0", "p_B12_1"]


def describe(group, version, **facts):
    group.attrs.update({"ome": {"version": "0.5", **facts}} if version == "0.5" else facts)


def write_image(group, version, pixels):
    """Two channels, 0.5 x 0.25 micrometres (y, x) per pixel: half of that by the level, twice by all levels."""
    keys = {"name": "default" if version == "0.5" else "v2", "separator": "/"}
    facts = {"shape": pixels.shape, "chunks": (1, 32, 32), "dtype": pixels.dtype, "chunk_key_encoding": keys}
    array = group.create_array("0", **facts, dimension_names="cyx" if version == "0.5" else None)
    array[...] = pixels
    axes = [{"name": "c", "type": "channel"}] + [{"name": k, "type": "space", "unit": "nanometer"} for k in "yx"]
    level = {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [1.0, 250.0, 125.0]}]}
    scales = {"axes": axes, "datasets": [level], "version": version, "name": "image"}
    scales["coordinateTransformations"] = [{"type": "scale", "scale": [1.0, 2.0, 2.0]}]
    channels = [
        {"label": name, "color": "FFFFFF", "window": {"min": 0, "max": 9, "start": 0, "end": 9}}
        for name in ("actin", "DAPI")
    ]
    describe(group, version, multiscales=[scales], omero={"channels": channels})


def write_plate(path, version, size=64):
    """Two wells of two fields; return stem -> pixels."""
    rng, form = np.random.default_rng(3), 3 if version == "0.5" else 2
    plate = zarr.open_group(str(path), mode="w", zarr_format=form)
    wells = [{"path": well, "rowIndex": k, "columnIndex": 11 * k} for k, well in enumerate(WELLS)]
    facts = {"rows": [{"name": "A"}, {"name": "B"}], "columns": [{"name": f"{k:02}"} for k in range(1, 13)]}
    describe(plate, version, plate={**facts, "wells": wells, "version": version, "name": "p"})
    images = {}
    for well in WELLS:
        plate.require_group(well.split("/")[0])
        group = plate.create_group(well)
        describe(group, version, well={"images": [{"path": field} for field in FIELDS], "version": version})
        for field in FIELDS:
            images[f"p_{well.replace('/', '')}_{field}"] = rng.integers(0, 4000, (2, size, size), dtype=np.uint16)
            write_image(group.create_group(field), version, images[f"p_{well.replace('/', '')}_{field}"])
    return images


@pytest.fixture(params=["0.4", "0.5"])
def plate(request, tmp_path):
    return tmp_path / "p.zarr", write_plate(tmp_path / "p.zarr", request.param)


def test_a_plate_is_a_folder_of_the_images_of_its_wells(plate):
    path, images = plate
    found = list_images(path)
    assert list(found) == STEMS
    for stem, field in found.items():
        loaded = load(field)
        assert np.array_equal(loaded.pixels, images[stem])
        assert loaded.axes == "CYX"
        assert loaded.channels == ("actin", "DAPI")
        assert loaded.pixel_size == pytest.approx((0.5, 0.25))
        assert np.array_equal(read_plane(field, "DAPI"), images[stem][1])
        with open_image(field, "actin") as opened:
            assert np.array_equal(opened.source.read(3, 40, 5, 50), images[stem][:1, 3:40, 5:50])


def test_a_row_a_well_and_an_image_of_a_plate_have_the_names_that_the_plate_gives(plate):
    path, images = plate
    for inside in ("A", "A/01", "A/01/0"):
        found = list_images(path / inside)
        assert found == {stem: image for stem, image in list_images(path).items() if inside in image.as_posix()}
        assert set(found) < set(images)


def test_stores_are_images_of_the_folder_they_lie_in(plate):
    path, images = plate
    shutil.copytree(path / "A" / "01" / "0", path.parent / "one.ome.zarr")
    tifffile.imwrite(path.parent / "b.tif", images[STEMS[0]][0])
    assert list(list_images(path.parent)) == ["b", "one", *STEMS]
    tifffile.imwrite(path.parent / "one.tif", images[STEMS[0]][0])
    with pytest.raises(InputError, match=r"one\.ome\.zarr and .*one\.tif share the stem 'one'"):
        list_images(path.parent)


def test_the_nuclei_of_a_plate_are_in_one_of_its_name_in_the_folder_beside(tmp_path):
    for folder in ("images", "dapi"):
        (tmp_path / folder).mkdir()
        write_plate(tmp_path / folder / "p.zarr", "0.5")
    images, nuclei = (list_images(tmp_path / folder) for folder in ("images", "dapi"))
    found = find_nuclei(images, Wanted(nuclei=AUTO_NUCLEI)).of
    assert {path: of.path for path, of in found.items()} == {images[stem]: nuclei[stem] for stem in STEMS}


def test_wells_without_images_and_images_that_are_missing(plate):
    path, _ = plate
    shutil.rmtree(path / "A" / "01" / "0")
    with pytest.raises(InputError, match=r"p\.zarr/A/01/0 does not exist"):
        load(list_images(path)["p_A01_0"])
    shutil.rmtree(path / "A" / "01")
    assert list(list_images(path)) == STEMS[2:]


@pytest.mark.parametrize(
    ("wells", "message"),
    [
        ([{"path": "A/../.."}], "cannot be called"),
        ([{"path": "A/1"}, {"path": "A/1"}], "cannot be called 'p_A1_0'"),
        ([{"row": 1}], "cannot be read as an OME-Zarr plate"),
        (7, "cannot be read as an OME-Zarr plate"),
    ],
)
def test_a_damaged_plate_is_named(wells, message, tmp_path):
    for name in ("p.zarr/A/1", "p.zarr/A"):
        (tmp_path / name).mkdir(parents=True, exist_ok=True)
    for well in (tmp_path / "p.zarr/A/1", tmp_path):
        (well / ".zattrs").write_text(json.dumps({"well": {"images": [{"path": "0"}]}}))
    (tmp_path / "p.zarr" / ".zattrs").write_text(json.dumps({"plate": {"wells": wells}}))
    with pytest.raises(InputError, match=rf"p\.zarr.*{message}"):
        list_images(tmp_path / "p.zarr")


def test_metadata_cut_short_is_named(plate):
    path, _ = plate
    for name in (".zattrs", "zarr.json"):
        if (path / name).exists():
            (path / name).write_text('{"plate": ')
    with pytest.raises(InputError, match=r"p\.zarr cannot be read as an OME-Zarr plate"):
        list_images(path)
