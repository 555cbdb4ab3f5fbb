"""The wait: a study goes on whenever something was brought or decided, and in between its process rests.

While it rests it holds nothing: whoever accepts a session, replaces a recording or runs the loop by hand can do so. It
writes nothing as long as nothing changes. What a person brings is looked at as the loop does, names and ends of files;
the loop runs when it can take it over.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import IO

from closedloop.artifacts.gates.held import Held
from closedloop.artifacts.study import StudyPaths
from closedloop.confined.asking import end_idle_helper
from closedloop.errors import ClosedLoopError, StorageError, StudyBusyError
from closedloop.study.completeness.looks import Patience, SeenFile
from closedloop.study.gates.checkpoints import is_changed_by_machine
from closedloop.study.gates.telling import held_lines
from closedloop.study.loop import Outcome
from closedloop.study.process.lock import holder_of, wait_lock
from closedloop.study.waiting.alarms import POLL_S, Alarm
from closedloop.study.waiting.place import refuse_moved, refuse_other_study, study_id_of
from closedloop.study.waiting.prospects import is_refused, is_same_wait, prospect_of
from closedloop.study.waiting.scene import Scene, folders_of, look_around

ASK_MACHINE_S = 60.0  # a disk on which somebody makes room tells nobody
_LEAST_GAP_S, _SHARE = 1.0, 10  # between looks at what changes all the time: ten times as long as they take


@dataclass(frozen=True)
class Waiter:
    """Who waits on a study.

    Attributes
    ----------
    paths
        The study.
    run
        Advances it as far as it goes, with a patience that does not stay.
    alarm_for
        What to sleep by where changes are expected in these folders.
    tell
        Hears what is waited for, in a line, once and whenever it is something else.
    patience
        How long files have to lie unchanged, and the clock.
    """

    paths: StudyPaths
    run: Callable[[], Outcome]
    alarm_for: Callable[[Sequence[Path]], Alarm]
    tell: Callable[[str], None]
    patience: Patience

    def until_done(self) -> Outcome:
        """Run and wait until all is done.

        Raises
        ------
        ClosedLoopError
            Something that a person has to repair, and that waiting for files or decisions does not.
        """
        with wait_lock(self.paths.root) as claim:
            return _Wait(self, claim).until_done()


class _Wait:
    """One wait, and what it remembers."""

    def __init__(self, waiter: Waiter, claim: IO[str]) -> None:
        self._waiter, self._paths, self._patience = waiter, waiter.paths, waiter.patience
        self._claim = claim
        self._study_id = study_id_of(waiter.paths)
        self._said = ""
        self._alarm: Alarm | None = None
        self._folders: list[Path] = []
        self._decided: tuple[SeenFile, ...] = ()

    def until_done(self) -> Outcome:
        while True:
            before, began = self._look(), self._patience.now()
            outcome = self._run(before)
            if isinstance(outcome, Outcome) and not (outcome.waiting_for or outcome.held_by):
                return outcome
            self._say(*_told_of(outcome, self._paths))
            after = self._look()
            if not after.is_decided_as(before):  # it went on, or somebody decided: what it saw first is old
                continue
            due: float | None = None
            held: tuple[Held, ...] = ()
            if isinstance(outcome, Outcome):  # what is refused stays refused
                due = prospect_of(self._paths, after, self._patience).next_after(began)
                held = outcome.held_by
            self._rest(before, due, held)

    def _run(self, before: Scene) -> Outcome | str:
        """Run, when nobody else does; return why not where what is brought was refused: others may be brought."""
        while True:
            try:
                return self._waiter.run()
            except StudyBusyError:
                self._wait_for_others()
            except StorageError:
                raise
            except ClosedLoopError as error:
                found = self._look()
                comes = found.is_decided_as(before) and found.brought != before.brought  # half of it was refused
                if not (comes or is_refused(self._paths, found, str(error))):
                    raise
                return str(error)

    def _wait_for_others(self) -> None:
        while holder := holder_of(self._paths.root):
            self._say(f"{holder} works on the study; this process goes on when it is done.")
            self._patience.sleep(POLL_S)

    def _rest(self, scene: Scene, due: float | None, held: tuple[Held, ...]) -> None:
        """Return when a run is worth while: something was decided, or what is brought may be taken over.

        Parameters
        ----------
        scene
            What the last run saw.
        due
            When to run if nothing changes, seconds since 1970; None: not at all.
        held
            What holds the study: what is brought is not what is waited for, and the machine is asked now and then.
        """
        asked = self._patience.now()
        looked = self._patience.now()
        end_idle_helper(after_s=0.0)  # a day's rest, through which a process that reads files would keep its memory
        while True:
            began = self._patience.now()
            found = self._look()
            if not found.is_decided_as(scene) or began < looked:  # or the clock was set back, and all times with it
                return
            if found.brought != scene.brought:
                scene, prospect = found, prospect_of(self._paths, found, self._patience)
                if not held:
                    self._say(prospect.waits_for)
                due = prospect.next_after(began) if prospect.ready_at is None else prospect.ready_at
            elif due is not None and began >= due:
                return
            if held and began - asked >= ASK_MACHINE_S:
                if self._is_changed_by_machine(held):
                    return
                asked = began
            looked = self._patience.now()
            self._sleep(scene, due, gap_s=max(_LEAST_GAP_S, min(_SHARE * (looked - began), POLL_S)))

    def _sleep(self, scene: Scene, due: float | None, *, gap_s: float) -> None:
        folders = folders_of(self._paths, scene)
        if self._alarm is None or folders != self._folders:
            self._alarm, self._folders = self._waiter.alarm_for(folders), folders
        began = self._patience.now()
        self._alarm.sleep(inf if due is None else max(due - began, 0.0), folders)
        left_s = gap_s - (self._patience.now() - began)
        if left_s > 0:
            self._patience.sleep(min(left_s, gap_s))

    def _is_changed_by_machine(self, held: tuple[Held, ...]) -> bool:
        try:
            return is_changed_by_machine(self._paths, held)
        except (ClosedLoopError, OSError):  # what is damaged is said by the run that comes upon it
            return False

    def _look(self) -> Scene:
        """Look at the study; where its disk does not answer, as a server that starts anew, look again."""
        while True:
            try:
                refuse_moved(self._paths.root, self._claim)
                found = look_around(self._paths)
                if found.decided != self._decided:  # study.json is one of these files
                    refuse_other_study(self._paths, self._study_id)
                    self._decided = found.decided
                return found
            except OSError as error:
                why = error.strerror or str(error)
                self._say(f"{self._paths.root}: does not answer ({why}); it is looked at every {POLL_S:g} s.")
                self._patience.sleep(POLL_S)

    def _say(self, *lines: str) -> None:
        text = "\n".join(lines)
        if text and not is_same_wait(text, self._said):
            for line in lines:
                self._waiter.tell(line)
            self._said = text


def _told_of(outcome: Outcome | str, paths: StudyPaths) -> tuple[str, ...]:
    """Return what is told of where a run stopped, line by line; `outcome` is why, where what was brought was refused.

    Parameters
    ----------
    outcome, paths
        Where, and the study.
    """
    if isinstance(outcome, str):
        return (outcome,)
    return tuple(held_lines(paths.root, outcome.held_by)) or (outcome.waiting_for or "",)
