"""From images to LOIs and masks. Needs no torch."""
