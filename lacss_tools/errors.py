"""The error kinds of the package, each with the exit code that the command line gives for it.

A message is one sentence of fact and one of remedy, and names the file.
"""


class LacssError(Exception):
    """Something a user can act on; printed as one line, without a traceback."""

    exit_code = 1


class UsageError(LacssError):
    """An option value that makes no sense."""

    exit_code = 2


class ArgumentError(UsageError, ValueError):
    """An argument of a Python function that does not fit, named in the message; also a ValueError."""


class InputError(LacssError):
    """Bad or missing input; nothing was done."""

    exit_code = 3


class PartialError(LacssError):
    """Some files failed; the rest is written."""

    exit_code = 4


class InterruptedRunError(LacssError):
    """Stopped by the user; what is written is whole and the same command continues."""

    exit_code = 5
