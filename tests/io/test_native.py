import os
import stat

import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from lacss_tools.errors import InputError
from lacss_tools.io.candidates import read_candidates, write_candidates
from lacss_tools.io.lois import loi_rows, read_lois, write_lois
from lacss_tools.io.native import (
    atomic,
    read_image,
    read_labels,
    read_mask,
    read_plane,
    write_labels,
    write_mask,
    write_png,
)

GREY = np.arange(12 * 15, dtype=np.uint16).reshape(12, 15)


def test_grey_and_colour_tiff_and_png_have_channels_first(tmp_path):
    tifffile.imwrite(tmp_path / "grey.tif", GREY)
    assert (read_image(tmp_path / "grey.tif") == GREY[None]).all()
    rgb = np.stack([GREY, GREY + 1, GREY + 2], axis=-1).astype(np.uint8)
    tifffile.imwrite(tmp_path / "rgb.tif", rgb, photometric="rgb")
    write_png(tmp_path / "rgb.png", rgb)
    for name in ("rgb.tif", "rgb.png"):
        assert (read_image(tmp_path / name) == np.moveaxis(rgb, -1, 0)).all()
    cyx = np.stack([GREY, GREY * 2])
    tifffile.imwrite(tmp_path / "cyx.ome.tif", cyx, metadata={"axes": "CYX"})
    assert (read_image(tmp_path / "cyx.ome.tif") == cyx).all()
    tifffile.imwrite(tmp_path / "ij.tif", cyx, imagej=True, metadata={"axes": "CYX"})
    assert (read_image(tmp_path / "ij.tif") == cyx).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
def test_depths(tmp_path, dtype):
    tifffile.imwrite(tmp_path / "x.tif", GREY.astype(dtype), compression="lzw")
    image = read_image(tmp_path / "x.tif")
    assert image.dtype == np.float32
    assert (image[0] == GREY.astype(dtype)).all()


def test_a_z_stack_is_refused_with_a_way_out(tmp_path):
    tifffile.imwrite(tmp_path / "z.tif", np.stack([GREY] * 3), imagej=True, metadata={"axes": "ZYX"})
    with pytest.raises(InputError, match=r"z\.tif has axes ZYX.*YX, YXC or CYX"):
        read_image(tmp_path / "z.tif")


def test_rgb_where_grey_is_needed(tmp_path):
    rgb = np.stack([GREY, GREY + 1, GREY + 2], axis=-1).astype(np.uint8)
    write_png(tmp_path / "rgb.png", rgb)
    with pytest.raises(InputError, match=r"rgb\.png has 3 channels where one grey channel is needed"):
        read_plane(tmp_path / "rgb.png")
    write_png(tmp_path / "grey.png", np.stack([GREY.astype(np.uint8)] * 3, axis=-1))
    assert (read_plane(tmp_path / "grey.png") == GREY.astype(np.uint8)).all()


@pytest.mark.parametrize("name", ["grey.png", "grey.tif"])
def test_a_grey_image_saved_in_colour_is_one_channel(tmp_path, name):
    same = np.stack([GREY.astype(np.uint8)] * 3, axis=-1)
    write_png(tmp_path / "grey.png", same)
    tifffile.imwrite(tmp_path / "grey.tif", same, photometric="rgb")
    assert (read_image(tmp_path / name) == same[None, :, :, 0]).all()
    assert (read_image(tmp_path / name, "2") == same[None, :, :, 2]).all()


def test_equal_channels_of_a_microscope_and_a_plain_colour_stay_what_they_are(tmp_path):
    tifffile.imwrite(tmp_path / "three.ome.tif", np.stack([GREY] * 3), metadata={"axes": "CYX"})
    assert read_image(tmp_path / "three.ome.tif").shape == (3, 12, 15)
    write_png(tmp_path / "black.png", np.zeros((12, 15, 3), np.uint8))
    assert read_image(tmp_path / "black.png").shape == (3, 12, 15)


