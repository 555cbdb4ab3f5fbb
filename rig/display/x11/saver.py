"""The screen saver and the screen's sleep: off while a session runs, afterwards as they were.

What they were is written to the X server itself before they are turned off, as a property of its root window: it lives
exactly as long as the settings it describes, so that the next rig makes good what a killed one left.
"""

from __future__ import annotations

from typing import Any

from Xlib import X, Xatom

RECORD = "_CLOSEDLOOP_RIG_SAVER"


def inhibit_saver(server: Any) -> bool:
    """Turn off what would blank the screen; return whether something was on."""
    now = _settings(server)
    if now[0] == 0 and now[4] == 0:
        return False
    record, root = server.intern_atom(RECORD), server.screen().root
    if root.get_full_property(record, Xatom.CARDINAL) is None:  # a killed rig's holds what they were before it
        root.change_property(record, Xatom.CARDINAL, 32, now)
    _apply(server, [0, *now[1:4], 0, *now[5:]])
    server.force_screen_saver(X.ScreenSaverReset)
    server.sync()
    return True


def restore_saver(server: Any) -> None:
    """Set what a rig turned off as it was."""
    record, root = server.intern_atom(RECORD), server.screen().root
    kept = root.get_full_property(record, Xatom.CARDINAL)
    if kept is not None:
        _apply(server, list(kept.value))
        root.delete_property(record)
        server.sync()


def _settings(server: Any) -> list[int]:
    """Return seconds to the saver, seconds of its pictures, two switches; whether the screen sleeps, and its waits."""
    saver = server.get_screen_saver()
    settings = [saver.timeout, saver.interval, saver.prefer_blanking, saver.allow_exposures]
    if not server.has_extension("DPMS"):
        return [*settings, 0, 0, 0, 0]
    waits = server.dpms_get_timeouts()
    is_on = int(server.dpms_info().state)
    return [*settings, is_on, waits.standby_timeout, waits.suspend_timeout, waits.off_timeout]


def _apply(server: Any, settings: list[int]) -> None:
    timeout, interval, prefer_blank, allow_exposures, is_on, standby, suspend, off = settings
    server.set_screen_saver(timeout, interval, prefer_blank, allow_exposures)
    if server.has_extension("DPMS"):
        if is_on:
            server.dpms_enable()
            server.dpms_set_timeouts(standby, suspend, off)
        else:
            server.dpms_disable()
