"""Lists of files as four instruments write them, and what is made of them by the presets: names only, no pixel."""

from itertools import product
from pathlib import Path

import pytest

from lacss_tools.errors import InputError, UsageError
from lacss_tools.io.joined import channel_files
from lacss_tools.io.patterns import Position, position_of
from lacss_tools.io.project import find_images, list_images, list_tables, picks_file
from lacss_tools.io.settings import settings_file
from lacss_tools.io.stems import how_to_pair, own_patterns, pair_by, stem_of

WELLS, SITES = ("A01", "B12", "P24"), (1, 2, 10)
GUIDS = ("CE70AD49-290D-4312-82E6-CDC717F32637", "12ab45ef-0000-4312-82e6-cdc717f32637")


@pytest.fixture(autouse=True)
def _own_patterns():
    with own_patterns():
        yield


def make(folder, names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def found(folder, pattern):
    """Return stem -> channel -> file, without the folder."""
    pair_by(pattern)
    return {
        stem: {channel: file.relative_to(folder).as_posix() for channel, file in channel_files(path).items()}
        or path.relative_to(folder).as_posix()
        for stem, path in list_images(folder).items()
    }


def metaxpress(plate="Week_1", guids=GUIDS):
    return {
        f"{plate}_{well}_{site}": {f"w{k}": f"{plate}_{well}_s{site}_w{k}{guid}.tif" for k, guid in enumerate(guids, 1)}
        for well, site in product(WELLS, SITES)
    }


def operetta(folder=""):
    """A01, B12 and P24 are rows 1, 2, 16 and columns 1, 12, 24."""
    places = zip(WELLS, ("r01c01", "r02c12", "r16c24"), strict=True)
    return {
        f"{folder and folder + '_'}{well}_{site}_t1": {
            f"ch{k}": f"{folder and folder + '/Images/'}{place}f{site:02d}p01-ch{k}sk1fk1fl1.tiff" for k in (1, 2, 10)
        }
        for (well, place), site in product(places, SITES)
    }


def early_operetta():
    return {"A12_3_t5": "r01c12f03p02rc1-ch2sk5fk1fl1.tiff"}


def cellvoyager(plate="AssayPlate_Greiner_#655090"):
    return {
        f"{plate}_{well}_{site}_t1": {f"C0{k}": f"{plate}_{well}_T0001F{site:03d}L01A0{k}Z01C0{k}.tif" for k in (1, 2)}
        for well, site in product(WELLS, SITES)
    }


def incucyte(time="2024y01m31d_08h00m"):
    """Wells without a zero, one channel a folder."""
    return {
        f"VID_7_{well}_{site}_t{time.replace('_', '-')}": f"VID_7_{well[0]}{int(well[1:])}_{site}_{time}.tif"
        for well, site in product(WELLS, SITES)
    }


VENDORS = {
    "metaxpress": metaxpress(),
    "Metaxpress": metaxpress(guids=("", "", "")),
    "operetta": operetta(),
    "OPERETTA": operetta("p1__2020-11-05T21_31_31-Measurement1") | operetta("p2"),
    "Operetta": early_operetta(),
    "cellvoyager": cellvoyager(),
    "incucyte": incucyte(),
    "Incucyte": incucyte("00d08h00m"),
}


def files(expected):
    return [name for one in expected.values() for name in ([one] if isinstance(one, str) else one.values())]


@pytest.mark.parametrize("preset", VENDORS)
def test_the_files_of_each_vendor_are_images_with_their_channels(tmp_path, preset):
    expected = VENDORS[preset]
    images = found(make(tmp_path, files(expected)), preset)
    assert images == dict(sorted(expected.items()))
    assert [list(one) for one in images.values()] == [list(expected[stem]) for stem in images]  # w2 before w10
    for stem in images:
        assert stem_of(Path(f"{stem}.csv")) == stem  # the name of a result, under the same pattern
        assert position_of(stem).stem == stem


def test_thumbnails_and_images_for_correction_are_none(tmp_path):
    names = [f"Week_1_A01_s1_w1_thumb{GUIDS[0]}.tif", "Week_1_A01_s1_thumb.tif"]
    assert found(make(tmp_path / "i", files(metaxpress()) + names), "metaxpress") == metaxpress()
    names = ["DC_sCMOS #1_CAM1.tif", "SC_BP445-45_40x_M10_CH01.tif"]
    assert len(found(make(tmp_path / "c", files(cellvoyager()) + names), "cellvoyager")) == len(cellvoyager())


def test_plates_and_times_in_folders_of_metaxpress(tmp_path):
    names = [f"{plate}/TimePoint_{t}/A01_s1_w{k}.TIF" for plate, t, k in product(("7", "8"), (1, 2), (1, 2))]
    images = found(make(tmp_path, names), "metaxpress")
    assert list(images) == ["7_A01_1_t1", "7_A01_1_t2", "8_A01_1_t1", "8_A01_1_t2"]
    assert images["8_A01_1_t2"] == {"w1": "8/TimePoint_2/A01_s1_w1.TIF", "w2": "8/TimePoint_2/A01_s1_w2.TIF"}
    names = ["26159/Exp_A01_s1.tif", "26160/Exp_A01_s1.tif", "p/p_A01_s1.tif"]
    assert list(found(make(tmp_path / "ids", names), "metaxpress")) == ["26159_Exp_A01_1", "26160_Exp_A01_1", "p_A01_1"]


def test_an_archive_of_incucyte(tmp_path):
    wells = product(("0800", "1000"), (1, 12), ("C1", "Ph"))
    names = [f"2401/31/{hour}/700/A{k}-1-{channel}.tif" for hour, k, channel in wells]
    images = found(make(tmp_path, names), "incucyte")
    assert images["700_A12_1_t2401311000"] == {c: f"2401/31/1000/700/A12-1-{c}.tif" for c in ("C1", "Ph")}
    assert len(images) == 4


def test_fields_by_a_pattern_of_ones_own(tmp_path):
    names = [f"{well}_s{site}_w{k}.tif" for well, site, k in product(WELLS, SITES, (1, 2))]
    images = found(make(tmp_path, names), "{well}_s{field}_w{channel}")
    assert images["B12_10"] == {"w1": "B12_s10_w1.tif", "w2": "B12_s10_w2.tif"}
    assert len(images) == len(WELLS) * len(SITES)
    make(tmp_path, ["A01_s1_sum.tif"])
    with pytest.raises(InputError, match=r"A01_s1_sum.tif: the name does not fit"):
        found(tmp_path, "{well}_s{field}_w{channel}")
    images = found(make(tmp_path / "named", ["x/A1 DAPI.tif", "x/A1 GFP.tif"]), "{plate}/{well} {channel}")
    assert images == {"x_A01": {"DAPI": "x/A1 DAPI.tif", "GFP": "x/A1 GFP.tif"}}
    images = found(make(tmp_path / "stems", ["cell 1_1.tif", "cell 1_2.tif", "cell 2.tif"]), "{stem}_{channel}")
    assert images == {"cell 1": {"c1": "cell 1_1.tif", "c2": "cell 1_2.tif"}, "cell 2": "cell 2.tif"}


def test_one_channel_alone_has_the_path_of_its_file(tmp_path):
    folder = make(tmp_path, files(metaxpress()))
    chosen = found(folder, "metaxpress:channel=w2:field=1+10")
    assert chosen == {stem: one["w2"] for stem, one in metaxpress().items() if not stem.endswith("_2")}


@pytest.mark.parametrize(
    ("preset", "name"),
    [
        ("operetta", "r01c01f01p0{}-ch1sk1fk1fl1.tiff"),
        ("cellvoyager", "P_A01_T0001F001L01A01Z0{}C01.tif"),
        ("metaxpress", "ZStep_{}/P_A01_s1_w1.tif"),
        ("metaxpress", "P_A01_s1_w1_z{}.tif"),
    ],
)
def test_several_planes_are_asked_about(tmp_path, preset, name):
    folder = make(tmp_path, [name.format(k) for k in (1, 2, 3)])
    pair_by(preset)
    with pytest.raises(InputError, match=r"holds 3 planes of '\S+', 1, 2, 3: which one is meant\? Choose .*:plane=3"):
        list_images(folder)
    assert list(found(folder, f"{preset}:plane=2").values()) == [name.format(2)]


def test_a_projection_beside_planes_is_asked_about_too(tmp_path):
    folder = make(tmp_path, ["P_A01_s1_w1.tif", "ZStep_1/P_A01_s1_w1.tif"])
    pair_by("metaxpress")
    with pytest.raises(InputError, match="2 planes of 'P_A01_1', 1, none"):
        list_images(folder)
    assert found(folder, "metaxpress:plane=none") == {"P_A01_1": "P_A01_s1_w1.tif"}


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            ["P_A01_s1_w1.tif", "P_A01_s1_w2.tif", "P_A02_s1_w1.tif"],
            "channel w2 of 'P_A02_1', of which it has w1. Add it, or .* have: metaxpress:channel=w1.",
        ),
        (["P_A01_s1.tif", "P_A02_s1_w1.tif"], "lacks channel w1 of 'P_A01_1', of which it has none. Add it.$"),
        (["P_A01_s1_w1.tif", "notes.tif", "sum.png"], "notes.tif and 1 more: the name does not fit the `pattern`"),
        (["r01c01f01p01-ch1sk1fk1fl1.tiff"], "r01c01f01p01-ch1sk1fk1fl1.tiff: the name does not fit"),
        (
            ["x/P_A01_s1_w1.tif", "x/P_A01_s1_w1.png"],
            "stem 'x_P_A01_1' and the channel w1. Tell them apart in the `pattern`.*move one away",
        ),
        (["P_A01_s1_w1.tif", "P_A01_1.tif"], "share the stem 'P_A01_1'"),
    ],
)
def test_wrong_lists_are_named(tmp_path, names, message):
    pair_by("metaxpress")
    with pytest.raises(InputError, match=message):
        find_images(make(tmp_path, names))


