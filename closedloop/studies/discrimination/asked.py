"""What `closedloop studies discrimination` is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from closedloop.studies.discrimination.preparation.sources import PairSource
from closedloop.studies.places import study_command


@dataclass(frozen=True)
class DiscriminationOptions:
    """The options as given on the command line.

    Attributes
    ----------
    experiment
        Folder of an experiment with journals; None: one is prepared, and simulated observers answer it.
    source
        Where its images come from, if it is prepared.
    n_subjects, sessions_each
        Simulated observers, and sessions of each.
    n_checks
        Simulated studies in which the intervals are checked.
    rules
        The laboratory's; None: the experiment's own, or none.
    seed
        Of orders, observers and resamples.
    """

    experiment: Path | None
    source: PairSource
    n_subjects: int
    sessions_each: int
    n_checks: int
    rules: Path | None
    seed: int

    def command(self) -> str:
        """Return the command line that asks for the same."""
        parts = list[str]()
        source = self.source
        if self.experiment is not None:
            parts += ["--experiment", str(self.experiment)]
        elif source.study is not None:
            parts += ["--study", str(source.study)]
            parts += [] if source.day is None else ["--day", str(source.day)]
        elif source.folder is not None:
            parts += ["--images", str(source.folder)]
        else:
            parts += ["--network", f"{source.network.source}:{source.network.layer}"]
            parts += ["--epsilon", ",".join(f"{one:g}" for one in source.epsilons)]
            parts += ["--clean-images", str(source.n_images)]
        if self.experiment is None:
            parts += ["--subjects", str(self.n_subjects), "--sessions", str(self.sessions_each)]
        parts += [] if self.rules is None else ["--rules", str(self.rules)]
        return study_command("discrimination", *parts, "--checks", str(self.n_checks), "--seed", str(self.seed))
