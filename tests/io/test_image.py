import sys
import types

import imagecodecs
import numpy as np
import pytest
import tifffile

from lacss_tools.errors import InputError
from lacss_tools.io.image import load
from lacss_tools.io.native import read_image, read_labels, write_labels, write_png

GREY = np.arange(32 * 48, dtype=np.uint16).reshape(32, 48)
TWO = np.stack([GREY, GREY * 2])


@pytest.mark.parametrize("codec", [None, "lzw", "zlib", "zstd", "packbits", "lzma"])
@pytest.mark.parametrize("tile", [None, (16, 16)])
def test_codecs_and_tiles(tmp_path, codec, tile):
    tifffile.imwrite(tmp_path / "x.tif", GREY, compression=codec, tile=tile)
    assert (read_image(tmp_path / "x.tif")[0] == GREY).all()


def test_jpeg_in_tiff_and_by_itself(tmp_path):
    smooth = (np.hypot(*np.mgrid[:32, :48]) * 4).astype(np.uint8)
    tifffile.imwrite(tmp_path / "j.tif", smooth, compression="jpeg", compressionargs={"level": 95})
    (tmp_path / "j.jpg").write_bytes(imagecodecs.jpeg_encode(smooth, level=95))
    for name in ("j.tif", "j.jpg"):
        assert np.abs(read_image(tmp_path / name)[0] - smooth).max() < 8


def test_channels_by_index_and_by_ome_name(tmp_path):
    path = tmp_path / "x.ome.tif"
    metadata = {"axes": "CYX", "Channel": {"Name": ["DAPI", "actin"]}, "PhysicalSizeX": 0.5, "PhysicalSizeY": 800.0,
                "PhysicalSizeYUnit": "nm", "PhysicalSizeXUnit": "µm"}  # fmt: skip
    tifffile.imwrite(path, TWO, metadata=metadata)
    loaded = load(path)
    assert loaded.channels == ("DAPI", "actin")
    assert loaded.pixel_size == (pytest.approx(0.8), 0.5)
    assert loaded.describe() == "axes C=2 Y=32 X=48, uint16, channels DAPI, actin, 0.8 x 0.5 µm per pixel"
    assert read_image(path).shape == (2, 32, 48)
    for channel, expected in (("0", GREY), ("actin", TWO[1]), ("DAPI", GREY)):
        assert (read_image(path, channel) == expected[None]).all()
    for channel in ("2", "GFP", "-1"):
        with pytest.raises(InputError, match=r"no channel .*; it has 2 called DAPI, actin\. Give 0 to 1"):
            read_image(path, channel)


@pytest.mark.parametrize(("unit", "micrometres"), [("um", 0.4), ("micron", 0.4), ("nm", 0.0004), ("\\u00B5m", 0.4)])
def test_pixel_size_of_imagej(tmp_path, unit, micrometres):
    path = tmp_path / "x.tif"
    tifffile.imwrite(path, TWO, imagej=True, resolution=(2.5, 1.25), metadata={"axes": "CYX", "unit": unit})
    y, x = load(path).pixel_size
    assert (y, x) == (pytest.approx(2 * micrometres), pytest.approx(micrometres))


def test_files_without_a_length_have_no_pixel_size(tmp_path):
    tifffile.imwrite(tmp_path / "plain.tif", GREY)
    tifffile.imwrite(tmp_path / "ij.tif", GREY, imagej=True)
    tifffile.imwrite(tmp_path / "px.tif", GREY, imagej=True, resolution=(2, 2), metadata={"unit": "pixel"})
    for name in ("plain", "ij", "px"):
        assert load(tmp_path / f"{name}.tif").pixel_size is None


@pytest.mark.parametrize(("axes", "question"), [("ZYX", "Which focus plane"), ("TYX", "Which time point")])
def test_stacks_are_asked_about_and_not_guessed(tmp_path, axes, question):
    tifffile.imwrite(tmp_path / "s.tif", TWO, imagej=True, metadata={"axes": axes})
    with pytest.raises(InputError, match=rf"s\.tif has axes {axes} .*{question} is meant\?"):
        read_image(tmp_path / "s.tif")


def test_axes_without_names_are_taken_only_when_one_is_short(tmp_path):
    tifffile.imwrite(tmp_path / "short.tif", TWO)
    assert (read_image(tmp_path / "short.tif") == TWO).all()
    for name, shape in (("long", (7, 9, 8)), ("both", (3, 9, 2)), ("four", (2, 3, 9, 8))):
        tifffile.imwrite(tmp_path / f"{name}.tif", np.ones(shape, np.uint16), photometric="minisblack")
        with pytest.raises(InputError, match="Which axis holds the channels"):
            read_image(tmp_path / f"{name}.tif")


