"""What must survive a power cut: appended lines, names in a folder."""

import os
from contextlib import suppress
from pathlib import Path

from lacss_tools.errors import InputError


def append(path: Path, lines: bytes) -> None:
    """Append to a file: all of it, on disk for good when this returns, or nothing and InputError."""
    try:
        with path.open("ab", buffering=0) as stream:
            length = stream.tell()
            try:
                if stream.write(lines) != len(lines):
                    raise OSError(28, "No space left on device")
                os.fsync(stream.fileno())
            except OSError:
                stream.truncate(length)
                raise
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror}). Check space and permissions.") from error


def sync_folder(folder: Path) -> None:
    """Bring the names of a folder to disk."""
    with suppress(OSError):  # not everywhere can a folder be opened; the files themselves are synced
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
