"""What packages the program says the same of it as pyproject.toml, and copies files that exist."""

import re
import tomllib
from pathlib import Path

import yaml

import lacss_tools

ROOT = Path(__file__).parents[1]
IN_CONDA = {"torch": "pytorch", "matplotlib": "matplotlib-base", "PyMaxflow": "pymaxflow"}
"""packages that conda-forge calls otherwise"""


def project():
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def recipe():
    return yaml.safe_load((ROOT / "packaging" / "recipe.yaml").read_text(encoding="utf-8"))


def conda(requirement):
    """Return a requirement of pip as conda writes it."""
    name, least = requirement.split(">=")
    return f"{IN_CONDA.get(name, name)} >={least}"


def test_the_recipe_has_the_version_the_dependencies_and_the_command_of_the_package():
    stated, content = project(), recipe()
    python, *packages = content["requirements"]["run"]
    assert content["context"]["version"] == stated["version"] == lacss_tools.__version__
    assert sorted(packages) == sorted(map(conda, stated["dependencies"]))
    assert (
        python.replace("${{ python_min }}", content["context"]["python_min"]) == f"python {stated['requires-python']}"
    )
    assert content["build"]["python"]["entry_points"] == [
        f"{name} = {where}" for name, where in stated["scripts"].items()
    ]
    assert content["about"]["license"] == stated["license"]


def test_the_container_copies_what_exists_and_what_the_build_needs():
    lines = re.findall(
        r"^COPY (.+) \S+$", (ROOT / "packaging" / "Dockerfile").read_text(encoding="utf-8"), re.MULTILINE
    )
    copied = {name for line in lines for name in line.split()}
    assert {name for name in copied if not (ROOT / name).exists()} == set()
    stated = project()
    assert {"constraints.txt", "lacss_tools", "pyproject.toml", stated["readme"], *stated["license-files"]} <= copied
