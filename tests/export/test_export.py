"""Models for other runtimes: graphs that agree with torch, facts that suffice, a description others accept."""

import json
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
import yaml
from typer.testing import CliRunner

from lacss_tools.cells import cells_to_labels
from lacss_tools.cli import app
from lacss_tools.errors import LacssError
from lacss_tools.export import check
from lacss_tools.export.bioimageio import about, sample_image
from lacss_tools.network import device
from lacss_tools.network.lacss import Lacss
from lacss_tools.network.preprocess import intensity_range
from lacss_tools.network.settings import ModelSettings
from lacss_tools.network.weights import save_weights
from lacss_tools.predict.predictor import load_predictor

SIZES = ModelSettings(
    channels=2,
    nuclei=1,
    widths=(16, 16, 16, 16, 16),
    blocks=(1, 1, 1, 1, 1),
    pyramid=16,
    fine=16,
    patch_size=64,
    cell_diameter=20.0,
)
SCALE = 0.8
DOCS = Path(__file__).parents[2] / "docs" / "export.md"


def lacss(*words):
    return CliRunner().invoke(app, ["export", *map(str, words)])


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A network that was not trained, but whose scores differ enough for some locations to win."""
    torch.manual_seed(0)
    model = Lacss(SIZES)
    with torch.no_grad():
        model.lpn.score.weight *= 20
        model.lpn.score.bias.fill_(2)
    folder = tmp_path_factory.mktemp("runs") / "first"
    save_weights(folder / "best.safetensors", model, SCALE, "actin")
    return folder


@pytest.fixture(scope="module")
def exported(run):
    result = lacss(run)
    assert result.exit_code == 0, result.output
    assert "input: 1 channel, then nuclei (or zeros)" in result.stderr
    assert re.search(r"ONNX and torch differ by \d\.\de-\d\d at most", result.stderr)
    return run / "onnx"


@pytest.fixture(scope="module")
def described(run):
    result = lacss(run, "--to", "bioimageio", "--name", "Cells: A/1", "--author", "A. Person", "--license", "CC0-1.0")
    assert result.exit_code == 0, result.output
    return run / "bioimageio"


@pytest.fixture(scope="module")
def of_three_channels(tmp_path_factory):
    """The export of a network unlike the other: two channels of cells and one of nuclei, bottlenecks."""
    sizes = ModelSettings(
        channels=3, nuclei=2, widths=(32, 32, 32, 32), blocks=(1, 1, 1, 1), pyramid=16, fine=16, patch_size=32,
        block="bottleneck", stem_stride=1, head=16,
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("three")
    save_weights(folder / "best.safetensors", Lacss(sizes), 1.0)
    result = lacss(folder, "--to", "bioimageio")  # compares the graphs with torch
    assert result.exit_code == 0, result.output
    assert "input: 2 channels, then nuclei (or zeros)" in result.stderr
    return folder / "bioimageio"


def test_sizes_stay_open(exported):
    sessions = [onnxruntime.InferenceSession(exported / name) for name in ("maps.onnx", "cells.onnx")]
    onnx.checker.check_model(exported / "maps.onnx")
    image, features, lois, field = (entry.shape for session in sessions for entry in session.get_inputs())
    assert [isinstance(side, str) for side in image] == [True, False, True, True]
    assert [isinstance(side, str) for side in features] == [True, True, True, False]
    assert isinstance(lois[0], str)
    assert lois[0] == field[0]
    none = sessions[1].run(
        None,
        {
            "features": np.zeros((1, 4, 4, 16), np.float32),
            "lois": np.zeros((0, 2), np.float32),
            "field": np.zeros(0, np.int64),
        },
    )
    assert [part.shape for part in none] == [(0, 64, 64), (0, 2)]


def test_the_facts_are_in_a_file_and_in_both_graphs(exported):
    facts = json.loads((exported / "lacss.json").read_text())
    for name in ("maps.onnx", "cells.onnx"):
        metadata = onnxruntime.InferenceSession(exported / name).get_modelmeta().custom_metadata_map
        assert json.loads(metadata["lacss"]) == facts
    assert (facts["scale"], facts["channels"], facts["channel"], facts["nuclei"]) == (SCALE, 2, "actin", 1)
    assert facts["normalise"]["percentiles"] == [1.0, 99.7]
    assert facts["root_inside"] is False


@pytest.mark.parametrize(("shape", "nuclei"), [((150, 131), True), ((64, 200), True), ((150, 131), False)])
def test_the_decoder_in_the_docs_finds_the_cells_of_predict(exported, run, shape, nuclei, monkeypatch):
    names = decoder()
    image = np.concatenate([sample_image(2, 25.0)[0]] * 2, axis=2)[:, : shape[0], : shape[1]]
    image = np.pad(image, [(0, 0), *((0, s - n) for s, n in zip(shape, image.shape[1:], strict=True))], mode="reflect")
    image[1] *= nuclei
    names["json"] = SimpleNamespace(loads=lambda text: none_found(json.loads(text)))
    labels, scores = names["segment"](image, exported)
    assert (labels.max(), len(scores)) == (0, 0)
    names["json"] = json
    labels, scores = names["segment"](image, exported)
    monkeypatch.setattr(device, "fast_bfloat16", lambda kind: False)  # the graphs are of float32
    expected = load_predictor(run, "cpu")(image if nuclei else image[:1])
    assert len(expected) > 3
    assert np.allclose(scores, expected.scores, atol=1e-3)
    assert (labels == cells_to_labels(expected)).mean() > 0.999


def decoder():
    """Return what the script in the docs defines."""
    script = re.search(r"```python\n(.*?)```", DOCS.read_text(encoding="utf-8"), re.DOTALL)
    assert script
    names = {}
    exec(script[1], names)
    return names


@pytest.mark.parametrize("height", [2, 900, 9000, 90_000])
def test_the_decoder_in_the_docs_bounds_the_range_as_predict_does(exported, height):
    y, x = np.mgrid[:150, :131]
    image = np.where(np.hypot(y % 24 - 12, x % 24 - 12) < 7, np.float32(900), np.float32(100))
    image[40:50, 60:70] += height
    bound = json.loads((exported / "lacss.json").read_text())["normalise"]["bound"]
    low, high = np.percentile(image[::2, ::2], (1, 99.7))
    expected = intensity_range(image[None]).high.item()
    assert decoder()["bounded"](image[::2, ::2], low, high, **bound) == expected
    assert expected == (1700 if height == 9000 else high)


def none_found(facts):
    facts["decode"]["min_score"] = 1.0
    return facts


def test_a_graph_that_gives_something_else_is_refused(exported):
    other = Lacss(SIZES).eval()
    with pytest.raises(LacssError, match=r"differs from torch by .*, more than 0\.001"):
        check.compare_maps((exported / "maps.onnx").read_bytes(), other)
    with pytest.raises(LacssError, match="differs from torch"):
        check.compare_cells((exported / "cells.onnx").read_bytes(), other)


def test_what_is_done_stays_unless_it_is_to_be_redone(exported, run):
    before = (exported / "maps.onnx").stat().st_mtime_ns
    result = lacss(run)
    assert "was done already. Redo it with --overwrite" in result.stderr
    assert (exported / "maps.onnx").stat().st_mtime_ns == before


def test_an_export_of_other_weights_or_kind_does_not_pass_for_this_one(exported, described, run, tmp_path):
    refused = lacss(run, "-o", str(described))
    assert refused.exit_code == 3
    assert "other weights or kind" in refused.stderr
    shutil.copytree(exported, tmp_path / "onnx")
    save_weights(tmp_path / "best.safetensors", Lacss(SIZES), 0.5)
    refused = lacss(tmp_path)
    assert refused.exit_code == 3
    assert "Give another --output, or --overwrite." in refused.stderr


@pytest.mark.parametrize(("given", "name"), [("demo", "LACSS demo"), ("/", "LACSS"), ("second", "second")])
def test_names_are_as_long_as_bioimageio_wants(given, name):
    assert about(given, None, None).name == name


@pytest.mark.filterwarnings("ignore")  # its own
def test_bioimageio_reads_the_folder(described):
    spec = pytest.importorskip("bioimageio.spec")
    from bioimageio.spec.model.v0_5 import ModelDescr

    model = spec.load_description(described / "rdf.yaml", perform_io_checks=True)
    assert isinstance(model, ModelDescr), model.validation_summary.format()
    assert model.name == "Cells  A 1"
    assert (model.authors[0].name, str(model.license)) == ("A. Person", "CC0-1.0")
    assert [len(output.axes) for output in model.outputs] == [4, 3, 4]


@pytest.mark.filterwarnings("ignore")  # its own
@pytest.mark.parametrize("export", ["described", "of_three_channels"])
def test_bioimageio_runs_the_folder(export, request):
    core = pytest.importorskip("bioimageio.core")
    summary = core.test_description(request.getfixturevalue(export) / "rdf.yaml")
    assert summary.status == "passed", summary.format()


def test_channels_have_names(described, of_three_channels):
    of = [
        yaml.safe_load((folder / "rdf.yaml").read_text(encoding="utf-8")) for folder in (described, of_three_channels)
    ]
    names = [rdf["inputs"][0]["axes"][1]["channel_names"] for rdf in of]
    assert names == [["actin", "nuclei"], ["channel0", "channel1", "nuclei"]]


def test_the_test_tensors_follow_from_the_description(described):
    rdf = yaml.safe_load((described / "rdf.yaml").read_text(encoding="utf-8"))
    image = np.load(described / rdf["inputs"][0]["test_tensor"]["source"])
    how = rdf["inputs"][0]["preprocessing"][0]["kwargs"]
    low, high = np.percentile(image, (how["min_percentile"], how["max_percentile"]), axis=(2, 3), keepdims=True)
    session = onnxruntime.InferenceSession(described / rdf["weights"]["onnx"]["source"])
    outputs = session.run(None, {"image": ((image - low) / (high - low + how["eps"])).astype(np.float32)})
    for entry, output in zip(rdf["outputs"], outputs, strict=True):
        expected = np.load(described / entry["test_tensor"]["source"])
        if entry.get("postprocessing"):
            output = 1 / (1 + np.exp(-output))
        assert np.allclose(output, expected, atol=1e-5)
        assert len(entry["axes"]) == output.ndim
    names = {part["source"] for part in rdf["attachments"]}
    assert names == {"cells.onnx", "lacss.json", "weights.safetensors"}


def test_the_root_inside_the_graph_is_that_of_the_normalisation(described, exported):
    image = np.random.default_rng(0).uniform(-0.2, 2.3, (1, 2, 64, 64)).astype(np.float32)
    outside = np.sqrt(image.clip(0, 2)) * 2 - np.float32(0.5)
    inside, alone = (
        onnxruntime.InferenceSession(folder / "maps.onnx").run(None, {"image": given})
        for folder, given in ((described, image), (exported, outside))
    )
    assert all(np.allclose(a, b, atol=1e-4) for a, b in zip(inside, alone, strict=True))


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("--to", "coreml"), 2, "Choose onnx or bioimageio"),
        (("--author", "A"), 2, "Say --to bioimageio"),
        (("-o", "."), 3, "both input and output"),
    ],
)
def test_bad_requests(run, words, code, message):
    result = lacss(*words, run.name, "--project", run.parent) if "-o" not in words else lacss(run, "-o", run)
    assert (result.exit_code, message in result.stderr) == (code, True), result.stderr


def test_the_starter_model_is_exported_into_the_project(tmp_path, monkeypatch):
    monkeypatch.setattr("lacss_tools.export.steps.write_onnx", lambda folder, trained: 0.0)
    result = lacss("cells", "--project", tmp_path)
    assert result.exit_code == 0, result.output
    assert "input: 1 channel, then nuclei (or zeros)" in result.output
    assert f"{tmp_path / 'onnx'}: ONNX" in result.output.replace("\n", "")


def test_missing_packages_are_named(run, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnxscript", None)
    result = lacss(run, "-o", run / "other")
    assert result.exit_code == 3
    assert "needs onnxscript. Install its packages: pip install onnx onnxruntime" in result.stderr
