"""A plugin for napari: projects as layers, the commands at the press of a button. `napari.yaml` is its manifest.

Nothing here is imported but by napari, which need not be installed.
"""
