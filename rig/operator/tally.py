"""Counts a session from the rows of its journal as they are written: the operator sees what is on the disk."""

from __future__ import annotations

from collections import deque
from dataclasses import replace

from closedloop.artifacts.day.journal_rows import (
    Continued,
    DriftChecked,
    GazeShifted,
    JournalRow,
    LaunchOpened,
    Paused,
    Presentation,
    PresentationBegun,
    RecordingNoted,
    RewardNoted,
    SessionEnded,
    TimeOut,
    TrialAsks,
    TrialBegun,
    TrialEnded,
    TrialStarted,
)
from closedloop.artifacts.day.presented.unrecorded import RecordedSoFar, RecordingLoss
from closedloop.artifacts.day.session import SessionDocument
from rig.operator.pace import Pace
from rig.operator.state import LAST_IMAGES, Light, LightState, PanelState, ShownImage

_WRONG_FRAMES = ("frames_dropped", "grey_frames_wrong")
_SPARE_S = 3.0  # beyond a trial: a synchronised disk, an upload
_MENDED_ALONE = ("display", "gaze")  # a device waits for the operator
_NOTHING = {None: "not said", "none": "none", "file": "not sent"}
_PORTS_IN_WORDS = {  # of a pause's reason: which port it is about
    "gaze": ("gaze", "tracker", "eye"),
    "codes": ("code", "serial", "parallel"),
    "reward": ("reward", "valve"),
    "recorder": ("recorder", "recording"),
    "display": ("display", "window", "screen"),
}


