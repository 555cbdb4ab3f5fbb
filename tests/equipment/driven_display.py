"""The real PsychoPy display in a process of its own, one call a line: a window library outlives no X server.

`python -m tests.equipment.driven_display` reads calls as JSON on stdin and answers on stdout.
"""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.equipment.processes import Child

Pictures = Sequence[tuple[int | None, bool, int]]
"""Slot, fixation point, and how many flips."""


class DisplayRefusedError(Exception):
    """The display raised; the text is its own."""


class DrivenDisplay:
    """Calls the display in the other process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def call(self, name: str, **arguments: object) -> Any:
        """Call a function of `Driver` and return its answer."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"call": name, "arguments": arguments}) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "the display's process ended"
        answer = json.loads(line)
        if "refused" in answer:
            raise DisplayRefusedError(answer["refused"])
        return answer["value"]


@contextmanager
def driven_display(environment: dict[str, str]) -> Iterator[DrivenDisplay]:
    """Start a process that can open displays, and end it."""
    command = [sys.executable, "-W", "ignore", "-m", "tests.equipment.driven_display"]
    with Child(
        command,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    ) as process:
        yield DrivenDisplay(process)
        if process.poll() is None and process.stdin is not None:
            process.stdin.close()


class Driver:
    """What can be called."""

    def __init__(self) -> None:
        self.display: Any = None

    def open(self, folder: str, *, audit: int = 0, rig: str | None = None) -> dict[str, Any]:
        """Open a display on a session folder and return its facts."""
        from closedloop.artifacts.rig.description import read_rig
        from rig.display.pixel_audit import PixelAuditor
        from rig.display.psychopy.display import PsychoPyDisplay
        from rig.session.folder import open_session
        from rig.stop import StopRequest

        self.close()
        session = open_session(Path(folder))
        self.stop = StopRequest()
        self.auditor = PixelAuditor(session, audit) if audit else None
        document = read_rig(Path(rig))[0] if rig else None
        self.display = PsychoPyDisplay(session, stop=self.stop, auditor=self.auditor, rig=document)
        return asdict(self.display.facts)

    def facts(self) -> dict[str, Any]:
        """Return what the display found out about itself."""
        return asdict(self.display.facts)

    def prepare(self, images: list[int]) -> None:
        """Prepare a trial."""
        self.display.prepare(images)

    def show(self, pictures: Pictures) -> list[tuple[int, float]]:
        """Show pictures, each for so many flips; return frames and time of each flip."""
        from rig.display.display import Picture

        flips = [
            self.display.flip(Picture(slot=slot, fixation=fixation))
            for slot, fixation, n_flips in pictures
            for _ in range(n_flips)
        ]
        return [(flip.n_frames, flip.time_s) for flip in flips]

    def health(self, *, flips: int = 2) -> list[str]:
        """Show grey for some flips, asking at each as the state machine does; return the last answer."""
        self.show([(None, False, flips)])
        return list(self.display.health())

    def bring_back(self) -> None:
        """Bring the window back."""
        self.display.bring_back()

    def keys(self) -> list[str]:
        """Return the keys pressed."""
        self.show([(None, False, 2)])
        return list(self.display.keys())

    def audit(self) -> dict[str, Any]:
        """Compare what was read back; return the report."""
        self.show([(None, False, 1)])
        assert self.auditor is not None
        self.auditor.compare()
        return self.auditor.report().model_dump(mode="json")

    def evenness(self, duration_s: float) -> dict[str, Any]:
        """Measure how evenly flips come."""
        return asdict(self.display.measure_evenness(duration_s))

    def set_desktop_ramp(self, exponent: float) -> None:
        """Set XFree86's ramp of the whole desktop, as `xgamma` and PsychoPy do."""
        from psychopy.visual.backends import gamma

        backend = self.display.window.backend
        gamma.setGamma(backend.screenID, 1 / exponent, xDisplay=backend.xDisplay, rampSize=256)

    def close(self) -> None:
        """Close the display, where one is open."""
        if self.display is not None:
            self.display.close()
        self.display = None


def main() -> None:
    """Answer calls until there are no more."""
    answers = sys.stdout
    sys.stdout = sys.stderr  # what libraries print is no answer
    warnings.simplefilter("ignore")
    from closedloop.errors import ClosedLoopError

    driver = Driver()
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            answer = {"value": getattr(driver, asked["call"])(**asked["arguments"])}
        except ClosedLoopError as error:
            answer = {"refused": str(error)}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
