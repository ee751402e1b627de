"""The same steps on a Dask cluster of two processes of this machine, to the byte."""

import gc
import os
import signal
import subprocess
import sys
import time

import dask
import numpy as np
import pytest
import tifffile
from distributed import LocalCluster
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from lacss_tools.cli import app
from lacss_tools.errors import InputError, InterruptedRunError, UsageError
from lacss_tools.jobs import batch, cluster
from lacss_tools.jobs.batch import Job


def local_cluster(workers, **options):
    # a worker may die once before its task is given up; the scheduler's default of three only takes longer
    with dask.config.set({"distributed.scheduler.allowed-failures": 0}):
        return LocalCluster(
            n_workers=workers, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0", **options
        )


@pytest.fixture(scope="module")
def two():
    """Two worker processes that are in another current folder."""
    with local_cluster(2, processes=True) as running:
        yield running


@pytest.fixture
def address(two):
    two.wait_for_workers(2, timeout=20)  # a test before may have killed some
    return two.scheduler_address


@pytest.fixture(autouse=True)
def _collect():
    """Let clients that could not connect end now: in the middle of another one's start they would block it."""
    yield
    gc.collect()


def lacss(*words):
    return CliRunner().invoke(app, [*map(str, words)])


def draw(folder, seed):
    """Write four fields and their nuclei, of several sizes and types of pixel."""
    rng = np.random.default_rng(seed)
    for stem, dtype in {"a": np.uint8, "b": np.uint16, "c": np.float32, "d": np.uint16}.items():
        shape = tuple(rng.integers(70, 130, 2))
        y, x = np.mgrid[: shape[0], : shape[1]]
        centres = rng.uniform(10, 70, (7, 2))
        for kind, radius in (("images", 11), ("dapi", 6)):
            near = np.min([np.hypot(y - cy, x - cx) for cy, cx in centres], axis=0) < radius
            pixels = np.clip(40 + 150 * near + rng.normal(0, 6, shape), 0, 255).astype(dtype)
            (folder / kind).mkdir(exist_ok=True, parents=True)
            tifffile.imwrite(folder / kind / f"{stem}.tif", pixels)


def contents(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("[!.]*.*") if path.suffix != ".toml"
    }


