"""Files with several images, and images in several files: every path gives its own pixels, or a question."""

from contextlib import ExitStack

import imagecodecs
import numpy as np
import pytest
import tifffile

from lacss_tools.errors import InputError
from lacss_tools.io import parts
from lacss_tools.io.image import load, scene_names
from lacss_tools.io.native import read_image
from lacss_tools.io.scenes import ALL, with_scene
from lacss_tools.io.source import open_image, whole

RANDOM = np.random.default_rng(0)
SIZE = (16, 24)
NAMESPACE = 'xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"'
CHANNELS = '<Channel ID="C:0" Name="DAPI"/><Channel ID="C:1" Name="GFP"/>'


def planes(count):
    return RANDOM.integers(1, 60000, (count, *SIZE)).astype(np.uint16)


def pixels(data, channels=CHANNELS, size=SIZE, c=2, z=1):
    return (
        f'<Pixels DimensionOrder="XYCZT" Type="uint16" SizeX="{size[1]}" SizeY="{size[0]}" SizeC="{c}" SizeZ="{z}" '
        f'SizeT="1" PhysicalSizeX="0.25" PhysicalSizeY="0.5">{channels}{data}</Pixels>'
    )


def ome(images, uuid=""):
    inner = "".join(f'<Image ID="I:{k}" Name="{name}">{body}</Image>' for k, (name, body) in enumerate(images))
    return f'<?xml version="1.0" encoding="UTF-8"?><OME {NAMESPACE} {uuid}>{inner}</OME>'


def plane(c, page, file, z=0):
    where = f'<UUID FileName="{file}">urn:{file}</UUID>'
    return f'<TiffData FirstC="{c}" FirstZ="{z}" IFD="{page}" PlaneCount="1">{where}</TiffData>'


def write(path, pages, xml, **options):
    """Write planes one by one, as microscopes do."""
    with tifffile.TiffWriter(path) as tiff:
        for k, page in enumerate(pages):
            text = None if k or xml is None else xml.encode()
            tiff.write(page, description=text, metadata=None, photometric="minisblack", **options)


def read_both(path, monkeypatch, channel=None):
    """Return the pixels read whole, after checking that the reader of parts gives the same."""
    image = read_image(path, channel)
    with monkeypatch.context() as patch, open_image(path, channel) as opened:
        assert opened.in_memory
        patch.setattr(parts, "WHOLE_PIXELS", 0)
        with open_image(path, channel) as large:
            assert large.in_memory == (len(image) > 1 and opened.note.axes[0] == "I")  # pages without names
            assert (whole(large.source) == image).all()
            assert large.note.channels == opened.note.channels
            assert large.note.pixel_size == opened.note.pixel_size
    return image


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_every_position_of_a_set_has_its_own_pixels(tmp_path, monkeypatch, capfd, compression):
    """Micro-Manager: a file per position; the XML of each names all of them, this one's first or not."""
    names = [f"Pos{k}.ome.tif" for k in range(3)]
    stains = [planes(2) for _ in names]
    images = [(name[:4], pixels(plane(0, 0, name) + plane(1, 1, name))) for name in names]
    for name, two in zip(names, stains, strict=True):
        write(tmp_path / name, two, ome(images, f'UUID="urn:{name}"'), compression=compression)

    def check(name, two):
        assert (read_both(tmp_path / name, monkeypatch) == two).all()
        assert (read_both(tmp_path / name, monkeypatch, "GFP") == two[1:]).all()
        assert load(tmp_path / name).pixel_size == (0.5, 0.25)

    for name, two in zip(names, stains, strict=True):
        check(name, two)
    (tmp_path / names[0]).unlink()  # one is missing, one has another name
    (tmp_path / names[1]).rename(tmp_path / "renamed.ome.tif")
    check("renamed.ome.tif", stains[1])
    check(names[2], stains[2])
    assert capfd.readouterr() == ("", "")


def test_a_set_of_a_file_per_channel_has_one_in_each(tmp_path, monkeypatch):
    two, files = planes(2), ("a_C0.ome.tif", "a_C1.ome.tif")
    image = pixels("".join(plane(c, 0, file) for c, file in enumerate(files)))
    for c, file in enumerate(files):  # without a UUID of their own: their names tell
        write(tmp_path / file, two[c : c + 1], ome([("a", image)]))
        assert (read_both(tmp_path / file, monkeypatch) == two[c : c + 1]).all()
        assert load(tmp_path / file).channels == (("DAPI", "GFP")[c],)


