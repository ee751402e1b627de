"""Images read together with their nuclei: whole, and part by part."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest
import tifffile

from lacss_tools.errors import InputError, UsageError
from lacss_tools.io import parts
from lacss_tools.io.names import AUTO_NUCLEI, NO_NUCLEI
from lacss_tools.io.nuclei import FoundNuclei, Inputs, Wanted, find_nuclei
from lacss_tools.io.project import list_images
from lacss_tools.io.source import Blank, InMemory, Nuclei, Stacked, open_image, whole
from lacss_tools.io.stems import own_patterns, pair_by
from lacss_tools.train.inputs import training_inputs

IN_PARTS = {"compression": "zlib", "tile": (32, 48)}


def pixels(*shape, seed=0):
    return np.random.default_rng(seed).integers(0, 4096, shape).astype(np.uint16)


def write(path, image, **more):
    path.parent.mkdir(exist_ok=True)
    tifffile.imwrite(path, image, photometric="minisblack", **more)
    return path


@pytest.mark.parametrize("most", [0, 10**9])
def test_nuclei_of_their_own_file_are_the_last_channel(tmp_path, monkeypatch, most):
    monkeypatch.setattr(parts, "WHOLE_PIXELS", most)
    cells, light = pixels(2, 70, 90), pixels(70, 90, seed=1)
    image = write(tmp_path / "a.tif", cells, metadata={"axes": "CYX"}, ome=True, **IN_PARTS)
    nuclei = write(tmp_path / "n.tif", light, **IN_PARTS)
    with open_image(image, nuclei=Nuclei(nuclei)) as opened:
        assert opened.in_memory == bool(most)
        assert opened.source.shape == (2, 70, 90)
        assert opened.seen.shape == (3, 70, 90)
        expected = np.concatenate([cells, light[None]])
        assert np.array_equal(opened.seen.read(10, 40, 30, 71), expected[:, 10:40, 30:71])
        assert np.array_equal(whole(opened.seen), expected)


@pytest.mark.parametrize("most", [0, 10**9])
@pytest.mark.parametrize(("channel", "cells"), [(None, [0, 2]), ("2", [2])])
def test_nuclei_of_the_same_file_are_none_of_the_cells(tmp_path, monkeypatch, most, channel, cells):
    monkeypatch.setattr(parts, "WHOLE_PIXELS", most)
    stack = pixels(3, 70, 90)
    metadata = {"axes": "CYX", "Channel": {"Name": ["GFP", "DAPI", "actin"]}}
    path = write(tmp_path / "a.ome.tif", stack, metadata=metadata, ome=True, **IN_PARTS)
    with open_image(path, channel, nuclei=Nuclei(path, "DAPI")) as opened:
        assert np.array_equal(whole(opened.source), stack[cells])
        assert np.array_equal(opened.seen.read(5, 70, 40, 90), stack[[*cells, 1], 5:70, 40:90])
        assert opened.channels == tuple(["GFP", "DAPI", "actin"][k] for k in cells)


def test_what_cannot_be_nuclei_is_named(tmp_path):
    image, other = write(tmp_path / "a.tif", pixels(70, 90)), write(tmp_path / "n.tif", pixels(70, 80))
    two = write(tmp_path / "two.tif", pixels(2, 70, 90), metadata={"axes": "CYX"})
    for nuclei, words in (
        (Nuclei(other), rf"{image} is \(70, 90\) pixels and {other} \(70, 80\)"),
        (Nuclei(two), rf"{two} has 2 channels where one is needed. Name the `nuclei_channel`"),
        (Nuclei(tmp_path / "no.tif"), rf"{image} has no nuclei: {tmp_path / 'no.tif'} does not exist"),
        (Nuclei(image, "0"), rf"{image} has no channel of cells beside that of the nuclei, 0"),
    ):
        with pytest.raises(InputError, match=words), open_image(image, nuclei=nuclei):
            pass
    with open_image(image, nuclei=Nuclei(two, "1")) as opened:
        assert np.array_equal(whole(opened.seen)[1], tifffile.imread(two)[1])


def test_a_blank_channel_holds_zeros():
    both = Stacked((InMemory(pixels(2, 20, 30).astype(np.float32)), Blank((20, 30))))
    assert both.shape == (3, 20, 30)
    assert both.read(2, 9, 1, 4).shape == (3, 7, 3)
    assert not both.read(2, 9, 1, 4)[2].any()


@pytest.fixture
def images(tmp_path):
    for stem in "abcde":
        write(tmp_path / "images" / f"{stem}.tif", pixels(8, 9))
    return {stem: tmp_path / "images" / f"{stem}.tif" for stem in "abcde"}


def test_nuclei_beside_all_images_are_found_and_others_are_not(images, tmp_path):
    auto = Wanted(nuclei=AUTO_NUCLEI)
    assert find_nuclei(images, auto).sentence() == "without nuclei"
    for stem in "abcd":
        write(tmp_path / "dapi" / f"{stem}.tif", pixels(8, 9))
    found = find_nuclei(images, auto)
    assert (dict(found.of), found.source) == ({}, NO_NUCLEI)
    assert found.sentence() == f"without nuclei ({tmp_path / 'dapi'} lacks the nuclei of e)"
    write(tmp_path / "dapi" / "e.ome.tif", pixels(8, 9))
    found = find_nuclei(images, auto)
    assert found.of[images["e"]] == Nuclei(tmp_path / "dapi" / "e.ome.tif")
    assert (found.sentence(), found.source) == (f"with nuclei from {tmp_path / 'dapi'}", str(tmp_path / "dapi"))
    assert find_nuclei(images, Wanted()) == FoundNuclei()


def test_nuclei_of_plates_in_folders_are_beside_the_folder_that_was_given(tmp_path):
    names = [f"{plate}/A0{k}_s1.tif" for plate in ("P1", "P2") for k in (1, 2)]
    for folder, name in product(("images", "dapi"), names):
        (tmp_path / folder / name).parent.mkdir(parents=True, exist_ok=True)
        write(tmp_path / folder / name, pixels(8, 9))
    with own_patterns():
        pair_by("metaxpress")
        images = list_images(tmp_path / "images")
        found = find_nuclei(images, Wanted(nuclei=AUTO_NUCLEI), tmp_path / "images")
        of = {file.relative_to(tmp_path).as_posix(): own.path.relative_to(tmp_path) for file, own in found.of.items()}
        assert of == {f"images/{name}": Path("dapi", name) for name in names}
        inputs, _ = training_inputs(images, tmp_path / "images", Wanted(nuclei=AUTO_NUCLEI), None)
        assert inputs.nuclei == found.of


def test_a_folder_that_was_asked_for_must_have_all(images, tmp_path):
    asked = Wanted(nuclei="stain", root=tmp_path)
    write(tmp_path / "stain" / "z.tif", pixels(8, 9))
    with pytest.raises(InputError, match=r"lacks the nuclei of a, b, c, d, e. Give partners the same file name"):
        find_nuclei(images, asked)
    write(tmp_path / "stain" / "b.tif", pixels(8, 9))
    found = find_nuclei(images, asked)
    assert found.of[images["a"]].path == tmp_path / "stain" / "a.tif"  # which will be named as missing
    with pytest.raises(InputError, match=r"lacks the nuclei of a, c, d, e. Add them, or set `nuclei` to none"):
        found.demand_all()


def test_models_settle_what_is_not_said():
    auto = Wanted(nuclei=AUTO_NUCLEI)
    assert auto.for_model(False, "1", None) == Wanted("1", NO_NUCLEI)
    assert auto.for_model(True, "1", "DAPI") == Wanted("1", AUTO_NUCLEI, "DAPI")
    asked = Wanted("0", "stain")
    assert asked.for_model(True, "1", "DAPI") == asked
    with pytest.raises(InputError, match="The model was trained without nuclei"):
        asked.for_model(False, None, None)
    with pytest.raises(UsageError):
        Wanted(nuclei=NO_NUCLEI, nuclei_channel="1")


def test_inputs_have_a_channel_for_nuclei_that_are_not_there(images, tmp_path):
    nuclei = write(tmp_path / "dapi" / "a.tif", pixels(8, 9, seed=3))
    inputs = Inputs(nuclei={images["a"]: Nuclei(nuclei)}, blank=True)
    assert np.array_equal(inputs.read(images["a"])[1], tifffile.imread(nuclei))
    assert inputs.read(images["b"]).shape == (2, 8, 9)
    assert not inputs.read(images["b"])[1].any()
    assert inputs.files(images.values()) == [nuclei]
