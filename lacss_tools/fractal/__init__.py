"""A task for Fractal: `lacss predict` on an image of a plate, from a web page and on a cluster.

`__FRACTAL_MANIFEST__.json` in the package tells Fractal of it; nothing else imports this.
"""
