"""What a laboratory was told already: each state once, also over a restart of the service.

A study that waits, crashes and waits again still waits for the same thing. What went wrong is told again only once the
study got on, or a person asked for another try.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from closedloop.artifacts.records.sequence import Block
from closedloop.errors import ClosedLoopError
from closedloop.plain_text.json_text import read_json
from closedloop.service.notices.notice import TOLD
from closedloop.service.state import Standing
from closedloop.storage import sha256_bytes, write_bytes

_WENT_WRONG = ("failed", "crashed", "stuck", "held")
_MOST = 1000  # of the newest: a study of a hundred days has fewer


@dataclass
class ToldStates:
    """The memory of one study.

    Attributes
    ----------
    file
        Where it is kept.
    n_done
        How many stages were published when something was last told.
    keys
        Of the states that were told, the newest last.
    """

    file: Path
    n_done: int = 0
    keys: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, file: Path) -> ToldStates:
        """Read what was told; nothing where that cannot be read."""
        try:
            held = read_json(file, missing="expected what was told, found none.")
            return cls(file, int(held["n_done"]), [str(key) for key in held["keys"]])
        except (ClosedLoopError, KeyError, TypeError, ValueError):
            return cls(file)

    def is_news(self, standing: Standing) -> bool:
        """Return whether a laboratory is to be told where its study stands."""
        if standing.n_done != self.n_done:
            self.n_done = standing.n_done
            self._forget_faults()
        return standing.state in TOLD and key_of(standing) not in self.keys

    def remember(self, standing: Standing) -> None:
        """Keep that it was told; before that is tried, so that a command that ends the service is run once."""
        self.keys = [*self.keys, key_of(standing)][-_MOST:]
        self._write()

    def forget_faults(self) -> None:
        """Tell again what went wrong, if it goes wrong again: a person asked for another try."""
        self._forget_faults()
        self._write()

    def _forget_faults(self) -> None:
        self.keys = [key for key in self.keys if not key.startswith(_WENT_WRONG)]

    def _write(self) -> None:
        write_bytes(self.file, json.dumps({"n_done": self.n_done, "keys": self.keys}).encode())


def key_of(standing: Standing) -> str:
    """Return what tells two states apart: of a wait not its words, which change with each file that arrives."""
    of = (standing.error if standing.state == "failed" else "", *standing.held_by)
    day = standing.day if standing.day is None else Block(standing.day, standing.block).seed_name
    return f"{standing.state} {day} {standing.stage} {sha256_bytes(repr(of).encode())[:16]}"
