"""What only a GPU can show: that it computes what a CPU does, resumes to the bit, and predicts the same cells.

LACSS_TEST_DEVICE=cpu runs these tests, as far as they make sense there, on a CPU.
"""

import copy
import itertools
import os
import socket
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
import torch

from lacss_tools.cells import cells_from_labels
from lacss_tools.metrics.metrics import evaluate
from lacss_tools.metrics.overlap import iou_matrix
from lacss_tools.network.device import tune
from lacss_tools.network.lacss import Lacss
from lacss_tools.network.settings import PRESETS
from lacss_tools.predict.predictor import Predictor
from lacss_tools.predict.settings import PredictSettings, TileSettings
from lacss_tools.train import objective, trainer
from lacss_tools.train.checkpoint import load_state, save_state
from lacss_tools.train.crops import draw_batch, weak_image
from lacss_tools.train.distributed import World
from lacss_tools.train.optimizer import optimizers
from lacss_tools.train.settings import TrainSettings
from tests.train.test_trainer import LESSON, TINY, made_up_image

CPU = torch.device("cpu")
DEVICE = torch.device(os.environ.get("LACSS_TEST_DEVICE", "cuda"))
pytestmark = pytest.mark.skipif(DEVICE.type == "cuda" and not torch.cuda.is_available(), reason="needs a CUDA device")
only_cuda = pytest.mark.skipif(DEVICE.type != "cuda", reason="is about CUDA alone")
SHORT = TrainSettings(steps=12, batch=3, crop=96, weak_loss=0.5, pseudo=0.5)


@pytest.fixture(scope="module")
def fields():
    made = []
    for seed, size in ((0, 128), (1, 150)):  # of different sizes
        image, labels, lois = made_up_image(seed, size)
        made.append(weak_image(image, labels > 0, lois, 1.0))
    return made


@contextmanager
def exact():
    """Multiply float32 without rounding it to ten bits first."""
    before = torch.get_float32_matmul_precision(), torch.backends.cudnn.allow_tf32
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before[0])
        torch.backends.cudnn.allow_tf32 = before[1]


@pytest.fixture
def deterministic(monkeypatch):
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    before = torch.backends.cudnn.benchmark
    torch.use_deterministic_algorithms(True)
    tune(DEVICE)
    yield
    torch.use_deterministic_algorithms(False)
    torch.backends.cudnn.benchmark = before


def far(one, other):
    """Return the norm of the difference over that of `other`."""
    one, other = one.detach().double().cpu(), other.detach().double().cpu()
    return float((one - other).norm() / other.norm().clamp(min=1e-12))


@pytest.mark.parametrize("nuclei", [False, True])
def test_crops_made_on_the_device_are_those_of_the_host(fields, nuclei):
    fields = [replace(field, doubt=1 - field.mask) for field in fields]
    if nuclei:
        fields = [replace(field, image=field.image.repeat(2, 1, 1), nuclei=True) for field in fields]
    there = [field.on(DEVICE) for field in fields]
    settings = replace(SHORT, blur=1.5, gamma=0.3, blank_nuclei=0.5)
    for step in range(4):
        host = draw_batch(fields, settings, step)
        with closing(trainer.supply(there, settings, step, DEVICE)) as batches:
            device = next(batches).to(DEVICE)
        assert device.image.device.type == DEVICE.type
        assert far(device.image, host.image) < 1e-4
        for name in ("mask", "labels", "doubt"):  # the nearest pixel of a tie may be the other
            assert (getattr(device, name).cpu() == getattr(host, name)).float().mean() > 0.999
        for name in ("lois", "own", "batch", "outlined"):  # after them come those that only fill up
            assert torch.equal(getattr(device, name)[: len(host.lois)].cpu(), getattr(host, name))


