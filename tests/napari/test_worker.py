"""Commands in a process of their own: what is heard of them, how they fail, how they are stopped."""

import shutil

from typer.testing import CliRunner

from lacss_tools.cli import app
from lacss_tools.napari.worker import DIED, STOPPED, Event, Work
from lacss_tools.screen.console import Audience, heard_by

POINTS = ["annotate-lois", "--method", "dog", "-o", "found"]


def test_what_a_command_says_is_heard_in_place_of_the_terminal(project):
    said, done = [], []
    with heard_by(Audience(said.append, lambda text, fraction: done.append((text, fraction)))):
        result = CliRunner().invoke(app, [*POINTS, "--project", str(project)])
    assert (result.exit_code, result.stderr) == (0, "")
    assert said[-1].startswith("2 written: ")
    assert done == [("LOIs", 0), ("LOIs", 0.5), ("LOIs", 1)]
    assert "2 were done already" in CliRunner().invoke(app, [*POINTS, "--project", str(project)]).stderr


def test_commands_run_one_after_the_other_until_one_fails(project):
    events = list(Work(project, [POINTS, ["graphcut", "nowhere"], ["pick", "--auto"]]).events())
    assert Event("LOIs", done=1.0) in events
    assert len(list((project / "found").glob("*.csv"))) == 2
    nowhere = f"{project / 'nowhere'} does not exist. Give the folder that holds the files."
    assert [event for event in events if event.failed] == [Event(nowhere, failed=True)]
    assert events[-1].failed


def test_what_is_stopped_keeps_whole_files_and_continues(project):
    for number in range(200):
        shutil.copy(project / "dapi" / "a.tif", project / "dapi" / f"{number}.tif")
    work = Work(project, [POINTS])
    events = work.events()
    next(event for event in events if event.done)
    work.stop()
    *_, event = events
    assert event.failed
    written = len(list((project / "found").glob("*.csv")))
    assert event.text == f"Interrupted: {written} written, every file is whole. The same command continues."
    assert 0 < written < 202


def test_a_second_stop_does_not_wait(project):
    work = Work(project, [POINTS])
    work.stop()
    work.stop()
    assert list(work.events())[-1] == Event(STOPPED, failed=True)
    assert not (project / "found").exists()


def test_a_process_that_dies_is_told(project):
    work = Work(project, [POINTS])
    work._process.kill()
    assert [event.text for event in work.events()] == [DIED.format(-9)]
