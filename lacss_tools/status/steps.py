"""The folders of a project in, what of each step is done, failed and missing out. Reads no image."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from lacss_tools.annotate.pick.journal import read_picks
from lacss_tools.errors import InputError
from lacss_tools.formats.names import FORMATS, output_path
from lacss_tools.io.project import Project, find_images, find_tables, picks_file
from lacss_tools.jobs.failures import known_failures


@dataclass(frozen=True)
class StepStatus:
    """What there is of one step; every image is in one of the three."""

    step: str
    """the command"""
    folder: str
    done: list[str]
    failed: dict[str, str]
    """stem -> why, when it was last tried"""
    missing: list[str]


def status_of(home: Project) -> list[StepStatus]:
    """Return the status of each step over files; InputError when there is neither an image nor a nucleus image."""
    images, dapi = find_images(home.images), find_images(home.dapi)
    if not images and not dapi:
        raise InputError(f"{home.images} and {home.dapi} hold no image. Give the folder of a project.")
    picks = read_picks(picks_file(home.masks))
    rejected = [stem for stem, pick in picks.items() if pick.number is None]
    steps = [
        _status("annotate-lois", home.lois, dapi or images, find_tables(home.lois)),
        _status("graphcut", home.candidates, images, find_images(home.candidates)),
        _status("pick", home.masks, images, [*find_images(home.masks), *rejected]),
    ]
    if home.predictions.is_dir():
        steps.append(_status("predict", home.predictions, images, _predicted(home.predictions, images)))
    return steps


def _status(step: str, folder: Path, wanted: Iterable[str], there: Collection[str]) -> StepStatus:
    done, left = [stem for stem in wanted if stem in there], [stem for stem in wanted if stem not in there]
    failures = known_failures(folder)
    failed = {stem: failures[stem] for stem in left if stem in failures}
    return StepStatus(step, str(folder), done, failed, [stem for stem in left if stem not in failed])


def _predicted(folder: Path, stems: Iterable[str]) -> list[str]:
    return [stem for stem in stems if any(output_path(folder, stem, form).exists() for form in FORMATS)]
