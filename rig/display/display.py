"""The port to whatever shows the images, and what one frame of it contains."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from rig.ports.clock import ClockKind

DisplayName = Literal["headless", "psychopy"]


@dataclass(frozen=True)
class Picture:
    """What one frame shows on the grey background.

    Attributes
    ----------
    slot
        Place of the image among those prepared for this trial, or None for grey. The photodiode patch is white
        exactly on frames with an image.
    fixation
        Whether the fixation dot is drawn.
    target_deg
        Where a dot of the same size is drawn, degrees to the right of the screen's middle and above it; or None.
    """

    slot: int | None
    fixation: bool
    target_deg: tuple[float, float] | None = None


BLANK = Picture(slot=None, fixation=False)
FIXATION = Picture(slot=None, fixation=True)


@dataclass(frozen=True)
class Flip:
    """A picture that appeared.

    Attributes
    ----------
    time_s
        When, on the display's clock.
    n_frames
        Frames since the picture before it appeared: 1, more where one was missed, 0 where it did not wait for one.
    """

    time_s: float
    n_frames: int


@dataclass(frozen=True)
class DisplayFacts:
    """What a display found out about itself when it was opened.

    Attributes
    ----------
    renderer
        Who draws: the graphics driver's name.
    width_px, height_px
        Size of the drawing surface.
    measured_hz
        Flips per second as they come, or None where flips are virtual.
    pacing
        Who makes a flip last a frame: the screen's vertical blank, a timer, or None on a virtual clock.
    gamma
        What the graphics card does to pixel values after they are drawn.
    grey_level
        The level of the background as read back, or None where nothing is drawn.
    priority
        Whether the system runs the rig before everything else.
    versions
        Of the software that draws, by its name.
    frame_counter
        What counts frames: the driver's count of vertical blanks, the time between flips, or the virtual clock.
    output
        Name of what the screen is plugged into, where the system says it.
    is_watched
        Whether `health` can see what happens to the window: not on Windows and macOS yet, nor where nothing is drawn.
    read_back
        Where shown pixels are read back from for an audit: the screen itself, or the buffer before it.
    has_compositor
        Whether the desktop draws windows anew before they are seen (effects): it may delay pictures.
    made_good
        What a rig that was killed had left behind and this one put right, in words.
    """

    renderer: str
    width_px: int
    height_px: int
    measured_hz: float | None
    pacing: Literal["vblank", "timer"] | None
    gamma: Literal["identity", "not identity", "not readable", "none"]
    grey_level: int | None
    priority: bool
    versions: dict[str, str] = field(default_factory=dict)
    frame_counter: Literal["oml", "timer", "virtual"] = "timer"
    output: str | None = None
    is_watched: bool = False
    read_back: Literal["screen", "back_buffer", "none"] = "none"
    has_compositor: bool = False
    made_good: tuple[str, ...] = ()


class Display(Protocol):
    """A screen that shows one picture a frame."""

    @property
    def name(self) -> DisplayName:
        """Which display this is."""
        ...

    @property
    def clock_kind(self) -> ClockKind:
        """Whether its frames take time."""
        ...

    @property
    def refresh_hz(self) -> float:
        """Frames per second."""
        ...

    @property
    def facts(self) -> DisplayFacts:
        """What was found when it was opened."""
        ...

    def now_s(self) -> float:
        """Return the time on the clock that flips are reported in."""
        ...

    def utc(self) -> str | None:
        """Return the wall clock, or None on a virtual clock."""
        ...

    def prepare(self, image_indices: Sequence[int]) -> None:
        """Take the images of the next trial into slots 0, 1, ...; called between trials."""
        ...

    def flip(self, picture: Picture, *, at_flip: Callable[[], None] | None = None) -> Flip:
        """Show a picture for at least one frame.

        Parameters
        ----------
        picture
            What to show.
        at_flip
            Called at the instant the picture appears, for digital codes.

        Returns
        -------
        Flip
            When it appeared, and after how many frames.
        """
        ...

    def health(self) -> tuple[str, ...]:
        """Return in words what keeps the animal from seeing the picture now; empty where nothing does."""
        ...

    def bring_back(self) -> None:
        """Put right what `health` complains of, as far as a program can: on top, in place, keyboard, gamma ramp."""
        ...

    def keys(self) -> tuple[str, ...]:
        """Return the names of the keys that were pressed in the window since it was asked last."""
        ...

    def close(self) -> None:
        """Release the screen."""
        ...
