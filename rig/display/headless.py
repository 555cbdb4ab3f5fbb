"""A display without a screen: each flip is one frame of a virtual clock. For dry runs and tests."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from rig.display.display import BLANK, DisplayFacts, DisplayName, Flip, Picture
from rig.ports.clock import ClockKind, VirtualClock


class HeadlessDisplay:
    """Shows nothing, on time.

    Parameters
    ----------
    clock
        The virtual clock that flips move.
    refresh_hz
        Frames per second.
    width_px, height_px
        The size it pretends to have.
    dropped_frames
        Frame numbers of the virtual clock at which a flip takes one frame too long, as a busy computer's would.
    """

    name: DisplayName = "headless"
    clock_kind: ClockKind = "virtual"

    def __init__(
        self,
        clock: VirtualClock,
        *,
        refresh_hz: float,
        width_px: int,
        height_px: int,
        dropped_frames: Collection[int] = (),
    ) -> None:
        self._clock = clock
        self._dropped = frozenset(dropped_frames)
        self._n_slots = 0
        self.refresh_hz = refresh_hz
        self.facts = DisplayFacts(
            renderer="none",
            width_px=width_px,
            height_px=height_px,
            measured_hz=None,
            pacing=None,
            gamma="none",
            grey_level=None,
            priority=False,
            frame_counter="virtual",
        )

    def now_s(self) -> float:
        """Return the virtual time in seconds."""
        return self._clock.now_s()

    def utc(self) -> None:
        """Return None: no wall clock belongs to a virtual session."""
        return None

    def prepare(self, image_indices: Sequence[int]) -> None:
        """Note how many slots are filled."""
        self._n_slots = len(image_indices)

    def flip(self, picture: Picture, *, at_flip: Callable[[], None] | None = None) -> Flip:
        """Let one frame pass.

        Raises
        ------
        ValueError
            The slot was not prepared.
        """
        if picture.slot is not None and picture.slot >= self._n_slots:
            raise ValueError(f"expected a slot below {self._n_slots}, found {picture.slot}")
        before = self._clock.frame
        self._clock.advance(2 if before in self._dropped else 1)
        if at_flip is not None:
            at_flip()
        return Flip(self._clock.now_s(), self._clock.frame - before)

    def show_text(self, text: str) -> Flip:  # noqa: ARG002 - nobody reads it
        """Let one frame pass."""
        return self.flip(BLANK)

    def health(self) -> tuple[str, ...]:
        """Return nothing: there is no window that something could cover."""
        return ()

    def bring_back(self) -> None:
        """Do nothing: there is no window."""

    def keys(self) -> tuple[str, ...]:
        """Return nothing: there is no keyboard."""
        return ()

    def close(self) -> None:
        """Do nothing: there is no screen to release."""
