"""A folder of results knows what made them; hand-written records and files stand for earlier runs."""

import tomllib
from dataclasses import dataclass, replace

import pytest

from lacss_tools.errors import InputError
from lacss_tools.jobs.record import Record, beside
from lacss_tools.settings import setting


@dataclass(frozen=True)
class Some:
    width: float = setting(3.0, "")
    above: float | None = setting(None, "")
    thresholds: tuple[float, ...] = setting((0.5, 1.0), "")
    fast: bool = setting(True, "")


@pytest.fixture
def record(tmp_path):
    return Record(tmp_path / "out", "graphcut", (Some(),), {"images": beside(tmp_path / "in", tmp_path / "out")})


def results(record, *stems):
    """Return the results of a folder after making those of `stems`, as a command lists them."""
    record.folder.mkdir(exist_ok=True)
    for stem in stems:
        (record.folder / f"{stem}.tif").write_text(stem)
    return {path.stem: [path] for path in sorted(record.folder.glob("*.tif"))}


def test_what_is_written_is_known_again(record):
    record.claim({}, ["a"], False)
    stored = tomllib.loads((record.folder / "graphcut.toml").read_text())
    assert stored["graphcut"] == {"width": 3.0, "thresholds": [0.5, 1.0], "fast": True}
    assert stored["data"] == {"images": "../in"}
    record.claim(results(record, "a"), ["a", "b"], False)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"settings": (Some(width=4.0, fast=False),)}, "width (3), fast (true)"),
        ({"settings": (Some(above=2.0),)}, "above (none)"),
        ({"settings": (Some(thresholds=(0.5,)),)}, "thresholds (0.5,1)"),
        ({"facts": {"images": "../other"}}, "images (../in)"),
        ({"facts": {"images": "../in", "masks": "../m"}}, "masks (none)"),
        ({"facts": {}}, "images (../in)"),
    ],
)
def test_what_differs_is_named_with_its_value_before_and_nothing_is_touched(record, change, words):
    record.claim({}, ["a"], False)
    before = (record.folder / "graphcut.toml").read_bytes()
    other, there = replace(record, **change), results(record, "a")
    with pytest.raises(InputError) as refused:
        other.claim(there, ["a"], False)
    assert str(refused.value) == (
        f"{record.folder} holds what lacss graphcut made, with other {words} than now. Give another `output`, or "
        "`overwrite`."
    )
    assert (record.folder / "graphcut.toml").read_bytes() == before
    assert (record.folder / "a.tif").exists()
    other.claim(there, ["a"], True)
    assert not (record.folder / "a.tif").exists()
    other.claim(results(record, "a"), ["a"], False)


def test_notes_and_harmless_settings_may_differ(record):
    replace(record, notes={"seen": 1.5}).claim({}, ["a"], False)
    other = replace(record, settings=(Some(width=9.0),), harmless=("width",), notes={"seen": 2.5})
    other.claim(results(record, "a"), ["a"], False)


def test_overwriting_some_of_the_images_with_other_settings_would_mix_them(record):
    record.claim({}, ["a", "b"], False)
    other = replace(record, settings=(Some(width=4.0),))
    with pytest.raises(InputError, match="made of 1 other images, such as b"):
        other.claim(results(record, "a", "b"), ["a"], True)
    record.claim(results(record), ["a"], True)
    assert len(results(record)) == 2


def test_a_folder_whose_results_were_deleted_is_free(record):
    record.claim({}, ["a"], False)
    replace(record, settings=(Some(width=4.0),)).claim({}, ["a"], False)
    assert "width = 4.0" in (record.folder / "graphcut.toml").read_text()


def test_results_without_a_record_stay_without_one_until_more_are_made(record):
    record.claim(results(record, "a"), ["a"], False)
    assert not (record.folder / "graphcut.toml").exists()
    record.claim(results(record), ["a", "b"], False)
    assert (record.folder / "graphcut.toml").exists()


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ('[graphcut]\nwidth = 3.0\nthresholds = [0.5, 1.0]\n[data]\nimages = "/moved/since/in"\n', False),
        ('[graphcut]\nwidth = 3.0\nfast = true\n[data]\nimages = "/moved/since/in"\n', True),
        ('[graphcut]\nfast = true\n[data]\nimages = "/moved/since/another"\n', False),
    ],
)
def test_early_records_lack_settings_that_were_unknown_and_have_whole_paths(record, text, same):
    there = results(record, "a")
    (record.folder / "graphcut.toml").write_text(text)
    if same:
        record.claim(there, ["a"], False)
        return
    with pytest.raises(InputError, match="than now"):
        record.claim(there, ["a"], False)


def test_a_damaged_record_is_named_and_can_be_overwritten(record):
    there = results(record, "a")
    (record.folder / "graphcut.toml").write_text("= broken")
    with pytest.raises(InputError, match=r"graphcut\.toml is damaged"):
        record.claim(there, ["a"], False)
    record.claim(there, ["a"], True)
    assert (record.folder / "graphcut.toml").read_text().startswith("[graphcut]")
