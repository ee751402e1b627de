"""What a stem is: the name by which files belong together, whatever folder, ending or system they are from.

Names only; nothing here looks at a disk.
"""

import re
import unicodedata
from pathlib import Path

IMAGE_SUFFIXES = (".ome.tiff", ".ome.tif", ".tiff", ".tif", ".png", ".jpeg", ".jpg", ".nd2", ".czi", ".lif")
TABLE_SUFFIXES = (".csv",)
NO_TEXT = re.compile("[\udc80-\udcff]")
"""what Python has in place of the bytes of a file name that are no text"""


def as_stem(name: str) -> str:
    """Return a name as stems are written: composed letters (macOS takes them apart), %E4 for a byte that is no text.

    >>> as_stem("Zelle_a\u0308") == "Zelle_\u00e4", as_stem("Zelle_\udce4")
    (True, 'Zelle_%E4')
    """
    return unicodedata.normalize("NFC", as_text(name))


def as_text(name: str) -> str:
    """Return a name, or a sentence with names, that can be written to a file: %E4 for a byte that is no text."""
    return NO_TEXT.sub(lambda byte: f"%{ord(byte[0]) - 0xDC00:02X}", name)


def stem_of(path: Path) -> str:
    """Return the name that pairs files: without the suffix in upper or lower case, `.ome.tif` counted as one.

    >>> stem_of(Path("dapi/A01.field1.ome.tif")), stem_of(Path("lois/A01.field1.CSV"))
    ('A01.field1', 'A01.field1')
    """
    for suffix in (*IMAGE_SUFFIXES, *TABLE_SUFFIXES):
        if path.name.lower().endswith(suffix):
            return as_stem(path.name[: -len(suffix)])
    return as_stem(path.stem)