@pytest.mark.parametrize("command", ["annotate-lois", "graphcut"])
@settings(max_examples=3, deadline=None, phases=[Phase.generate], suppress_health_check=[*HealthCheck])
@given(seed=st.integers(0, 2**32 - 1))
def test_here_in_processes_and_on_a_cluster_the_bytes_are_the_same(command, seed, address, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    draw(tmp_path / str(seed), seed)
    places = {"serial": (), "processes": ("--workers", 2), "cluster": ("--scheduler", address)}
    for name, words in places.items():
        result = lacss(command, "--project", seed, "-o", name, *words)  # a relative folder, on purpose
        assert result.exit_code == 0, result.output
        assert "4 written" in result.output
    serial, *others = (contents(tmp_path / str(seed) / name) for name in places)
    assert len(serial) == 4
    assert others == [serial, serial]


def test_pick_auto_chooses_the_same_wherever_it_runs(address, tmp_path):
    draw(tmp_path, 0)
    for command in ("annotate-lois", "graphcut"):
        lacss(command, "--project", tmp_path)
    places = {"serial": (), "processes": ("--workers", 2), "cluster": ("--scheduler", address)}
    for name, words in places.items():
        result = lacss("pick", "--auto", "--project", tmp_path, "-o", name, *words)
        assert result.exit_code == 0, result.output
    found = [contents(tmp_path / name) for name in places]
    # rows are stem, choice, threshold, by, time, edited
    rows = [[line.split(",")[:4] for line in files.pop("picks.csv").decode().splitlines()] for files in found]
    assert rows[1] == rows[2] == rows[0]
    assert len(rows[0]) == 5
    assert found[1] == found[2] == found[0]


def test_workers_of_pick_need_auto(tmp_path):
    for words in (("--workers", 2), ("--scheduler", "tcp://127.0.0.1:1")):
        result = lacss("pick", "--project", tmp_path, *words)
        assert result.exit_code == 2
        assert "need --auto" in result.output


# ---- what can go wrong ----------------------------------------------------------------------------------------------


def jobs(folder, *stems):
    return [Job(stem, (folder / f"{stem}.tif",), folder / f"{stem}.out") for stem in stems]


def touch(job):
    if job.stem == "bad":
        raise InputError(f"{job.inputs[0].name} is bad.")
    if job.stem == "huge" or (job.stem == "once" and not job.inputs[0].exists()):
        job.inputs[0].touch()
        os.kill(os.getpid(), signal.SIGKILL)
    job.output.touch()
    return job.output.is_absolute()


def wait_and_touch(job):
    time.sleep(0.2)
    job.output.touch()


def test_a_dead_worker_is_tried_again_and_then_named(address, tmp_path):
    received = []
    summary = batch.run(
        jobs(tmp_path, "a", "once", "bad", "huge", "b"),
        touch,
        scheduler=address,
        receive=lambda job, value: received.append(value),
    )
    assert sorted(summary.done) == ["a", "b", "once"]
    assert received == [True] * 3
    assert summary.failed["bad"] == "bad.tif is bad."
    assert f"huge.tif: its process was killed twice (on the cluster {address})" in summary.failed["huge"]


def test_ctrl_c_takes_back_what_waits(two, address, tmp_path):
    def advance(done, total):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(InterruptedRunError, match="Interrupted: 2 written"):
        batch.run(jobs(tmp_path, *map(str, range(100))), wait_and_touch, scheduler=address, advance=advance)
    deadline = time.monotonic() + 5
    while two.scheduler.tasks and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not two.scheduler.tasks
    assert len(list(tmp_path.iterdir())) < 10


def test_small_jobs_go_together_and_long_ones_come_back(tmp_path, monkeypatch):
    sixteen = jobs(tmp_path, *map(str, range(16)))
    assert len(cluster._attempt_some(touch, sixteen)) == 16
    monkeypatch.setattr(cluster, "SECONDS_PER_TASK", 0)
    assert len(cluster._attempt_some(touch, sixteen)) == 1


def test_every_job_is_done_once_when_tasks_hold_several(address, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "STEPS", 2)
    stems = [f"{k:03}" for k in range(70)]
    summary = batch.run(jobs(tmp_path, *stems), touch, scheduler=address)
    assert sorted(summary.done) == stems


def test_a_lost_scheduler_leaves_a_run_that_continues(tmp_path):
    with local_cluster(1, processes=False, protocol="tcp") as running:

        def advance(done, total):
            if done == 2:
                running.close()

        with pytest.raises(InterruptedRunError, match=r"Lost the Dask scheduler: . written.*continues"):
            batch.run(jobs(tmp_path, *map(str, range(40))), touch, scheduler=running.scheduler_address, advance=advance)


@pytest.mark.parametrize(
    ("where", "code", "words"),
    [
        ("tcp://127.0.0.1:9", 3, "No Dask scheduler answers at tcp://127.0.0.1:9"),
        ("somewhere", 2, "--scheduler somewhere is no address"),
        ("http://127.0.0.1:9", 2, "unknown address scheme"),
    ],
)
def test_a_scheduler_that_does_not_answer_is_one_sentence(where, code, words, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "SECONDS_TO_CONNECT", 0.3)
    draw(tmp_path, 0)
    result = lacss("graphcut", "--project", tmp_path, "--scheduler", where)
    assert result.exit_code == code
    assert words in result.output
    assert not (tmp_path / "candidates").exists()


def test_without_dask_the_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UsageError, match="pip install dask distributed"):
        batch.run(jobs(tmp_path, "a"), touch, scheduler="tcp://127.0.0.1:9")


def test_workers_of_another_version_are_refused(address, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "__version__", "99.0")
    with pytest.raises(InputError, match=r"Worker tcp://\S+ has lacss_tools \S+, here it is 99\.0\. Install"):
        batch.run(jobs(tmp_path, "a"), touch, scheduler=address)


def test_workers_that_do_not_see_a_folder_are_refused(address, tmp_path):
    with pytest.raises(InputError, match=r"Worker tcp://\S+ does not see \S+/elsewhere\. Give"):
        batch.run([Job("a", (tmp_path / "elsewhere" / "a.tif",), tmp_path / "a.out")], touch, scheduler=address)


def test_a_cluster_without_workers_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "SECONDS_TO_CONNECT", 0.3)
    with (
        local_cluster(0, processes=False, protocol="tcp") as running,
        pytest.raises(InputError, match="has no workers"),
    ):
        batch.run(jobs(tmp_path, "a"), touch, scheduler=running.scheduler_address)


def test_dask_is_loaded_only_when_asked_for():
    program = "import sys, lacss_tools.cli, lacss_tools.jobs.cluster; sys.exit('dask' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
