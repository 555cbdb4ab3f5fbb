"""Session folders to present: a few presentations of noise images, sealed like the schedule stage's."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from closedloop.artifacts.day.journal import Journal, read_journal
from closedloop.artifacts.day.session import (
    PRESENTATIONS,
    CodeSettings,
    ScreenSettings,
    ScriptedMonkey,
    SessionDocument,
    TrialSettings,
)
from closedloop.artifacts.manifest import MANIFEST_NAME, Manifest, describe_files
from closedloop.artifacts.naming import stimulus_id
from closedloop.artifacts.tables import write_table
from rig.display.display import Display
from rig.display.headless import HeadlessDisplay
from rig.machine.apparatus import Apparatus
from rig.machine.course import Course
from rig.machine.presenter import Presenter
from rig.machine.state import SessionState, fresh_state
from rig.ports.clock import VirtualClock
from rig.ports.codes import FileCodes
from rig.ports.gaze import Gaze, GazePoint, GazeSample
from rig.ports.recorders.port import NoRecorder
from rig.ports.reward import LoggedReward
from rig.session.folder import Session, open_session
from rig.session.journal import JournalWriter
from rig.stop import StopRequest
from rig.wiring.gaze import scripted_gaze
from tests.equipment.processes import x_server
from tests.equipment.two_heads import TwoHeads, two_heads_server, window_manager

BuildSession = Callable[..., Path]


def seal(folder: Path, *, simulated: bool = True) -> None:
    """Write the manifest of a session folder."""
    Manifest(
        simulated=simulated,
        stage="schedule",
        day=0,
        seed=0,
        code_version="test",
        protocol_sha256="0" * 64,
        input_hash="0" * 64,
        inputs={},
        outputs=describe_files(folder),
        seconds=0.0,
        peak_memory_mb=0.0,
    ).write(folder / MANIFEST_NAME)


def build_session(
    folder: Path,
    *,
    n_images: int = 6,
    n_presentations: int = 12,
    side_px: int = 16,
    screen: dict[str, object] | None = None,
    trial: dict[str, object] | None = None,
    ignore: float = 0.1,
    leave: float = 0.2,
    codes: dict[str, object] | None = None,
    **document: object,
) -> Path:
    """Write a sealed session folder; dictionaries override single settings."""
    folder.mkdir(parents=True)
    images = np.random.default_rng(5).integers(0, 256, (n_images, side_px, side_px, 3), dtype=np.uint8)
    image_index = np.arange(n_presentations) % n_images
    np.save(folder / "images.npy", images)
    columns = {
        "presentation_index": np.arange(n_presentations),
        "stimulus_id": [stimulus_id(images[i]) for i in image_index],
        "image_index": image_index,
        "repetition": np.arange(n_presentations) // n_images,
    }
    write_table(
        folder / "presentations.parquet", PRESENTATIONS, columns, simulated=bool(document.get("simulated", True))
    )
    screen_defaults = {
        "refresh_hz": 60.0,
        "width_px": 320,
        "height_px": 240,
        "cm_per_px": 0.03,
        "image_scale": 1,
        "visual_angle_deg": 8.0,
        "grey_level": 127,
        "full_screen": False,
        "photodiode_px": 24,
    }
    trial_defaults = {
        "on_frames": 6,
        "off_frames": 6,
        "presentations_per_trial": 3,
        "acquire_timeout_ms": 2000.0,
        "hold_ms": 160.0,
        "fixation_window_deg": 2.0,
        "saccade_boxcar_samples": 5,
        "intertrial_ms": 500.0,
        "reward_ms": 80.0,
        "misses_before_time_out": 5,
        "time_out_ms": 2500.0,
        "fixation_dot_px": 4,
    }
    fields: dict[str, object] = {
        "simulated": True,
        "session_id": "study/day-00",
        "study_id": "study",
        "subject": "simulated",
        "day": 0,
        "seed": 3,
        "monkey": ScriptedMonkey(seed=11, ignore_probability=ignore, leave_early_probability=leave),
    }
    if document.get("simulated") is False:
        fields |= {"subject": "monkey", "monkey": None}
    SessionDocument(
        n_presentations=n_presentations,
        n_images=n_images,
        image_side_px=side_px,
        screen=ScreenSettings.model_validate({**screen_defaults, **(screen or {})}),
        trial=TrialSettings.model_validate({**trial_defaults, **(trial or {})}),
        codes=CodeSettings.model_validate(codes or {}),
        **{**fields, **document},
    ).write(folder / "session.json")
    seal(folder, simulated=bool(document.get("simulated", True)))
    return folder


@pytest.fixture
def make_session(tmp_path: Path) -> BuildSession:
    """Return `build_session`, writing into the test's folder."""
    return lambda name="schedule", **settings: build_session(tmp_path / name, **settings)


class SteadyGaze:
    """An eye that always fixates, but for the spans [begin, end) of rig time given, where it looks 10 degrees away."""

    name = "steady"

    def __init__(self, *away_s: tuple[float, float]) -> None:
        self.away_s = away_s

    def start_trial(self, trial: int, time_s: float) -> None:
        """Do nothing."""

    def samples(self, now_s: float) -> tuple[GazeSample]:
        """Look at the fixation point, or away."""
        away = any(begin <= now_s < end for begin, end in self.away_s)
        return (GazeSample(now_s, GazePoint(10.0, 0.0) if away else GazePoint(0.0, 0.0)),)

    def close(self) -> None:
        """Do nothing."""


