import signal


def pytest_configure():
    """Heed Ctrl-C, which whatever a shell starts in the background ignores, in the tests and in what they start."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
