"""`lacss outline` before it serves, and what it says at the end."""

import numpy as np
import pytest
import tifffile
from typer.testing import CliRunner

from lacss_tools.cli import app
from lacss_tools.io.native import write_labels, write_text
from lacss_tools.io.nuclei import Wanted
from lacss_tools.outline.steps import Made, Plan, bought, commands, made_with, open_desk, summary
from lacss_tools.train.history import Row, Scores, write_metrics


def plan_of(project, **options):
    folders = {"images": project / "images", "labels": project / "labels", "start": None, "model": None, "order": None}
    return Plan(project, **{**folders, "see": Wanted(), **options})


def finish(desk, stem):
    with desk.session.exclusive():
        version = str(desk.session.drawing(stem).drawing.steps)
    desk.session.act(stem, version, lambda drawing: drawing.finish(True))


def run(*args):
    return CliRunner().invoke(app, ["outline", *map(str, args)])


@pytest.mark.parametrize(
    ("options", "code", "said"),
    [
        (["--order", "best"], 2, "There is no order 'best'. Choose from unsure, diverse, random, name."),
        (["--order", "unsure"], 2, "goes by the scores of predictions. Give them with --start, or choose diverse."),
        (["nothing"], 3, "nothing does not exist"),
        (["--start", "nothing"], 3, "nothing does not exist"),
        (["--model", "nothing"], 3, "nothing"),
        (["-o", "images"], 3, "is both input and output"),
    ],
)
def test_what_cannot_work_is_told_before_anything_is_served(project, options, code, said):
    answer = run(*options, "--project", project)
    assert (answer.exit_code, said in " ".join(answer.stderr.split())) == (code, True), answer.stderr
    assert not (project / "labels").exists() or not list((project / "labels").glob("*.tif"))


def test_images_come_in_the_order_asked_for_and_finished_ones_last(project):
    assert open_desk(plan_of(project)).session.stems == ["a", "b"]
    for stem, scores in (("a", "1,0.99"), ("b", "1,0.6")):
        write_labels(project / "predictions" / f"{stem}.tif", np.pad(np.ones((9, 9), np.int32), (20, 67)))
        write_text(project / "predictions" / f"{stem}.csv", f"label,score\n{scores}\n")
    begun = plan_of(project, start=project / "predictions")
    desk = open_desk(begun)
    assert (desk.session.stems, desk.state()["order"], desk.state()["worth"]) == (["b", "a"], "unsure", 2)
    finish(desk, "b")
    assert open_desk(begun).session.stems == ["a", "b"]
    assert sorted(open_desk(plan_of(project, order="diverse")).session.stems) == ["a", "b"]


def test_the_end_names_the_exact_next_commands(project):
    desk = open_desk(plan_of(project))
    assert commands(desk.session, plan_of(project)) == []
    finish(desk, "a")
    assert summary(desk.session)[0] == "1 finished, 0 begun, 1 not begun; lacss outline continues."
    with_model = plan_of(project, model=project / "runs" / "first")
    assert commands(desk.session, with_model) == [
        f"lacss train --init runs/first --images images --labels labels --steps 300 --run first-corrected "
        f"--project {project}",
        f"lacss eval runs/first --images images --labels labels --project {project}",
    ]
    finish(desk, "b")
    train, _ = commands(desk.session, plan_of(project))
    assert train == f"lacss train --supervision full --images images --labels labels --project {project}"


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ([(0, 0.559), (75, 0.576), (150, 0.57)], "The last training raised mAP from 0.559 to 0.576."),
        ([(0, 0.559), (75, 0.55)], "The last training did not raise mAP (0.559)."),
        ([(75, 0.4), (150, 0.5)], ""),
        ([], ""),
    ],
)
def test_the_page_says_what_the_last_training_bought(tmp_path, steps, said):
    write_metrics(tmp_path, [Row(step, 1.0, {}, Scores(0.9, 0.6, value)) for step, value in steps])
    assert bought(tmp_path) == bought(tmp_path / "best.safetensors") == said
    assert bought(None) == ""


def test_a_scene_is_outlined_alone(project):
    pixels = np.random.default_rng(0).integers(0, 999, (2, 40, 50)).astype(np.uint16)
    for folder in ("images", "dapi"):
        (project / folder).mkdir(exist_ok=True)
        with tifffile.TiffWriter(project / folder / "plate.ome.tif", ome=True) as tiff:
            for k, plane in enumerate(pixels):
                tiff.write(plane, metadata={"axes": "YX", "Name": f"well {k}"})
    assert "which one is meant? Name it as --scene" in " ".join(
        run("--order", "diverse", "--project", project).stderr.split()
    )
    desk = open_desk(plan_of(project, see=Wanted(scene="all")))
    assert desk.session.stems == ["a", "b", "plate_well_0", "plate_well_1"]
    assert {"plate_well_0", "plate_well_1"} <= desk.shelf.beside.dapi.keys()


def test_labels_under_another_name_are_not_passed_over(project):
    write_labels(project / "labels" / "a_masks.tif", np.pad(np.ones((9, 9), np.int32), (20, 67)))
    answer = run("--project", project)
    assert answer.exit_code == 3
    assert "a_masks.tif are labels of a under another name. Call it a.tif" in " ".join(answer.stderr.split())


def test_the_model_of_predictions_is_found(project):
    folder = project / "predictions"
    assert made_with(None) == made_with(folder) == Made()
    write_text(folder / "predict.toml", f'[predict]\ndiameter = 40.0\n[data]\nmodel = "{project / "m.safetensors"}"\n')
    assert made_with(folder) == Made(None, 40.0)
    write_text(project / "m.safetensors", "")
    assert made_with(folder) == Made(project / "m.safetensors", 40.0)
