import json
import re

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

from lacss_tools.annotate.check import findings as find
from lacss_tools.annotate.check.advice import Advice
from lacss_tools.annotate.check.overview import overview
from lacss_tools.annotate.check.page import COMMAND
from lacss_tools.annotate.check.page import report as report_page
from lacss_tools.cli import app
from lacss_tools.io.candidates import write_candidates
from lacss_tools.io.lois import read_lois, write_lois
from lacss_tools.io.native import read_mask, write_mask

HEIGHT, WIDTH, FIELDS = 150, 200, 9


def run(project, *options):
    return CliRunner().invoke(app, ["check", "--project", str(project), *options])


def report(project):
    return json.loads((project / "check" / "check.json").read_text())


def findings(project):
    return {one["stem"]: [found["kind"] for found in one["findings"]] for one in report(project)["images"]}


def make_field(project, stem, seed):
    """Nine to twelve round cells with a nucleus off their centre, and their true LOIs and mask."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    centres = np.array([[25 + 48 * i, 25 + 49 * j] for i in range(3) for j in range(4)])[: rng.integers(9, 13)]
    centres = centres + rng.uniform(-4, 4, centres.shape)
    cells, nuclei = np.zeros((HEIGHT, WIDTH), bool), np.zeros((HEIGHT, WIDTH))
    for cy, cx in centres:
        cells |= np.hypot(y - cy, x - cx) < 15
        nuclei += np.exp(-((y - cy) ** 2 + (x - cx) ** 2) / (2 * 4.0**2))
    noise = rng.normal(0, 10, (2, HEIGHT, WIDTH))
    for name, pixels in (("images", 300 + 800 * cells + noise[0]), ("dapi", 300 + 2000 * nuclei + noise[1])):
        (project / name).mkdir(exist_ok=True)
        tifffile.imwrite(project / name / f"{stem}.tif", pixels.astype(np.uint16))
    write_lois(project / "lois" / f"{stem}.csv", centres, np.ones(len(centres)))
    write_mask(project / "masks" / f"{stem}.tif", cells)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    project = tmp_path_factory.mktemp("check") / "a project"
    project.mkdir()
    for k in range(FIELDS):
        make_field(project, f"f{k}", k)
    return project


@pytest.fixture
def project(made, tmp_path):
    import shutil

    return shutil.copytree(made, tmp_path / "a project")


# ---- what it finds --------------------------------------------------------------------------------------------------


def change_lois(project, stem, change):
    path = project / "lois" / f"{stem}.csv"
    write_lois(path, *change(*read_lois(path)))


def change_mask(project, stem, change):
    path = project / "masks" / f"{stem}.tif"
    write_mask(path, change(read_mask(path)))


SPOILED = {
    "inverted": (find.INVERTED, lambda p: change_mask(p, "f3", lambda mask: ~mask)),
    "empty mask": (find.EMPTY, lambda p: change_mask(p, "f3", lambda mask: mask & False)),
    "full mask": (find.FULL, lambda p: change_mask(p, "f3", lambda mask: mask | True)),
    "half the cells": (find.OUTSIDE, lambda p: change_mask(p, "f3", lambda mask: mask & (np.arange(WIDTH) < 100))),
    "shifted": (find.DARK, lambda p: change_lois(p, "f3", lambda xy, r: (np.add(xy, [20, -17]), r))),
    "x for y": (find.BEYOND, lambda p: change_lois(p, "f3", lambda xy, r: (xy[:, ::-1], r))),
    "doubled": (
        find.DOUBLES,
        lambda p: change_lois(p, "f3", lambda xy, r: (np.r_[xy, np.add(xy[:4], [2.0, 3.0])], np.r_[r, r[:4]])),
    ),
    "emptied": (find.NO_LOIS, lambda p: change_lois(p, "f3", lambda xy, r: (xy[:0], r[:0]))),
    "half missing": (find.LONELY, lambda p: change_lois(p, "f3", lambda xy, r: (xy[:4], r[:4]))),
}


def test_a_good_set_gets_no_finding_and_the_next_command(project):
    result = run(project)
    assert result.exit_code == 0
    assert "LOIs and masks of all 9 images look good. Next: lacss train." in result.stderr
    assert set(map(tuple, findings(project).values())) == {()}
    stored = report(project)
    assert (stored["good"], stored["n_images"], stored["doubles"], stored["outside"]) == (True, 9, 0, 0)
    assert stored["area_per_loi"] == pytest.approx(np.pi * 15**2, rel=0.02)


@pytest.mark.parametrize("name", SPOILED)
def test_one_spoiled_field_is_found_and_no_other(project, name):
    kind, spoil = SPOILED[name]
    spoil(project)
    assert run(project).exit_code == 0
    found = findings(project)
    assert found.pop("f3")[0] == kind
    assert set(map(tuple, found.values())) == {()}
    stored = report(project)
    assert not stored["good"]
    assert stored["advice"][0]["images"] == ["f3"]
    assert "look good" not in stored["advice"][0]["text"]


def test_swapped_tables_are_both_found(project):
    first, second = (project / "lois" / f"{stem}.csv" for stem in ("f1", "f7"))
    change_lois(project, "f1", lambda xy, r: (np.add(xy, [14, 14]), r))
    change_lois(project, "f7", lambda xy, r: (xy - [14, 14], r))
    text = first.read_text()
    first.write_text(second.read_text())
    second.write_text(text)
    run(project)
    assert {stem for stem, kinds in findings(project).items() if kinds} == {"f1", "f7"}


@pytest.mark.parametrize("folder", ["lois", "masks"])
def test_lois_alone_and_masks_alone_are_checked(project, folder):
    import shutil

    SPOILED["doubled" if folder == "lois" else "inverted"][1](project)
    for name in {"lois", "masks", "dapi", *(["images"] if folder == "lois" else [])} - {folder}:
        shutil.rmtree(project / name)
    assert run(project).exit_code == 0
    found = findings(project)
    assert found.pop("f3") == [find.DOUBLES if folder == "lois" else find.INVERTED]
    assert set(map(tuple, found.values())) == {()}


def test_candidates_stand_in_for_masks_with_their_automatic_choice(project):
    from scipy.ndimage import binary_dilation, binary_erosion

    for path in sorted((project / "masks").glob("*.tif")):
        mask = read_mask(path)
        looser, tighter = binary_dilation(mask, iterations=5), binary_erosion(mask, iterations=4)
        write_candidates(project / "candidates" / path.name, np.stack([looser, mask, tighter]), [0.3, 0.4, 0.5])
        path.unlink()
    assert run(project).exit_code == 0
    one = report(project)["images"][0]
    assert (one["mask_from"], one["findings"]) == ("automatic", [])
    assert report(project)["area_per_loi"] == pytest.approx(np.pi * 15**2, rel=0.02)


def test_missing_partners_and_rejected_images_are_told(project):
    (project / "lois" / "f1.csv").unlink()
    for stem in ("f2", "f3"):
        (project / "masks" / f"{stem}.tif").unlink()
    (project / "masks" / "picks.csv").write_text("stem,choice,threshold,by,time\nf3,none,,person,2024-01-01T00:00:00\n")
    (project / "images" / "f4.tif").unlink()
    result = run(project)
    assert result.exit_code == 0
    stored = report(project)
    assert stored["missing"] == {"lois": ["f1"], "masks": ["f2"], "images": ["f4"], "dapi": []}
    assert {one["stem"]: one["mask_from"] for one in stored["images"]}["f3"] == "rejected"
    assert "1 image has no mask: f2. Run lacss pick" in result.stderr


# ---- the command ----------------------------------------------------------------------------------------------------


def test_json_on_standard_output_is_the_file(project):
    result = run(project, "--json")
    assert json.loads(result.stdout) == report(project)


def test_two_workers_find_the_same(project):
    SPOILED["doubled"][1](project)
    run(project, "-o", "one")
    run(project, "-o", "two", "--workers", "2")
    assert (project / "one" / "check.json").read_text() == (project / "two" / "check.json").read_text()


def test_broken_files_are_named_and_the_rest_is_checked(project):
    (project / "lois" / "f1.csv").write_text("a,b\n1,2\n")
    write_mask(project / "masks" / "f2.tif", np.ones((9, 9), bool))
    result = run(project)
    assert result.exit_code == 4
    stored = report(project)
    assert set(stored["failed"]) == {"f1", "f2"}
    assert "expected y,x,response" in stored["failed"]["f1"]
    assert "masks/f2.tif is 9 x 9 pixels. Give files of one image the same size" in stored["failed"]["f2"]
    assert len(stored["images"]) == FIELDS - 2
    assert not stored["good"]
    assert "Not checked" in (project / "check" / "check.html").read_text()


def test_when_nothing_can_be_read_nothing_is_written(project):
    for path in (project / "lois").iterdir():
        path.write_text("a,b\n1,2\n")
    assert run(project).exit_code == 3
    assert not (project / "check").exists()


def test_an_empty_project_names_the_way_out(tmp_path):
    result = run(tmp_path)
    assert result.exit_code == 3
    assert "hold nothing to check. Run lacss annotate-lois" in result.stderr
    result = run(tmp_path, "--masks", "elsewhere")
    assert result.exit_code == 3
    assert "elsewhere does not exist" in result.stderr


def test_the_report_never_goes_into_an_input_folder(project):
    assert run(project, "-o", "lois").exit_code == 3
    assert not (project / "lois" / "check.json").exists()


# ---- the page -------------------------------------------------------------------------------------------------------


def test_the_page_shows_the_faulty_field_first_and_loads_nothing(project):
    SPOILED["inverted"][1](project)
    run(project)
    html = (project / "check" / "check.html").read_text()
    assert not re.search(r'(src|href)="(?!data:)', html)
    assert html.index("<b>f3</b>: mask covers the background") < html.index("<b>f0</b>: nothing found")
    assert html.count("<figure") == 1 + 1 + 4 + 5  # histograms, the worst, four for comparison, a close-up of each
    rows = re.findall(r"<tr><td>(f\d)</td>", html)
    assert rows == ["f3", *(f"f{k}" for k in range(FIELDS) if k != 3)]


def test_images_are_named_under_the_advice_unless_it_names_them_even_by_a_number():
    named = Advice("2 images have no mask: 1, 12. Run lacss pick.", ("1", "12"))
    counted = Advice("32 % of the LOIs in 1 image are probably second points of a nucleus.", ("2",))
    html = report_page([], overview([], None), [named, counted], {}, [], [])
    assert html.count('<span class="soft">') == 1
    assert '<span class="soft">2</span>' in html


def test_names_are_escaped(project):
    SPOILED["emptied"][1](project)
    for folder in ("images", "dapi", "lois", "masks"):
        (path,) = (project / folder).glob("f3.*")
        path.rename(path.with_name(path.name.replace("f3", "<b>&")))
    run(project)
    html = (project / "check" / "check.html").read_text()
    assert "<b>&lt;b&gt;&amp;</b>: no LOIs" in html
    assert "<b>&<" not in html


def test_commands_in_a_sentence_are_marked_without_the_words_around_them():
    text = "Run lacss annotate-lois --nucleus-diameter 30 --overwrite. Or lacss pick and a lower --min-response if so."
    assert COMMAND.findall(text) == [
        "lacss annotate-lois --nucleus-diameter 30 --overwrite",
        "lacss pick",
        "--min-response",
    ]
    assert COMMAND.findall("lacss annotate-lois --masks masks --overwrite leaves them out") == [
        "lacss annotate-lois --masks masks --overwrite"
    ]


def test_the_page_stays_small_whatever_the_images():
    from lacss_tools.annotate.check.findings import JudgedImage, MeasuredImage
    from lacss_tools.annotate.check.page import MOST_ROWS, Shown, report

    noise = np.random.default_rng(0).random((1, 640, 640), dtype=np.float32)
    judged = [
        JudgedImage(MeasuredImage(f"plate1_well{k}_field", None, None, None, "none"), np.zeros(0, bool))
        for k in range(9999)
    ]
    shown = [Shown(judged[0], noise, None)]
    size = len(report(judged, overview(judged, None), [], {}, shown, []))
    picture = size - len(report(judged, overview(judged, None), [], {}, [], []))
    assert size + 27 * picture < 10_000_000
    assert report(judged, overview(judged, None), [], {}, [], []).count("<tr>") == MOST_ROWS + 1


# ---- pseudo-labels --------------------------------------------------------------------------------------------------


def test_pseudo_labels_are_shown_and_borders_told_as_training_tells_them(project):
    result = run(project)
    stored = report(project)["borders"]
    assert stored["kind"] == "dark"
    assert stored["text"] in result.stderr
    page = (project / "check" / "check.html").read_text()
    section = page[page.index("Close-ups and pseudo-labels") :]
    assert stored["text"].replace("'", "&#x27;") in section
    assert section.count("pseudo-labels in the whole image") == 4
    run(project, "--borders", "bright")
    assert report(project)["borders"]["kind"] == "bright"
    assert "bright ridges" in report(project)["borders"]["text"]


def test_borders_need_images_masks_and_lois(project):
    import shutil

    assert "--borders must be auto, bright, dark or distance, not light" in run(project, "--borders", "light").stderr
    shutil.rmtree(project / "images")
    assert run(project).exit_code == 0
    assert report(project)["borders"] is None
    html = (project / "check" / "check.html").read_text()
    assert "Pseudo-labels" not in html
    assert html.count("2 LOIs as close as any") == 4  # DAPI alone
