"""Whether somebody records."""

from __future__ import annotations

import time
from typing import Final

from rig.check.findings import Finding, unless_simulated, warn
from rig.check.inspection import Inspection
from rig.check.ports.described import DESCRIBE, UNDESCRIBED
from rig.check.watching import growing, sizes_of

_LEAST_WATCHED_S: Final = 5.0  # a recorder writes more often than that


def recorder(at: Inspection) -> str | Finding | None:
    """Ask whether somebody records; looked at late, so that a recording had time to grow."""
    if at.rig is None:
        return None if at.simulated else warn(UNDESCRIBED, DESCRIBE)
    described = at.rig.document.recorder
    if described.kind == "none":
        return unless_simulated(
            f"expected a recorder, found none in {at.rig.path}",
            "Set recorder.kind: by_hand if somebody starts it.",
            simulated=at.simulated,
        )
    if described.folder is None:
        return warn(
            "started by hand: whether it records cannot be seen from here",
            "See that its files grow; or set recorder.folder in rig.yaml if this computer sees it.",
        )
    watched_s = time.monotonic() - at.began_s
    grown = growing(at.recorded, sizes_of(described.folder))
    if grown:
        return f"{grown[-1].name} grows in {described.folder}"
    if watched_s < _LEAST_WATCHED_S:
        return warn(
            f"{described.folder} was watched for {watched_s:.1f} s alone: no file grew",
            "Start the recording, and see that its files grow.",
        )
    return unless_simulated(
        f"expected a file to grow in {described.folder}, found none that did in {watched_s:.0f} s",
        "Start the recording, then run the same command again.",
        simulated=at.simulated,
    )
