"""Options made from settings dataclasses: flags, --set, --config, and which of them counts."""

import subprocess
import sys
from pathlib import Path
from typing import Annotated

import pytest
import tomli_w
import typer
from typer.testing import CliRunner

from lacss_tools.annotate.candidates.settings import CutSettings
from lacss_tools.annotate.lois.settings import LoiSettings
from lacss_tools.annotate.settings import CellSettings, ChannelSettings
from lacss_tools.cli import LacssGroup, app
from lacss_tools.io.settings import read_toml, settings_file, write_settings
from lacss_tools.predict.settings import ImageSettings, PredictSettings, TileSettings
from lacss_tools.screen.settings_options import Given, with_settings
from lacss_tools.settings import from_table, known, show
from lacss_tools.train.settings import TrainSettings

KINDS = {
    "train": (TrainSettings,),
    "predict": (PredictSettings, ImageSettings, TileSettings),
    "graphcut": (CutSettings, CellSettings),
    "annotate-lois": (LoiSettings, ChannelSettings),
}
EACH = [(command, entry) for command, kinds in KINDS.items() for kind in kinds for entry in known(kind).values()]
ANOTHER = {"preset": "fine", "supervision": "full", "center": "li", "intensity": "linear", "polarity": "dark",
           "borders": "bright", "optimizer": "adam", "nuclei": "stain", "nuclei_channel": "DAPI", "method": "dog",
           "neighbours": 4, "channel": "DAPI", "crop": 96, "thresholds": (0.5, 1.5), "sigma": (4.0, 6.0)}  # fmt: skip


def another(entry):
    """Return a possible value of a setting that is not its default."""
    if entry.name in ANOTHER:
        return ANOTHER[entry.name]
    if entry.type is bool:
        return not entry.default
    about, start = entry.about, entry.default or 0
    return next(v for v in map(entry.type, (start + 1, start / 2, start - 1, 64)) if v != start and about.allows(v))


@pytest.fixture
def seen():
    return {}


@pytest.fixture
def project(tmp_path, seen):
    """Commands of these names that only remember what they were given; returns a function that calls one."""
    application = typer.Typer(cls=LacssGroup, rich_markup_mode="markdown", pretty_exceptions_enable=False)
    for command, kinds in KINDS.items():

        @application.command(command)
        @with_settings(command, *kinds)
        def run(given: Given = Given(), project: Annotated[Path, typer.Option(help="Project.")] = tmp_path) -> None:
            seen["given"] = given

    return lambda *words: CliRunner().invoke(application, [str(word) for word in words])


# ---- every setting --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", KINDS)
def test_every_setting_is_in_the_help_with_its_meaning(command):
    text = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "400", "TERM": "dumb"}).output
    for entry in (entry for kind in KINDS[command] for entry in known(kind).values()):
        assert (entry.flag if entry.about.panel else f"{entry.name}={entry.about.shown or show(entry.default)}") in text
        assert entry.about.help.split("`")[0].split(". ")[0].rstrip(". ") in text
    for words in ("--set", "NAME=VALUE", "--config", f"a table [{command}]"):
        assert words in text
    assert "`" not in text


@pytest.mark.parametrize(("command", "entry"), EACH, ids=[f"{command} {entry.name}" for command, entry in EACH])
def test_every_setting_can_be_set_by_name_and_by_file(command, entry, project, seen, tmp_path):
    value = another(entry)
    text = show(value) if entry.name != "thresholds" else "x" + show(value).replace(",", ",x")
    (tmp_path / "own.toml").write_text(tomli_w.dumps({command: {entry.name: value}}))
    for words in (["--set", f"{entry.name}={text}"], ["--config", "own.toml"]):
        result = project(command, *words)
        assert result.exit_code == 0, result.output
        assert seen["given"].all[entry.name] == value != entry.default


# ---- which counts ---------------------------------------------------------------------------------------------------


def test_a_flag_counts_before_set_and_set_before_the_file(project, seen, tmp_path):
    (tmp_path / "own.toml").write_text("[train]\nseed = 1\nbatch = 1\ngain = 0.5\n")
    assert project("train", "--config", "own.toml", "--set", "seed=2", "--set", "batch=2", "--seed", 3).exit_code == 0
    settings = seen["given"].over(TrainSettings())
    assert (settings.seed, settings.batch, settings.gain, settings.crop) == (3, 2, 0.5, TrainSettings().crop)


