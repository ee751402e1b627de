"""Two processes make the steps that one process would make with the crops of both."""

import os
import subprocess
import sys

import pytest
import torch

from lacss_tools.errors import UsageError
from lacss_tools.network.device import autocast
from lacss_tools.train import distributed as world
from lacss_tools.train import steps as work
from lacss_tools.train.crops import draw_batch
from lacss_tools.train.history import read_metrics
from lacss_tools.train.initial import fit_sizes, initial_model
from lacss_tools.train.objective import compute_losses
from lacss_tools.train.settings import TrainSettings
from lacss_tools.train.trainer import average_weight, set_learning_rate, start, update_average

CPU = torch.device("cpu")
SETTINGS = TrainSettings(steps=20, batch=2, crop=64)


def by_one_process(folders, sizes):
    """Return weights and mean losses of training on the crops of rank 0 and of rank 1 in turn, gradients averaged."""
    data = work.load_training_data(folders, "weak", sizes.cell_diameter)
    torch.manual_seed(SETTINGS.seed)
    state = start(initial_model(fit_sizes(sizes, SETTINGS, 1), None)[0], SETTINGS, CPU)
    for step in range(SETTINGS.steps):
        progress = step / SETTINGS.steps
        set_learning_rate(state, SETTINGS, progress)
        state.model.zero_grad(set_to_none=True)
        losses = []
        for rank in (0, 1):
            batch = draw_batch(data.images, SETTINGS, step, rank)
            with autocast(CPU):
                losses.append(compute_losses(state.model, state.model(batch.image), batch, SETTINGS, progress))
            torch.stack(list(losses[-1].values())).sum().backward()
        for parameter in state.model.parameters():
            if parameter.grad is not None:
                parameter.grad /= 2
        torch.nn.utils.clip_grad_norm_(state.model.parameters(), SETTINGS.clip)
        for optimizer in state.optimizers:
            optimizer.step()
        update_average(state, average_weight(SETTINGS, state.step))
        state.step += 1
    return state, losses[0]


@pytest.mark.distributed
@pytest.mark.usefixtures("one_thread")
def test_two_processes_train_as_one_with_the_crops_of_both(folders, tmp_path, tiny_preset):
    # -- keeps torchrun from reading our --run as its own --run-path
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    line = [
        "-m",
        "--",
        "tests.train.worker",
        "train",
        "--steps",
        "20",
        "--batch",
        "2",
        "--crop",
        "64",
        "--device",
        "cpu",
    ]
    line += ["--val-images", "images", "--val-labels", "labels", "--run", "two", "--project", str(tmp_path)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([*launch, *line], env=environment, capture_output=True, text=True, timeout=150, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("best weights") == 1  # one process talks
    assert "2 processes" in done.stderr
    run = tmp_path / "runs" / "two"
    two = torch.load(run / "last.pt", weights_only=True)
    one, losses = by_one_process(folders, tiny_preset)
    for name, value in one.model.state_dict().items():
        torch.testing.assert_close(two["model"][name], value, rtol=1e-4, atol=1e-5)
    row = read_metrics(run)[-1]
    assert row.step == 20
    for name, value in losses.items():
        assert row.losses[name] == pytest.approx(float(value.detach()), rel=1e-3)


def test_torchrun_gives_each_process_its_gpu(monkeypatch):
    assert world.local_device("auto") == "auto"
    assert world.join(CPU) == world.ALONE
    assert world.speaks()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    for name, value in (("WORLD_SIZE", "4"), ("RANK", "3"), ("LOCAL_RANK", "1")):
        monkeypatch.setenv(name, value)
    assert [world.local_device(name) for name in ("auto", "cuda", "cpu")] == ["cuda:1", "cuda:1", "cpu"]
    assert not world.speaks()
    with pytest.raises(UsageError, match="one GPU to every process"):
        world.local_device("cuda:0")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert world.local_device("auto") == "cpu"
    with pytest.raises(UsageError, match="cannot share"):
        world.local_device("mps")


def test_alone_nothing_is_exchanged():
    model = torch.nn.Linear(2, 1)
    model.weight.grad = torch.tensor([[3.0, 4.0]])
    world.ALONE.average_gradients(model)
    assert model.weight.grad.tolist() == [[3.0, 4.0]]
    assert world.ALONE.agree(0.25) == 0.25


def test_all_processes_are_told_what_the_first_one_found(monkeypatch):
    sent = []

    def broadcast(words, src, group):  # as torch does it: the list of process `src` becomes that of the others
        assert (src, group) == (0, "words")
        sent.append(words[0]) if words[0] is not None else words.__setitem__(0, sent[-1])

    monkeypatch.setattr(world, "_words", lambda: "words")
    monkeypatch.setattr(torch.distributed, "broadcast_object_list", broadcast)
    found = [[(0, 1)], []]
    assert [world.World(rank, 2).tell(found if rank == 0 else None) for rank in (0, 1)] == [found, found]
    assert world.ALONE.tell(found) == found
