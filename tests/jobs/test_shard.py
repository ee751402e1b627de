"""Shares of a folder, worked on in any order and some twice, give what one run gives, to the byte."""

import numpy as np
import pytest
import tifffile
import torch
from typer.testing import CliRunner

from lacss_tools.annotate.pick.journal import read_picks
from lacss_tools.cli import app
from lacss_tools.errors import UsageError
from lacss_tools.jobs.shard import Shard, parse_shard, summarise
from lacss_tools.network.lacss import Lacss
from lacss_tools.network.weights import save_weights
from tests.predict.test_tiles import SMALL

FILES = 40


def lacss(project, *arguments):
    result = CliRunner().invoke(app, [*map(str, arguments), "--project", str(project)])
    assert result.exit_code == 0, result.output
    return result.stderr


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def project(tmp_path):
    y, x = np.mgrid[:32, :40]
    for number in range(FILES):
        for folder, radius in (("images", 7), ("dapi", 3)):
            (tmp_path / folder).mkdir(exist_ok=True)
            image = np.exp(-((y - 14) ** 2 + (x - 12 - number % 7) ** 2) / radius**2)
            tifffile.imwrite(tmp_path / folder / f"f{number}.tif", (image * 900 + 50 + number).astype(np.uint16))
    return tmp_path


def test_four_shares_of_forty_files_are_one_run_to_the_byte(project):
    steps = ((("annotate-lois", "--method", "dog"), "lois"), (("graphcut", "--lois", "one-lois"), "candidates"))
    for line, folder in steps:
        lacss(project, *line, "-o", f"one-{folder}")
        for number in (3, 1, 3, 4, 2):
            said = lacss(project, *line, "-o", folder, "--shard", f"{number}/4")
        assert "10 written" in said
        assert contents(project / folder) == contents(project / f"one-{folder}")
    for number in (2, 1, 2):
        said = lacss(project, "pick", "--auto", "--shard", f"{number}/2")
    assert "0 written, 20 were done already" in said
    lacss(project, "pick", "--auto", "-o", "one-masks")
    shared, whole = (read_picks(project / folder / "picks.csv") for folder in ("masks", "one-masks"))
    assert {stem: pick.choice for stem, pick in shared.items()} == {stem: pick.choice for stem, pick in whole.items()}


@pytest.mark.usefixtures("one_thread")
def test_shares_of_a_prediction_merge_into_one_coco_file(project):
    for path in sorted((project / "images").iterdir())[6:]:
        path.unlink()
    torch.manual_seed(0)
    save_weights(project / "m.safetensors", Lacss(SMALL), 0.9)
    line = ("predict", "m.safetensors", "images", "--nuclei", "none", "--format", "csv,coco", "--device", "cpu")
    lacss(project, *line, "-o", "one")
    for number in (2, 1):
        assert "3 written" in lacss(project, *line, "--shard", f"{number}/2")
    assert contents(project / "predictions") == contents(project / "one")


@pytest.mark.parametrize("text", ["0/4", "5/4", "1/0", "-1/4", "4", "a/b", "1.5/4", "1/4/2", ""])
def test_nonsense_is_refused(text):
    with pytest.raises(UsageError, match="must be I/N"):
        parse_shard(text)


def test_every_file_is_in_one_share(tmp_path):
    assert parse_shard(" 3/8 ") == Shard(3, 8)
    shares = [Shard(k, 8).of(range(101)) for k in range(1, 9)]
    assert sorted(one for share in shares for one in share) == list(range(101))
    assert {len(share) for share in shares} == {12, 13}
    result = CliRunner().invoke(app, ["graphcut", "--shard", "1/2", "--overwrite", "--project", str(tmp_path)])
    assert (result.exit_code, "Leave --overwrite out" in result.stderr) == (2, True)
    assert CliRunner().invoke(app, ["graphcut", "--shard", "3/2"]).exit_code == 2
    assert CliRunner().invoke(app, ["pick", "--shard", "1/2"]).exit_code == 2


def test_a_summary_is_written_again_when_others_added_files_meanwhile(tmp_path):
    files, seen = [tmp_path / name for name in "abc"], []

    def write(there):
        seen.append([path.name for path in there])
        if len(seen) < 3:
            files[len(seen)].touch()

    files[0].touch()
    summarise(files, write)
    assert seen == [["a"], ["a", "b"], ["a", "b", "c"]]
