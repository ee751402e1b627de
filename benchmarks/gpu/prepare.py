"""Pack the Cell Image Library set into one file that travels to a machine with a GPU.

    python benchmarks/gpu/prepare.py DATA [--out benchmarks/gpu/data/cil.npz]

DATA holds images/, dapi/ and labels/ of one size. The file, an .npz compressed by bzip2, holds them as uint16, in parts
that threads unpack at the same time, and one LOI per outlined cell. It needs the whole environment of the package, the
machine with the GPU does not.
"""

import argparse
import io
import zipfile
from pathlib import Path

import numpy as np

from lacss_tools.formats.weak import inner_points
from lacss_tools.io.native import read_image, read_labels
from lacss_tools.io.project import list_images

PARTS = 8
DEFAULT = Path(__file__).parent / "data" / "cil.npz"


def pack(data: Path) -> dict[str, np.ndarray]:
    """Return the arrays of the file by name."""
    arrays: dict[str, np.ndarray] = {}
    stems = list(list_images(data / "images"))
    for kind in ("images", "dapi", "labels"):
        files = list_images(data / kind)
        read = read_labels if kind == "labels" else lambda path: read_image(path)[0]
        stack = np.stack([read(files[stem]).astype(np.uint16) for stem in stems])
        arrays |= {f"{kind}_{k}": part for k, part in enumerate(np.array_split(stack, PARTS))}
        if kind == "labels":
            points = [inner_points(labels.astype(np.int32)) for labels in stack]
            arrays["lois"] = np.concatenate(points)
            arrays["counts"] = np.array([len(own) for own in points])
    return arrays | {"stems": np.array(stems)}


def main() -> None:
    """Write the file and print its size."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, default=DEFAULT)
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(options.out, "w", zipfile.ZIP_BZIP2) as store:
        for name, array in pack(options.data).items():
            content = io.BytesIO()
            np.save(content, array)
            store.writestr(f"{name}.npy", content.getvalue())
    print(f"{options.out}: {options.out.stat().st_size / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