def test_nan_truncated_missing_and_foreign_files_are_named(tmp_path):
    bad = GREY.astype(np.float32)
    bad[3, 4] = np.nan
    tifffile.imwrite(tmp_path / "nan.tif", bad)
    with pytest.raises(InputError, match=r"nan\.tif holds 1 NaN"):
        read_image(tmp_path / "nan.tif")
    tifffile.imwrite(tmp_path / "whole.tif", np.random.default_rng(0).random((64, 64)), compression="zlib")
    (tmp_path / "cut.tif").write_bytes((tmp_path / "whole.tif").read_bytes()[:5000])
    (tmp_path / "text.tif").write_text("not an image")
    (tmp_path / "text.png").write_text("not an image")
    for name in ("cut.tif", "text.tif", "text.png"):
        with pytest.raises(InputError, match=f"{name} cannot be read"):
            read_image(tmp_path / name)
    with pytest.raises(InputError, match="does not exist"):
        read_image(tmp_path / "none.tif")


def test_labels_must_be_whole_and_positive(tmp_path):
    tifffile.imwrite(tmp_path / "f.tif", GREY / np.float32(2))
    with pytest.raises(InputError, match="fractions"):
        read_labels(tmp_path / "f.tif")
    tifffile.imwrite(tmp_path / "n.tif", GREY.astype(np.int16) - 5)
    with pytest.raises(InputError, match="negative"):
        read_labels(tmp_path / "n.tif")


@pytest.mark.parametrize(("count", "dtype"), [(3, np.uint16), (70000, np.uint32), (-3, np.int32)])
def test_labels_round_trip_in_the_depth_they_need(tmp_path, count, dtype):
    labels = np.array([[0, 1], [2, count]], np.int32)
    write_labels(tmp_path / "l.tif", labels)
    assert tifffile.imread(tmp_path / "l.tif").dtype == dtype
    assert (read_labels(tmp_path / "l.tif", signed=True) == labels).all()


def test_masks_are_0_and_255_on_disk_and_true_on_cells(tmp_path):
    mask = GREY % 3 == 0
    write_mask(tmp_path / "m.tif", mask)
    assert set(np.unique(tifffile.imread(tmp_path / "m.tif"))) == {0, 255}
    assert (read_mask(tmp_path / "m.tif") == mask).all()
    tifffile.imwrite(tmp_path / "three.tif", GREY)
    with pytest.raises(InputError, match="is not a mask"):
        read_mask(tmp_path / "three.tif")


def test_candidates_round_trip_and_are_an_imagej_stack(tmp_path):
    masks = np.stack([t < GREY for t in (10, 60, 100)])
    write_candidates(tmp_path / "c.tif", masks, [0.1, 0.25, 0.5])
    back, thresholds = read_candidates(tmp_path / "c.tif")
    assert (back == masks).all()
    assert thresholds == [0.1, 0.25, 0.5]
    with tifffile.TiffFile(tmp_path / "c.tif") as tiff:
        assert tiff.is_imagej
        assert len(tiff.pages) == 3
        assert tiff.imagej_metadata["Labels"][0] == "threshold 0.1"
    tifffile.imwrite(tmp_path / "foreign.tif", GREY)
    with pytest.raises(InputError, match="not a candidates file"):
        read_candidates(tmp_path / "foreign.tif")


