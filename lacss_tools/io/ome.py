"""OME-XML: which pages of one file are which planes of which image. A set of files has one XML; each has its own."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from lacss_tools.io.units import both, micrometres

MOST_BYTES = 2**26
"""of a companion file"""


@dataclass(frozen=True)
class OmeImage:
    """An image as far as it lies in one file."""

    name: str
    axes: str
    """letters of the axes before those of a page, such as TZC"""
    shape: tuple[int, ...]
    """how many planes of each axis are in this file"""
    pages: tuple[int, ...]
    """numbers of the pages, the last axis fastest"""
    size: tuple[int, int]
    """(height, width) that pages should have"""
    channels: tuple[str, ...]
    """names, none where the file has none"""
    pixel_size: tuple[float, float] | None
    """(y, x) in micrometres"""


def own_images(xml: str, path: Path, pages: int) -> list[OmeImage]:
    """Return the images, or the planes of them, that lie in the file `path` of so many `pages`.

    None where the XML is not well formed, tells nothing of this file or contradicts it: metadata that is wrong is no
    reason to lose an image.
    """
    try:
        root = ElementTree.fromstring(xml)
        images = [_own(*image, pages) for image in _images(root, path)]
    except (ElementTree.ParseError, KeyError, ValueError, ArithmeticError, OSError):
        return []
    found = [image for image in images if image is not None]
    used = [page for image in found for page in image.pages]
    return found if len(set(used)) == len(used) else []


def _images(root: Element, path: Path) -> Iterator[tuple[Element, str, list[Element]]]:
    """Yield the Pixels of each image, its name, and the TiffData that this file holds of it."""
    own = root.get("UUID")
    if (elsewhere := _child(root, "BinaryOnly")) is not None:
        root = ElementTree.fromstring(_companion(path.with_name(Path(elsewhere.attrib["MetadataFile"]).name)))
    is_own = _belongs(root, own, path.name)
    for image in _children(root, "Image"):
        for pixels in _children(image, "Pixels"):
            held = [data for data in _children(pixels, "TiffData") if is_own(data)]
            yield pixels, image.get("Name") or "", held


def _belongs(root: Element, own: str | None, name: str) -> Callable[[Element], bool]:
    """Return what tells whether a TiffData is in the file of this UUID, or else of this name."""
    references = [element for element in root.iter() if _tag(element) == "UUID"]
    known = {(element.text or "").strip() for element in references}

    def is_own(data: Element) -> bool:
        reference = _child(data, "UUID")
        if reference is None or len(known) == 1:  # one file, whatever it is called now
            return True
        if own in known:
            return (reference.text or "").strip() == own
        return reference.get("FileName", "").lower() == name.lower()

    return is_own


def _companion(path: Path) -> str | bytes:
    """Return the XML of a set that has it in a file of its own, or in another of its images."""
    if not path.name.lower().endswith((".tif", ".tiff")):
        with path.open("rb") as stream:
            return stream.read(MOST_BYTES)
    import tifffile

    with tifffile.TiffFile(path) as tiff:
        return tiff.pages.first.description


def _own(pixels: Element, name: str, held: list[Element], pages: int) -> OmeImage | None:
    order = "".join(reversed(pixels.attrib["DimensionOrder"])).removesuffix("YX")
    elements = list(_children(pixels, "Channel"))
    samples = int(elements[0].get("SamplesPerPixel", 1)) if elements else 1
    sizes = [int(pixels.attrib[f"Size{axis}"]) // (samples if axis == "C" else 1) for axis in order]
    planes = dict(plane for data in held for plane in _planes(data, order, sizes, pages))
    if not planes:
        return None
    there = [sorted({place[k] for place in planes}) for k in range(len(order))]
    if prod(map(len, there)) != len(planes):
        raise ValueError("planes are missing")
    names = [element.get("Name") or element.get("ID") or str(k) for k, element in enumerate(elements)]
    named = any(element.get("Name") for element in elements) and len(names) == sizes[order.index("C")]
    lengths = [micrometres(pixels.get(f"PhysicalSize{a}"), pixels.get(f"PhysicalSize{a}Unit", "µm")) for a in "YX"]
    return OmeImage(
        name,
        order,
        tuple(map(len, there)),
        tuple(planes[place] for place in sorted(planes)),
        (int(pixels.attrib["SizeY"]), int(pixels.attrib["SizeX"])),
        tuple(names[k] for k in there[order.index("C")]) if named else (),
        both(lengths),
    )


def _planes(data: Element, order: str, sizes: list[int], pages: int) -> Iterator[tuple[tuple[int, ...], int]]:
    """Yield each plane of a TiffData, its place along the axes of `order`, with the number of its page."""
    first = int(data.get("IFD", 0))
    count = int(data.get("PlaneCount", data.get("NumPlanes", 1 if "IFD" in data.attrib else pages)))
    if not 0 <= first <= first + count <= pages:
        raise ValueError("there are fewer pages")
    start = 0
    for axis, size in zip(order, sizes, strict=True):
        start = start * size + int(data.get(f"First{axis}", 0))
    for k in range(count):
        place, rest = [], start + k
        for size in reversed(sizes):
            rest, along = divmod(rest, size)
            place.append(along)
        if rest:
            raise ValueError("there are more planes than the sizes say")
        yield tuple(reversed(place)), first + k


def _tag(element: Element) -> str:
    return element.tag.rpartition("}")[2]


def _children(element: Element, tag: str) -> Iterator[Element]:
    return (child for child in element if _tag(child) == tag)


def _child(element: Element, tag: str) -> Element | None:
    return next(_children(element, tag), None)
