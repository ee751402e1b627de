"""`import lacss_tools`: quick, and the functions keep their names whatever else is imported."""

import subprocess
import sys
import types

import pytest

import lacss_tools

QUICK = """
import sys
before = set(sys.modules)
import lacss_tools
loaded = {name.split(".")[0] for name in set(sys.modules) - before}
assert not loaded & {"numpy", "scipy", "torch", "skimage", "matplotlib", "jaxtyping"}, loaded
assert {name for name in sys.modules if name.startswith("lacss_tools")} == {"lacss_tools"}
lacss_tools.find_lois, lacss_tools.cut_candidates, lacss_tools.train, lacss_tools.Segmenter, lacss_tools.evaluate
assert "torch" not in sys.modules
"""


def test_nothing_loads_before_it_is_used():
    subprocess.run([sys.executable, "-c", QUICK], check=True)


def test_the_packages_train_and_evaluate_do_not_take_the_place_of_the_functions():
    from lacss_tools.evaluate import report
    from lacss_tools.train import settings

    assert isinstance(report, types.ModuleType)
    assert settings.TrainSettings.__module__ == "lacss_tools.train.settings"
    for name in lacss_tools.__all__:
        assert getattr(lacss_tools, name).__module__.startswith("lacss_tools.api"), name
    from lacss_tools import train

    assert train is lacss_tools.train


def test_what_is_exported_is_listed_typed_and_nothing_else_is_there():
    assert set(lacss_tools.__all__) < set(dir(lacss_tools))
    from pathlib import Path

    stub = Path(lacss_tools.__file__).with_suffix(".pyi").read_text()
    typed = [line.split(" as ")[1] for line in stub.splitlines() if " as " in line]
    assert typed == lacss_tools.__all__
    with pytest.raises(AttributeError, match="no attribute 'segment'"):
        lacss_tools.segment  # noqa: B018
