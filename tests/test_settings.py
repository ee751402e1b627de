"""What a settings dataclass knows of its fields, and what it refuses."""

import json
import math
from dataclasses import asdict, fields

import numpy as np
import pytest

from lacss_tools.annotate.candidates.settings import CutSettings
from lacss_tools.annotate.lois.settings import LoiSettings
from lacss_tools.annotate.settings import CellSettings, ChannelSettings
from lacss_tools.errors import UsageError
from lacss_tools.predict.settings import ImageSettings, PredictSettings, TileSettings
from lacss_tools.settings import check, from_table, known, show, to_table
from lacss_tools.train.settings import TrainSettings

EVERY = (
    TrainSettings,
    PredictSettings,
    TileSettings,
    ImageSettings,
    CutSettings,
    LoiSettings,
    ChannelSettings,
    CellSettings,
)
NUMBERS = [(kind, entry) for kind in EVERY for entry in known(kind).values() if entry.type in (int, float)]


@pytest.mark.parametrize("kind", EVERY)
def test_every_setting_says_what_it_means(kind):
    for item in fields(kind):
        about = known(kind)[item.name].about
        assert about.help.endswith("."), item.name
        assert about.help[0].isupper() or about.help[0] == "`", item.name


@pytest.mark.parametrize("kind", EVERY)
def test_defaults_are_possible_and_survive_a_table(kind):
    check(kind())
    assert from_table(kind, json.loads(json.dumps(to_table(kind())))) == kind()


@pytest.mark.parametrize(("kind", "entry"), NUMBERS, ids=[entry.name for _, entry in NUMBERS])
def test_no_number_may_be_infinite_or_none_at_all(kind, entry):
    for value in (math.nan, math.inf, -math.inf) if entry.type is float else (-1, -(2**70)):
        with pytest.raises(UsageError, match=f"^`{entry.name}` must be "):
            kind(**{entry.name: value})


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"learning_rate": -1.0}, "`learning_rate` must be above 0, not -1."),
        ({"weak_loss": 1.5}, "`weak_loss` must be from 0 to 1, not 1.5."),
        ({"scale_range": 1.0}, "`scale_range` must be at least 0 and below 1, not 1."),
        ({"supervision": "some"}, "`supervision` must be weak, full or mixed, not some."),
        ({"crop": 100}, "`crop` must be at least 64 and a multiple of 32, not 100. Give for example 96."),
        ({"crop": 32}, "`crop` must be at least 64 and a multiple of 32, not 32. Give for example 64."),
        ({"steps": 0}, "`steps` must be at least 1, not 0."),
    ],
)
def test_a_user_of_python_reads_the_name_the_range_and_the_value(values, sentence):
    with pytest.raises(UsageError) as error:
        TrainSettings(**values)
    assert str(error.value) == sentence


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("x0.9, x1.1", {"thresholds": (0.9, 1.1), "relative": True}),
        ("0.5,0.3", {"thresholds": (0.3, 0.5), "relative": False}),
    ],
)
def test_a_text_may_mean_more_than_one_setting(text, values):
    entry = known(CutSettings)["thresholds"]
    assert entry.parse(text) == entry.read(text) == values


@pytest.mark.parametrize(
    ("kind", "name", "text", "value"),
    [
        (TrainSettings, "minutes", "3", 3.0),
        (TrainSettings, "minutes", "none", None),
        (TrainSettings, "compile", "Yes", True),
        (TrainSettings, "channel", "DAPI", "DAPI"),
        (TrainSettings, "seed", " 7 ", 7),
        (LoiSettings, "sigma", "4.2, 5", (4.2, 5.0)),
        (LoiSettings, "nucleus_diameter", "auto", None),
    ],
)
def test_texts_are_read_as_the_type_of_the_setting(kind, name, text, value):
    entry = known(kind)[name]
    assert entry.parse(text) == {name: value}
    assert entry.parse(show(value)) == {name: value}


@pytest.mark.parametrize(
    ("kind", "name", "text", "words"),
    [
        (TrainSettings, "seed", "2.5", "must be a whole number, not '2.5'"),
        (TrainSettings, "minutes", "long", "must be a number, not 'long'"),
        (TrainSettings, "seed", "none", "must be a whole number, not 'none'"),
        (TrainSettings, "compile", "2", "must be true or false, not '2'"),
        (LoiSettings, "sigma", "4.2", "must be 2 numbers with commas between them, not 4.2"),
        (LoiSettings, "sigma", "4.2,0", "must be above 0 and at most 5000, not 4.2,0"),
    ],
)
def test_other_texts_are_refused_in_words(kind, name, text, words):
    with pytest.raises(ValueError, match=f"^{words}"):
        known(kind)[name].parse(text)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("seed", True, "must be a whole number, not 'true'"),
        ("seed", 1.0, "must be a whole number"),
        ("minutes", "3", "must be a number, not '3'"),
        ("compile", 1, "must be true or false"),
        ("channel", 1, "must be text"),
    ],
)
def test_tables_are_taken_by_type(name, value, words):
    with pytest.raises(ValueError, match=words):
        known(TrainSettings)[name].accept(value)
    with pytest.raises(UsageError, match=words):
        from_table(TrainSettings, {name: value})


def test_numbers_of_numpy_and_whole_numbers_become_plain():
    entry = known(TrainSettings)
    for name, value in (("gain", np.float32(0.5)), ("minutes", 3), ("seed", np.int64(4))):
        plain = entry[name].accept(value)
        assert type(plain) is entry[name].type
        assert plain == value


def test_what_contradicts_itself_is_refused():
    for kind, values, words in (
        (LoiSettings, {"sigma": (4.2, 5.0), "nucleus_diameter": 12.0}, "`sigma` and `nucleus_diameter`"),
        (LoiSettings, {"sigma": (5.0, 4.2)}, "`sigma` must be two rising numbers, not 5,4.2"),
        (CutSettings, {"tile": 100, "overlap": 80}, "`tile` 100 is under twice the `overlap` of 80"),
        (CutSettings, {"fiji_compat": True, "contrast": True}, "knows nothing of `contrast`"),
    ):
        with pytest.raises(UsageError, match=words):
            kind(**values)


def test_the_names_of_one_command_are_distinct():
    for kinds in ((PredictSettings, TileSettings, ImageSettings), (CutSettings, CellSettings)):
        names = [name for kind in kinds for name in asdict(kind())]
        assert len(set(names)) == len(names)
