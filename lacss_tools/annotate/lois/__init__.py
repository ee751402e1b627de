"""From nucleus images to locations of interest (LOIs): one point per nucleus."""
