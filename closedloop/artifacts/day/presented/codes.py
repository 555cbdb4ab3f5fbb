"""Every digital code that a rig sent by its journal, or may have sent before it was killed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from closedloop.artifacts.day.journal_rows import (
    JournalRow,
    LaunchOpened,
    Presentation,
    PresentationBegun,
    TrialBegun,
    TrialStarted,
)
from closedloop.artifacts.day.presented.unrecorded import RecordedSoFar


@dataclass(frozen=True)
class CodeSent:
    """A digital code.

    Attributes
    ----------
    code
        Its value.
    time_s
        When it was sent, rig clock in seconds.
    launch
        Of the rig's clock, from 0: a virtual clock goes on where the last launch stopped, a real one may start anew.
    shown
        The presentation that began with it; None for a trial's, and for one that no row tells more of.
    is_certain
        False where the rig was killed between saying that it would send it and saying that it had; and where nothing is
        known to have been recorded as it was sent (`presented.unrecorded`): it may be in no file.
    """

    code: int
    time_s: float
    launch: int
    shown: Presentation | None = None
    is_certain: bool = True


def _doubted(one: CodeSent) -> CodeSent:
    return replace(one, is_certain=False)


def codes_sent(rows: Iterable[JournalRow]) -> tuple[CodeSent, ...]:
    """List the digital codes of a journal, in the order sent.

    A presentation or a trial that was begun, and of which nothing more is known, was perhaps on the screen: its code
    would have been sent at the next frame.
    """
    recorded = RecordedSoFar()
    sent: list[CodeSent] = []
    begun: dict[tuple[type, int], CodeSent] = {}
    launch, frame_s = -1, 0.0
    for row in rows:
        loss = recorded.note(row)
        if loss is not None:
            sent = [_doubted(one) if one.launch == launch and one.time_s >= loss.from_s else one for one in sent]
        match row:
            case LaunchOpened():
                sent += begun.values()
                begun, frame_s = {}, 1.0 / row.refresh_hz
                launch += row.clock == "real" or launch < 0
            case TrialBegun():
                begun[TrialStarted, row.trial] = CodeSent(row.code, row.time_s + frame_s, launch, is_certain=False)
            case PresentationBegun():
                begun[Presentation, row.ordinal] = CodeSent(row.code, row.time_s + frame_s, launch, is_certain=False)
            case TrialStarted():
                begun.pop((TrialStarted, row.trial), None)
                sent.append(CodeSent(row.code, row.time_s, launch))
            case Presentation():
                begun.pop((Presentation, row.ordinal), None)
                sent.append(CodeSent(row.code, row.onset_s, launch, shown=row))
            case _:
                pass
    sent += begun.values()
    return tuple(sorted(sent, key=lambda code: (code.launch, code.time_s)))
