"""The panel and the plugin in a real napari, without a screen; skipped where there is no napari."""

import os
import time

import numpy as np
import pytest

from lacss_tools.io.lois import read_lois
from lacss_tools.napari.panel import FOLDER_FIRST, Panel
from lacss_tools.train.checkpoint import LAST

pytest.importorskip("napari")
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
pytestmark = pytest.mark.filterwarnings("ignore")  # those of napari and Qt
SECONDS = 600
"""for a step, on a machine that does other things too"""


@pytest.fixture(scope="module")
def qt():
    from napari.qt import get_qapp

    return get_qapp()


@pytest.fixture
def panel(qt, project):
    """A panel on the project, beside a viewer without a window."""
    from napari.components import ViewerModel

    made = Panel(ViewerModel())
    made.folder.value = project
    return made


def press(panel, number):
    """Press a button and yield where the bar is until its step is done."""
    from qtpy.QtWidgets import QApplication

    list(panel.buttons.values())[number - 1].native.click()
    assert not any(button.enabled for button in panel.buttons.values())
    last = time.monotonic() + SECONDS
    while panel.work is not None:
        QApplication.processEvents()
        assert time.monotonic() < last
        yield panel.bar.value


def names(panel):
    return [layer.name for layer in panel.viewer.layers]


def test_the_plugin_reads_a_project_and_writes_its_layers(qt, project, tmp_path):
    from napari.components import ViewerModel
    from npe2 import PluginManager

    PluginManager.instance().discover()
    viewer = ViewerModel()
    viewer.open(str(project), plugin="lacss-tools")
    assert [layer.name for layer in viewer.layers] == ["image", "nuclei", "mask", "cells", "outlined cells", "points"]
    for name, file in (("points", "saved.csv"), ("cells", "saved.tif")):
        assert viewer.layers[name].save(str(tmp_path / file), plugin="lacss-tools") == [str(tmp_path / file)]
    assert np.allclose(read_lois(tmp_path / "saved.csv")[0], read_lois(project / "lois" / "a.csv")[0])
    for sample in ("plain", "outlined"):
        viewer.open_sample("lacss-tools", sample)
    assert viewer.dims.nsteps[0] == 16


def test_images_are_chosen_and_other_layers_stay(panel):
    panel.viewer.add_points(np.zeros((1, 2)), name="mine")
    assert (panel.stems, panel.image.value, "points" in names(panel)) == (("a", "b"), "a", True)
    panel.image.value = "b"
    assert sorted(names(panel)) == ["image", "mine", "nuclei", "outlined cells"]
    panel.folder.value = panel.folder.value / "images"
    assert names(panel) == ["mine"]
    assert panel.note.value.endswith("Give the folder that holds the files.")
    panel.buttons["1  Find points"].native.click()
    assert panel.note.value == FOLDER_FIRST


def test_edited_points_are_saved_at_once_and_the_first_state_is_kept(panel, project):
    table, layer = project / "lois" / "a.csv", panel.viewer.layers["points"]
    before = table.read_bytes()
    layer.add([5.0, 7.0])
    assert read_lois(table)[0][-1].tolist() == [5, 7]
    assert (project / "lois" / "original" / "a.csv").read_bytes() == before
    layer.selected_data = {0, 1}
    layer.remove_selected()
    points, _ = read_lois(table)
    assert np.allclose(points, layer.data, atol=0.01)
    assert panel.note.value == f"{len(points)} points saved: {table}"


def test_from_points_to_cells_by_buttons(panel, project):
    for folder in ("lois", "masks", "predictions"):
        for path in (project / folder).iterdir():
            path.unlink()
    panel.minutes.value = panel.minutes.min
    assert len(set(press(panel, 1))) > 1
    assert "points" in names(panel)
    assert list(press(panel, 2))
    assert "mask" in names(panel)
    assert list(press(panel, 3))
    assert panel.note.value.startswith("best weights: ")
    assert panel.choices().begun
    assert list(press(panel, 4))
    assert "cells" in names(panel)
    assert panel.note.value.startswith("2 written: ")


def test_training_that_is_cancelled_is_saved(panel, project):
    (project / "labels" / "a.tif").unlink()
    under_way = press(panel, 3)
    next(filter(None, under_way))
    panel.cancel.native.click()
    assert list(under_way)
    assert panel.note.value.startswith("Interrupted at step ")
    assert (project / "runs" / "first" / LAST).exists()
    assert not panel.cancel.enabled
