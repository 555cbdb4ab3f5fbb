"""What `closedloop studies image-sensitivity` is asked for, and what of it cannot be, told before anything is made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from closedloop.studies.places import study_command


@dataclass(frozen=True)
class ImageSensitivityOptions:
    """The options as given on the command line.

    Attributes
    ----------
    study
        Folder of a study; None: a simulated one is made.
    day
        Which; None: the last one that has such images.
    n_shams
        Simulated experiments without any effect.
    truth
        Whether a simulated study's hidden truth is set beside what was found.
    seed
        Of the shams.
    """

    study: Path | None
    day: int | None
    n_shams: int
    truth: bool
    seed: int

    def command(self) -> str:
        """Return the command line that asks for the same."""
        parts = list[str]()
        parts += [] if self.study is None else ["--study", str(self.study)]
        parts += [] if self.day is None else ["--day", str(self.day)]
        parts += ["--shams", str(self.n_shams), "--seed", str(self.seed)]
        return study_command("image-sensitivity", *parts, *["--truth"] * self.truth)
