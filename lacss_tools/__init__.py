"""Cell segmentation without outlining cells: weak labels from DAPI and graph cut, and the LACSS network."""

__version__ = "0.1.0"