class HastyClock(VirtualClock):
    """A clock on which flips at some frames return at once: the screen's next frame was not waited for.

    Parameters
    ----------
    refresh_hz
        Frames per second.
    unwaited
        Frames at which one flip takes no time.
    """

    def __init__(self, refresh_hz: float, unwaited: Collection[int]) -> None:
        super().__init__(refresh_hz)
        self._unwaited = set(unwaited)

    def advance(self, n_frames: int) -> None:
        """Let frames pass, or none at the frames given, once each."""
        if self.frame in self._unwaited:
            self._unwaited.remove(self.frame)
        else:
            super().advance(n_frames)


@dataclass
class Rig:
    """A session folder and a headless rig around it; `run` presents it in this process."""

    session: Session
    out: Path
    reward: LoggedReward = field(default_factory=LoggedReward)
    gaze: Gaze = field(default_factory=SteadyGaze)
    stop: StopRequest = field(default_factory=StopRequest)
    course: Course | None = None
    dropped_frames: Collection[int] = ()
    unwaited_frames: Collection[int] = ()
    wrap: Callable[[Display], Display] = lambda display: display

    def look_away(self, begin_s: float, end_s: float) -> None:
        """Have the eye look away from `begin_s` to before `end_s`."""
        self.gaze = SteadyGaze((begin_s, end_s))

    @property
    def journal(self) -> Journal:
        """The journal so far."""
        return read_journal(self.out / "journal.jsonl")

    def run(self, *, stop_after: int | None = None) -> str:
        """Present; `stop_after` that many trials a stop is asked for."""
        screen = self.session.document.screen
        display = HeadlessDisplay(
            HastyClock(screen.refresh_hz, self.unwaited_frames),
            refresh_hz=screen.refresh_hz,
            width_px=screen.width_px,
            height_px=screen.height_px,
            dropped_frames=self.dropped_frames,
        )
        apparatus = Apparatus(
            display=self.wrap(display), gaze=self.gaze, reward=self.reward, codes=FileCodes(), recorder=NoRecorder()
        )

        def after_trial(state: SessionState, now_s: float) -> None:
            if stop_after is not None and state.next_trial >= stop_after:
                self.stop.ask()

        with JournalWriter(self.out / "journal.jsonl") as journal:
            return Presenter(
                session=self.session,
                apparatus=apparatus,
                journal=journal,
                state=fresh_state(self.session),
                n_launches=0,
                stop=self.stop,
                after_trial=after_trial,
                course=self.course,
            ).run()


@pytest.fixture
def make_rig(make_session: BuildSession, tmp_path: Path) -> Callable[..., Rig]:
    """Return a rig around a session of the given settings, whose subject always fixates."""

    return lambda **settings: Rig(session=open_session(make_session(**settings)), out=tmp_path / "present")


@pytest.fixture(scope="session")
def scripted_rig(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Rig]:
    """Return a rig in a folder of its own, whose subject is the session's scripted monkey; for generated cases."""

    def make(**settings: object) -> Rig:
        folder = tmp_path_factory.mktemp("rig")
        session = open_session(build_session(folder / "schedule", **settings))
        return Rig(session=session, out=folder / "present", gaze=scripted_gaze(session))

    return make


@pytest.fixture(scope="session")
def process_environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the environment of a rig started as a process: what one start has compiled, the next ones reuse."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    # Two test runs on one machine show the same sessions: each has a folder of its own for what its rigs hold.
    own = {"XDG_RUNTIME_DIR": str(tmp_path_factory.mktemp("runtime"))}
    return kept | own | {"PYTHONPYCACHEPREFIX": str(tmp_path_factory.mktemp("compiled"))}


@pytest.fixture(scope="session")
def x_display(
    tmp_path_factory: pytest.TempPathFactory, process_environment: dict[str, str]
) -> Iterator[dict[str, str]]:
    """Return the environment of a display: an Xvfb of our own, or the one there is where none is installed."""
    home = tmp_path_factory.mktemp("home")  # PsychoPy writes preferences
    environment = process_environment | {"HOME": str(home), "PSYCHOPYNOPACKAGES": "1"}
    if shutil.which("Xvfb") is None:
        if "DISPLAY" in os.environ:
            yield environment
            return
        if os.environ.get("CI") == "true":
            pytest.fail("no Xvfb: install the packages xvfb and libgl1-mesa-dri")
        pytest.skip("no DISPLAY and no Xvfb: install the packages xvfb and libgl1-mesa-dri")
    with x_server(["Xvfb", "-screen", "0", "800x600x24", "-nolisten", "tcp"]) as (name, _):
        yield environment | {"DISPLAY": name}


@pytest.fixture(scope="session")
def two_heads_kept(tmp_path_factory: pytest.TempPathFactory, process_environment: dict[str, str]) -> Iterator[TwoHeads]:
    """Return a desktop with two screens for all tests of a run; `two_heads` is what a test takes."""
    folder = tmp_path_factory.mktemp("two_heads")
    environment = process_environment | {"HOME": str(folder), "PSYCHOPYNOPACKAGES": "1"}
    with two_heads_server(folder, environment) as desktop:
        yield desktop


@pytest.fixture
def two_heads(two_heads_kept: TwoHeads) -> Iterator[TwoHeads]:
    """Return a desktop with two screens, without a window manager; what a test did to it is undone."""
    yield two_heads_kept
    two_heads_kept.put_right()


@pytest.fixture(params=["no manager", "openbox"])
def any_two_heads(request: pytest.FixtureRequest, two_heads: TwoHeads) -> Iterator[TwoHeads]:
    """Return a desktop with two screens, once without and once with a window manager."""
    with contextlib.ExitStack() as stack:
        if request.param == "openbox":
            stack.enter_context(window_manager(two_heads))
        yield two_heads
