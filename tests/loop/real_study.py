"""A simulated real study: what a laboratory would have on its disk, made in seconds without a laboratory.

The study is one of an animal (`simulated` is false everywhere), its photographs are files, its sessions are written by
the rig itself on a screen, a tracker and a port that pretend, and its recordings are the simulated array's without
the marks of one. Whoever tests what people bring damages a copy of it::

    real = make_real_study(tmp_path / "study")   # day 0 is scheduled; the loop waits for its session
    real.present()                               # day-00/present: journal.jsonl and summary.json
    real.record()                                # day-00/recording: array1.nev and array1.ns6
    real.run()                                   # adopts, ingests, goes on to the next session
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from PIL import Image

from closedloop.artifacts import catalog
from closedloop.artifacts.day.journal import read_journal
from closedloop.artifacts.day.session import CodeTransport, ScriptedMonkey
from closedloop.artifacts.day.session_summary import summarize
from closedloop.artifacts.naming import derive_seed
from closedloop.artifacts.protocol.protocol import Protocol, read_protocol
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.simulation.array import ArrayDay, record
from closedloop.simulation.cortex.hidden import HiddenCortex
from closedloop.simulation.cortex.kinds import KINDS
from closedloop.simulation.mark import SIMULATED_APPLICATION
from closedloop.simulation.session_clock import since_the_start
from closedloop.stages.from_protocol.recording import raw_electrodes_on
from closedloop.stimuli.procedural import ProceduralPool
from closedloop.study.completeness.looks import Patience
from closedloop.study.create import Request, create_study
from closedloop.study.gates.decisions import approve
from closedloop.study.loop import Outcome, read_identity, run_study
from rig.display.display import DisplayFacts, DisplayName, Flip, Picture
from rig.display.headless import HeadlessDisplay
from rig.machine.apparatus import Apparatus
from rig.machine.presenter import Presenter
from rig.machine.state import SessionState, replay
from rig.machine.timeline import trial_frames
from rig.ports.clock import ClockKind, VirtualClock
from rig.ports.gaze import ScriptedGaze
from rig.ports.recorders.port import NoRecorder
from rig.ports.reward import SilentReward
from rig.session.folder import Session, open_session
from rig.session.journal import JournalWriter
from rig.stop import StopRequest
from tests.unit.study.labs import Listener

PROTOCOL = Path(__file__).with_name("two_days.yaml")
SUBJECT = "monkey"
TRACKER = "EyeLink 1000 Plus"
RECORDER = b"Central 7.6.1"
N_CATEGORIES, N_PER_CATEGORY = 6, 24
COMPUTER_ON_S = 5_000.0  # the rig's computer was on that long when a session began: its clock does not start at 0
BETWEEN_LAUNCHES_S = 20.0
_NEV_APPLICATION, _NEV_COMMENT, _NSX_COMMENT = slice(44, 76), slice(76, 332), slice(30, 286)


@dataclass(frozen=True)
class RealStudy:
    """A real study on disk, and what people do with it; `tracker`, `screen`, `codes` are what its journals say."""

    paths: StudyPaths

    @property
    def root(self) -> Path:
        """The study's folder."""
        return self.paths.root

    def run(self) -> Outcome:
        """Advance it in this process, until a person is needed: seconds sooner than the command."""
        return run_study(self.paths, Listener(), patience=Patience(settle_s=0))

    def go_on(self) -> Outcome:
        """Advance it, and approve what its gates hold, until somebody has to act."""
        outcome = self.run()
        while outcome.held_by:
            study, protocol = read_identity(self.paths)
            for held in outcome.held_by:
                of = {"day": held.day, "block": held.block}
                approve(self.paths, study, protocol, held.gate, by="Ada", reason="as expected", **of)
            outcome = self.run()
        return outcome

    def present(
        self,
        day: int = 0,
        *,
        gaze: str = TRACKER,
        display: DisplayName = "psychopy",
        clock: ClockKind = "real",
        codes: CodeTransport = "parallel",
        stops: Sequence[int] = (),
        for_good: bool = False,
    ) -> Path:
        """Present a day's session, to its end unless said, and return the folder with what the rig leaves.

        Parameters
        ----------
        day
            Which.
        gaze, display, clock, codes
            What the journal says of the launch.
        stops
            Trials after which the operator stops; the session goes on with another launch.
        for_good
            Whether it does not go on after the last stop.
        """
        session = open_session(self.paths.folder("schedule", day))
        out = self.paths.folder("present", day)
        for stop_after in stops if for_good else (*stops, None):
            PretendedLab(session, gaze, display, clock, codes).launch(out, stop_after=stop_after)
        summarize(session.document, read_journal(out / catalog.JOURNAL.name)).write(out / catalog.SUMMARY.name)
        return out

    def resume(self, day: int = 0) -> Path:
        """Go on with a session that was stopped, to its end."""
        return self.present(day)

    def record(self, day: int = 0) -> Path:
        """Put the recorder's files of a presented session where the study waits for them; return their folder."""
        protocol, study = read_protocol(self.paths.protocol), StudyDocument.read(self.paths.study)
        session = catalog.SESSION.read(catalog.SESSION.published(self.paths, day))
        folder = self.paths.folder("recording", day)
        folder.mkdir()
        record(
            folder,
            ArrayDay(
                day=day,
                session_id=session.session_id,
                journal=since_the_start(read_journal(catalog.JOURNAL.published(self.paths, day))),
                images=np.load(catalog.SESSION_IMAGES.published(self.paths, day), mmap_mode="r"),
                refresh_hz=session.screen.refresh_hz,
                raw_electrodes=raw_electrodes_on(protocol.recording, day),
                seed=derive_seed(protocol.seed, study.subject, self.paths.block(day).seed_name, "array"),
            ),
            cortex=_cortex(protocol, study),
            recording=protocol.recording,
            simulation=protocol.simulation,
            progress=lambda _done, _total: None,
        )
        for file in folder.iterdir():
            remove_marks(file)
        return folder

    def day_of_data(self, day: int = 0) -> None:
        """Present and record a day."""
        self.present(day)
        self.record(day)


