"""One table of all cells of a run, and what it says of images and groups."""
