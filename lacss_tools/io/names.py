"""What is said of nuclei in place of a folder. Imports nothing: settings and command lines read it."""

AUTO_NUCLEI = "auto"
"""dapi/ beside the images if it has all of them; with a `nuclei_channel`, that channel of the images"""
NO_NUCLEI = "none"