def make_real_study(
    root: Path, *, protocol: Path = PROTOCOL, arrays: tuple[str, ...] = (), nsx: tuple[str, ...] = ()
) -> RealStudy:
    """Make a real study whose day 0 waits to be presented; its photographs lie beside it.

    Parameters
    ----------
    root
        Where.
    protocol
        Of 32-pixel images.
    arrays, nsx
        What `init` is told of the recorder's files.
    """
    photographs = write_photographs(root.with_name(f"{root.name}-photographs"))
    request = Request(
        root=root,
        subject=SUBJECT,
        simulated=False,
        protocol=str(protocol),
        images=photographs,
        arrays=arrays,
        nsx=nsx,
    )
    made = RealStudy(create_study(request))
    assert made.run().waiting_for is not None
    return made


def write_photographs(folder: Path) -> Path:
    """Write the images of a small procedural pool as files, a folder a category."""
    pool = ProceduralPool(seed=7, n_categories=N_CATEGORIES, n_per_category=N_PER_CATEGORY)
    for image in pool.images():
        (folder / image.category).mkdir(parents=True, exist_ok=True)
        Image.fromarray(pool.load(image.image_id)).save(folder / image.category / f"{image.image_id}.png")
    return folder


def remove_marks(file: Path) -> None:
    """Make a simulated recorder's file one of a laboratory's: its header says Central, and no comment."""
    content = bytearray(file.read_bytes())
    if file.suffix == ".nev":
        content[_NEV_APPLICATION] = RECORDER.ljust(32, b"\0")
        content[_NEV_COMMENT] = bytes(256)
    else:
        content[_NSX_COMMENT] = bytes(256)
    assert SIMULATED_APPLICATION.encode() not in content
    file.write_bytes(content)


