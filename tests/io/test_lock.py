import os
import subprocess
import sys

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

from lacss_tools.cli import app
from lacss_tools.errors import InputError
from lacss_tools.io.lock import OWNER, locked, owned

HOLD = "import sys; from pathlib import Path; from lacss_tools.io.lock import owned\n"
HOLD += "with owned(Path(sys.argv[1]), 'lacss predict'): print('mine', flush=True); sys.stdin.read()"


def test_the_second_is_told_who_works_there_and_the_dead_do_not_count(tmp_path):
    other = subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path / "out"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert other.stdout.readline() == "mine\n"
    told = f"out is in use: lacss predict, process {other.pid} on .*, since .*. Wait for it, or choose another"
    with pytest.raises(InputError, match=told), owned(tmp_path / "out", "lacss train"):
        pass
    other.kill()
    other.communicate()
    assert (tmp_path / "out" / OWNER).is_file()  # nobody tidied up
    with owned(tmp_path / "out", "lacss train"):
        assert f"lacss train, process {os.getpid()} on " in (tmp_path / "out" / OWNER).read_text()
    assert not (tmp_path / "out" / OWNER).exists()


def test_shares_of_one_command_work_together_and_keep_others_out(tmp_path):
    with owned(tmp_path, "lacss predict", several=True):
        with owned(tmp_path, "lacss predict", several=True):
            pass
        assert (tmp_path / OWNER).exists()  # the first works there still
        with pytest.raises(InputError, match="in use: lacss predict"), owned(tmp_path, "lacss train"):
            pass
    assert not (tmp_path / OWNER).exists()


def test_a_folder_that_stays_empty_goes_and_others_stay(tmp_path):
    with owned(tmp_path / "a" / "new", "lacss"):
        pass
    assert not (tmp_path / "a" / "new").exists()
    (tmp_path / "old").mkdir()
    with owned(tmp_path / "old", "lacss"), locked(tmp_path / "old"):  # the two locks do not wait for each other
        pass
    assert list((tmp_path / "old").iterdir()) == []


@pytest.mark.parametrize(
    ("command", "folder"),
    [
        ("annotate-lois", "lois"),
        ("graphcut", "candidates"),
        ("train", "runs/first"),
        ("picture", "pictures"),
        ("table", "tables"),
        ("convert predictions --to csv", "converted"),
        ("eval predictions --labels predictions", "eval"),
    ],
)
def test_commands_leave_a_folder_alone_that_another_works_in(tmp_path, command, folder):
    for name in ("images", "dapi", "predictions"):
        (tmp_path / name).mkdir()
        tifffile.imwrite(tmp_path / name / "a.tif", np.random.default_rng(0).integers(0, 99, (40, 40)).astype(np.uint8))
    tifffile.imwrite(tmp_path / "predictions" / "a.tif", np.pad(np.ones((9, 9), np.uint8), (11, 20)))
    (tmp_path / "predictions" / "a.csv").write_text("label,area\n1,81\n")
    with owned(tmp_path / folder, "lacss"):
        result = CliRunner().invoke(app, [*command.split(), "--project", str(tmp_path)])
        assert [path.name for path in (tmp_path / folder).iterdir()] == [OWNER]
    assert result.exit_code == 3
    assert "is in use: lacss, process" in result.stderr
