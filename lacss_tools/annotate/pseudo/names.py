"""What may part touching cells, by name. Imports nothing heavy: settings and command lines read it."""

AUTO, DARK, BRIGHT, DISTANCE = "auto", "dark", "bright", "distance"
BORDERS = (AUTO, BRIGHT, DARK, DISTANCE)
"""what a user may ask for; `auto` is one of the first two, chosen by evidence"""
