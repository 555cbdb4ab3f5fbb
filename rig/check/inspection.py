"""What is known of a session and of the rig so far: each check adds to it, and what was opened is presented with."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from closedloop.artifacts.day.journal_rows import LaunchOpened
from closedloop.artifacts.rig.description import Corner, RigDocument
from closedloop.errors import ClosedLoopError
from rig.apparatus import AUDIT_NAME, DescribedRig, Launch
from rig.display.display import Display
from rig.display.listing import list_screens
from rig.display.pixel_audit import PixelAuditor
from rig.display.placement import screen_of
from rig.display.screens import FoundScreen
from rig.machine.apparatus import Apparatus
from rig.ports.codes import CodePort
from rig.ports.gaze import Gaze
from rig.ports.microcontroller.device import Microcontrollers
from rig.ports.recorders.growth import sizes_of
from rig.ports.recorders.port import Recorder
from rig.ports.reward import Reward
from rig.ports.timed import Timed
from rig.session.folder import Session
from rig.stop import StopRequest

FULL_REFRESH_S = 10.0
SHORT_REFRESH_S = 1.0  # of a simulated session on a screen that no rig describes: nobody depends on what is shown


@dataclass
class Inspection:
    """A launch under examination.

    Attributes
    ----------
    launch
        What the operator chose.
    stack
        Closes what the checks open.
    stop
        Ends what takes long.
    start_s
        Where a virtual clock begins, seconds.
    refresh_s
        How long flips are watched.
    list_screens
        Asks the desktop.
    today
        By the system's clock, local.
    planned_cm_per_px
        Size of a pixel as the session was planned; its screen has the rig's, where one is described.
    corner
        Of the screen in which the photodiode's patch is.
    only_checks
        Whether nothing is presented after the checks. Only then may they show images, which the journal would miss; and
        only then is it asked who else is at work: a rig that presents holds session and screen itself.
    is_screen_free
        Whether no other rig is known to show something.
    launches
        Of the session so far, as its journal has them.
    recorded
        Files in the recorder's folder when the checks began, with their sizes in bytes.
    began_s, wall_s
        When the checks began, and how far the wall clock was ahead of the monotonic one then, seconds.
    recorder_fault
        Why who records could not be opened; nobody records in its place.
    session, rig, display, auditor, gaze, reward, codes, recorder
        What the checks read and opened; None as long as they have not, or could not.
    microcontrollers
        Those that the ports share.
    """

    launch: Launch
    stack: ExitStack = field(default_factory=ExitStack)
    stop: StopRequest = field(default_factory=StopRequest)
    start_s: float = 0.0
    refresh_s: float = FULL_REFRESH_S
    list_screens: Callable[[], Sequence[FoundScreen]] = list_screens
    today: datetime.date = field(default_factory=datetime.date.today)
    session: Session | None = None
    rig: DescribedRig | None = None
    display: Display | None = None
    auditor: PixelAuditor | None = None
    gaze: Gaze | None = None
    reward: Reward | None = None
    codes: CodePort | None = None
    recorder: Recorder | None = None
    recorder_fault: ClosedLoopError | None = None
    microcontrollers: Microcontrollers = field(default_factory=Microcontrollers)
    began_s: float = field(default_factory=time.monotonic)
    wall_s: float = field(default_factory=lambda: time.time() - time.monotonic())
    launches: Sequence[LaunchOpened] = ()
    recorded: Mapping[Path, int] = field(default_factory=dict)
    planned_cm_per_px: float = 0.0
    corner: Corner = "lower_left"
    only_checks: bool = False
    is_screen_free: bool = True

    def known_session(self) -> Session:
        """Return the session, which the first checks have read.

        Raises
        ------
        ValueError
            They have not.
        """
        if self.session is None:
            raise ValueError("expected a session that was read")
        return self.session

    @property
    def simulated(self) -> bool:
        """Whether there is no animal."""
        return self.known_session().document.simulated

    @property
    def document(self) -> RigDocument | None:
        """The rig's description, or None where there is none."""
        return self.rig.document if self.rig is not None else None

    def describe(self, rig: DescribedRig | None) -> None:
        """Take over a rig's description: what is shown from now on is shown on its screen."""
        self.rig = rig
        if rig is None:
            return
        self.planned_cm_per_px = self.known_session().document.screen.cm_per_px
        screen, self.corner = screen_of(self.known_session().document, rig.document)
        document = self.known_session().document.model_copy(update={"screen": screen})
        self.session = replace(self.known_session(), document=document)
        folder = rig.document.recorder.folder
        self.recorded = sizes_of(folder) if folder is not None else {}

    def keep_audit(self) -> None:
        """Write in the end which images were read back; called when a session begins: a refusal leaves nothing."""
        auditor = self.auditor
        if auditor is not None:
            self.stack.callback(lambda: auditor.report().write(self.launch.out / AUDIT_NAME))

    def apparatus(self) -> Apparatus:
        """Return what the checks opened.

        Raises
        ------
        ValueError
            Something is not open: a check failed, and nobody refused the session.
        """
        opened = (self.display, self.gaze, self.reward, self.codes, self.recorder)
        display, gaze, reward, codes, recorder = opened
        if display is None or gaze is None or reward is None or codes is None or recorder is None:
            raise ValueError(f"expected every port open, found {opened}")
        ports = (gaze, recorder, codes, reward) if display.clock_kind == "real" else ()
        clocks = tuple(port for port in ports if isinstance(port, Timed))
        return Apparatus(display=display, gaze=gaze, reward=reward, codes=codes, recorder=recorder, clocks=clocks)
