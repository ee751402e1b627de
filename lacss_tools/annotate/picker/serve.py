"""Serve the picker on this machine and open the browser."""

import os
import socket
import sys
import webbrowser
from collections.abc import Callable

from lacss_tools.annotate.pick_steps import Session
from lacss_tools.annotate.picker.app import Picker, make_app
from lacss_tools.errors import InputError

HOST = "127.0.0.1"


def serve(session: Session, port: int, open_browser: bool, say: Callable[[str], None]) -> None:
    """Run until Ctrl-C; InputError when the port is taken."""
    import uvicorn

    picker = Picker(session)
    try:
        listener = socket.create_server((HOST, port))  # listens already, so the browser cannot come too early
    except OSError as error:
        raise InputError(f"Port {port} cannot be used ({error.strerror}). Choose another with --port.") from error
    with listener:
        port = listener.getsockname()[1]
        address = f"http://{HOST}:{port}/{picker.token}/"
        say(f"Pick here: {address}\n(every choice is saved at once; Ctrl-C ends)")
        if not (open_browser and has_screen() and webbrowser.open(address)):
            say(f"From another computer, first: ssh -L {port}:{HOST}:{port} {socket.gethostname()}")
        server = uvicorn.Server(uvicorn.Config(make_app(picker), log_level="error", timeout_graceful_shutdown=2))
        try:
            server.run(sockets=[listener])
        except KeyboardInterrupt:
            return  # the way to end


def has_screen() -> bool:
    """Return whether a browser window can be seen from here."""
    if os.environ.get("SSH_CONNECTION"):
        return False
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
