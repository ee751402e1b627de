"""Serve one page on this machine and open the browser."""

import os
import socket
import sys
import webbrowser
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lacss_tools.errors import InputError

if TYPE_CHECKING:
    from starlette.types import ASGIApp

HOST = "127.0.0.1"
SHARED = Path(__file__).parent / "static"
"""scripts that several pages load"""


@dataclass(frozen=True)
class Site:
    """An application, the token that its addresses start with, and how its address is announced."""

    app: "ASGIApp"
    token: str
    invitation: str
    """such as "Pick here"; the address follows"""


def serve(site: Site, port: int, open_browser: bool, say: Callable[[str], None]) -> None:
    """Run until Ctrl-C; InputError when the port is taken."""
    import uvicorn

    try:
        listener = socket.create_server((HOST, port))  # listens already, so the browser cannot come too early
    except OSError as error:
        raise InputError(f"Port {port} cannot be used ({error.strerror}). Choose another `port`.") from error
    with listener:
        port = listener.getsockname()[1]
        address = f"http://{HOST}:{port}/{site.token}/"
        say(f"{site.invitation}: {address}\n(everything is saved at once; Ctrl-C ends)")
        if not (open_browser and has_screen() and webbrowser.open(address)):
            say(f"From another computer, first: ssh -L {port}:{HOST}:{port} {socket.gethostname()}")
        server = uvicorn.Server(uvicorn.Config(site.app, log_level="error", timeout_graceful_shutdown=2))
        try:
            server.run(sockets=[listener])
        except KeyboardInterrupt:
            return  # the way to end


def has_screen() -> bool:
    """Return whether a browser window can be seen from here."""
    if os.environ.get("SSH_CONNECTION"):
        return False
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