def gradients(model, fields, device, dtype=torch.float32):
    batch = draw_batch(fields, SHORT, 0)
    pixels = {part: getattr(batch, part).to(dtype) for part in ("image", "mask", "labels")}
    batch, model = replace(batch, **pixels).to(device), model.to(device=device, dtype=dtype)
    model.zero_grad()
    losses = objective.compute_losses(model, model(batch.image), batch, SHORT, 0.6)
    torch.stack(list(losses.values())).sum().backward()
    return losses, {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("name", ["tiny", "base", "resnet50"])
def test_losses_and_gradients_are_those_of_the_cpu_in_double_precision(fields, name):
    torch.manual_seed(0)
    model = Lacss(TINY if name == "tiny" else PRESETS[name])
    with exact():
        losses, found = gradients(model, fields, DEVICE)
        expected_losses, expected = gradients(model, fields, CPU, torch.float64)
    for key, value in losses.items():
        assert float(value.detach()) == pytest.approx(float(expected_losses[key].detach()), rel=2e-4), key
    assert found.keys() == expected.keys()
    everything = [torch.cat([part.flatten().double().cpu() for part in parts.values()]) for parts in (found, expected)]
    assert far(*everything) < 1e-3


@only_cuda
@pytest.mark.parametrize(("weak_loss", "unsure"), [(0.0, 1.0), (1.0, 1.0), (0.5, 0.3)])
def test_recorded_steps_are_those_that_are_written(fields, weak_loss, unsure):
    """From the same weights and moments, so that rounding does not add up; the learning rate and all weights change."""
    settings = replace(SHORT, weak_loss=weak_loss, unsure=unsure)
    if unsure < 1:
        fields = [replace(field, doubt=field.mask) for field in fields]
    torch.manual_seed(0)
    model = Lacss(TINY)
    states = [trainer.start(copy.deepcopy(model), settings, DEVICE) for _ in range(2)]
    plain = trainer.plain_stepper(states[0], settings)
    recorded = trainer.recorded_stepper(states[1], settings, trainer.plain_stepper(states[1], settings))
    with exact(), closing(trainer.supply(fields, settings, 0, DEVICE)) as batches:
        for number in range(12):
            batch, progress = next(batches).to(DEVICE), number / 12
            before, reports = [p.detach().clone() for p in states[0].model.parameters()], []
            for state, step in zip(states, (plain, recorded), strict=True):
                state.step = number
                trainer.set_learning_rate(state, settings, progress)
                losses, norm = step(batch, progress)
                reports.append({**losses, "norm": norm})
            assert reports[0].keys() == reports[1].keys()
            for name, value in reports[0].items():
                torch.testing.assert_close(reports[1][name], value, rtol=3e-2, atol=1e-3)
            moved = [
                torch.cat([(p.detach() - b).flatten() for p, b in zip(state.model.parameters(), before, strict=True)])
                for state in states
            ]
            assert far(moved[1], moved[0]) < 0.4  # small gradients are rounded anew
            with torch.no_grad():
                for one, other in zip(*map(trainer.changing, states), strict=True):
                    other.copy_(one)


def test_optimizers_make_the_steps_of_the_cpu():
    weights = {}
    for device in (CPU, DEVICE):
        torch.manual_seed(0)
        model = Lacss(TINY).to(device)
        made = optimizers(model, TrainSettings(), device)
        with exact():
            for step in range(3):
                generator = torch.Generator().manual_seed(step)
                for p in model.parameters():
                    drawn = torch.randn(p.shape, generator=generator)
                    p.grad = torch.empty_like(p).copy_(drawn)  # laid out as gradients are
                for optimizer in made:
                    optimizer.step()
        weights[device.type] = torch.cat([p.detach().flatten().cpu() for p in model.parameters()])
        if device == CPU:
            torch.manual_seed(0)
            start = torch.cat([p.detach().flatten() for p in Lacss(TINY).parameters()])
    assert far(weights[DEVICE.type] - start, weights["cpu"] - start) < 1e-3


def trained(fields, folder=None, interrupted=None):
    """Return the state after SHORT; with `interrupted` it is stored after so many steps and continued by another."""
    torch.manual_seed(0)
    state = trainer.start(Lacss(TINY), SHORT, DEVICE)
    if interrupted:
        with closing(trainer.run_steps(state, fields, SHORT, DEVICE)) as steps:
            for _ in itertools.islice(steps, interrupted):
                pass
        folder.mkdir()
        save_state(folder, state, "data", "")
        torch.manual_seed(1)
        state = trainer.start(Lacss(TINY), SHORT, DEVICE)
        load_state(folder, state, "data", "")
    for _ in trainer.run_steps(state, fields, SHORT, DEVICE):
        pass
    return state.model.state_dict() | {f"average.{key}": value for key, value in state.average.state_dict().items()}


@pytest.mark.usefixtures("deterministic")
def test_where_torch_is_deterministic_a_run_is_the_same_to_the_bit_also_when_it_is_resumed(fields, tmp_path):
    first = trained(fields)
    for other in (trained(fields), trained(fields, tmp_path / "run", interrupted=5)):
        assert [name for name, value in first.items() if not torch.equal(value, other[name])] == []


def test_a_resumed_run_ends_as_close_to_one_that_was_not_as_another(fields, tmp_path):
    whole, again, resumed = trained(fields), trained(fields), trained(fields, tmp_path / "run", interrupted=5)
    torch.manual_seed(0)
    start = Lacss(TINY).state_dict()

    def moved(run):
        return torch.cat([(run[name].cpu() - value).flatten() for name, value in start.items()])

    apart = far(moved(again), moved(whole))  # sums are made in any order
    assert apart < 0.2
    assert far(moved(resumed), moved(whole)) < max(0.02, 2.5 * apart)


@pytest.mark.parametrize("weak_loss", [0.0, 0.3])
def test_cells_are_learned(weak_loss):
    made = [made_up_image(seed) for seed in range(6)]
    fields = [weak_image(image, labels > 0, lois, 1.0) for image, labels, lois in made]
    lesson = replace(LESSON, weak_loss=weak_loss)
    torch.manual_seed(0)
    state = trainer.start(Lacss(TINY), lesson, DEVICE)
    for report in trainer.run_steps(state, fields, lesson, DEVICE):
        assert report.losses.keys() >= {"score", "offset"}
    predictor = Predictor(state.average, 1.0, DEVICE, PredictSettings(min_area=10.0))
    pairs = [(predictor(image), cells_from_labels(labels)) for image, labels, _ in map(made_up_image, (50, 51, 52))]
    assert evaluate(pairs).ap50 > 0.8


@pytest.fixture(scope="module")
def teacher():
    """A network that finds cells."""
    image, labels, lois = made_up_image(0)
    lesson = replace(LESSON, steps=100)
    torch.manual_seed(0)
    state = trainer.start(Lacss(TINY), lesson, DEVICE)
    for _ in trainer.run_steps(state, [weak_image(image, labels > 0, lois, 1.0)], lesson, DEVICE):
        pass
    return state.average


def alike(one, other, least):
    """Return the fraction of the cells of either that the other has too, with an IoU of `least`."""
    assert min(len(one), len(other)) > 20
    best = iou_matrix(one, other).toarray()
    return min((best.max(axis=1) >= least).mean(), (best.max(axis=0) >= least).mean())


def test_prediction_finds_the_cells_that_a_cpu_finds(teacher):
    image = made_up_image(60, size=200)[0]
    settings = PredictSettings(min_area=10.0)
    there = Predictor(teacher, 1.0, DEVICE, settings)(image)
    here = Predictor(copy.deepcopy(teacher).to(CPU), 1.0, CPU, settings)(image)
    assert alike(there, here, 0.8) > 0.95


def test_batches_and_tiles_find_what_one_piece_finds(teacher):
    images = [made_up_image(seed, size=200)[0] for seed in (61, 62, 63)]
    settings = PredictSettings(min_area=10.0)
    single = Predictor(teacher, 1.0, DEVICE, settings)
    for found, image in zip(single.find_batch(images), images, strict=True):
        assert alike(found, single(image), 0.9) > 0.95
    large = np.concatenate([made_up_image(seed, size=256)[0] for seed in (64, 65, 66)], axis=2)
    whole = replace(single, tiling=TileSettings(tile=4096, small=1))
    tiled = replace(single, tiling=TileSettings(tile=128, small=1))
    assert alike(tiled(large), whole(large), 0.9) > 0.97


@only_cuda
def test_gradients_are_exchanged_by_the_gpus_own_way():
    from torch import distributed

    from lacss_tools.train.distributed import _word_group

    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{probe.getsockname()[1]}"
    distributed.init_process_group("nccl", init_method=address, rank=0, world_size=1, timeout=timedelta(seconds=60))
    try:
        model = Lacss(TINY).to(DEVICE)
        for p in model.parameters():
            p.grad = torch.ones_like(p)
        world = World(rank=0, size=2)  # one that only believes that there is another
        world.average_gradients(model)
        assert all((p.grad == 0.5).all() for p in model.parameters())
        assert world.agree(0.25) == 0.25
    finally:
        _word_group.clear()
        distributed.destroy_process_group()
