from functools import partial

import pytest

from lacss_tools import console
from lacss_tools.batch import Job, Summary, run
from lacss_tools.errors import InputError, InterruptedRunError, PartialError


def touch(job, bad=()):
    if job.stem in bad:
        raise InputError(f"{job.inputs[0]} is bad.")
    if job.stem == "odd":
        raise ZeroDivisionError("surprise")
    job.output.write_text(job.stem)


def jobs(folder, *stems):
    return [Job(stem, (folder / f"{stem}.tif",), folder / f"{stem}.out") for stem in stems]


@pytest.mark.parametrize("workers", [1, 2])
def test_done_is_skipped_and_a_bad_file_costs_only_itself(tmp_path, workers):
    (tmp_path / "a.out").write_text("kept")
    seen = []
    work = partial(touch, bad=("b",))
    summary = run(
        jobs(tmp_path, "a", "b", "c", "odd"),
        work,
        workers=workers,
        advance=lambda done, total: seen.append((done, total)),
    )
    assert (summary.done, summary.skipped, set(summary.failed)) == (["c"], ["a"], {"b", "odd"})
    assert "unexpected ZeroDivisionError: surprise" in summary.failed["odd"]
    assert "odd.tif" in summary.failed["odd"]
    assert (tmp_path / "a.out").read_text() == "kept"
    assert seen == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_ctrl_c_says_that_the_command_continues(tmp_path):
    def work(job):
        if job.stem == "b":
            raise KeyboardInterrupt
        touch(job)

    with pytest.raises(InterruptedRunError, match="1 written"):
        run(jobs(tmp_path, "a", "b", "c"), work)
    assert [path.name for path in tmp_path.iterdir()] == ["a.out"]


def test_the_exit_code_follows_what_was_done():
    console.finish(Summary(done=["a"]), "out")
    with pytest.raises(PartialError):
        console.finish(Summary(done=["a"], failed={"b": "bad"}), "out")
    with pytest.raises(InputError):
        console.finish(Summary(failed={"b": "bad"}), "out")
