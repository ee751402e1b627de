import os
import re
import signal
import subprocess
import sys
import time
from functools import partial

import numpy as np
import pytest
import tifffile

from lacss_tools.errors import InputError, InterruptedRunError, PartialError
from lacss_tools.jobs import failures
from lacss_tools.jobs.batch import Job, Summary, run
from lacss_tools.jobs.job import attempt
from lacss_tools.screen import console


def touch(job, bad=()):
    if job.stem in bad:
        raise InputError(f"{job.inputs[0]} is bad.")
    if job.stem == "odd":
        raise ZeroDivisionError("surprise")
    if job.stem == "huge":
        os.kill(os.getpid(), signal.SIGKILL)
    job.output.write_text(job.stem)
    return len(job.stem)


def jobs(folder, *stems):
    return [Job(stem, (folder / f"{stem}.tif",), folder / f"{stem}.out") for stem in stems]


def all_of(jobs, work):
    for job in jobs:
        yield job, attempt(work, job)


@pytest.mark.parametrize(("workers", "group"), [(0, 1), (1, 1), (2, 1), (2, 2)])
def test_done_is_skipped_and_a_bad_file_costs_only_itself(tmp_path, workers, group):
    (tmp_path / "a.out").write_text("kept")
    seen = []
    work = partial(touch, bad=("b",))
    summary = run(
        jobs(tmp_path, "a", "b", "c", "odd"),
        work,
        workers=workers,
        together=partial(all_of, work=work) if group > 1 else None,
        group=group,
        advance=lambda done, total: seen.append((done, total)),
    )
    assert (summary.done, summary.skipped, set(summary.failed)) == (["c"], ["a"], {"b", "odd"})
    assert "unexpected ZeroDivisionError: surprise" in summary.failed["odd"]
    assert "odd.tif" in summary.failed["odd"]
    assert (tmp_path / "a.out").read_text() == "kept"
    assert seen == [(0, 3), (1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize("group", [1, 2])
def test_a_killed_process_is_named_by_its_file_and_the_rest_goes_on(tmp_path, group):
    together = partial(all_of, work=touch)
    summary = run(jobs(tmp_path, "a", "huge", "b", "c"), touch, workers=2, together=together, group=group)
    assert sorted(summary.done) == ["a", "b", "c"]
    assert list(summary.failed) == ["huge"]
    assert "huge.tif: its process was killed twice (exit code -9)" in summary.failed["huge"]


@pytest.mark.parametrize("workers", [1, 2])
def test_what_the_work_returns_is_received_here(tmp_path, workers):
    received = {}
    run(
        jobs(tmp_path, "a", "bb", "odd"),
        touch,
        workers=workers,
        receive=lambda job, value: received.update({job.stem: value}),
    )
    assert received == {"a": 1, "bb": 2}


def test_jobs_are_never_compared_with_each_other(tmp_path, monkeypatch):
    """Looking each of 100,000 jobs up in a list would take hours."""
    monkeypatch.setattr(Job, "__eq__", lambda *_: pytest.fail("compared"))
    (tmp_path / "b.out").touch()
    assert run(jobs(tmp_path, "a", "b", "c"), touch).skipped == ["b"]


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


def test_a_log_file_gets_lines_with_the_time_left(monkeypatch, capsys):
    clock = iter([0.0, 0.0, 10.0, 40.0, 50.0, 70.0])
    monkeypatch.setattr(console.time, "monotonic", lambda: next(clock))
    with console.progress("LOIs") as advance:
        for done in range(5):
            advance(done, 9)
    assert capsys.readouterr().err.splitlines() == [
        "LOIs: 2 of 9, about 0:02:20 left",
        "LOIs: 4 of 9, about 0:01:28 left",
    ]


# ---- the real command, ended in the middle --------------------------------------------------------------------------

FIELDS = 150


@pytest.fixture
def project(tmp_path):
    """Many copies of one image, so that every result must have the bytes of the first."""
    (tmp_path / "images").mkdir()
    y, x = np.mgrid[:256, :256]
    noise = np.random.default_rng(0).normal(0, 20, (256, 256))
    tifffile.imwrite(
        tmp_path / "images" / "000.tif", (2000 + 1500 * np.sin(y / 9) * np.sin(x / 7) + noise).astype(np.uint16)
    )
    for k in range(1, FIELDS):
        (tmp_path / "images" / f"{k:03}.tif").hardlink_to(tmp_path / "images" / "000.tif")
    return tmp_path


def start(project):
    command = [sys.executable, "-m", "lacss_tools", "graphcut", "--workers", "2", "--project", str(project)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)


def written(project):
    return sorted(project.glob("candidates/*.tif"))


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="needs signals")
@pytest.mark.parametrize(("end", "code"), [(signal.SIGINT, 5), (signal.SIGKILL, -9)])
def test_a_run_that_is_ended_leaves_whole_files_and_continues(project, end, code):
    with start(project) as process:
        while len(written(project)) < 5 and process.poll() is None:
            time.sleep(0.002)
        if end == signal.SIGINT:
            os.killpg(process.pid, end)  # as the terminal does
        else:
            process.kill()
        said = process.communicate(timeout=30)[1]  # ends when the last of its processes has ended
    assert process.returncode == code, said
    before = {path: path.read_bytes() for path in written(project)}
    assert 5 <= len(before) < FIELDS
    assert len(set(before.values())) == 1
    files = {path for path in (project / "candidates").glob("[!.]*") if path.name != "graphcut.toml"}
    assert files == set(before)  # nothing half written
    if end == signal.SIGINT:
        told = int(re.search(r"Interrupted: (\d+) written", said)[1])
        assert 0 < told <= len(before)  # those under way were finished, and on a busy machine not all were counted
        assert "Traceback" not in said
    with start(project) as process:
        said = process.communicate(timeout=30)[1]
    assert process.returncode == 0
    assert f"{FIELDS - len(before)} written, {len(before)} were done already" in said
    assert len(written(project)) == FIELDS
    assert {path.read_bytes() for path in written(project)} == set(before.values())


def test_failures_that_cannot_be_kept_are_no_failure_of_their_own(tmp_path):
    (tmp_path / failures.FOLDER).write_text("in the way of a folder")
    failures.keep_failures(tmp_path, Summary(failed={"a": "a.tif cannot be read."}))
    assert failures.known_failures(tmp_path) == {}


def test_what_sums_up_a_batch_may_fail_beside_its_files():
    def full():
        raise InputError("coco.json cannot be written: no space left.")

    summary = Summary(done=["a"], failed={"b": "b.tif is bad."})
    failures.attempt_last(summary, "coco.json", full)
    failures.attempt_last(summary, "cells.csv", lambda: None)
    assert summary.failed == {"b": "b.tif is bad.", "coco.json": "coco.json cannot be written: no space left."}