@pytest.mark.parametrize(
    ("pattern", "names", "message"),
    [
        ("r{row}c{column}", ["r0c0.tif", "r1c0.tif"], "r0c0.tif and 1 more: .* Rows are 1 to 32, columns 1 to 99"),
        ("r{row}c{column}", ["r33c1.tif"], "r33c1.tif: the name does not fit"),
        ("{well}", ["A00.tif"], "A00.tif: the name does not fit"),
        ("{well}_w*", ["A01_w1.tif", "A01_w2.tif"], "share the stem 'A01'. Tell them apart in the `pattern`"),
        ("{stem}_w*", ["A01_w1.tif", "A01_w2.tif"], "share the stem 'A01'. Tell them apart in the `pattern`"),
        (
            "metaxpress:plane=1+2",
            ["A01_z1.tif", "A01_z2.tif"],
            "share the stem 'A01'. Tell them apart in the `pattern`",
        ),
        (
            "metaxpress:channel=1",
            ["A01_w1.tif", "A01_w2.tif"],
            "metaxpress:channel=1; the files have channel w1, w2. Choose",
        ),
        ("operetta:plane=3:channel=ch1", ["r01c01f01p01-ch1sk1fk1fl1.tiff"], "plane 1; channel ch1. Choose"),
        ("{well}_{channel}_{plane}", ["A01_w1_1.tif", "A01_w1_2.tif"], r"as in \{well}_\{channel}_\{plane}:plane=2"),
        ("{channel}_{plate}_{well}", ["w1_my_1_A01.tif"], "would be called 'my_1_A01', .* takes for '1_A01'"),
    ],
)
def test_what_does_not_fit_a_pattern_is_told_with_that_pattern(tmp_path, pattern, names, message):
    pair_by(pattern)
    with pytest.raises(InputError, match=message):
        list_images(make(tmp_path, names))


