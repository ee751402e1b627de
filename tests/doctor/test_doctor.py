"""What `lacss doctor` tells, and what it finds wrong."""

import json
import re
import tomllib
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

import lacss_tools
from lacss_tools.cli import app
from lacss_tools.doctor import look


def run(*words):
    return CliRunner().invoke(app, ["doctor", *map(str, words)])


def of(findings, what):
    (found,) = (finding for finding in findings if finding.what == what)
    return found


def test_a_sound_installation_is_told_in_lines_and_as_json(tmp_path, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(torch, "get_num_threads", look.cores)
    result = run("--project", tmp_path)
    assert result.exit_code == 0
    assert f"{lacss_tools.__version__} in" in result.stderr
    assert "Nothing is wrong." in result.stderr
    found = json.loads(run("--json", "--project", tmp_path).stdout)["findings"]
    assert {"lacss_tools", "torch", "device", "cores", "extra onnx", "project folder"} <= {one["what"] for one in found}


def test_what_is_wrong_has_a_way_out(tmp_path, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr(look, "cores", lambda: 8)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    monkeypatch.setattr(look.shutil, "which", lambda name: "/usr/bin/nvidia-smi")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(look, "memory_in_gb", lambda: 1.5)
    found = look.examine(tmp_path / "nowhere")
    assert [finding.what for finding in found if finding.wrong] == ["device", "cores", "memory", "project folder"]
    assert "sees no GPU" in of(found, "device").remedy
    assert "Unset it" in of(found, "cores").remedy
    result = run("--project", tmp_path / "nowhere")
    assert result.exit_code == 1
    assert "project folder: Nothing can be written there" in result.stderr


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(look, "version_of", lambda name: None if name in ("torch", "dask") else "1")
    found = look.examine(Path())
    assert "Install lacss_tools again" in of(found, "torch").remedy
    assert of(found, "extra dask").value.startswith("not installed (dask)")
    assert not of(found, "extra dask").wrong


@pytest.mark.parametrize("extra", look.EXTRAS)
def test_extras_are_those_of_the_package(extra):
    stated = tomllib.loads((Path(lacss_tools.__file__).parents[1] / "pyproject.toml").read_text())["project"]
    wanted = {re.split(r"[\[>]", line)[0].lower() for line in stated["optional-dependencies"][extra]}
    assert set(look.EXTRAS[extra][0]) | {"torch"} == wanted | {"torch"}
    assert set(look.EXTRAS) == set(stated["optional-dependencies"])
    assert {name.lower() for name in look.NEEDED} <= {line.split(">")[0].lower() for line in stated["dependencies"]}
