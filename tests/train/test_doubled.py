"""Cells with two LOIs: which they are, and that a training makes them one half-way."""

import csv
import itertools
from dataclasses import replace

import numpy as np
import pytest
import tifffile
import torch

from lacss_tools.cells import cells_from_labels
from lacss_tools.errors import LacssError
from lacss_tools.network.lacss import Lacss
from lacss_tools.network.preprocess import BLACK
from lacss_tools.predict.found import Found, join
from lacss_tools.train import doubled, session
from lacss_tools.train import steps as work
from lacss_tools.train.crops import TrainingImage
from lacss_tools.train.doubled import find_doubled, joined, touching
from lacss_tools.train.settings import TrainSettings
from tests.train.test_resume import differing, last

CPU = torch.device("cpu")
SHORT = TrainSettings(steps=6, batch=1, crop=64, validate_every=0.5)


def field(nuclei=((30, 30), (30, 44)), radius=7.5):
    """One image of two LOIs, whose nuclei are discs of DAPI."""
    y, x = np.mgrid[:80, :80]
    dapi = np.max([np.hypot(y - a, x - b) < radius for a, b in nuclei], axis=0).astype(np.float32)
    labels = np.zeros((80, 80), np.float32)
    labels[20:40, 20:37], labels[20:40, 37:55] = 1, 2
    image = torch.from_numpy(np.stack([labels > 0, dapi]).astype(np.float32)) + BLACK
    return TrainingImage(
        image, torch.from_numpy(labels > 0).float(), torch.from_numpy(labels),
        torch.tensor(nuclei).float(), torch.tensor([1.0, 2.0]), nuclei=True,
    )  # fmt: skip


def drawn(monkeypatch, *columns):
    """Let the network draw a cell at each LOI that covers these columns of rows 20 to 40."""
    seen = []

    def cells_at(model, whole, device):
        seen.append(whole)
        parts = []
        for first, end in columns:
            mask = np.zeros((80, 80), np.int32)
            mask[20:40, first:end] = 1
            cells = cells_from_labels(mask)
            parts.append(Found(**vars(cells), location_scores=np.ones(1), in_pieces=np.zeros(1, bool)))
        return np.arange(len(columns)), join((80, 80), parts)

    monkeypatch.setattr(doubled, "cells_at", cells_at)
    return seen


def test_two_lois_are_one_cell_where_nuclei_touch_and_cells_overlap(monkeypatch, tiny_preset):
    model = Lacss(replace(tiny_preset, channels=2, nuclei=1))
    apart = ((30, 26), (30, 48))
    for nuclei, columns, expected in (
        (((30, 30), (30, 44)), ((20, 48), (27, 55)), [(0, 1)]),
        (((30, 30), (30, 44)), ((20, 40), (37, 55)), []),  # a sixth of the smaller
        (apart, ((20, 48), (27, 55)), []),
    ):
        seen = drawn(monkeypatch, *columns)
        assert find_doubled(model, [field(nuclei)], CPU) == [expected]
        assert (seen[0].image[-1] == BLACK).all(), "the network is not to see the nuclei"


def test_touching_knows_no_gain_and_counts_from_the_dimmer_nucleus():
    dapi = np.zeros((40, 60), np.float32)
    dapi[10:30, 5:25], dapi[10:30, 25:45] = 9.0, 2.0
    lois, pair = np.array([[20.0, 15.0], [20.0, 35.0]]), np.array([[0, 1]])
    for gain in (1.0, 1000.0):
        assert touching(gain * dapi, lois, pair, 0.1).tolist() == [True]
    dapi[:, 23:28] = 0.5
    assert touching(dapi, lois, pair, 0.5).tolist() == [False]
    assert touching(dapi, lois, np.zeros((0, 2), int), 0.5).tolist() == []


def test_joined_lois_lie_half_way_and_have_all_of_their_labels():
    labels = np.repeat(np.arange(6, dtype=np.float32), 10)[None].repeat(8, 0)
    lois = torch.tensor([[4.0, 10.0 * k + 5] for k in range(1, 6)])
    whole = TrainingImage(
        torch.zeros(1, 8, 60), torch.ones(8, 60), torch.from_numpy(labels), lois, torch.arange(1.0, 6)
    )
    one = joined(whole, [(0, 3), (1, 2), (2, 3)])  # a chain: 0, 1, 2 and 3 are one
    assert one.own.tolist() == [1, 5]
    assert one.lois.tolist() == [[4.0, 30.0], [4.0, 55.0]]
    assert np.unique(one.labels[0].numpy()).tolist() == [0, 1, 5]
    assert (one.labels == 1).sum() == 4 * 80
    assert (one.labels > 0).eq(whole.labels > 0).all()
    assert joined(whole, []) is whole
    pairs = [(0, 3), (1, 2), (2, 3)]
    for order in itertools.permutations(pairs):
        again = joined(whole, list(order))
        assert torch.equal(again.labels, one.labels)
        assert torch.equal(again.lois, one.lois)


