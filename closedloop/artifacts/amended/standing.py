"""Which amendments are in force; it stands beside them, where the study's own paths can read it too."""

from __future__ import annotations

from closedloop.artifacts.records.standing import standing, withdrawals

__all__ = ["standing", "withdrawals"]
