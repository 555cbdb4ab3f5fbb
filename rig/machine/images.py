"""The images of the trial under way: what is up, for how many frames, and whether it counts.

On and grey frames are counted by flips, never taken from a difference of times: a late time stamp is no dropped frame.
The rule: an image counts where it was up for the planned frames after the planned frames of grey, and nothing else was
amiss until it went off; else it is rejected and requeued.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from closedloop.artifacts.day.journal_rows import Presentation, PresentationBegun, RejectionReason
from closedloop.artifacts.day.session import CodeSettings
from rig.display.display import BLANK, FIXATION, Picture
from rig.machine.table import Situation
from rig.machine.timeline import TrialFrames
from rig.session.folder import PlannedPresentation

_DARK: Final = ("interval", "reward", "end", "pause", "abort")


def picture_in(situation: Situation) -> Picture:
    """Return what each frame of a state shows."""
    if situation.state == "on":
        return Picture(slot=situation.slot, fixation=True)
    return BLANK if situation.state in _DARK else FIXATION


@dataclass(frozen=True)
class _ImageUp:
    """The image that is on the screen."""

    begun: PresentationBegun
    onset_s: float
    grey_frames: int | None


class TrialImages:
    """The images of a trial.

    Parameters
    ----------
    trial
        Number of the trial.
    planned
        Its presentations, in order.
    first_ordinal
        Of the first of them.
    frames
        How long they are planned to be up.
    codes
        Numbers the digital codes.
    """

    def __init__(
        self,
        trial: int,
        planned: Sequence[PlannedPresentation],
        *,
        first_ordinal: int,
        frames: TrialFrames,
        codes: CodeSettings,
    ) -> None:
        self.trial, self.planned = trial, planned
        self._first_ordinal, self._frames, self._codes = first_ordinal, frames, codes
        self._begun: PresentationBegun | None = None
        self._up: _ImageUp | None = None
        self._n_frames = self._n_closed = 0

    def count(self, n_frames: int) -> None:
        """Count the frames that the picture before the last flip was up."""
        self._n_frames += n_frames

    def begin(self, slot: int, time_s: float) -> PresentationBegun:
        """Return the row of an image that is about to come on."""
        ordinal = self._first_ordinal + slot
        self._begun = PresentationBegun(
            ordinal=ordinal,
            trial=self.trial,
            position=slot,
            presentation_index=self.planned[slot].presentation_index,
            code=self._codes.presentation(ordinal),
            time_s=time_s,
        )
        return self._begun

    def note_onset(self, onset_s: float) -> None:
        """Note that the image begun last came on at this flip."""
        if self._begun is None:
            raise ValueError("expected an image to be begun before it comes on")
        grey_frames = self._n_frames if self._begun.position else None
        self._up, self._n_frames = _ImageUp(self._begun, onset_s, grey_frames), 0

    def close(self, offset_s: float, reason: RejectionReason | None) -> Presentation | None:
        """Return the row of the image that went off at this flip, if one was up.

        Parameters
        ----------
        offset_s
            When, seconds.
        reason
            What else it is rejected for; None: for its frames, if at all.
        """
        up, self._up = self._up, None
        if up is None:
            return None
        on_frames, self._n_frames = self._n_frames, 0
        self._n_closed += 1
        reason = reason or self._wrong_frames(on_frames, up.grey_frames)
        planned = self.planned[up.begun.position]
        return Presentation(
            ordinal=up.begun.ordinal,
            trial=self.trial,
            position=up.begun.position,
            presentation_index=planned.presentation_index,
            image_index=planned.image_index,
            stimulus_id=planned.stimulus_id,
            repetition=planned.repetition,
            code=up.begun.code,
            onset_s=up.onset_s,
            offset_s=offset_s,
            planned_on_frames=self._frames.on,
            on_frames=on_frames,
            planned_off_frames=self._frames.off,
            grey_frames=up.grey_frames,
            outcome="rejected" if reason else "accepted",
            reason=reason,
        )

    def cut(self, offset_s: float, reason: RejectionReason) -> Iterator[Presentation]:
        """Yield the rows of what is up and of what was to come on: of the latter nobody knows whether it did.

        Parameters
        ----------
        offset_s
            When the trial was cut, seconds.
        reason
            What they are rejected for.
        """
        if up := self.close(offset_s, reason):
            yield up
        if self._begun is not None and self._begun.position == self._n_closed:
            self.note_onset(offset_s)
            if begun := self.close(offset_s, reason):
                yield begun

    def _wrong_frames(self, on_frames: int, grey_frames: int | None) -> RejectionReason | None:
        if on_frames != self._frames.on:
            return "frames_dropped"
        return "grey_frames_wrong" if grey_frames not in (None, self._frames.off) else None
