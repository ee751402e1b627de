"""Facts about the machine and the installation, and faults that can be told from them."""

import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from lacss_tools import __version__
from lacss_tools.jobs.processes import cores

NEEDED = ("torch", "numpy", "scipy", "scikit-image", "tifffile", "imagecodecs", "PyMaxflow", "pycocotools")
"""packages whose versions matter most"""
EXTRAS = {
    "bioio": (("bioio", "bioio-nd2", "bioio-czi", "bioio-lif"), "vendors' files: ND2, CZI, LIF"),
    "zarr": (("zarr",), "OME-Zarr images"),
    "onnx": (("onnx", "onnxruntime", "onnxscript", "pyyaml"), "lacss export"),
    "parquet": (("pyarrow",), "lacss table --parquet"),
    "dask": (("dask", "distributed"), "--scheduler, a Dask cluster"),
    "fractal": (("fractal-task-tools", "zarr"), "the task for Fractal"),
    "napari": (("napari",), "the plugin for napari"),
    "tensorboard": (("tensorboard",), "lacss train --tensorboard"),
}
"""packages of each extra of the installation, and what it is for"""
LEAST_DISK = 2.0
"""GB"""
LEAST_MEMORY = 3.0
"""GB that training of some dozen images takes at most, with PyTorch"""


@dataclass(frozen=True)
class Finding:
    """One line: what was looked at, what it is, and what to do about it if it is wrong."""

    what: str
    value: str
    remedy: str = ""

    @property
    def wrong(self) -> bool:
        """Whether something should be done."""
        return bool(self.remedy)


def version_of(package: str) -> str | None:
    """Return the version of an installed package, None where it is not."""
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def examine(folder: Path) -> list[Finding]:
    """Return all findings; `folder` is that of the project."""
    looks: tuple[Callable[[], list[Finding]], ...] = (_program, _packages, _devices, _machine, _extras)
    places = {"project folder": folder, "temporary files": Path(tempfile.gettempdir())}
    return [finding for look in looks for finding in look()] + [_writable(what, at) for what, at in places.items()]


def _program() -> list[Finding]:
    emulated = sys.platform == "darwin" and platform.machine() == "x86_64" and "ARM" in platform.version()
    slow = "This is Python for Intel on an Apple chip, several times slower. Install Python for arm64."
    return [
        Finding("lacss_tools", f"{__version__} in {Path(__file__).parents[1]}"),
        Finding("Python", f"{platform.python_version()} in {sys.prefix}"),
        Finding("system", platform.platform(), slow if emulated else ""),
    ]


def _packages() -> list[Finding]:
    found = {name: version_of(name) for name in NEEDED}
    return [
        Finding(name, version or "missing", "" if version else f"Install lacss_tools again: {name} belongs to it.")
        for name, version in found.items()
    ]


def _devices() -> list[Finding]:
    import torch

    from lacss_tools.network.device import choose_device, fast_bfloat16

    chosen = choose_device("auto")
    name = torch.cuda.get_device_name(chosen) if chosen.type == "cuda" else chosen.type
    remedy = ""
    if shutil.which("nvidia-smi") and not torch.cuda.is_available():
        built = "CPUs" if torch.version.cuda is None else f"CUDA {torch.version.cuda}"
        remedy = (
            f"There is an NVIDIA driver, but this PyTorch, built for {built}, sees no GPU. Install the one that "
            "pytorch.org names for your driver."
        )
    precision = "bfloat16" if fast_bfloat16(chosen.type) else "float32"
    return [Finding("device", f"{name}, {precision}", remedy)]


def _machine() -> list[Finding]:
    import torch

    threads, asked, memory = torch.get_num_threads(), os.environ.get("OMP_NUM_THREADS"), memory_in_gb()
    idle = f"OMP_NUM_THREADS is {asked}, so cores stand idle. Unset it." if asked and threads < cores() else ""
    findings = [Finding("cores", f"{cores()}, {threads} threads", idle)]
    if memory is not None:
        short = "Training may run out of it: use --batch 2, and --workers 1 everywhere."
        findings.append(Finding("memory", f"{memory:.1f} GB", short if memory < LEAST_MEMORY else ""))
    return findings


def memory_in_gb() -> float | None:
    """Return the memory of the machine, None where the system does not say."""
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    except (AttributeError, ValueError, OSError):  # Windows has no such call
        return None


def _extras() -> list[Finding]:
    findings = []
    for name, (packages, purpose) in EXTRAS.items():
        missing = [package for package in packages if version_of(package) is None]
        state = f"not installed ({', '.join(missing)})" if missing else "installed"
        findings.append(Finding(f"extra {name}", f"{state}: {purpose}"))
    return findings


def _writable(what: str, folder: Path) -> Finding:
    """Return whether files can be written into a folder, and how much room there is."""
    try:
        with tempfile.NamedTemporaryFile(dir=folder):
            free = shutil.disk_usage(folder).free / 2**30
    except OSError as error:
        refused = "Nothing can be written there. Choose another place by --project, or TMPDIR."
        return Finding(what, f"{folder.absolute()}: {error.strerror}", refused)
    little = "Make room, results need it." if free < LEAST_DISK else ""
    return Finding(what, f"{folder.absolute()}, {free:.1f} GB free", little)
