import sys
import types

import imagecodecs
import numpy as np
import pytest
import tifffile

from lacss_tools.errors import InputError
from lacss_tools.io import parts
from lacss_tools.io.image import load
from lacss_tools.io.native import read_image, read_labels, read_mask, write_labels, write_png
from lacss_tools.io.source import open_image

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


MICROMETRE = ("um", "UM", "micron", "Micron", "microns", "micrometer", "\\u00B5m")


@pytest.mark.parametrize(
    ("unit", "micrometres"),
    [*((unit, 0.4) for unit in MICROMETRE), ("nm", 0.0004), ("Angstrom", 4e-5), ("mm", 400), ("m", 4e5)],
)
def test_pixel_size_of_imagej(tmp_path, unit, micrometres):
    path = tmp_path / "x.tif"
    tifffile.imwrite(path, TWO, imagej=True, resolution=(2.5, 1.25), metadata={"axes": "CYX", "unit": unit})
    y, x = load(path).pixel_size
    assert (y, x) == (pytest.approx(2 * micrometres), pytest.approx(micrometres))


@pytest.mark.parametrize("unit", ["Å", "angstrom"])
def test_pixel_size_of_ome_in_angstrom(tmp_path, unit):
    metadata = {f"PhysicalSize{axis}": size for axis, size in (("Y", 5000), ("X", 2500))}
    metadata |= {f"PhysicalSize{axis}Unit": unit for axis in "YX"}
    tifffile.imwrite(tmp_path / "x.ome.tif", GREY, metadata={"axes": "YX", **metadata})
    assert load(tmp_path / "x.ome.tif").pixel_size == (pytest.approx(0.5), pytest.approx(0.25))


def test_resolution_tags_per_centimetre_are_a_pixel_size_and_those_of_print_are_none(tmp_path):
    """A microscope's file has 40,000 pixels in a centimetre, a graphics program's 28 (72 dpi)."""
    for name, per_unit, unit in (("scope", (4e4, 2e4), 3), ("print", (28, 28), 3), ("dpi", (72, 72), 2)):
        tifffile.imwrite(tmp_path / f"{name}.tif", GREY, resolution=per_unit, resolutionunit=unit, metadata=None)
    assert load(tmp_path / "scope.tif").pixel_size == (pytest.approx(0.5), pytest.approx(0.25))
    assert load(tmp_path / "print.tif").pixel_size is None
    assert load(tmp_path / "dpi.tif").pixel_size is None


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


def test_an_opaque_alpha_is_no_channel(tmp_path):
    """Neither of a PNG nor of a TIFF, interleaved or in planes; what is transparent somewhere stays."""
    colours = np.random.default_rng(0).integers(0, 255, (6, 7, 3)).astype(np.uint8)
    for alpha, channels in ((255, 3), (17, 4)):
        rgba = np.concatenate([colours, np.full((6, 7, 1), alpha, np.uint8)], axis=-1)
        kind = {"photometric": "rgb", "extrasamples": ["unassalpha"], "metadata": None}
        write_png(tmp_path / "a.png", rgba)
        tifffile.imwrite(tmp_path / "a.tif", rgba, **kind)
        tifffile.imwrite(tmp_path / "p.tif", np.moveaxis(rgba, -1, 0), planarconfig="separate", **kind)
        for name in ("a.png", "a.tif", "p.tif"):
            image = read_image(tmp_path / name)
            assert len(image) == channels
            assert (image[:3] == np.moveaxis(colours, -1, 0)).all()


