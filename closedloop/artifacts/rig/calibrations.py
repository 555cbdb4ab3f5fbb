"""What was measured at a rig, and when."""

from __future__ import annotations

import datetime

from closedloop.artifacts.documents import Section


class Calibrations(Section):
    """When each was last measured; `rig check` says which are old."""

    gaze: datetime.date | None = None
    reward: datetime.date | None = None
    luminance: datetime.date | None = None
