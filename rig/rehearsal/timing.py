"""What a rehearsal measures: every flip, every code, every upload, on the display's own clock."""

from __future__ import annotations

from array import array
from collections.abc import Callable
from dataclasses import dataclass, field

from closedloop.artifacts.day.session import CodeTransport
from rig.display.display import Display, Flip, Picture
from rig.operator.watched import WatchedDisplay
from rig.ports.codes import CodePort
from rig.ports.wired import Wired


def _doubles() -> array[float]:
    return array("d")


def _counts() -> array[int]:
    return array("l")


@dataclass
class TimingRecord:
    """Measured as the rehearsal runs.

    Attributes
    ----------
    flip_s, flip_frames
        When each flip was, and after how many frames.
    code_s
        From the flip that sends a digital code until the port has it, seconds.
    upload_s, n_uploaded
        How long the images of a trial took to be taken up, in the interval before it, and how many there were.
    """

    flip_s: array[float] = field(default_factory=_doubles)
    flip_frames: array[int] = field(default_factory=_counts)
    code_s: array[float] = field(default_factory=_doubles)
    upload_s: array[float] = field(default_factory=_doubles)
    n_uploaded: array[int] = field(default_factory=_counts)

    def watch_display(self, display: Display, *, end: Callable[[float], None]) -> Display:
        """Return a display whose flips and uploads are noted.

        Parameters
        ----------
        display
            What shows the pictures.
        end
            Called after each flip with the seconds since the first.
        """

        def note_flip(_picture: Picture, flip: Flip) -> None:
            self.flip_s.append(flip.time_s)
            self.flip_frames.append(flip.n_frames)
            for sent_s in self._sent:
                self.code_s.append(sent_s - flip.time_s)
            self._sent.clear()
            end(flip.time_s - self.flip_s[0])

        def note_upload(n_images: int, seconds: float) -> None:
            self.upload_s.append(seconds)
            self.n_uploaded.append(n_images)

        return WatchedDisplay(display, after_flip=note_flip, after_prepare=note_upload)

    def watch_codes(self, codes: CodePort, now_s: Callable[[], float]) -> CodePort:
        """Return a port for codes that notes when each was handed over.

        Parameters
        ----------
        codes
            The port.
        now_s
            The display's clock.
        """
        return TimedCodes(codes, now_s, self._sent)

    def __post_init__(self) -> None:
        self._sent: list[float] = []


class TimedCodes:
    """A port for codes that notes when each was handed over.

    Parameters
    ----------
    codes
        The port.
    now_s
        The display's clock.
    sent
        Where to note.
    """

    def __init__(self, codes: CodePort, now_s: Callable[[], float], sent: list[float]) -> None:
        self._codes, self._now_s, self._sent = codes, now_s, sent

    @property
    def transport(self) -> CodeTransport:
        """How codes leave."""
        return self._codes.transport

    def send(self, code: int) -> None:
        """Send one code now."""
        self._codes.send(code)
        self._sent.append(self._now_s())

    def check(self) -> None:
        """Look whether they went."""
        if isinstance(self._codes, Wired):
            self._codes.check()

    def mend(self) -> None:
        """Open the port again."""
        if isinstance(self._codes, Wired):
            self._codes.mend()

    def close(self) -> None:
        """Release the port."""
        self._codes.close()
