"""The LACSS network in torch: its parts, its losses, what goes in, and its weights on disk."""

import os

SPINS = "20000"
"""turns that a thread of libgomp waits in before it sleeps: by default it spins for milliseconds, and two threads that
share their cores with another program then take three times as long, most of it in turns"""
os.environ.setdefault("GOMP_SPINCOUNT", SPINS)  # read once, when torch loads libgomp
