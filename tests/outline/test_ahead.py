"""Work in the background: given up for newer work, and never begun while somebody waits for an answer."""

from threading import Event

import pytest

from lacss_tools.outline.ahead import Ahead

SOON = 10
"""seconds; waits end as soon as the thread is there"""


class Work:
    """Steps that wait to be let on, and how many began."""

    def __init__(self):
        self.began, self.go = [], [Event() for _ in range(3)]
        self.at = [Event() for _ in range(3)]

    def __iter__(self):
        for k in range(3):
            self.began.append(k)
            self.at[k].set()
            assert self.go[k].wait(SOON)
            yield


@pytest.fixture
def ahead():
    ahead = Ahead()
    yield ahead
    if (thread := ahead.thread) is not None:
        thread.join(SOON)
    assert ahead.thread is None


def test_all_steps_are_done_and_then_others(ahead):
    for _ in range(2):
        work = Work()
        [event.set() for event in work.go]
        ahead.turn_to(iter(work))
        if (thread := ahead.thread) is not None:
            thread.join(SOON)
        assert work.began == [0, 1, 2]


def test_newer_work_takes_the_place_of_older(ahead):
    old, new = Work(), Work()
    [event.set() for event in (*new.go, *old.go[1:])]
    ahead.turn_to(iter(old))
    assert old.at[0].wait(SOON)
    ahead.turn_to(iter(new))
    old.go[0].set()
    assert new.at[2].wait(SOON)
    assert (old.began, new.began) == ([0], [0, 1, 2])


def test_no_step_begins_while_somebody_waits_for_an_answer(ahead):
    work = Work()
    [event.set() for event in work.go[1:]]
    ahead.turn_to(iter(work))
    assert work.at[0].wait(SOON)
    with ahead.first():
        work.go[0].set()
        assert not work.at[1].wait(0.05)
    assert work.at[2].wait(SOON)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_after_work_that_fails_other_work_is_done(ahead):
    def failing():
        raise MemoryError
        yield

    ahead.turn_to(failing())
    if (thread := ahead.thread) is not None:
        thread.join(SOON)
    work = Work()
    [event.set() for event in work.go]
    ahead.turn_to(iter(work))
    assert work.at[2].wait(SOON)
