"""What recordings are called: a new name at each start, in the order in which ingest takes files for one another's."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime

from closedloop.artifacts.rig.ports import DEFAULT_FILE
from rig.ports.recorders.port import Take

_NOT_IN_NAMES = re.compile(r'[<>:"/\\|?*\s]')  # of a file on Windows, where recorders run


@dataclass(frozen=True)
class Names:
    """The names of a session's recordings.

    Attributes
    ----------
    session_id
        Of the session.
    launch
        Number of the rig's launch, from 0.
    pattern
        As rig.yaml has it.
    """

    session_id: str
    launch: int
    pattern: str = DEFAULT_FILE

    def take(self, part: int, now: datetime) -> Take:
        """Return a recording that is about to begin.

        Parameters
        ----------
        part
            Its number within the launch, from 1.
        now
            By the computer's clock: two recordings never have one name, whatever became of the first.
        """
        file = self.pattern.format(
            session=_NOT_IN_NAMES.sub("_", self.session_id),
            launch=self.launch + 1,
            part=part,
            time=now.strftime("%Y%m%dT%H%M%S"),
        )
        return Take(self.session_id, file, self.launch, part)


def name_of(file: str) -> str:
    """Return the last part of a recording's name, which may have the recorder's own folder before it."""
    return re.split(r"[/\\]", file)[-1]