def test_a_few_pairs_are_not_believed(monkeypatch, tiny_preset):
    model = Lacss(replace(tiny_preset, channels=2, nuclei=1))
    images = [field() for _ in range(50)]  # of two LOIs each
    drawn(monkeypatch, (20, 48), (27, 55))
    for doubled_ones in (3, 2):
        found = iter([[(0, 1)]] * doubled_ones + [[]] * (50 - doubled_ones))
        monkeypatch.setattr(doubled, "pairs_of", lambda *given, found=found: next(found))
        assert sum(map(len, find_doubled(model, images, CPU))) == (3 if doubled_ones == 3 else 0)


@pytest.fixture
def with_nuclei(folders, tmp_path):
    (tmp_path / "dapi").mkdir()
    for path in (tmp_path / "images").iterdir():
        tifffile.imwrite(tmp_path / "dapi" / path.name, np.rot90(tifffile.imread(path)))
    return folders


@pytest.mark.usefixtures("tiny_preset", "no_curves", "one_thread")
@pytest.mark.parametrize("at", [2, 3, 4])
def test_a_training_makes_them_one_half_way_and_continues_to_the_same_bits(with_nuclei, tmp_path, at, monkeypatch):
    monkeypatch.setattr(session, "find_doubled", lambda model, images, device: [[(0, 1)] for _ in images])
    said, lois = [], []
    draw = session.run_steps

    def watched(state, images, *rest):
        lois.append((state.step, sum(len(image.lois) for image in images)))
        return draw(state, images, *rest)

    monkeypatch.setattr(session, "run_steps", watched)
    work.train(with_nuclei, tmp_path / "whole", SHORT, device="cpu", say=said.append)
    (first, before), (second, after) = lois
    images = len(list((tmp_path / "images").iterdir()))
    assert (first, second, before - after) == (0, 3, images)
    assert any(f"step 3: {images} pairs of LOIs count as one cell" in line for line in said)
    with (tmp_path / "whole" / "doubled.csv").open() as file:
        assert len(list(csv.DictReader(file))) == images

    def interrupt(report, state):
        if report.step == at:
            raise KeyboardInterrupt

    with pytest.raises(LacssError, match=f"step {at}"):
        work.train(with_nuclei, tmp_path / "cut", SHORT, device="cpu", watch=interrupt)
    work.train(with_nuclei, tmp_path / "cut", SHORT, device="cpu", resume=True)
    assert differing(last(tmp_path / "whole"), last(tmp_path / "cut")) == []
    assert last(tmp_path / "whole")["doubled"] == last(tmp_path / "cut")["doubled"] == [[(0, 1)]] * images


@pytest.mark.usefixtures("tiny_preset", "no_curves")
@pytest.mark.parametrize("change", [{"doubled": 1.0}, {"blank_nuclei": 0.0}, {"nuclei": "none"}, {"borders": "bright"}])
def test_nobody_looks_where_it_is_not_asked_for_or_cannot_be_told(with_nuclei, tmp_path, change, monkeypatch):
    monkeypatch.setattr(session, "find_doubled", None)
    work.train(with_nuclei, tmp_path / "run", replace(SHORT, steps=2, **change), device="cpu")
    assert last(tmp_path / "run")["doubled"] is None
    assert not (tmp_path / "run" / "doubled.csv").exists()


@pytest.mark.usefixtures("tiny_preset", "no_curves")
def test_it_is_said_when_none_are_joined(with_nuclei, tmp_path, monkeypatch):
    monkeypatch.setattr(session, "find_doubled", lambda model, images, device: [[] for _ in images])
    said = []
    work.train(with_nuclei, tmp_path / "run", replace(SHORT, steps=2), device="cpu", say=said.append)
    assert any(line.startswith("step 1: hardly any cell seems to have two LOIs") for line in said)
    assert not (tmp_path / "run" / "doubled.csv").exists()


@pytest.mark.usefixtures("tiny_preset", "no_curves")
def test_processes_that_share_the_steps_share_the_joined_cells(with_nuclei, tmp_path, monkeypatch):
    monkeypatch.setattr(session, "find_doubled", lambda model, images, device: [[(0, 1)] for _ in images])
    settings = replace(SHORT, batch=2, processes=2)
    said = []
    work.train(with_nuclei, tmp_path / "run", settings, device="cpu", say=said.append)
    assert last(tmp_path / "run")["step"] == 6
    assert work.checkpoint.stored_processes(tmp_path / "run") == (1, 2)
    assert sum("count as one cell" in line for line in said) == 1


def test_the_cells_of_a_network_belong_to_their_lois(tiny_preset):
    torch.manual_seed(0)
    whole = field()
    model = Lacss(replace(tiny_preset, channels=2, nuclei=1)).eval()
    numbers, cells = doubled.cells_at(model, whole, CPU)
    assert len(cells)
    assert np.abs(cells.locations - whole.lois.numpy()[numbers]).max(initial=0) < 1 / 32
