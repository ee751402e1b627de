"""Shipped sample data and the demo that runs the whole pipeline on it."""

from pathlib import Path

DATA = Path(__file__).parent / "data"
