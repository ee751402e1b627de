"""The command line with a tiny `small` preset, for tests that need another process: `-m tests.train.worker`."""

import sys

from lacss_tools.cli import app
from lacss_tools.network.settings import PRESETS, ModelSettings

# 16 channels at least: in the backward pass of 1x1 convolutions of stride 2 with fewer, on a processor with AVX-512 and
# two threads, oneDNN writes beyond its memory (uxlfoundation/oneDNN#6035)
TINY = ModelSettings(widths=(16,) * 5, blocks=(1,) * 5, pyramid=16, fine=16, patch_size=32, cell_diameter=20.0)

if __name__ == "__main__":
    PRESETS["small"] = TINY
    sys.exit(app(sys.argv[1:]))
