"""`rig check`: the whole table, for a session that is not shown yet."""

from __future__ import annotations

from rig.apparatus import Launch
from rig.check.findings import Finding
from rig.check.inspection import Inspection
from rig.check.table import check_before, check_opened
from rig.stop import StopRequest


def run_checks(launch: Launch, *, stop: StopRequest | None = None) -> list[Finding]:
    """Check a session folder and the rig it is to be shown on; never raises for what it finds.

    Parameters
    ----------
    launch
        As it would be presented.
    stop
        Where a stop is asked for.
    """
    at = Inspection(launch, stop=stop or StopRequest(), only_checks=True)
    with at.stack:
        findings = check_before(at)
        return findings if at.session is None else findings + check_opened(at)
