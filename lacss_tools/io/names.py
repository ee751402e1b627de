"""What is said of nuclei and of scenes. Imports nothing: settings and command lines read it."""

AUTO_NUCLEI = "auto"
"""dapi/ beside the images if it has all of them; with a `nuclei_channel`, that channel of the images"""
NO_NUCLEI = "none"
SCENE = "Of files with several images use this one: its 0-based index or its name; all: each, as STEM_SCENE."
"""help of the setting"""