@settings(max_examples=30, deadline=None)
@given(hnp.arrays(np.float64, st.tuples(st.integers(0, 8), st.just(2)), elements=st.floats(0, 5000)))
def test_lois_round_trip_to_a_hundredth_of_a_pixel(tmp_path_factory, points):
    path = tmp_path_factory.mktemp("lois") / "p.csv"
    write_lois(path, points, np.ones(len(points)))
    back, response = read_lois(path)
    np.testing.assert_allclose(back, points, atol=0.0051)
    assert response.shape == (len(points),)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "header 'a,b', expected y,x,response"),
        ("", "header '', expected"),
        ("y,x,response\n\n1,two,3\n", r"line 3, is a row that is not numbers \(1;two\)"),
        ("y,x,response\n1,2\n1\n", "line 3, is a row that is not numbers"),
        ("y,x,response\nnan,2,3\n", "line 2, holds NaN"),
        ('y,x\n1.5,2\n"1,170.0",20\n', r"line 3, is a row that is not numbers \(1,170.0;20\)"),
        ('y,x\n"1,170","1,020"\n', "line 2, is a row that is not numbers"),
        ("30.5,40.25\n100,150\n", "no header, so that y and x cannot be told apart. Write y,x above the numbers"),
        ("index,axis-0,axis-1,axis-2\n0,1,2,3\n", "expected y,x,response"),
    ],
)
def test_bad_loi_tables_are_explained(tmp_path, text, message):
    (tmp_path / "p.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        read_lois(tmp_path / "p.csv")


ROWS = [(30.5, 40.25), (100.0, 150.0), (170.0, 20.0)]


def rows_of(form):
    return "\n".join(form.format(k, y, x) for k, (y, x) in enumerate(ROWS, start=1)) + "\n"


@pytest.mark.parametrize(
    "table",
    [
        "y;x\n" + rows_of("{1};{2}"),
        ("y;x;response\n" + rows_of("{1};{2};1")).replace(".", ","),
        ("y;x;name\n" + rows_of("{1};{2}").replace(".", ",").replace("\n", ";a.tif\n")),
        "y,x\n" + rows_of('"{1}","{2}"').replace(".", ","),
        "y\tx\n" + rows_of("{1}\t{2}"),
        " ,X,Y\n" + rows_of("{0},{2},{1}"),
        " ,Area,Mean,X,Y,Ch\n" + rows_of("{0},0,100.5,{2},{1},1"),
        "index,axis-0,axis-1\n" + rows_of("{0}.0,{1},{2}"),
        "Y,X\n" + rows_of("{1},{2}"),
        "# by hand\ny,x,response\n\n" + rows_of("{1},{2},\n,,"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_loi_tables_of_other_programs_are_read(tmp_path, table, encoding):
    (tmp_path / "p.csv").write_text(table, encoding=encoding)
    points, response = read_lois(tmp_path / "p.csv")
    assert points.tolist() == [list(row) for row in ROWS]
    assert (response == 1).all()
    header, *rows = loi_rows(tmp_path / "p.csv")  # what a repair by hand begins with
    at = [header.index(name) for name in ("y", "x")]
    assert [[float(row[k]) for k in at] for row in rows] == points.tolist()


@pytest.mark.parametrize(("header", "point"), [("Y,y ,x", [2, 3]), ("Y,YM,X", [1, 3]), ("X,y,x", [2, 3])])
def test_names_that_are_exactly_right_come_first(tmp_path, header, point):
    (tmp_path / "p.csv").write_text(f"{header}\n1,2,3\n")
    assert read_lois(tmp_path / "p.csv")[0].tolist() == [point]


def test_a_column_of_another_encoding_does_no_harm(tmp_path):
    (tmp_path / "p.csv").write_bytes("y,x,gr\u00f6\u00dfe \u00b5m\n3,4,5\n".encode("latin-1"))
    assert read_lois(tmp_path / "p.csv")[0].tolist() == [[3.0, 4.0]]


def test_loi_tables_from_elsewhere_may_lack_the_response(tmp_path):
    (tmp_path / "p.csv").write_text("\ufeffx, y\n3,4\n")
    assert read_lois(tmp_path / "p.csv")[0].tolist() == [[4.0, 3.0]]


def test_a_failed_write_leaves_the_old_file_and_no_litter(tmp_path):
    path = tmp_path / "x.txt"
    path.write_text("old")

    def fail():
        with atomic(path) as part:
            part.write_text("half")
            raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_an_output_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot be written"):
        write_mask(tmp_path / "file" / "m.tif", GREY > 3)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_files_have_the_permissions_of_their_folder_s_users(tmp_path):
    before = os.umask(0o027)
    try:
        with atomic(tmp_path / "a.txt") as part:
            part.write_text("whole")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == 0o640