def test_pages_of_length_one_and_z_of_one_are_fine(tmp_path):
    tifffile.imwrite(tmp_path / "x.ome.tif", TWO[None, :, None], metadata={"axes": "TCZYX"})
    assert (read_image(tmp_path / "x.ome.tif") == TWO).all()


def test_an_opaque_png_is_its_colours(tmp_path):
    colours = np.random.default_rng(0).integers(0, 255, (6, 7, 3)).astype(np.uint8)
    for alpha, channels in ((255, 3), (17, 4)):
        rgba = np.concatenate([colours, np.full((6, 7, 1), alpha, np.uint8)], axis=-1)
        write_png(tmp_path / "a.png", rgba)
        image = read_image(tmp_path / "a.png")
        assert len(image) == channels
        assert (image[:3] == np.moveaxis(colours, -1, 0)).all()


@pytest.mark.parametrize("most", [3, 70000])
def test_label_files_keep_the_pixel_size_and_others_see_it(tmp_path, most):
    labels = np.array([[0, 1, 2], [2, most, 0]], np.int32)
    path = tmp_path / "l.tif"
    write_labels(path, labels, (0.8, 0.4))
    assert (read_labels(path) == labels).all()
    assert load(path).pixel_size == (pytest.approx(0.8, rel=1e-6), pytest.approx(0.4, rel=1e-6))
    with tifffile.TiffFile(path) as tiff:
        assert tiff.is_imagej == (most < 2**16)
        assert tiff.is_ome == (most >= 2**16)
        assert (tiff.asarray() == labels).all()


def test_large_labels_are_exact_and_impossible_ones_refused(tmp_path):
    labels = np.array([[0, 2**24 + 1], [2**24 + 2, 2**31 - 1]], np.uint32)
    tifffile.imwrite(tmp_path / "l.tif", labels)
    assert (read_labels(tmp_path / "l.tif") == labels).all()
    tifffile.imwrite(tmp_path / "m.tif", labels.astype(np.uint32) + 1)
    with pytest.raises(InputError, match=r"m\.tif holds the label 2147483648"):
        read_labels(tmp_path / "m.tif")


class FakeBioImage:
    """What bioio returns for a file of one scene, as its documentation says."""

    scenes = ("Image:0",)

    def __init__(self, path):
        self.data = TWO[None, :, None]
        self.dims = types.SimpleNamespace(order="TCZYX")
        self.channel_names = ["DAPI", "actin"]
        self.physical_pixel_sizes = types.SimpleNamespace(Z=None, Y=0.5, X=0.25)


def test_vendors_files_go_through_bioio(tmp_path, monkeypatch):
    (tmp_path / "x.nd2").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "bioio", None)
    with pytest.raises(InputError, match=r"x\.nd2 needs further packages.*pip install bioio bioio-nd2"):
        read_image(tmp_path / "x.nd2")
    monkeypatch.setitem(sys.modules, "bioio", types.SimpleNamespace(BioImage=FakeBioImage))
    assert (read_image(tmp_path / "x.nd2", "actin") == TWO[1]).all()
    assert load(tmp_path / "x.nd2").pixel_size == (0.5, 0.25)
    monkeypatch.setattr(FakeBioImage, "scenes", ("a", "b"))
    with pytest.raises(InputError, match=r"holds 2 scenes\. Which one is meant"):
        read_image(tmp_path / "x.nd2")


def test_the_real_bioio_reads_a_czi_as_its_maker_wrote_it(tmp_path):
    pytest.importorskip("bioio_czi")
    from pylibCZIrw import czi

    path, metres = tmp_path / "x.czi", {"scale_y": 0.5e-6, "scale_x": 0.25e-6}
    with czi.create_czi(str(path)) as document:
        for c, plane in enumerate(TWO):
            document.write(plane[..., None], plane={"C": c})
        document.write_metadata("x", channel_names={0: "DAPI", 1: "actin"}, **metres)
    loaded = load(path)
    assert (loaded.channels, loaded.pixel_size) == (("DAPI", "actin"), (0.5, 0.25))
    assert (read_image(path) == TWO).all()
    assert (read_image(path, "actin") == TWO[1]).all()
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(InputError, match=r"x\.czi cannot be read; it may be damaged"):
        load(path)
