"""The tests of the package that need a GPU, run where one is."""

import os
import subprocess
import sys
from pathlib import Path

from bench import Bench

ROOT = Path(__file__).parents[2]
MOST = 100.0
"""seconds"""
TESTS = "tests/train/test_cuda.py"


def correctness(bench: Bench) -> None:
    """Run the tests with pytest, without the settings of the project that need its whole environment."""
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    environment = {**os.environ, "LACSS_TEST_DEVICE": bench.device.type, "PYTHONPATH": paths}
    line = [sys.executable, "-m", "pytest", "-v", "-ra", "--tb=short", "--durations=8", "-p", "no:cacheprovider"]
    line += ["-o", "addopts=", "-o", "filterwarnings=", TESTS]
    with (bench.out / "pytest.txt").open("w+") as said:
        try:
            done = subprocess.run(line, cwd=ROOT, env=environment, stdout=said, stderr=subprocess.STDOUT, timeout=MOST)
            code = done.returncode
        except subprocess.TimeoutExpired:
            code = -1
        said.seek(0)
        text = said.read()
    print(text[-5000:], flush=True)
    bench.keep("correctness", "pytest", {"exit": code, "said": text.strip().splitlines()[-1:]})