@pytest.mark.parametrize("companion", ["set.companion.ome", "first.ome.tif"])
def test_a_file_whose_metadata_is_in_another(tmp_path, monkeypatch, companion):
    two = planes(2)
    other = "first.ome.tif"
    xml = ome([("0", pixels(plane(0, 0, other, 0) + plane(1, 1, other, 0))),
               ("1", pixels(plane(0, 0, "b.ome.tif") + plane(1, 1, "b.ome.tif")))], 'UUID="urn:set"')  # fmt: skip
    elsewhere = f'<BinaryOnly MetadataFile="{companion}" UUID="urn:set"/>'
    write(tmp_path / "b.ome.tif", two, f'<OME {NAMESPACE} UUID="urn:b.ome.tif">{elsewhere}</OME>')
    assert (read_both(tmp_path / "b.ome.tif", monkeypatch) == two).all()
    assert load(tmp_path / "b.ome.tif").channels == ()  # the other is not there
    if companion.endswith("tif"):
        write(tmp_path / companion, planes(2), xml)
    else:
        (tmp_path / companion).write_text(xml, encoding="utf-8")
    assert (read_both(tmp_path / "b.ome.tif", monkeypatch) == two).all()
    assert load(tmp_path / "b.ome.tif").channels == ("DAPI", "GFP")


def test_planes_in_another_order_than_their_pages(tmp_path, monkeypatch):
    two = planes(2)
    data = '<TiffData FirstC="1" IFD="0"/><TiffData FirstC="0" IFD="1"/>'
    write(tmp_path / "a.ome.tif", two[::-1], ome([("a", pixels(data))]))
    assert (read_both(tmp_path / "a.ome.tif", monkeypatch) == two).all()


WRONG = {
    "ampersand": (1, ome([("drug & control", pixels("<TiffData/>", "", c=1))])),
    "control character": (1, ome([("a\x01", pixels("<TiffData/>", "", c=1))])),
    "cut short": (1, ome([("a", pixels("<TiffData/>", c=1))])[:90] + "</OME>"),
    "another size": (1, ome([("a", pixels("<TiffData/>", "", (16, 48), c=1))])),
    "no number": (1, ome([("a", pixels('<TiffData IFD="x"/>', "", c=1))])),
    "one channel for two pages": (2, ome([("a", pixels("<TiffData/>", "", c=1))])),
    "one page of two": (2, ome([("a", pixels('<TiffData IFD="0"/>', "", c=1))])),
    "two channels for one page": (1, ome([("a", pixels('<TiffData IFD="0"/><TiffData FirstC="1" IFD="1"/>'))])),
    "a thousand pages": (1, ome([("a", pixels('<TiffData PlaneCount="999999999999"/>', z=10**12))])),
    "no sizes": (1, ome([("a", '<Pixels DimensionOrder="XYCZT"><TiffData/></Pixels>')])),
    "zero samples": (1, ome([("a", pixels("<TiffData/>", '<Channel SamplesPerPixel="0"/>'))])),
    "nothing": (1, ome([])),
}


@pytest.mark.parametrize("fault", WRONG)
def test_metadata_that_is_wrong_costs_itself_and_not_the_image(tmp_path, monkeypatch, capfd, fault):
    count, xml = WRONG[fault]
    own = planes(count)
    write(tmp_path / "a.ome.tif", own, xml)
    assert (read_both(tmp_path / "a.ome.tif", monkeypatch) == own).all()
    assert load(tmp_path / "a.ome.tif").pixel_size is None
    assert capfd.readouterr() == ("", "")


def test_a_thumbnail_is_never_the_image(tmp_path, monkeypatch):
    own = planes(1)[0]
    for name, first in (("before", True), ("after", False)):
        with tifffile.TiffWriter(tmp_path / f"{name}.tif") as tiff:
            pages = [(own[::4, ::4], 1), (own, 0)]
            for page, kind in pages if first else pages[::-1]:
                tiff.write(page, subfiletype=kind, metadata=None)
        assert (read_both(tmp_path / f"{name}.tif", monkeypatch) == own).all()
    with tifffile.TiffWriter(tmp_path / "ome.tif") as tiff:
        xml = ome([("a", pixels('<TiffData IFD="0"/>', "", c=1))])
        tiff.write(own, description=xml.encode(), metadata=None)
        tiff.write(own[::4, ::4], subfiletype=1, metadata=None)
    assert (read_both(tmp_path / "ome.tif", monkeypatch) == own).all()
    assert load(tmp_path / "ome.tif").pixel_size == (0.5, 0.25)


def test_a_pyramid_is_one_image(tmp_path, monkeypatch):
    own = planes(1)[0]
    with tifffile.TiffWriter(tmp_path / "p.ome.tif", ome=True) as tiff:
        tiff.write(own, subifds=1, metadata={"axes": "YX"}, tile=(16, 16))
        tiff.write(own[::2, ::2], subfiletype=1, tile=(16, 16))
    assert (read_both(tmp_path / "p.ome.tif", monkeypatch) == own).all()


