"""Several seeds, the best on validation kept."""

import csv
from dataclasses import replace

import pytest

from lacss_tools.errors import InputError, LacssError, UsageError
from lacss_tools.network.weights import load_weights
from lacss_tools.train import session as sessions
from lacss_tools.train import steps as work
from lacss_tools.train.checkpoint import read_config
from lacss_tools.train.history import Scores
from lacss_tools.train.seeds import best_of, outcome, repeat, stored_settings
from lacss_tools.train.settings import TrainSettings
from tests.train.test_resume import interrupt_at

pytestmark = pytest.mark.usefixtures("tiny_preset", "no_curves")
SHORT = TrainSettings(steps=2, batch=1, crop=64, validate_every=0.5, seed=4)


@pytest.fixture
def graded(monkeypatch):
    """The validations of three seeds, two each: the second seed is best, at its first validation."""
    ap = iter([0.3, 0.5, 0.8, 0.7, 0.6, 0.6])

    def scores(found, images):
        value = next(ap)
        return Scores(value, value / 2, value / 4)

    monkeypatch.setattr(sessions, "scores", scores)


@pytest.mark.usefixtures("graded")
def test_the_best_seed_is_kept_and_all_are_listed(folders, tmp_path):
    run, lines = tmp_path / "run", []
    best = repeat(folders, run, SHORT, 3, device="cpu", say=lines.append)
    assert best == run / "best.safetensors"
    with (run / "seeds.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["seed"], row["step"], row["val_ap50"], row["kept"]) for row in rows] == [
        ("4", "2", "0.5000", "0"), ("5", "1", "0.8000", "1"), ("6", "1", "0.6000", "0")
    ]  # fmt: skip
    for name in ("best.safetensors", "config.toml", "metrics.jsonl"):
        assert (run / name).read_bytes() == (run / "seed-5" / name).read_bytes()
    assert best.read_bytes() != (run / "seed-4" / "best.safetensors").read_bytes()
    load_weights(run)
    assert "seed 5: validation AP50 0.800, mAP 0.200 at step 1; kept" in lines


def test_seeds_that_never_began_start_from_the_same_weights(folders, tmp_path):
    work.train(folders, tmp_path / "first", SHORT, device="cpu")
    own, run, lines = replace(SHORT, preset="init"), tmp_path / "run", []
    init = tmp_path / "first" / "best.safetensors"

    def interrupt(report, state):
        raise KeyboardInterrupt

    with pytest.raises(LacssError, match="seed-4"):
        repeat(folders, run, own, 2, device="cpu", init=init, watch=interrupt)
    weights = init.read_bytes()
    init.unlink()
    with pytest.raises(InputError, match="not there any more"):
        repeat(folders, run, own, 2, device="cpu", resume=True)
    init.write_bytes(b"others")
    with pytest.raises(InputError, match="is not what"):
        repeat(folders, run, own, 2, device="cpu", resume=True)
    init.write_bytes(weights)
    repeat(folders, run, own, 2, device="cpu", resume=True, say=lines.append)
    assert any("tensors taken over" in line for line in lines)
    for seed in (4, 5):
        assert "init_sha256" in (run / f"seed-{seed}" / "config.toml").read_text()


def test_an_interrupted_repeat_continues_where_it_was(folders, tmp_path):
    run = tmp_path / "run"
    begun = iter([False, True])

    def interrupt_second_seed(report, state):
        if report.step == 1 and next(begun, False):
            raise KeyboardInterrupt

    with pytest.raises(LacssError, match="seed-5"):
        repeat(folders, run, SHORT, 3, device="cpu", watch=interrupt_second_seed)
    finished = (run / "seed-4" / "last.pt").stat().st_mtime_ns
    assert not (run / "seed-6").exists()
    settings = stored_settings(run, 3)
    assert settings == SHORT
    lines = []
    repeat(folders, run, settings, 3, device="cpu", resume=True, say=lines.append)
    assert (run / "seed-4" / "last.pt").stat().st_mtime_ns == finished
    assert "seed 4 is finished already" in lines
    assert f"continuing {run / 'seed-5'} from step 1" in lines
    assert read_config(run / "seed-6")[0] == replace(SHORT, seed=6)
    assert len((run / "seeds.csv").read_text().splitlines()) == 4


def test_what_cannot_be_repeated_is_said_before_training(folders, tmp_path):
    unseen = replace(folders, val_images=None, val_labels=None)
    with pytest.raises(UsageError, match="`repeat` keeps the best seed on validation"):
        repeat(unseen, tmp_path / "run", SHORT, 2, device="cpu")
    for again in (lambda: stored_settings(tmp_path / "run", 2),
                  lambda: repeat(folders, tmp_path / "run", SHORT, 2, device="cpu", resume=True)):  # fmt: skip
        with pytest.raises(InputError, match="no seed to continue"):
            again()
    with pytest.raises(LacssError):
        repeat(folders, tmp_path / "run", SHORT, 2, device="cpu", watch=interrupt_at(1))
    with pytest.raises(InputError, match="holds a run already"):
        repeat(folders, tmp_path / "run", SHORT, 2, device="cpu")


@pytest.mark.usefixtures("graded")
def test_equal_seeds_are_ranked_by_map_then_by_number(folders, tmp_path):
    repeat(folders, tmp_path, SHORT, 1, device="cpu")
    one = outcome(4, tmp_path / "seed-4")
    assert (one.ap50, one.step) == (0.5, 2)
    assert best_of([one, replace(one, seed=1)]).seed == 1
    assert best_of([one, replace(one, seed=9, map=one.map + 0.1)]).seed == 9


@pytest.mark.usefixtures("graded")
def test_a_plain_run_and_one_of_seeds_do_not_overwrite_each_other(folders, tmp_path):
    seeds, plain = tmp_path / "seeds", tmp_path / "plain"
    repeat(folders, seeds, SHORT, 2, device="cpu")
    kept = (seeds / "best.safetensors").read_bytes()
    with pytest.raises(InputError, match="`resume` and `repeat`"):
        work.train(folders, seeds, SHORT, device="cpu")
    with pytest.raises(InputError, match="`repeat` 2 too"):
        work.train(folders, seeds, SHORT, device="cpu", resume=True)
    assert (seeds / "best.safetensors").read_bytes() == kept
    work.train(folders, plain, SHORT, device="cpu")
    kept = (plain / "best.safetensors").read_bytes()
    with pytest.raises(InputError, match="from one seed already"):
        repeat(folders, plain, SHORT, 2, device="cpu")
    assert (plain / "best.safetensors").read_bytes() == kept
