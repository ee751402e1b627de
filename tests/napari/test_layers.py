"""What the plugin reads, writes and declares, without napari."""

import tomllib
from importlib import import_module
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
import tifffile
import typer.main
import yaml

from lacss_tools.cli import app
from lacss_tools.errors import InputError
from lacss_tools.io.lois import read_lois
from lacss_tools.io.project import Project
from lacss_tools.napari import samples
from lacss_tools.napari.layers import get_reader, layers_of
from lacss_tools.napari.plan import STEPS, Choices
from lacss_tools.napari.writers import write_labels, write_points
from tests.made_up import made_up_image

MANIFEST = files("lacss_tools.napari") / "napari.yaml"


def declared():
    return yaml.safe_load(MANIFEST.read_text(encoding="utf-8"))


# ---- layers ---------------------------------------------------------------------------------------------------------


def test_a_project_folder_opens_with_all_that_is_known_of_its_first_image(project):
    layers = {about["name"]: (data, kind) for data, about, kind in get_reader(str(project))(str(project))}
    assert {name: kind for name, (_, kind) in layers.items()} == {
        "image": "image", "nuclei": "image", "points": "points", "mask": "labels", "cells": "labels",
        "outlined cells": "labels",
    }  # fmt: skip
    _, labels, centres = made_up_image(0, size=96)
    for name in ("image", "nuclei"):
        assert (
            layers[name][0] == tifffile.imread(project / {"image": "images", "nuclei": "dapi"}[name] / "a.tif")
        ).all()
    assert np.allclose(layers["points"][0], centres, atol=0.01)
    assert (layers["mask"][0] == (labels > 0)).all()
    assert (layers["cells"][0] == np.roll(labels, 1)).all()
    assert (layers["outlined cells"][0] == labels).all()


def test_what_is_not_there_makes_no_layer(project):
    assert [about["name"] for _, about, _ in layers_of(Project(project), "b")] == ["image", "nuclei", "outlined cells"]
    assert get_reader(str(project / "images")) is None
    assert get_reader([str(project), str(project)]) is None


def test_channels_are_layers_and_pixels_have_their_size(project):
    pixels = np.stack([tifffile.imread(project / "images" / "b.tif")] * 2) * np.array([1, 2], np.uint16)[:, None, None]
    tifffile.imwrite(project / "images" / "b.tif", pixels, imagej=True, resolution=(2, 4), metadata={"unit": "um"})
    (project / "dapi" / "b.tif").unlink()
    layers = layers_of(Project(project), "b")
    assert [about["name"] for _, about, _ in layers] == ["image 0", "image 1", "outlined cells"]
    assert (layers[1][0] == pixels[1]).all()
    assert {about["scale"] for _, about, _ in layers} == {(0.25, 0.5)}


def test_samples_are_stacks_of_the_shipped_images():
    assert [(data.shape, kind) for data, _, kind in samples.plain()] == [((16, 390, 522), "image")] * 2
    *_, (labels, about, kind) = samples.outlined()
    assert (about["name"], kind, labels.max(axis=(1, 2)).tolist()) == ("outlined cells", "labels", [88, 44, 22, 57])


# ---- writers --------------------------------------------------------------------------------------------------------


def test_points_are_written_as_a_table_with_1_for_those_that_a_person_set(tmp_path):
    attributes = {"features": {"response": np.array([0.25, np.nan])}}
    assert write_points(str(tmp_path / "a.csv"), np.array([[1.5, 2], [3, 4]]), attributes) == [str(tmp_path / "a.csv")]
    assert (tmp_path / "a.csv").read_text() == "y,x,response\n1.50,2.00,0.25\n3.00,4.00,1\n"
    write_points(str(tmp_path / "b.csv"), np.zeros((1, 2)), {})
    assert read_lois(tmp_path / "b.csv")[1].tolist() == [1]


def test_cells_are_written_as_labels(tmp_path):
    labels = made_up_image(3)[1]
    write_labels(str(tmp_path / "a.tif"), labels.astype(np.int64), {})
    assert (tifffile.imread(tmp_path / "a.tif") == labels).all()


@pytest.mark.parametrize(
    ("write", "stack"), [(write_points, np.zeros((5, 3))), (write_labels, np.zeros((2, 9, 9), int))]
)
def test_stacks_are_refused(tmp_path, write, stack):
    with pytest.raises(InputError, match="Save one image of the stack"):
        write(str(tmp_path / "a"), stack, {})
    assert list(tmp_path.iterdir()) == []


# ---- what is declared -----------------------------------------------------------------------------------------------


def test_the_manifest_names_functions_that_exist_and_only_commands_of_its_own():
    content = declared()
    commands = {one["id"]: one["python_name"] for one in content["contributions"]["commands"]}
    for name in commands.values():
        module, function = name.split(":")
        assert callable(getattr(import_module(module), function))
    used = [one["command"] for kind, every in content["contributions"].items() if kind != "commands" for one in every]
    assert sorted(used) == sorted(commands)


def test_the_package_tells_napari_where_the_manifest_is():
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["entry-points"]["napari.manifest"] == {project["name"]: f"lacss_tools.napari:{MANIFEST.name}"}
    assert declared()["name"] == project["name"]
    assert not any("napari" in line for line in project["dependencies"])


@pytest.mark.filterwarnings("ignore")  # its own
def test_npe2_accepts_the_manifest():
    npe2 = pytest.importorskip("npe2")
    manifest = npe2.PluginManifest.from_file(str(MANIFEST))
    assert [reader.accepts_directories for reader in manifest.contributions.readers] == [True]
    manifest.validate_imports()


@pytest.mark.parametrize("choices", [Choices(), Choices("DAPI", "second", 0.5, begun=True, redo=True)])
def test_buttons_stand_for_command_lines_that_lacss_accepts(choices):
    commands = typer.main.get_command(app).commands
    lines = [line for step in STEPS.values() for line in step(choices)]
    for name, *words in lines:
        commands[name].make_context(name, words)
    assert [line[0] for line in lines] == ["annotate-lois", "graphcut", "pick", "train", "predict"]
