"""A session frame by frame: first image, grey, second image, then a key or the end of the time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from closedloop.artifacts.discrimination.experiment import DiscriminationTask
from closedloop.artifacts.discrimination.rows import PairAnswered, PairBegun, SessionFinished
from closedloop.artifacts.tables import Columns
from rig.discrimination.answering import SLOTS, Keyboard, TextDisplay
from rig.discrimination.journal import AnswerWriter
from rig.display.display import BLANK, Picture
from rig.stop import BY_KEY, QuitKeys, StopRequest

_MS = 1000.0
_START_KEYS = ("space", "return", "enter")


@dataclass
class TrialRunner:
    """Shows the trials of one launch.

    Attributes
    ----------
    display, keyboard
        What shows and who answers.
    task
        One trial.
    writer
        Where it is written.
    launch
        Number of this launch.
    image_frames, gap_frames
        Frames that an image and the grey between are up.
    stop
        Asked when somebody ends it.
    began_s
        When the launch began, on the display's clock.
    """

    display: TextDisplay
    keyboard: Keyboard
    task: DiscriminationTask
    writer: AnswerWriter
    launch: int
    image_frames: int
    gap_frames: int
    stop: StopRequest
    began_s: float
    _quit: QuitKeys = field(default_factory=QuitKeys)

    def run(self, trials: Columns, ids: tuple[str, ...], *, on_trial: Callable[[int], None]) -> bool:
        """Show what is left of a session, and return whether it came to its end.

        Parameters
        ----------
        trials
            Of the session, in order.
        ids
            Name of each image.
        on_trial
            Called after each trial with how many are left.
        """
        done = {row.trial for row in self.writer.older.answers}
        left = [number for number in range(len(trials["trial"])) if number not in done]
        if not self._instruct(len(left), len(trials["trial"])):
            return False
        for n_shown, number in enumerate(left, start=1):
            images = int(trials["first_index"][number]), int(trials["second_index"][number])
            if not self._trial(number, images, ids):
                return False
            on_trial(len(left) - n_shown)
        self.writer.write(SessionFinished, launch=self.launch)
        self._wait_grey(self.task.pause_ms)
        return True

    def _instruct(self, n_left: int, n_trials: int) -> bool:
        same, different = self.task.same_key.upper(), self.task.different_key.upper()
        opening = "Are the two images the same?" if n_left == n_trials else f"{n_left} of {n_trials} pairs are left."
        text = "\n".join(
            (
                opening,
                "",
                "Two images appear one after the other, each for an instant.",
                f"{same}   if they were identical",
                f"{different}   if they differed in anything at all",
                "",
                f"You have {self.task.answer_s:g} seconds. If you are not sure, guess.",
                "",
                "Space starts.",
            )
        )
        self.keyboard.keys()  # what was pressed before counts for nothing
        while not self.stop.requested:
            self.display.show_text(text)
            if any(key in _START_KEYS for key in self._pressed()):
                return True
        return False

    def _pressed(self) -> tuple[str, ...]:
        """Return the keys pressed; Escape, pressed twice, ends the session."""
        pressed = self.keyboard.keys()
        for key in pressed:
            is_ours = key in (self.task.same_key, self.task.different_key, *_START_KEYS)
            if not is_ours and self._quit.press(key, now_s=self.display.now_s()) == "quit":
                self.stop.ask(BY_KEY)
        return pressed

    def _wait_grey(self, ms: float) -> None:
        until_s = self.display.now_s() + ms / _MS
        while self.display.flip(BLANK).time_s < until_s and not self.stop.requested:
            self._pressed()

    def _trial(self, number: int, images: tuple[int, int], ids: tuple[str, ...]) -> bool:
        self.display.prepare(images)
        self._wait_grey(self.task.pause_ms)
        if self.stop.requested:
            return False
        self.writer.write(PairBegun, launch=self.launch, trial=number)
        counted, times_s = self.show_pair()
        answer, reaction_s = self._ask(times_s[-1])
        if answer is None and self.stop.requested:
            return False
        self.writer.write(
            PairAnswered,
            launch=self.launch,
            trial=number,
            first=ids[images[0]],
            second=ids[images[1]],
            answer=answer,
            reaction_ms=None if reaction_s is None else round(_MS * reaction_s, 2),
            n_frames=counted,
            frame_ms=tuple(round(max(_MS * (time_s - self.began_s), 0.0), 2) for time_s in times_s),
        )
        return True

    def show_pair(self) -> tuple[tuple[int, int, int], list[float]]:
        """Return the frames that each of the three was up, as the display counts them, and when each flip came."""
        phases: list[tuple[Picture, int]] = [
            (SLOTS[0], self.image_frames),
            (BLANK, self.gap_frames),
            (SLOTS[1], self.image_frames),
        ]
        pictures = [picture for picture, n in phases for _ in range(n)]
        flips = [self.display.flip(picture) for picture in (*pictures, BLANK)]
        lasted = [flip.n_frames for flip in flips[1:]]  # of the picture before it
        first, gap = self.image_frames, self.image_frames + self.gap_frames
        return (sum(lasted[:first]), sum(lasted[first:gap]), sum(lasted[gap:])), [flip.time_s for flip in flips]

    def _ask(self, since_s: float) -> tuple[str | None, float | None]:
        same, different = self.task.same_key, self.task.different_key
        question = f"{same.upper()}  identical          {different.upper()}  different"
        names = {same: "same", different: "different"}
        self.keyboard.keys()  # pressed while images were up: no answer
        now_s = since_s
        while now_s - since_s < self.task.answer_s and not self.stop.requested:
            now_s = self.display.show_text(f"\n\n\n\n\n\n{question}").time_s
            for key in self._pressed():
                if key in names and now_s - since_s <= self.task.answer_s:  # the last frame may end later
                    return names[key], max(now_s - since_s, 0.0)
        return None, None
