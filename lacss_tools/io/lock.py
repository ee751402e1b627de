"""Folders that one process at a time may change. The system frees a lock when its process ends, however it ends.

Where there are no such locks (Windows, some network drives) nothing is kept out.
"""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from lacss_tools.errors import InputError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

OWNER = ".lacss-lock"
"""the file in a folder that says who works there; it counts only while it is locked"""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keep other processes (and other users of this function) out of a folder, waiting for them; makes the folder."""
    _make(folder)
    handle = _open(folder, os.O_RDONLY)
    try:
        if handle is not None:
            with suppress(OSError):
                fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        if handle is not None:
            os.close(handle)


@contextmanager
def owned(folder: Path, by: str, remedy: str = "choose another `output`", several: bool = False) -> Iterator[None]:
    """Keep other users of this function out of a folder while a command works in it; makes the folder.

    Where there is one, InputError at once, which says who. `by` is the name of the command; `several` of them may work
    there together, each on its share.
    """
    new = [path for path in (folder, *folder.parents) if not path.exists()]
    _make(folder)
    handle = _take(folder / OWNER, remedy, several)
    try:
        if handle is not None:
            _sign(handle, by)
        yield
    finally:
        if handle is not None:
            with suppress(OSError):  # another one works there still
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                (folder / OWNER).unlink(missing_ok=True)
            os.close(handle)
        with suppress(OSError):  # one of them holds something
            for path in new:
                path.rmdir()


def _take(path: Path, remedy: str, several: bool) -> int | None:
    """Return the locked file of a folder, None where there are no locks; InputError when another process has it."""
    while (handle := _open(path, os.O_RDWR | os.O_CREAT)) is not None:
        try:
            fcntl.flock(handle, (fcntl.LOCK_SH if several else fcntl.LOCK_EX) | fcntl.LOCK_NB)
        except BlockingIOError:
            who = os.read(handle, 1000).decode(errors="replace") or "another process"
            os.close(handle)
            raise InputError(f"{path.parent} is in use: {who}. Wait for it, or {remedy}.") from None
        except OSError:
            return handle
        with suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(handle), path.stat()):
                return handle
        os.close(handle)  # who had it removed the file in between
    return None


def _sign(handle: int, by: str) -> None:
    since = datetime.now().astimezone().isoformat(" ", "minutes")
    with suppress(OSError):  # the disk is full, as what is written next will say
        os.ftruncate(handle, 0)
        os.write(handle, f"{by}, process {os.getpid()} on {socket.gethostname()}, since {since}".encode())


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{folder} cannot be written ({error.strerror}). Choose another `output`.") from error


def _open(path: Path, how: int) -> int | None:
    """Return a handle; None where there are no locks, or it cannot be opened, as what is written next will say."""
    with suppress(OSError):
        return None if fcntl is None else os.open(path, how, 0o666)
    return None