def test_a_flag_with_the_default_counts_too(project, seen, tmp_path):
    (tmp_path / "own.toml").write_text("seed = 1\ncompile = true\n")
    assert project("train", "--config", "own.toml", "--seed", 0, "--no-compile").exit_code == 0
    assert seen["given"].flags == {"seed": 0, "compile": False}
    assert seen["given"].over(TrainSettings()) == TrainSettings()


def test_one_command_may_have_several_dataclasses(project, seen):
    assert project("predict", "--tile", 64, "--set", "small=9", "--set", "min-area=3").exit_code == 0
    assert seen["given"].over(PredictSettings()) == PredictSettings(min_area=3.0)
    assert seen["given"].over(TileSettings()) == TileSettings(tile=64, small=9)


def test_one_file_may_serve_all_commands_and_tell_of_a_result(project, seen, tmp_path):
    (tmp_path / "lacss.toml").write_text("[graphcut]\ntile = 9\n[train]\nseed = 4\n[data]\nscale = 2.0\n")
    assert project("train", "--config", "lacss.toml").exit_code == 0
    assert seen["given"].all == {"seed": 4}


# ---- what makes no sense --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--learning-rate", -1), "--learning-rate must be above 0, not -1."),
        (("--learning-rate", "nan"), "--learning-rate must be a finite number, not nan."),
        (("--set", "learning_rate=-1"), "--set learning_rate must be above 0, not -1."),
        (("--set", "jitter=inf"), "--set jitter must be a finite number, not inf."),
        (("--set", "seed=many"), "--set seed must be a whole number, not 'many'."),
        (
            ("--set", "lerning_rate=1"),
            "--set lerning_rate=1: unknown setting lerning_rate. Did you mean learning_rate?",
        ),
        (("--set", "seed"), "--set seed sets nothing. Write name=value, without spaces."),
    ],
)
def test_nonsense_is_one_sentence_and_exit_code_2(project, words, sentence):
    result = project("train", *words)
    assert (result.exit_code, result.stderr) == (2, f"lacss: {sentence}\n")


@pytest.mark.parametrize(
    ("content", "code", "sentence"),
    [
        ("learning_rate = -1", 2, "learning_rate must be above 0, not -1."),
        ("learning_rate = nan", 2, "learning_rate must be a finite number, not nan."),
        ("[train]\nseed = 'many'", 2, "seed must be a whole number, not 'many'."),
        ("[train]\nseeds = 1", 2, "unknown setting seeds. Did you mean seed or steps?"),
        ("[trian]\nseed = 1", 2, "nothing has settings in a table trian. Did you mean train?"),
        ("[graphcut]\ntile = 9", 2, "has settings of graphcut, none of train. Give the file of a train."),
        ("seed = ", 3, "is not TOML"),
    ],
)
def test_a_file_that_is_wrong_is_named_with_what_is_wrong_in_it(project, tmp_path, content, code, sentence):
    (tmp_path / "own.toml").write_text(content)
    result = project("train", "--config", "own.toml")
    assert result.exit_code == code
    assert result.stderr.startswith(f"lacss: {tmp_path / 'own.toml'}")
    assert sentence in result.stderr
    assert result.stderr.count("\n") == 1


def test_a_missing_file_is_missing_input(project):
    result = project("train", "--config", "nowhere.toml")
    assert result.exit_code == 3
    assert "nowhere.toml cannot be read (No such file or directory)" in result.stderr


def test_the_result_says_how_it_came_about(tmp_path):
    path = settings_file(tmp_path, "predict")
    write_settings(path, "predict", [PredictSettings(), TileSettings()], data={"model": "m"})
    content = read_toml(path)
    assert list(content) == ["predict", "data", "versions"]
    assert from_table(PredictSettings, {name: content["predict"].pop(name) for name in known(PredictSettings)}) == (
        PredictSettings()
    )
    assert from_table(TileSettings, content["predict"]) == TileSettings()


# ---- light ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", [("--help",), ("train", "--help"), ("predict", "--help"), ("graphcut", "--help")])
def test_help_loads_nothing_heavy_and_takes_no_time(words):
    program = (
        "import sys, time\nfrom lacss_tools.cli import app\n"
        f"app({list(words)}, standalone_mode=False)\n"
        "heavy = [name for name in ('torch', 'scipy', 'skimage', 'matplotlib', 'numpy') if name in sys.modules]\n"
        "print(heavy, time.process_time(), file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    heavy, seconds = result.stderr.strip().rsplit(" ", 1)
    assert heavy == "[]"
    assert float(seconds) < 0.5  # of processor time, which other work on the machine does not stretch