@pytest.fixture
def plate(tmp_path):
    """A file of three images, and the images."""
    wells = planes(3)
    with tifffile.TiffWriter(tmp_path / "plate.ome.tif", ome=True) as tiff:
        for k, well in enumerate(wells):
            tiff.write(well, metadata={"axes": "YX", "Name": f"well {k}"}, compression="zlib")
    return tmp_path / "plate.ome.tif", wells


def test_of_several_images_one_is_asked_for(plate, monkeypatch):
    path, wells = plate
    question = r"plate\.ome\.tif holds 3 scenes, 0 well 0, 1 well 1, 2 well 2: which one is meant\? Name it as `scene`"
    with pytest.raises(InputError, match=question):
        read_image(path)
    with pytest.raises(InputError, match="which one is meant"), open_image(path):
        pass
    for k, well in enumerate(wells):
        for scene in (k, f"well {k}"):
            assert (read_both(path.with_name(f"{path.name}#{scene}"), monkeypatch) == well[None]).all()
    with pytest.raises(InputError, match=r"has no scene '3'; it has 0 well 0, 1 well 1, 2 well 2\."):
        read_image(path.with_name(f"{path.name}#3"))


def test_images_of_different_sizes_are_several(tmp_path):
    with tifffile.TiffWriter(tmp_path / "x.tif") as tiff:
        for page in (planes(1)[0], planes(1)[0, :7, :5]):
            tiff.write(page, metadata=None)
    with pytest.raises(InputError, match=r"x\.tif holds 2 scenes, 0, 1: which one"):
        read_image(tmp_path / "x.tif")


def test_scenes_of_many_files(plate):
    path, _ = plate
    other = path.with_name("b.png")
    files = {"b": other, "plate": path}
    assert with_scene(files, None, scene_names) == files
    every = {"b": other, **{f"plate_well_{k}": path.with_name(f"{path.name}#{k}") for k in range(3)}}
    assert with_scene(files, ALL, scene_names) == every
    assert with_scene({"plate": path}, "well 1", scene_names) == {"plate": path.with_name(f"{path.name}#1")}


def test_what_holds_one_image_has_no_other(tmp_path):
    zarr = pytest.importorskip("zarr")
    own = planes(1)[0]
    zarr.save_array(str(tmp_path / "a.zarr"), own)
    imagecodecs.imwrite(tmp_path / "a.png", own)
    for name in ("a.zarr", "a.png"):
        with open_image(tmp_path / f"{name}#0") as opened:
            assert (whole(opened.source) == own).all()
        with (
            pytest.raises(InputError, match=rf"{name} has no scene '1'; it has 0\."),
            open_image(tmp_path / f"{name}#1"),
        ):
            pass


def test_a_mark_in_a_file_name_is_part_of_it(tmp_path):
    own = planes(1)
    tifffile.imwrite(tmp_path / "slide#2.tif", own[0])
    assert (read_image(tmp_path / "slide#2.tif") == own).all()
    with pytest.raises(InputError, match=r"slide#3\.tif does not exist"):
        read_image(tmp_path / "slide#3.tif")


@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("alpha", [255, 17])
def test_alpha_of_a_large_image(tmp_path, monkeypatch, alpha, planar):
    rgba = RANDOM.integers(0, 255, (16, 24, 4)).astype(np.uint8)
    rgba[..., 3] = 255
    rgba[-1, -1, 3] = alpha
    layout = {"planarconfig": "separate"} if planar else {}
    pages = np.moveaxis(rgba, -1, 0) if planar else rgba
    tifffile.imwrite(tmp_path / "a.tif", pages, photometric="rgb", extrasamples=["unassalpha"], **layout)
    assert len(read_both(tmp_path / "a.tif", monkeypatch)) == (3 if alpha == 255 else 4)


@pytest.mark.parametrize("planar", [False, True])
def test_equal_colours_of_a_large_image_are_grey(tmp_path, monkeypatch, planar):
    own = planes(1)[0]
    for name, last, count in (("grey", own, 1), ("colour", own // 2, 3), ("constant", None, 3)):
        colours = np.full((3, *SIZE), 7, np.uint16) if last is None else np.stack([own, own, last])
        layout = {"planarconfig": "separate"} if planar else {}
        pages = colours if planar else np.moveaxis(colours, 0, -1)
        tifffile.imwrite(tmp_path / f"{name}.tif", pages, photometric="rgb", **layout)
        assert len(read_both(tmp_path / f"{name}.tif", monkeypatch)) == count


def test_the_file_is_closed_after_a_question(plate):
    with ExitStack() as stack:
        assert parts.open_parts(plate[0], stack) is None