def test_grey_with_alpha_is_grey_and_a_fourth_stain_is_no_alpha(tmp_path):
    grey = np.dstack([GREY, np.full_like(GREY, 65535)])
    tifffile.imwrite(tmp_path / "g.tif", grey, photometric="minisblack", extrasamples=["assocalpha"])
    assert (read_image(tmp_path / "g.tif") == GREY[None]).all()
    tifffile.imwrite(tmp_path / "s.tif", grey, photometric="minisblack", extrasamples=["unspecified"])
    assert len(read_image(tmp_path / "s.tif")) == 2


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int16, np.float32])
def test_what_is_stored_as_a_negative_is_the_image_that_viewers_show_but_masks_and_labels_are_numbers(tmp_path, dtype):
    values, path = (GREY % 120).astype(dtype), tmp_path / "n.tif"
    white = 0 if dtype is np.float32 else np.iinfo(dtype).max
    tifffile.imwrite(path, white - values, photometric="miniswhite")
    assert (read_image(path) == values[None]).all()
    tifffile.imwrite(path, values, photometric="miniswhite", description="ImageJ=1.54f\n", metadata=None)
    assert (read_image(path) == values[None]).all()  # Fiji inverts the look-up table alone
    tifffile.imwrite(path, values > 60, photometric="miniswhite")
    assert (read_image(path) == (values > 60)).all()  # nor does tifffile invert bits
    tifffile.imwrite(path, np.where(values > 60, 255, 0).astype(np.uint8), photometric="miniswhite")
    assert (read_mask(path) == (values > 60)).all()
    labels = np.repeat([[0, 1, 2, 3]], 4, axis=0).astype(np.uint8)
    tifffile.imwrite(path, labels, photometric="miniswhite")
    assert (read_labels(path) == labels).all()


def test_channels_in_files_of_their_own_are_taken_alike_or_refused(tmp_path, monkeypatch):
    one, two = tmp_path / "a_w1.tif", tmp_path / "a_w2.tif"
    plane = np.arange(64, dtype=np.uint8).reshape(8, 8)
    path = tmp_path / "a_{w1|w2}.tif"
    tifffile.imwrite(one, plane, photometric="minisblack")
    tifffile.imwrite(two, np.dstack([plane + 5] * 3), photometric="rgb")
    assert (read_image(path) == np.stack([plane, plane + 5])).all()  # grey that was saved as a colour picture
    tifffile.imwrite(two, 255 - plane, photometric="miniswhite", tile=(16, 16))
    for pixels in (parts.WHOLE_PIXELS, 0):  # whole, and part by part
        monkeypatch.setattr(parts, "WHOLE_PIXELS", pixels)
        with pytest.raises(InputError, match=r"\(8, 8\) and \(8, 8\) min-is-white pixels"), open_image(path):
            pass
    tifffile.imwrite(one, 200 - plane, photometric="miniswhite")
    assert (read_image(path) == np.stack([plane + 55, plane])).all()


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
        self.set_scene(0)
        self.dims = types.SimpleNamespace(order="TCZYX")
        self.channel_names = ["DAPI", "actin"]
        self.physical_pixel_sizes = types.SimpleNamespace(Z=None, Y=0.5, X=0.25)

    def set_scene(self, number):
        self.data = TWO[None, :, None] + number


def test_vendors_files_go_through_bioio(tmp_path, monkeypatch):
    (tmp_path / "x.nd2").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "bioio", None)
    with pytest.raises(InputError, match=r"x\.nd2 needs further packages.*pip install bioio bioio-nd2"):
        read_image(tmp_path / "x.nd2")
    monkeypatch.setitem(sys.modules, "bioio", types.SimpleNamespace(BioImage=FakeBioImage))
    assert (read_image(tmp_path / "x.nd2", "actin") == TWO[1]).all()
    assert load(tmp_path / "x.nd2").pixel_size == (0.5, 0.25)
    monkeypatch.setattr(FakeBioImage, "scenes", ("a", "b"))
    with pytest.raises(InputError, match=r"holds 2 scenes, 0 a, 1 b: which one is meant\?"):
        read_image(tmp_path / "x.nd2")
    for scene in ("1", "b"):
        assert (read_image(tmp_path / f"x.nd2#{scene}") == TWO + 1).all()


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
