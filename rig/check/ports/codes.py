"""Whether digital codes reach the recorder."""

from __future__ import annotations

from rig.check.findings import Finding, unless_simulated, warn
from rig.check.inspection import Inspection
from rig.check.ports.described import DESCRIBE, UNDESCRIBED
from rig.check.ports.recorder import opened_recorder
from rig.machine.device_faults import close_device
from rig.wiring.codes import open_codes


def codes(at: Inspection) -> str | Finding:
    """Open the way of digital codes."""
    if at.rig is None and not at.simulated:
        return warn(UNDESCRIBED, DESCRIBE)
    described = None if at.launch.is_training else at.document  # nothing of a training is recorded
    at.codes = open_codes(described.codes if described else None, opened_recorder(at), at.microcontrollers)
    at.stack.callback(close_device, f"digital codes ({at.codes.transport})", at.codes.close)
    if at.launch.is_training:
        return "none are sent: nothing of a training is recorded"
    numbers = at.known_session().document.codes
    last = numbers.first_presentation + numbers.n_presentation - 1
    ranges = (
        f"{numbers.first_presentation} to {last} for presentations, "
        f"{numbers.first_trial} to {numbers.first_trial + numbers.n_trial - 1} for trials"
    )
    if at.codes.transport != "file":
        port = at.document.codes if at.document else None
        where = f" port {port.address}" if port is not None and port.address else ""
        framed = ", in checked frames" if port is not None and port.framing == "checked" else ""
        return f"by {at.codes.transport}{where}{framed}: {ranges}"
    if at.rig is None:
        return f"none leaves the rig: the journal of a simulated session has them ({ranges})"
    wired = at.rig.document.codes.transport
    found = "none" if wired == "none" else f"{wired}s that no recorder takes"
    return unless_simulated(
        f"expected digital codes to reach the recorder, found {found} in {at.rig.path}",
        "Wire a port, and set codes.transport to microcontroller, parallel or serial.",
        simulated=at.simulated,
    )