def test_results_of_another_choice_are_no_error(tmp_path):
    pair_by("{well}_{field}:field=2")
    assert find_images(make(tmp_path, ["A01_1.tif"])) == {}


def test_wells_and_plates_are_chosen_where_they_follow_from_other_fields(tmp_path):
    folder = make(tmp_path, files(operetta("p1") | operetta("p2")))
    assert {stem[:6] for stem in found(folder, "operetta:plate=p2:well=b12")} == {"p2_B12"}


def test_times_of_several_numbers_keep_the_position(tmp_path):
    pattern = "{plate}_{well}_{field}_{time}"
    assert list(found(make(tmp_path, ["P_A01_1_2_30.tif"]), pattern)) == ["P_A01_1_t2-30"]
    assert stem_of(Path("P_A01_1_t2-30.csv")) == "P_A01_1_t2-30"
    assert position_of("P_A01_1_t2-30") == Position("P", "A01", "1", "2-30")
    with pytest.raises(InputError, match=r"P_A01_1_day_1.tif: the name does not fit"):
        found(make(tmp_path / "days", ["P_A01_1_day_1.tif"]), pattern)
    assert list(found(tmp_path / "days", "{plate}_{well}_{field}_day_{time}")) == ["P_A01_1_t1"]


def test_no_folder_deeper_than_the_pattern_is_searched(tmp_path):
    make(tmp_path, ["P/A01_w1.tif", "P/old/notes.tif"])
    assert list(found(tmp_path, "{plate}/{well}_{channel}")) == ["P_A01"]
    assert list(found(make(tmp_path / "o", ["p/Images/r01c01f01p01-ch1sk1fk1fl1.tiff", "p/a/b/n.tif"]), "operetta"))


