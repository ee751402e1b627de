"""What a start loads: the front door and every help text answer before torch or scipy could even be found.

Asked in a fresh process, and by what is loaded, since clocks depend on the machine: numpy takes 0.1 s, torch 1 s.
"""

import json
import subprocess
import sys

HEAVY = {"matplotlib", "numpy", "scipy", "skimage", "starlette", "tifffile", "torch"}
BEHIND_THE_DOOR = """
import sys
before = set(sys.modules)
import lacss_tools
after = {name.split(".")[0] for name in set(sys.modules) - before}
print(sorted(after - set(sys.stdlib_module_names)))
"""
HELP = """
import json, sys
from typer.main import get_command
from typer.testing import CliRunner
from lacss_tools.cli import app
loaded = {}
for words in ([], *([name] for name in get_command(app).commands)):
    assert CliRunner().invoke(app, [*words, "--help"]).exit_code == 0
    loaded[" ".join(words)] = sorted(name for name in sys.modules if "." not in name)
print(json.dumps(loaded))
"""


def printed(program):
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout


def test_the_package_loads_nothing_but_itself():
    assert printed(BEHIND_THE_DOOR).strip() == "['lacss_tools']"


def test_help_loads_no_arrays_and_no_network():
    loaded = json.loads(printed(HELP))
    assert {"", "train", "predict", "graphcut"} <= set(loaded)
    assert {command: HEAVY & set(names) for command, names in loaded.items() if HEAVY & set(names)} == {}
    assert "rich" in loaded[""]  # what is loaded does show
