"""Pack the Cell Image Library set into one file that travels to a machine with a GPU.

    python benchmarks/gpu/prepare.py DATA [--out benchmarks/gpu/data/cil.npz] [--weak PROJECT ...]

DATA holds images/, labels/ and perhaps dapi/ of one size, each PROJECT lois/ and masks/ of images to train on. The
file, an .npz compressed by bzip2, holds them as uint16, in parts that threads unpack at the same time, and one LOI per
outlined cell. This needs the whole environment of the package, the machine with the GPU does not.
"""

import argparse
import io
import zipfile
from pathlib import Path

import numpy as np

from lacss_tools.formats.weak import inner_points
from lacss_tools.io.lois import read_lois
from lacss_tools.io.native import read_image, read_labels, read_mask
from lacss_tools.io.project import list_images, unsure_file

from data import KINDS, WEAK

PARTS = 8
DEFAULT = Path(__file__).parent / "data" / "cil.npz"


def pack(data: Path) -> dict[str, np.ndarray]:
    """Return the arrays of the file by name."""
    arrays: dict[str, np.ndarray] = {}
    stems = list(list_images(data / "images"))
    for kind in (kind for kind in KINDS if (data / kind).is_dir()):
        files = list_images(data / kind)
        read = read_labels if kind == "labels" else lambda path: read_image(path)[0]
        stack = np.stack([read(files[stem]).astype(np.uint16) for stem in stems])
        arrays |= {f"{kind}_{k}": part for k, part in enumerate(np.array_split(stack, PARTS))}
        if kind == "labels":
            points = [inner_points(labels.astype(np.int32)) for labels in stack]
            arrays["lois"] = np.concatenate(points)
            arrays["counts"] = np.array([len(own) for own in points])
    return arrays | {"stems": np.array(stems)}


def pack_weak(project: Path, stems: list[str], shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Return the LOIs and masks of a project as arrays, empty for images that it lacks (those to validate on)."""
    have = {stem for stem in stems if (project / "masks" / f"{stem}.tif").is_file()}
    masks = [read_mask(project / "masks" / f"{s}.tif") if s in have else np.zeros(shape, bool) for s in stems]
    points = [read_lois(project / "lois" / f"{s}.csv")[0] if s in have else np.zeros((0, 2)) for s in stems]
    doubts = [unsure_file(project / "masks" / f"{stem}.tif") for stem in stems]
    unsure = [read_mask(path) if path.is_file() else np.zeros(shape, bool) for path in doubts]
    parts = {
        "lois": np.concatenate(points),
        "counts": np.array([len(own) for own in points]),
        "masks": np.stack(masks),
        "unsure": np.stack(unsure),
    }
    return {f"{WEAK}{project.name}/{name}": array for name, array in parts.items()}


def main() -> None:
    """Write the file and print its size."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, default=DEFAULT)
    parser.add_argument("--weak", type=Path, nargs="*", default=[])
    options = parser.parse_args()
    arrays = pack(options.data)
    for project in options.weak:
        arrays |= pack_weak(project, arrays["stems"].tolist(), arrays["images_0"].shape[1:])
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(options.out, "w", zipfile.ZIP_BZIP2) as store:
        for name, array in arrays.items():
            content = io.BytesIO()
            np.save(content, array)
            store.writestr(f"{name}.npy", content.getvalue())
    print(f"{options.out}: {options.out.stat().st_size / 2**20:.1f} MiB")


if __name__ == "__main__":
    main()
