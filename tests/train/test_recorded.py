"""What a GPU records is what is written: filled-up batches, steps by tensors of the device, and nothing left behind."""

from contextlib import closing
from dataclasses import replace

import pytest
import torch

from lacss_tools.network.lacss import Lacss
from lacss_tools.train import objective, trainer
from lacss_tools.train.crops import draw_batch, weak_image
from lacss_tools.train.padding import pad_lois, padded_count
from lacss_tools.train.recorded import try_out
from lacss_tools.train.settings import TrainSettings
from tests.train.test_trainer import TINY, made_up_image

CPU = torch.device("cpu")
SHORT = TrainSettings(steps=6, batch=3, crop=96, weak_loss=0.5, pseudo=0.6)


@pytest.fixture(scope="module")
def fields():
    made = [made_up_image(seed, size) for seed, size in ((0, 128), (1, 150))]
    return [weak_image(image, labels > 0, lois, 1.0) for image, labels, lois in made]


def losses_and_gradients(batch, settings, progress):
    torch.manual_seed(0)
    model = Lacss(TINY)
    losses = objective.compute_losses(model, model(batch.image), batch, settings, progress)
    torch.stack(list(losses.values())).sum().backward()
    return losses, {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("supervision", ["weak", "mixed", "full"])
@pytest.mark.parametrize("progress", [0.0, 0.4, 0.9])
def test_lois_that_fill_up_count_for_nothing(fields, supervision, progress):
    settings = replace(SHORT, supervision=supervision)
    batch = draw_batch(fields, settings, 0)
    padded = pad_lois(batch, settings.batch, settings.crop)
    assert len(batch.lois) < len(padded.lois) == padded_count(len(batch.lois))
    expected, gradients = losses_and_gradients(batch, settings, progress)
    losses, found = losses_and_gradients(padded, settings, progress)
    assert losses.keys() == expected.keys()
    for name, value in losses.items():
        torch.testing.assert_close(value, expected[name])
    assert found.keys() == gradients.keys()
    for name, value in found.items():
        torch.testing.assert_close(value, gradients[name], rtol=1e-3, atol=1e-5)


def test_there_are_few_numbers_of_lois_and_little_is_filled_up():
    counts = range(1, 5000)
    assert all(count <= padded_count(count) <= count + max(63, count / 4) for count in counts)
    assert len({padded_count(count) for count in range(512, 1024)}) <= 5


def test_trying_a_step_leaves_everything_as_it_was(fields):
    torch.manual_seed(0)
    state = trainer.start(Lacss(TINY), SHORT, CPU)
    step = trainer.plain_stepper(state, SHORT)
    batch = draw_batch(fields, SHORT, 0)
    for known in (False, True):
        before = [tensor.clone() for tensor in trainer.changing(state)]
        try_out(lambda _: [step(batch, 0.2)[1]], [], lambda: trainer.changing(state))
        after = trainer.changing(state)
        if known:
            assert all(torch.equal(one, other) for one, other in zip(before, after, strict=True))
        else:  # moments came into being
            count = len(before)
            assert all(torch.equal(one, other) for one, other in zip(before, after[:count], strict=True))
            assert len(after) > count
            assert all((tensor == 0).all() for tensor in after[count:])
        step(batch, 0.2)


def recording(state, shapes):
    """Stand in for a `Recorder` without a GPU: inputs are copied to the same memory, and the function is called."""
    known = {}

    def record(key, function, inputs):
        if key not in known:
            known[key] = (function, [tensor.clone() for tensor in inputs])
            try_out(function, known[key][1], lambda: trainer.changing(state))
        first, memory = known[key]
        for place, tensor in zip(memory, inputs, strict=True):
            place.copy_(tensor)
        shapes.append(key)
        return first(memory)

    return record


@pytest.mark.parametrize("unsure", [False, True])
def test_recorded_steps_are_those_that_are_written(fields, unsure):
    """Learning rates, weights of losses and of the average are read from memory, not kept from the first step."""
    results, shapes = [], []
    fields = [replace(one, doubt=one.mask) for one in fields] if unsure else fields
    for recorded in (False, True):
        torch.manual_seed(0)
        state = trainer.start(Lacss(TINY), SHORT, CPU)
        step = trainer.plain_stepper(state, SHORT)
        if recorded:
            for optimizer in state.optimizers:
                for group in optimizer.param_groups:
                    group.update(lr=torch.tensor(group["lr"]), capturable=False, foreach=False)
            step = trainer.recorded_stepper(state, SHORT, step, recording(state, shapes))
        reports = []
        with closing(trainer.supply(fields, SHORT, 0, CPU)) as batches:
            for number in range(SHORT.steps):
                state.step, progress = number, number / SHORT.steps
                trainer.set_learning_rate(state, SHORT, progress)
                batch = next(batches)
                batch = pad_lois(batch, SHORT.batch, SHORT.crop) if recorded else batch
                losses, norm = step(batch, progress)
                reports.append({**losses, "norm": norm})
        results.append((reports, torch.cat([tensor.detach().flatten() for tensor in trainer.changing(state)])))
    (reports, end), (again, end_again) = results
    for one, other in zip(reports, again, strict=True):
        assert one.keys() == other.keys()
        for name in one:
            torch.testing.assert_close(one[name], other[name], rtol=1e-2, atol=1e-3)
    assert float((end - end_again).norm() / end.norm()) < 1e-2
    assert {key[1:] for key in shapes} == {(True, False), (True, True)}


def test_a_batch_without_lois_is_done_as_it_is_written(fields):
    torch.manual_seed(0)
    state = trainer.start(Lacss(TINY), SHORT, CPU)
    plain, shapes = trainer.plain_stepper(state, SHORT), []
    empty = draw_batch([replace(fields[0], lois=torch.zeros(0, 2), own=torch.zeros(0))], SHORT, 0)
    losses, _ = trainer.recorded_stepper(state, SHORT, plain, recording(state, shapes))(empty, 0.5)
    assert shapes == []
    assert all(torch.isfinite(value) for value in losses.values())
