"""How a recorder's files say that they are simulated; apart from what simulates, which whoever only asks can spare."""

from __future__ import annotations

SIMULATED_APPLICATION = "closedloop simulated array"
