"""Where no description says what is wired."""

from __future__ import annotations

from typing import Final

UNDESCRIBED: Final = "what is wired to this computer is not described"
DESCRIBE: Final = "Pass --rig FILE; `rig init` writes one."
