"""Waiting out the short time in which nothing may change, and saying so."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from closedloop.study.completeness.watch import Brought, Outlook, Watch

_STEP_S = 1.0


def wait_until_whole(
    watch: Watch,
    brought: Brought,
    *,
    sha256_of: Callable[[str], str],
    tell: Callable[[str], None],
    progress: Callable[[int, int], None],
) -> Outlook:
    """Look until something is missing or can be sealed: all there, unchanged for long enough, and read.

    Parameters
    ----------
    watch, brought
        Who looks, and at what.
    sha256_of
        The sha256 of a file by its name in the folder.
    tell
        Told in one line that there is a wait.
    progress
        Called with (done, total) seconds, then packets.

    Returns
    -------
    Outlook
        Where nothing is missing, the folder can be sealed.

    Raises
    ------
    RecordingError
        A file is not as the list of checksums beside it says.
    """
    outlook = _wait_until_settled(watch, brought, tell=tell, progress=progress)
    if outlook.missing:
        return outlook
    missing = watch.read(brought, outlook.look, sha256_of=sha256_of, progress=progress)
    return replace(outlook, missing=missing)


def settling_line(watch: Watch, brought: Brought) -> str:
    """Return what is waited for where all is there, and may yet change.

    Parameters
    ----------
    watch, brought
        Who looks, and at what.
    """
    return (
        f"{watch.paths.block(brought.day).said} {brought.stage}: all is there; it is taken over once it has not "
        f"changed for {watch.patience.settle_s:.0f} s."
    )


def _wait_until_settled(
    watch: Watch, brought: Brought, *, tell: Callable[[str], None], progress: Callable[[int, int], None]
) -> Outlook:
    """Look until something is missing, or all has lain unchanged for long enough; at most that long."""
    outlook = first = watch.look(brought)
    total_s = outlook.settles_in_s
    for note in outlook.notes:
        tell(note)
    if total_s > 0 and not (outlook.missing or watch.patience.stays):
        return replace(outlook, missing=settling_line(watch, brought))
    if total_s > 0 and not outlook.missing:
        said = f"{watch.paths.block(brought.day).said} {brought.stage}"
        tell(f"{said}: all is there; taken over if nothing changes for {total_s:.0f} s.")
    while not outlook.missing and outlook.settles_in_s > 0:
        progress(round(total_s - outlook.settles_in_s), max(round(total_s), 1))
        watch.patience.sleep(min(outlook.settles_in_s, _STEP_S))
        outlook = watch.look(brought)
        if not outlook.missing and not outlook.look.same_as(first.look):
            return watch.changed(brought, outlook.look)
    return outlook
