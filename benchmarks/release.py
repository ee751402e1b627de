"""CPU and wall seconds of one pass of the authors' current release, on 512 x 512.

    python benchmarks/release.py

It needs an environment of its own: `pip install lacss==0.15.2 setuptools` (JAX, NumPy 1). Weights are random, which
changes no time.
"""

import time

import jax
import numpy as np
from lacss.modules import Lacss

SIDE, TIMED = 512, 5


def main() -> None:
    """Time both sizes that the release names as its 2D models."""
    image = np.random.default_rng(0).normal(size=(SIDE, SIDE, 3)).astype(np.float32)
    for size in ("small", "base"):
        module = Lacss.get_preconfigued(size)
        parameters = jax.jit(module.init)(jax.random.key(0), image)
        forward = jax.jit(module.apply)
        jax.block_until_ready(forward(parameters, image))  # compiles
        wall, cpu = [], []
        for _ in range(TIMED):
            start, used = time.perf_counter(), time.process_time()
            jax.block_until_ready(forward(parameters, image))
            wall.append(time.perf_counter() - start)
            cpu.append(time.process_time() - used)
        number = sum(value.size for value in jax.tree_util.tree_leaves(parameters)) / 1e6
        print(f"  {size} ({number:.0f} M): {np.median(wall):.2f} s, {np.median(cpu):.2f} CPU seconds per {SIDE}x{SIDE}")


if __name__ == "__main__":
    main()
