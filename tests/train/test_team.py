"""Processes that share the crops of a step make the step that one process makes with all of them."""

import os
import signal
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import torch

from lacss_tools.errors import LacssError
from lacss_tools.train import steps as work
from lacss_tools.train import team as teams
from lacss_tools.train.checkpoint import read_config
from lacss_tools.train.crops import draw_batch, weak_image
from lacss_tools.train.distributed import ALONE, World
from lacss_tools.train.initial import initial_model
from lacss_tools.train.part import Part
from lacss_tools.train.settings import TrainSettings
from lacss_tools.train.trainer import run_steps, start
from tests.made_up import made_up_image
from tests.train.test_resume import differing, last

CPU = torch.device("cpu")
SETTINGS = TrainSettings(steps=6, batch=4, crop=64, processes=2, weak_loss=0.3)
pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def images():
    parts = [made_up_image(seed, size=96) for seed in range(2)]
    return [weak_image(image, labels > 0, lois, 1.0) for image, labels, lois in parts]


def fresh(sizes):
    torch.manual_seed(0)
    return start(initial_model(sizes, None)[0], SETTINGS, CPU)


class InTurn(World):
    """One process that makes both parts of a step, one after the other."""

    def __init__(self, images):
        object.__setattr__(self, "images", images)

    @property
    def part(self):
        return Part(0, 2)

    def begin(self, model, step, progress):
        object.__setattr__(self, "now", (step, progress))

    def average_gradients(self, model):
        learned = [weight for weight in model.parameters() if weight.grad is not None]
        first = [weight.grad.clone() for weight in learned]
        teams.compute_gradients(model, self.images, SETTINGS, *self.now, Part(1, 2))
        for weight, gradient in zip(learned, first, strict=True):
            weight.grad = (gradient + weight.grad) / 2


def test_two_processes_make_the_steps_of_one_that_makes_both_parts(images, tiny_preset):
    sizes = replace(tiny_preset, auxnet=True)
    expected, found = fresh(sizes), fresh(sizes)
    list(run_steps(expected, images, SETTINGS, CPU, InTurn(images)))
    with teams.together(found.model, images, SETTINGS, 2) as team:
        list(run_steps(found, images, SETTINGS, CPU, team))
    for name, value in expected.model.state_dict().items():
        assert torch.equal(value, found.model.state_dict()[name]), name


def test_parts_hold_every_crop_once_and_about_as_many_cells(images):
    whole = draw_batch(images, SETTINGS, 3)
    parts = [draw_batch(images, SETTINGS, 3, part=Part(k, 2)) for k in range(2)]
    together = torch.cat([part.image for part in parts])
    assert sorted(map(float, whole.image.sum((1, 2, 3)))) == sorted(map(float, together.sum((1, 2, 3))))
    assert sum(len(part.lois) for part in parts) == len(whole.lois)
    rng = np.random.default_rng(0)
    for _ in range(50):
        sizes = [int(n) for n in rng.integers(0, 100, 8)]
        dealt = [Part(k, 4).mine(sizes) for k in range(4)]
        assert sorted(k for part in dealt for k in part) == list(range(8))
        loads = [sum(sizes[k] for k in part) for part in dealt]
        assert max(loads) - min(loads) <= max(sizes)


@pytest.mark.usefixtures("tiny_preset", "no_curves")
def test_a_shared_run_continues_to_the_same_bits_with_as_many_processes(folders, tmp_path):
    settings = replace(SETTINGS, validate_every=0.5, weak_loss=0.0)
    work.train(folders, tmp_path / "whole", settings, device="cpu")

    def interrupt(report, state):
        if report.step == 2:
            raise KeyboardInterrupt

    with pytest.raises(LacssError, match="step 2"):
        work.train(folders, tmp_path / "cut", settings, device="cpu", watch=interrupt)
    said = []
    by_itself = replace(settings, processes=None)
    work.train(folders, tmp_path / "cut", by_itself, device="cpu", resume=True, say=said.append)
    assert differing(last(tmp_path / "whole"), last(tmp_path / "cut")) == []
    assert not any("other crops" in line for line in said)
    assert work.checkpoint.stored_processes(tmp_path / "cut") == (1, 2)
    assert read_config(tmp_path / "whole")[0].processes == 2


def test_a_helper_that_dies_is_named_with_the_way_out(images, tiny_preset):
    state = fresh(tiny_preset)
    with teams.together(state.model, images, SETTINGS, 2) as team:
        os.kill(team.helpers[0].process.pid, signal.SIGKILL)
        with pytest.raises(LacssError, match=r"exit code -9.*`resume` and `processes` 1"):
            list(run_steps(state, images, SETTINGS, CPU, team))


def test_the_faster_way_is_taken_and_a_number_that_is_asked_for_always(images, tiny_preset, monkeypatch):
    state, said = fresh(tiny_preset), []
    for alone, asked, shares in ((0.8, None, False), (0.95, None, True), (0.1, 2, True)):
        monkeypatch.setattr(teams, "seconds", lambda *given, alone=alone: alone if given[-1] is ALONE else 1.0)
        settings = replace(SETTINGS, processes=asked)
        with teams.fastest(state.model, images, settings, 2, ALONE, said.append) as world:
            assert (world.processes == 2) is shares
    assert said == [
        "2 processes: 1.00 s a step, one: 0.80 s; one makes the work",
        "2 processes: 1.00 s a step, one: 0.95 s; all share the work",
    ]


def test_as_many_processes_as_share_a_batch_evenly_on_a_cpu(monkeypatch):
    monkeypatch.setattr(teams, "cores", lambda: 6)
    long = TrainSettings(steps=1000)
    assert [teams.possible(replace(long, batch=batch), CPU, ALONE) for batch in (1, 4, 5, 9, 12)] == [1, 4, 5, 3, 6]
    assert teams.possible(replace(long, processes=3), CPU, ALONE) == 2
    assert teams.possible(replace(long, minutes=0.5), CPU, ALONE) == 1
    assert teams.possible(replace(long, steps=20), CPU, ALONE) == 1
    assert teams.possible(long, torch.device("cuda"), ALONE) == 1
    assert teams.possible(long, CPU, World(0, 2)) == 1


def test_a_script_without_a_guard_is_not_run_again_by_its_processes(tmp_path):
    script = tmp_path / "analysis.py"
    script.write_text(
        "from lacss_tools.jobs.processes import in_order\n"
        "print('begun', flush=True)\n"
        "print(in_order(abs, [-1, -2], 2))\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "begun\n[1, 2]\n"