class SessionTally:
    """What is known of a session from the rows so far.

    Parameters
    ----------
    document
        session.json.
    """

    def __init__(self, document: SessionDocument) -> None:
        trial, hz = document.trial, document.screen.refresh_hz
        frames = trial.presentations_per_trial * (trial.on_frames + trial.off_frames)
        quiet_s = frames / hz + (trial.hold_ms + trial.acquire_timeout_ms) / 1000.0 + _SPARE_S
        self._state = PanelState(
            session_id=document.session_id,
            subject=document.subject,
            mark="SIMULATED" if document.simulated else "",
            n_planned=document.n_presentations,
            window_deg=trial.fixation_window_deg,
            quiet_s=round(quiet_s, 3),
        )
        self._pace = Pace()
        self._recorded = RecordedSoFar()
        self._images: deque[tuple[int, ShownImage]] = deque(maxlen=LAST_IMAGES)  # each with its ordinal
        self._lights: dict[str, Light] = {}
        self._bad: dict[str, str] = {}
        self._told_ms: dict[str, float] = {}
        self._ended_ms = 0.0
        self._n_told, self._last_reward = 0, ""
        self._image_nears = False

    @property
    def image_nears(self) -> bool:
        """Whether an image is on the screen, or may be at the next frame: then only the animal's counts."""
        return self._image_nears

    @property
    def is_paused(self) -> bool:
        """Whether nothing is shown until the session is continued."""
        return self._state.doing == "paused"

    def note(self, row: JournalRow) -> None:
        """Count a row."""
        loss = self._recorded.note(row)
        if loss is not None:
            self._take_back(loss)
        match row:
            case LaunchOpened():
                self._open(row)
            case TrialBegun(asks=TrialAsks(hold_ms=hold_ms, fixation_window_deg=window_deg)):
                self._state = replace(self._state, hold_ms=hold_ms, window_deg=window_deg)
            case TrialStarted():
                self._run_to(row.time_s, doing="trial", trial=row.trial, n_trials=self._state.n_trials + 1)
            case PresentationBegun():
                self._image_nears = True
            case Presentation():
                self._note_image(row)
            case TrialEnded():
                self._end_trial(row)
            case RewardNoted():
                self._note_reward(row)
            case RecordingNoted():
                self._note_recording(row)
            case DriftChecked() | GazeShifted():
                self._note_drift(row)
            case TimeOut():
                self._run_to(row.time_s, doing="time-out", n_time_outs=self._state.n_time_outs + 1)
            case Paused() | Continued() | SessionEnded():
                self._halt(row)

    def state(self, now_s: float) -> PanelState:
        """Return the session as it is now, on the rig's clock; the gaze and what the display says come from them."""
        state, n_left = self._state, self._state.n_planned - self._state.n_accepted
        if state.doing not in ("opening", "paused", "ended"):
            self._pace.run_to(now_s)
        lights = [self._light(light) for light in self._lights.values()]
        return replace(
            state,
            running_s=round(self._pace.running_s, 3),
            left_s=_rounded(self._pace.left_s(n_left)),
            left_lately_s=_rounded(self._pace.left_lately_s(n_left)),
            reward_ms=self._told_ms.get("acknowledged", 0.0) if self._told_ms else self._ended_ms,
            n_unconfirmed=self._n_told,
            last_images=tuple(image for _, image in self._images),
            lights=tuple(lights),
            warnings=tuple(words for words in self._bad.values() if words not in state.pause),
        )

    def _open(self, row: LaunchOpened) -> None:
        self._pace, self._bad, self._image_nears = Pace(), {}, False
        self._pace.pause_to(row.time_s)
        mark = "REHEARSAL" if row.is_rehearsal else "TRAINING" if row.is_training else self._state.mark
        self._state = replace(self._state, doing="interval", mark=mark, pause="", outcome="", trial=None)
        shown = {"vblank": "paced by the screen", "timer": "paced by a timer", None: "a virtual clock"}[row.pacing]
        ports = {"gaze": row.gaze, "codes": row.codes, "reward": row.reward, "recorder": row.recorder}
        self._lights = {"display": Light("display", "good", f"{row.display}, {shown}")}
        for name, device in ports.items():
            is_there: LightState = "none" if device in _NOTHING else "good"
            self._lights[name] = Light(name, is_there, _NOTHING.get(device) or str(device).replace("_", " "))

    def _note_drift(self, row: DriftChecked | GazeShifted) -> None:
        if isinstance(row, DriftChecked) and row.is_large:
            self._bad["drift"] = row.words
        else:
            self._bad.pop("drift", None)
        if isinstance(row, DriftChecked) and self.is_paused:  # for that: who asked has to decide by it
            remedy = ", which the key d takes out" if row.is_large else ""
            self._state = replace(self._state, pause=f"{self._state.pause}: {row.words}{remedy}")

    def _light(self, light: Light) -> Light:
        words = self._bad.get(light.name)
        return light if words is None else Light(light.name, "bad", words)

    def _count_to(self, time_s: float) -> None:
        """Count the time since the row before as time in which the session ran, unless it was paused."""
        (self._pace.pause_to if self.is_paused else self._pace.run_to)(time_s)

    def _run_to(self, time_s: float, **changes: object) -> None:
        self._count_to(time_s)
        self._state = replace(self._state, **changes)  # type: ignore[arg-type]

    def _note_image(self, row: Presentation) -> None:
        self._count_to(row.offset_s)
        reason = "" if row.counted_when_shown else row.reason or ""
        self._images.append((row.ordinal, ShownImage(row.image_index, reason)))
        # The next image of the trial follows after the grey: until the trial's end no frame is spare.
        self._image_nears = True
        state = self._state
        if row.counted_when_shown:
            self._pace.accept()
            self._state = replace(state, n_accepted=state.n_accepted + 1)
            return
        wrong = state.n_wrong_frames + (row.reason in _WRONG_FRAMES)
        self._state = replace(state, n_rejected=state.n_rejected + 1, n_wrong_frames=wrong)

    def _take_back(self, loss: RecordingLoss) -> None:
        """Count as rejected what turned out to be in no recording; the pace stays that of what was shown."""
        state, lost = self._state, {row.ordinal for row in loss.presentations}
        self._state = replace(state, n_accepted=state.n_accepted - len(lost), n_rejected=state.n_rejected + len(lost))
        for place, (ordinal, image) in enumerate(self._images):
            if ordinal in lost:
                self._images[place] = ordinal, replace(image, reason="not_recorded")

    def _end_trial(self, row: TrialEnded) -> None:
        state, self._image_nears = self._state, False
        self._ended_ms += row.reward_ms
        doing = state.doing if state.doing == "paused" else "interval"
        self._run_to(
            row.time_s,
            doing=doing,
            n_completed=state.n_completed + (row.outcome == "completed"),
            n_broken=state.n_broken + (row.outcome == "broken"),
            n_ignored=state.n_ignored + (row.outcome == "ignored"),
        )
        self._pace.mark()

    def _note_reward(self, row: RewardNoted) -> None:
        self._told_ms[row.state] = self._told_ms.get(row.state, 0.0) + row.duration_ms
        # A valve that never answers fails after it was told; one that cannot be told fails at once.
        was_told = row.state == "acknowledged" or (row.state == "failed" and self._last_reward != "intended")
        self._n_told = max(0, self._n_told + (row.state == "given") - was_told)
        self._last_reward = row.state
        if row.state == "failed":
            self._bad["reward"] = f"a reward of {row.duration_ms:g} ms failed"
        elif row.state == "acknowledged":
            self._bad.pop("reward", None)

    def _note_recording(self, row: RecordingNoted) -> None:
        """Say which file is recorded, and by whose word; no light is good for what nobody saw."""
        recorded: LightState = "none" if row.seen_by == "nobody" else "good"
        is_recorded = row.state == "started"
        words = f"{row.file} ({row.seen_by.replace('_', ' ')})" if is_recorded else f"not recording ({row.state})"
        self._lights["recorder"] = Light("recorder", recorded if is_recorded else "none", words)

    def _halt(self, row: Paused | Continued | SessionEnded) -> None:
        self._image_nears = False
        match row:
            case Paused():
                self._count_to(row.time_s)
                self._state = replace(
                    self._state, doing="paused", pause=_who_and_why(row), goes_on=row.by in _MENDED_ALONE
                )
                if row.by != "operator":
                    self._bad[_port_of(row)] = row.why
            case Continued():
                self._pace.pause_to(row.time_s)
                self._state = replace(self._state, doing="interval", pause="")
                self._bad.clear()
            case SessionEnded():
                self._run_to(row.time_s, doing="ended", outcome=row.outcome)


def _who_and_why(row: Paused) -> str:
    is_plain = row.by == "operator" or row.why.startswith(f"{row.by}:")
    return row.why if is_plain else f"{row.by}: {row.why}"


def _port_of(row: Paused) -> str:
    if row.by in ("display", "gaze"):
        return row.by
    named = [port for port, words in _PORTS_IN_WORDS.items() if any(word in row.why.lower() for word in words)]
    return named[0] if named else "device"


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
