"""The task of Fractal: its manifest, and a plate segmented image by image as Fractal does it."""

import inspect
import json
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile

import lacss_tools
from lacss_tools.errors import InputError
from lacss_tools.fractal.segment_cells import segment_cells
from lacss_tools.io.plates import attributes
from lacss_tools.io.project import list_images
from lacss_tools.network.lacss import Lacss
from lacss_tools.network.weights import save_weights
from tests.io.test_plates import STEMS, write_plate
from tests.predict.test_plates import lacss, written
from tests.predict.test_tiles import SMALL

PACKAGE = Path(lacss_tools.__file__).parent
MANIFEST = PACKAGE / "__FRACTAL_MANIFEST__.json"


@pytest.fixture
def plate(tmp_path):
    save_weights(tmp_path / "m.safetensors", Lacss(SMALL), 0.8)
    write_plate(tmp_path / "p.zarr", "0.4")
    return tmp_path / "p.zarr"


def as_fractal(monkeypatch, folder, **arguments):
    """Run the file of the manifest as Fractal does; return what it says has changed."""
    (task,) = json.loads(MANIFEST.read_text(encoding="utf-8"))["task_list"]
    given, told = folder / "args.json", folder / "out.json"
    told.unlink(missing_ok=True)
    given.write_text(json.dumps(arguments))
    script = str(PACKAGE / task["executable_parallel"])
    with monkeypatch.context() as patch:
        patch.setattr(sys, "argv", [script, "--args-json", str(given), "--out-json", str(told)])
        patch.setenv("FRACTAL_TASK_SKIP_LOG_CONFIG", "1")
        runpy.run_path(script, run_name="__main__")
    return json.loads(told.read_text())


def test_the_manifest_is_that_of_the_function(monkeypatch):
    (task,) = json.loads(MANIFEST.read_text(encoding="utf-8"))["task_list"]
    stated = task["args_schema_parallel"]["properties"]
    taken = inspect.signature(segment_cells).parameters
    assert {name: facts.get("default", inspect.Parameter.empty) for name, facts in stated.items()} == {
        name: parameter.default for name, parameter in taken.items()
    }
    tools = pytest.importorskip("fractal_task_tools._cli")
    monkeypatch.chdir(PACKAGE.parent)  # the authors are those of pyproject.toml
    words = ["fractal-manifest", "check", "--package", "lacss_tools", "--task-list-path", "fractal.task_list"]
    monkeypatch.setattr(sys, "argv", words)
    tools.main()  # ends the process where they differ


@pytest.mark.usefixtures("one_thread")
def test_a_plate_segmented_image_by_image_holds_what_predict_finds(plate, monkeypatch, tmp_path):
    pytest.importorskip("zarr")
    pytest.importorskip("fractal_task_tools")
    facts = {"model": str(tmp_path / "m.safetensors"), "channel": "actin", "min_score": 0.05, "label_name": "lacss"}
    for image in list_images(plate).values():
        assert as_fractal(monkeypatch, tmp_path, zarr_url=str(image), **facts) is None
    lacss(tmp_path, "predict", "m.safetensors", plate, "--channel", "actin", "--min-score", 0.05, "--device", "cpu")
    found = written(plate, "lacss")
    assert list(found) == STEMS
    assert any(pixels.any() for pixels in found.values())
    for stem, image in list_images(plate).items():
        assert np.array_equal(found[stem], tifffile.imread(tmp_path / "predictions" / f"{stem}.tif"))
        assert attributes(image / "tables")["tables"] == ["lacss"]
        table = (tmp_path / "predictions" / f"{stem}.csv").read_bytes()
        assert (image / "tables" / "lacss" / "table.csv").read_bytes() == table
    again = {"zarr_url": str(image), **facts, "min_score": 1.0}
    with pytest.raises(InputError, match=r"holds tables 'lacss' that m\.safetensors made"):
        segment_cells(**again, overwrite=False)
    segment_cells(**again)
    assert not written(plate, "lacss")[STEMS[-1]].any()
