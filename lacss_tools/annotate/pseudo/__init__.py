"""Pseudo-labels: a first guess of every cell from LOI, mask and image, which the network is then trained on."""
