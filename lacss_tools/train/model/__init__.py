"""The LACSS network, one file per part of the paper."""
