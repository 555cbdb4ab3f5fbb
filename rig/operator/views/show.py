"""The panel's process: `python -m rig.operator.views.show KIND FD SCREEN SESSION RESUME`, started by the rig alone.

It reads what the rig sends until the connection ends, draws the newest and sends back what the keys ask for. Nothing
it does can hold up the rig.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
from contextlib import suppress
from pathlib import Path

from rig.operator.channel import Channel
from rig.operator.views.feed import Feed


def _be_humble() -> None:
    """Run after the rig and whatever draws for the animal: the rig may have real-time priority, which is inherited."""
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        os.nice(5)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the rig's: the panel shows how it ends


def main(kind: str, number: str, screen: str, session: str, resume: str) -> None:
    """Draw until the rig has ended.

    Parameters
    ----------
    kind
        window or terminal.
    number
        Of the connection that was inherited.
    screen
        The operator's.
    session
        The session folder.
    resume
        The command that goes on with the session.
    """
    _be_humble()
    feed = Feed(Channel(socket.socket(fileno=int(number))), Path(session), resume)
    try:
        if kind == "window":
            from rig.operator.views.window import draw_window  # noqa: PLC0415 - needs a screen

            draw_window(feed, int(screen))
        else:
            from rig.operator.views.page import draw_page  # noqa: PLC0415

            draw_page(feed)
    except Exception as error:  # noqa: BLE001 - the rig says it; the session goes on
        feed.fail(" ".join(f"{type(error).__name__}: {error}".split())[:300])
        raise SystemExit(1) from None


if __name__ == "__main__":
    main(*sys.argv[1:])
