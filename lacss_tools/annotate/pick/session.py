"""Picking on files: what there is to pick, and what was decided so far."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from lacss_tools.annotate.candidates.choice import middle_area, typical
from lacss_tools.annotate.pick.choices import Choices, read_choices, read_points
from lacss_tools.annotate.pick.commit import read, recover
from lacss_tools.annotate.pick.journal import Pick, read_picks, row_of
from lacss_tools.arrays import Points
from lacss_tools.errors import InputError, LacssError
from lacss_tools.io.candidates import read_candidates
from lacss_tools.io.lock import locked
from lacss_tools.io.native import digest_of
from lacss_tools.io.project import find_images, find_tables, list_images, pair, picks_file, unsure_file
from lacss_tools.io.scenes import paths_of
from lacss_tools.io.stains import ALL_CHANNELS, Stain
from lacss_tools.io.stems import as_stem

IMAGES_FOR_AREA = 24
"""images, spread over the set, that tell its usual area per LOI"""


@dataclass
class PickSession:
    """The images of a project that have candidates, and the picks made so far (kept on disk with every change)."""

    images: dict[str, Path]
    candidates: dict[str, Path]
    lois: dict[str, Path]
    masks: Path
    note: str
    """one line: what was paired and what was not"""
    picks: dict[str, Pick] = field(default_factory=dict)
    lois_folder: Path = Path("lois")
    """where the table of an image goes that has none yet"""
    dapi: dict[str, Path] = field(default_factory=dict)
    found: dict[str, Path] = field(default_factory=dict)
    """the masks, whoever made them, when last looked at"""
    cells: Stain = ALL_CHANNELS
    """what of the images shows the cells"""
    nuclei: Stain = ALL_CHANNELS
    """what of the DAPI images shows the nuclei"""

    @property
    def stems(self) -> list[str]:
        """Images to pick for, sorted."""
        return list(self.images)

    def is_own(self, stem: str) -> bool:
        """Return whether the mask of `stem` was made elsewhere (imported, drawn): no pick accounts for it."""
        pick, mask = self.picks.get(stem), self.mask(stem)
        picked = pick is not None and pick.number is not None
        return mask is not None and not (picked and as_stem(mask.name) == self.mask_file(stem).name)

    def is_decided(self, stem: str) -> bool:
        """Return whether nothing is left to do: rejected, or there is a mask. A pick whose mask is gone is open."""
        pick = self.picks.get(stem)
        return (pick is not None and pick.number is None) or self.mask(stem) is not None

    def undecided(self) -> list[str]:
        """Images still to pick for."""
        self.refresh()
        return [stem for stem in self.images if not self.is_decided(stem)]

    @cached_property
    def typical_area(self) -> float | None:
        """Area per LOI, in pixels, that is usual in the set: the median over some of its images, read at first use."""
        with_lois = [stem for stem in self.images if stem in self.lois]
        return typical([_middle_area(self, stem) for stem in with_lois[:: area_step(len(with_lois))]])

    def mask(self, stem: str) -> Path | None:
        """Return the mask of an image, whatever its format and whoever made it; None when there is none."""
        path = self.found.get(stem)
        return path if path is not None and path.is_file() else None

    def mask_file(self, stem: str) -> Path:
        """Return where the mask of a pick goes."""
        return self.masks / f"{stem}.tif"

    def mask_files(self, stem: str) -> list[Path]:
        """Return all that a pick writes of a mask: itself, and where it is unsure."""
        return [self.mask_file(stem), unsure_file(self.mask_file(stem))]

    def loi_file(self, stem: str) -> Path:
        """Return the LOI table of an image, whether it exists or not."""
        return self.lois.get(stem, self.lois_folder / f"{stem}.csv")

    def refresh(self) -> None:
        """Read again what others may have decided or drawn."""
        self.picks = read_picks(picks_file(self.masks))
        self.look()

    def look(self) -> None:
        """Look again which masks there are."""
        self.found = find_images(self.masks)

    def cut(self, stem: str) -> str:
        """Return a word for the contents of an image's candidates, which its row names."""
        return digest_of(self.candidates[stem])

    def replaced(self) -> list[str]:
        """Return the images whose masks were picked from other candidates than those that are there now."""
        picks = {stem: self.picks[stem] for stem in self.images if stem in self.picks and self.mask(stem) is not None}
        return [stem for stem, pick in picks.items() if pick.cut not in ("", self.cut(stem))]

    def inputs(self, stem: str) -> str:
        """Return a word that changes with the files that a pick is made from: image, candidates, LOIs."""
        return " ".join(map(_stamp, (self.images[stem], self.candidates[stem], self.loi_file(stem))))

    def version(self, stem: str) -> str:
        """Return a word that changes whenever anybody changes row, mask, LOIs or candidates of the image.

        What is undone has its earlier version again.
        """
        pick, mask, table = self.picks.get(stem), self.mask(stem), self.loi_file(stem)
        facts = [row_of(pick).encode() if pick else b"", _stamp(self.candidates[stem]).encode()]
        facts += [(read(path) or b"") if path else b"" for path in (mask, table)]
        return hashlib.sha256(b"\n".join(hashlib.sha256(fact).digest() for fact in facts)).hexdigest()[:16]

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Keep other processes from changing anything meanwhile, and know what they changed before."""
        with locked(self.masks):
            self.refresh()
            yield


def area_step(count: int) -> int:
    """Return that of `count` images every so many tell the usual area per LOI.

    >>> area_step(24), area_step(25)
    (1, 2)
    """
    return -(-count // IMAGES_FOR_AREA) or 1


def open_session(
    images: Path,
    candidates: Path,
    lois: Path,
    masks: Path,
    dapi: Path | None = None,
    cells: Stain = ALL_CHANNELS,
    light: Stain = ALL_CHANNELS,
) -> PickSession:
    """Pair images with candidates; LOIs and DAPI may be missing. InputError when there is nothing to pick.

    Finishes what a process left half done that was killed in the middle of a pick.
    """
    if not candidates.is_dir():
        raise InputError(f"{candidates} does not exist. Run lacss graphcut first.")
    pairing = pair((images, cells.images(images)), (candidates, list_images(candidates)))
    points, nuclei = find_tables(lois), {} if dapi is None else light.found(dapi)
    with_lois = sum(stem in points for stem in pairing.paired)
    session = PickSession(
        images={stem: files[0] for stem, files in pairing.paired.items()},
        candidates={stem: files[1] for stem, files in pairing.paired.items()},
        lois=points,
        masks=masks,
        note=f"{pairing.summary()}; {with_lois} of them with LOIs",
        lois_folder=lois,
        dapi=nuclei,
        cells=cells,
        nuclei=light,
    )
    recover(masks, session.stems, lambda stem: [*session.mask_files(stem), session.loi_file(stem)])
    session.refresh()
    return session


def load_choices(session: PickSession, stem: str) -> Choices:
    """Read image, candidates and LOIs of one image; errors as `read_choices`."""
    files = session.images[stem], session.candidates[stem], session.loi_file(stem)
    return read_choices(*files, session.typical_area, session.cells)


def load_lois(session: PickSession, stem: str) -> Points:
    """Read the LOIs of one image; none when it has no table."""
    return read_points(session.loi_file(stem))


def _middle_area(session: PickSession, stem: str) -> float | None:
    try:
        return middle_area(read_candidates(session.candidates[stem])[0], load_lois(session, stem))
    except LacssError:
        return None  # named when its turn comes


def _stamp(path: Path) -> str:
    try:
        found = [file.stat() for file in paths_of(path)]
    except FileNotFoundError:
        return "none"
    return " ".join(f"{one.st_mtime_ns} {one.st_size} {one.st_ino}" for one in found)
