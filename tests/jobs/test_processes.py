import os
import signal
from functools import partial
from itertools import count

import pytest

from lacss_tools.errors import LacssError
from lacss_tools.jobs import processes
from lacss_tools.jobs.processes import Died, in_order, spread


def double(number):
    return 2 * number


def killed_by(culprits, number):
    if number in culprits:
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * number


def killed_once(folder, number):
    if number == 3 and not (folder / "tried").exists():
        (folder / "tried").touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def environment(name):
    return os.environ.get(name)


class Unwanted:
    """Ends the process that unpickles it."""

    def __reduce__(self):
        return os._exit, (7,)


def test_every_item_gets_its_result():
    assert sorted(spread(double, range(50), 2)) == [(k, 2 * k) for k in range(50)]
    assert in_order(double, list(range(50)), 2) == [2 * k for k in range(50)]


def test_items_are_taken_as_they_are_needed_and_closing_leaves_the_rest():
    items = count()
    results = spread(double, items, 2)
    assert len({next(results)[0] for _ in range(5)}) == 5
    results.close()
    assert next(items) <= 8  # five are done, and two or three were handed out


def test_a_killed_process_costs_only_its_item():
    results = dict(spread(partial(killed_by, {3, 8}), range(10), 2))
    assert results == {k: Died(-9) if k in (3, 8) else 2 * k for k in range(10)}


def test_what_a_process_died_of_is_tried_again_after_all_others(tmp_path):
    results = list(spread(partial(killed_once, tmp_path), range(6), 2))
    assert sorted(results) == [(k, k) for k in range(6)]
    assert results[-1] == (3, 3)


def test_processes_that_do_not_start_are_an_error_and_not_tried_for_ever():
    with pytest.raises(LacssError, match=r"do not start \(exit code 7\)"):
        list(spread(partial(killed_by, Unwanted()), range(3), 2))


def test_in_order_names_no_result_for_a_killed_process():
    with pytest.raises(LacssError, match="exit code -9"):
        in_order(partial(killed_by, {1}), [0, 1, 2], 2)


def test_processes_take_one_thread_each_unless_the_user_says_otherwise(monkeypatch):
    monkeypatch.delenv("TIFFFILE_NUM_THREADS", raising=False)
    assert in_order(environment, ["TIFFFILE_NUM_THREADS", "OMP_NUM_THREADS"], 2)[0] == "1"
    assert "TIFFFILE_NUM_THREADS" not in os.environ


def test_none_means_one_process_per_core_and_never_more_than_items(monkeypatch):
    monkeypatch.setattr(processes, "cores", lambda: 6)
    assert [processes.count(workers, 4) for workers in (0, 1, 3, 9)] == [4, 1, 3, 4]
    assert processes.count(0, 100) == 6
