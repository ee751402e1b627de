"""The one place that knows folder names, stems and which file belongs to which. Paths only; reads no pixel."""

from dataclasses import dataclass
from pathlib import Path

from lacss_tools.errors import InputError

IMAGE_SUFFIXES = (".ome.tiff", ".ome.tif", ".tiff", ".tif", ".png", ".jpeg", ".jpg", ".nd2", ".czi", ".lif")


@dataclass(frozen=True)
class Project:
    """A project folder; every attribute is a path inside it, whether it exists or not."""

    root: Path

    @property
    def images(self) -> Path:
        """The images to segment, a file each."""
        return self.root / "images"

    @property
    def dapi(self) -> Path:
        """Nucleus images, same stem as in `images`."""
        return self.root / "dapi"

    @property
    def nuclei(self) -> Path:
        """STEM.tif: optional nucleus labels."""
        return self.root / "nuclei"

    @property
    def lois(self) -> Path:
        """STEM.csv with columns y, x, response."""
        return self.root / "lois"

    @property
    def candidates(self) -> Path:
        """STEM.tif with one page per threshold, loosest first."""
        return self.root / "candidates"

    @property
    def masks(self) -> Path:
        """STEM.tif, 0/255: the picked candidate."""
        return self.root / "masks"

    @property
    def labels(self) -> Path:
        """STEM.tif: optional true instances."""
        return self.root / "labels"

    @property
    def check(self) -> Path:
        """What `lacss check` writes."""
        return self.root / "check"

    @property
    def runs(self) -> Path:
        """One folder per training run."""
        return self.root / "runs"

    @property
    def predictions(self) -> Path:
        """What `lacss predict` writes."""
        return self.root / "predictions"


def picks_file(masks: Path) -> Path:
    """Return the journal of picks that lives beside the masks."""
    return masks / "picks.csv"


def unsure_file(mask: Path) -> Path:
    """Return the file beside a mask that says where it is unsure; none has one but those of lacss pick."""
    return mask.parent / "unsure" / f"{stem_of(mask)}.tif"


def stem_of(path: Path) -> str:
    """Return the name that pairs files: without the image suffix, `.ome.tif` counted as one.

    >>> stem_of(Path("dapi/A01.field1.ome.tif"))
    'A01.field1'
    """
    for suffix in (*IMAGE_SUFFIXES, ".csv"):
        if path.name.lower().endswith(suffix):
            return path.name[: -len(suffix)]
    return path.stem


def list_images(folder: Path) -> dict[str, Path]:
    """Return stem -> file for every image in `folder`, sorted by stem.

    Raises InputError when the folder is missing, holds no image, or holds two images of one stem.
    """
    return _list(folder, IMAGE_SUFFIXES, "image (TIFF, PNG or JPEG)")


def find_image(folder: Path, stem: str) -> Path | None:
    """Return the file of `stem` in a folder, whatever its format; None when there is none."""
    return next((path for suffix in IMAGE_SUFFIXES if (path := folder / f"{stem}{suffix}").is_file()), None)


def list_tables(folder: Path) -> dict[str, Path]:
    """Return stem -> file for every CSV in `folder`, sorted by stem; same errors as `list_images`."""
    return _list(folder, (".csv",), "CSV file")


def _list(folder: Path, suffixes: tuple[str, ...], what: str) -> dict[str, Path]:
    if not folder.is_dir():
        state = "is not a folder" if folder.exists() else "does not exist"
        raise InputError(f"{folder} {state}. Give the folder that holds the files.")
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.name.startswith(".") or not path.name.lower().endswith(suffixes) or not path.is_file():
            continue
        stem = stem_of(path)
        if stem in found:
            raise InputError(f"{path} and {found[stem].name} share the stem {stem!r}. Rename or remove one of them.")
        found[stem] = path
    if not found:
        raise InputError(f"{folder} holds no {what}. Check the path and the file endings.")
    return found


@dataclass(frozen=True)
class Pairing:
    """Files of several folders matched by stem."""

    paired: dict[str, tuple[Path, ...]]
    unpaired: dict[str, tuple[str, ...]]
    """folder -> stems that lack a partner somewhere else"""

    def summary(self) -> str:
        """Return one line that says what was paired and what was not."""
        parts = [f"{len(self.paired)} paired by stem"]
        for folder, stems in self.unpaired.items():
            if stems:
                shown = ", ".join(stems[:3]) + (f" and {len(stems) - 3} more" if len(stems) > 3 else "")
                parts.append(f"{len(stems)} only in {folder} ({shown})")
        return "; ".join(parts)


def pair(*listings: tuple[Path, dict[str, Path]]) -> Pairing:
    """Match files of several folders by stem; each listing is a folder and what `list_images` or `list_tables` found.

    Raises InputError when not a single stem is in all of them.
    """
    common = set.intersection(*(set(files) for _, files in listings))
    if not common:
        names = " and ".join(str(folder) for folder, _ in listings)
        examples = " and ".join(repr(next(iter(files))) for _, files in listings)
        raise InputError(
            f"No file of {names} shares a stem (first ones: {examples}). Give partners the same file name."
        )
    paired = {stem: tuple(files[stem] for _, files in listings) for stem in sorted(common)}
    unpaired = {str(folder): tuple(sorted(set(files) - common)) for folder, files in listings}
    return Pairing(paired, unpaired)


def check_output(output: Path, *inputs: Path) -> None:
    """Raise InputError when a command would write into a folder that it reads."""
    for folder in inputs:
        if output.resolve() == folder.resolve():
            raise InputError(f"{output} is both input and output. Choose another `output`.")
