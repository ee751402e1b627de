"""The command line with a tiny `small` preset, for tests that need another process: `-m tests.train.worker`."""

import sys

from lacss_tools.cli import app
from lacss_tools.train.settings import PRESETS, ModelSettings

TINY = ModelSettings(widths=(8, 8, 8, 8, 8), blocks=(1,) * 5, pyramid=8, fine=8, patch_size=32, cell_diameter=20.0)

if __name__ == "__main__":
    PRESETS["small"] = TINY
    sys.exit(app(sys.argv[1:]))
