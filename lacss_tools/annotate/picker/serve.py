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
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
    except OSError as error:
        raise InputError(f"Port {port} cannot be used ({error.strerror}). Choose another with --port.") from error
    port = listener.getsockname()[1]
    address = f"http://{HOST}:{port}/{picker.token}/"
    say(f"pick at {address}   (Ctrl-C ends; every choice is saved at once)")
    if not (open_browser and has_screen() and webbrowser.open(address)):
        say(f"from another machine: ssh -L {port}:{HOST}:{port} THIS_MACHINE, then open the address there")
    server = uvicorn.Server(uvicorn.Config(make_app(picker), log_level="error"))
    try:
        server.run(sockets=[listener])
    except KeyboardInterrupt:
        pass
    finally:
        listener.close()


def has_screen() -> bool:
    """Return whether a browser window can be seen from here."""
    if os.environ.get("SSH_CONNECTION"):
        return False
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