@dataclass
class PretendedLab:
    """A launch of the rig with a screen, a tracker and a port that pretend; the animal follows a script.

    Attributes
    ----------
    gaze, display, clock, codes
        What the journal says of them.
    """

    session: Session
    gaze: str
    display: DisplayName
    clock: ClockKind
    codes: CodeTransport
    stop: StopRequest = field(default_factory=StopRequest)

    def launch(self, out: Path, *, stop_after: int | None) -> None:
        """Present what is left, or until a trial is over."""

        def after_trial(state: SessionState, now_s: float) -> None:
            if stop_after is not None and state.next_trial >= stop_after:
                self.stop.ask()

        with JournalWriter(out / catalog.JOURNAL.name) as writer:
            older = read_journal(out / catalog.JOURNAL.name)
            writer.go_on(older)
            start_s = older.ended.time_s + BETWEEN_LAUNCHES_S if older.ended else COMPUTER_ON_S
            Presenter(
                session=self.session,
                apparatus=self._apparatus(start_s),
                journal=writer,
                state=replay(self.session, older.rows),
                n_launches=len(older.launches),
                stop=self.stop,
                after_trial=after_trial,
            ).run()

    def _apparatus(self, start_s: float) -> Apparatus:
        trial, refresh_hz = self.session.document.trial, self.session.document.screen.refresh_hz
        frames = trial_frames(trial, refresh_hz)
        fixation_s = (frames.hold + trial.presentations_per_trial * frames.per_presentation) / refresh_hz
        animal = ScriptedMonkey(seed=5, ignore_probability=0.05, leave_early_probability=0.1)
        eye = ScriptedGaze(animal, fixation_s=fixation_s)
        eye.name = self.gaze
        headless = HeadlessDisplay(
            VirtualClock(refresh_hz, start_s=start_s), refresh_hz=refresh_hz, width_px=800, height_px=600
        )
        return Apparatus(
            display=PretendedScreen(headless, self.display, self.clock),
            gaze=eye,
            reward=SilentReward(),
            codes=PretendedPort(self.codes),
            recorder=NoRecorder(),
        )


@dataclass(frozen=True)
class PretendedPort:
    """A port that codes leave by, it says."""

    transport: CodeTransport

    def send(self, code: int) -> None:
        """Send nothing: the simulated array takes the codes from the journal."""

    def close(self) -> None:
        """Do nothing."""


@dataclass(frozen=True)
class PretendedScreen:
    """A screen in a laboratory, it says."""

    headless: HeadlessDisplay
    name: DisplayName
    clock_kind: ClockKind

    @property
    def refresh_hz(self) -> float:
        return self.headless.refresh_hz

    @property
    def facts(self) -> DisplayFacts:
        is_real = self.clock_kind == "real"
        versions = {"psychopy": "2025.1.1"} if self.name == "psychopy" else {}
        return replace(self.headless.facts, pacing="vblank" if is_real else None, versions=versions)

    def now_s(self) -> float:
        return self.headless.now_s()

    def utc(self) -> str | None:
        return "2026-03-02T09:00:00.000+00:00" if self.clock_kind == "real" else None

    def prepare(self, image_indices: Sequence[int]) -> None:
        self.headless.prepare(image_indices)

    def flip(self, picture: Picture, *, at_flip: Callable[[], None] | None = None) -> Flip:
        return self.headless.flip(picture, at_flip=at_flip)

    def health(self) -> tuple[str, ...]:
        return ()

    def bring_back(self) -> None:
        pass

    def keys(self) -> tuple[str, ...]:
        return ()

    def close(self) -> None:
        self.headless.close()


def _cortex(protocol: Protocol, study: StudyDocument) -> HiddenCortex:
    seed, simulation = derive_seed(protocol.seed, study.subject, "hidden cortex"), protocol.simulation
    return HiddenCortex(seed, simulation.n_electrodes, kind=KINDS[simulation.cortex])
