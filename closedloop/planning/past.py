"""What is known before a session: whoever plans gathers it, from a study's files or in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.protocol.rounds import rounds_of_day
from closedloop.artifacts.records.sequence import Block, BlockSequence
from closedloop.planning.assumed import AssumedReliability
from closedloop.planning.basis import DayBasis, basis_of
from closedloop.planning.decided import NOTHING_DECIDED, ToldDecisions
from closedloop.planning.design import DayDesign, DaySites, design_day
from closedloop.planning.observed import ObservedDay
from closedloop.planning.pace import SessionPace


@dataclass(frozen=True)
class MeasuredMean:
    """What a day that is over measured at an epsilon."""

    epsilon: float
    image_set: str
    mean: float
    standard_error: float


@dataclass(frozen=True)
class Past:
    """What is known before a session.

    Attributes
    ----------
    days
        Observed sessions.
    sites
        Outputs of the model that are attacked.
    first_protocol
        Of the day from which growth is measured.
    measured
        See `Plan`.
    counted
        Sites that the evaluation will count; None: all that are attacked.
    first_sites
        Sites of the day from which growth is measured; None: the same.
    predicted
        Mean change that the session's model predicts of its attacks, z, by epsilon; empty before they are made.
    decisions
        See `Plan`.
    block
        Which of the day's sessions is planned.
    first_block
        Which of its day's sessions growth is measured from; 0: as `block`.
    sequence
        The study's sessions; None: as the protocol has them.
    n_shown
        See `Plan`.
    has_anchors
        Whether the study's anchors are drawn: their number stays from then on.
    quiet
        Observed sessions that tell of no change, such as those before attacks begin: they tell the noise where no other
        does.
    """

    days: tuple[ObservedDay, ...]
    pace: SessionPace
    sites: tuple[int, ...]
    first_protocol: Protocol
    measured: tuple[MeasuredMean, ...] = ()
    counted: frozenset[int] | None = None
    first_sites: DaySites | None = None
    predicted: Mapping[float, float] = field(default_factory=dict)
    decisions: ToldDecisions = NOTHING_DECIDED
    block: int = 1
    first_block: int = 0
    sequence: BlockSequence | None = None
    n_shown: int = 0
    has_anchors: bool = False
    quiet: tuple[ObservedDay, ...] = ()

    def design(self, protocol: Protocol, *, day: int) -> DayDesign:
        """Return what a day shows by a protocol."""
        is_measured = self.sequence.measures(Block(day, self.block)) if self.sequence else None
        return design_day(
            protocol, sites=self.sites, day=day, counted=self.counted, number=self.block, is_measured=is_measured
        )

    def sessions(self, day: int, *, rounds: int) -> tuple[int, ...]:
        """Return the numbers of a day's sessions: of the study, or as the protocol has them where there is none."""
        if self.sequence is not None:
            return tuple(one.number for one in self.sequence.of_day(day))
        return tuple(range(1, rounds_of_day(rounds, day) + 1))

    def first_design(self, *, day: int) -> DayDesign:
        """Return what the day showed from which growth is measured."""
        own = self.first_sites or DaySites(self.sites, frozenset(self.sites if self.counted is None else self.counted))
        return design_day(
            self.first_protocol,
            sites=own.attacked,
            day=day,
            counted=own.counted,
            number=self.first_block or self.block,
            is_measured=True,
        )

    def basis(self, protocol: Protocol, *, day: int, reliability: AssumedReliability) -> DayBasis:
        """Return what a day's expectations rest on.

        Parameters
        ----------
        protocol
            By which it is planned.
        day
            Which.
        reliability
            Assumed of the sites where nothing was recorded.
        """
        return basis_of(
            self.days,
            protocol,
            day=day,
            n_sites=max(self.sites) + 1,
            block=self.block,
            reliability=reliability,
            predicted=self.predicted,
            quiet=self.quiet,
        )
