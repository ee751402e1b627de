"""Threads must not spin for long: torch has to find the limit when it is loaded, unless the user chose one."""

import os
import subprocess
import sys

import pytest

SCRIPT = """
import os, sys
import {room}
print(os.environ["GOMP_SPINCOUNT"], "torch" in sys.modules)
"""


@pytest.mark.parametrize("room", ["lacss_tools.train", "lacss_tools.predict", "lacss_tools.network"])
@pytest.mark.parametrize(("chosen", "there"), [(None, "20000"), ("7", "7")])
def test_the_limit_is_there_before_torch_is(room, chosen, there):
    rest = {name: value for name, value in os.environ.items() if name != "GOMP_SPINCOUNT"}
    environment = rest if chosen is None else {**rest, "GOMP_SPINCOUNT": chosen}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.format(room=room)], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [there, "False"]