@pytest.mark.parametrize(
    "mark", [settings_file(Path(), "predict"), settings_file(Path(), "graphcut"), picks_file(Path())], ids=str
)
def test_results_in_folders_are_no_further_images(tmp_path, mark):
    make(tmp_path, ["A01.tif", "found/A01.tif", "plate2/A01.tif", f"found/{mark}"])
    assert list(found(tmp_path, "metaxpress")) == ["A01", "plate2_A01"]
    assert list(found(tmp_path / "found", "metaxpress")) == ["A01"]


def test_an_image_of_several_files_has_the_stem_of_its_first(tmp_path):
    assert stem_of(Path("P_A01_s1_{w1|w2}.tif")) == "P_A01_s1_w1"
    real = make(tmp_path, ["real{x|y}.tif"]) / "real{x|y}.tif"
    assert (channel_files(real), stem_of(real)) == ({}, "real{x|y}")
    pair_by("metaxpress")
    assert stem_of(Path("P_A01_s1_{w1|w2}.tif")) == "P_A01_1"
    images = found(make(tmp_path / "i", ["A01_s1.tif", "A01_s1_w2.tif"]), "metaxpress")
    assert images == {"A01_1": {"none": "A01_s1.tif", "w2": "A01_s1_w2.tif"}}


def test_results_are_found_by_the_same_pattern(tmp_path):
    pair_by("cellvoyager")
    assert list(list_images(make(tmp_path / "i", ["P_A01_1_t1.tif", "old/P_A01_1_t1.tif"]))) == ["P_A01_1_t1"]
    assert list(list_tables(make(tmp_path / "t", ["P_A01_1_t1.csv", "P_A01_T0001F002L01A01Z01C01.csv"]))) == [
        "P_A01_1_t1",
        "P_A01_2_t1",
    ]


@pytest.mark.parametrize(
    "pattern", ["{well}_{what}", "{field}_w{channel}", "{row}_{field}", "{well}_{well}", "operetta,"]
)
def test_a_pattern_that_pairs_nothing_is_refused(pattern):
    with pytest.raises(UsageError, match="does not say what pairs files"):
        pair_by(pattern)


@pytest.mark.parametrize("pattern", ["metaxpress:row=1", "metaxpress:plane", "{stem}_w1:plane=1", "metaxpress:well=X"])
def test_what_a_pattern_cannot_choose_is_refused(pattern):
    with pytest.raises(UsageError, match="which is none of its fields"):
        pair_by(pattern)


def test_a_preset_is_told_where_it_pairs():
    first, second = (["P_A01_s1_w1" + GUIDS[0]], ["P_A01_s1_w2" + GUIDS[1]])
    assert how_to_pair(first, second) == "They pair with `pattern` 'metaxpress'."
