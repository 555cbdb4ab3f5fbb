"""Keeps one study's loop running: one process at a time, started again when it crashes, left when a person is needed.

How a loop ended decides: done, waiting and held wait for something in the study to change; a fault that a person
repairs does too; a crash is tried again, after longer and longer pauses.
"""

from __future__ import annotations

import signal
from dataclasses import dataclass, field, replace
from typing import Literal

from closedloop.artifacts.study import StudyPaths
from closedloop.errors import StudyError
from closedloop.service.children.leftovers import processes_of, signal_all
from closedloop.service.children.log import LoopLog
from closedloop.service.children.looks import StudyLook, look_at
from closedloop.service.children.pauses import fault_pause_s, pause_s
from closedloop.service.children.process import LoopOptions, LoopProcess, start_loop
from closedloop.service.children.resting import Resting
from closedloop.service.state import LedgerReader, Standing
from closedloop.study.process.lock import holder_of, waiter_of
from closedloop.study.process.tree import pid_here
from closedloop.study.process.watchdog import STUCK_S, Watched, judge, sight, watch
from closedloop.study.waiting.place import refuse_other_study

DONE, FAILED, MISUSED, WAITING, HELD = 0, 1, 2, 3, 4
"""Exit codes of ``closedloop run``."""

_LOOK_EVERY_S = 5.0  # for changes of a study at rest; a thousand files take milliseconds
_HELD_ELSEWHERE_S = 5.0
_GRACE_S = 60.0  # for a loop that is asked to end: a step of the refit on a slow machine
_WATCH_EVERY_S = 10.0
_END_STUCK_S = 2 * STUCK_S  # said for half an hour before: a disk that answers again lets the loop go on
_LONG_RUN_S = 600.0  # a loop that crashed after so long did not crash at its start

RestReason = Literal["done", "waiting", "held", "failed", "crashed", "elsewhere", "ended"]
_RESTS: dict[int, RestReason] = {DONE: "done", WAITING: "waiting", HELD: "held"}


@dataclass
class Keeper:
    """One study's loop.

    Attributes
    ----------
    paths, log, options
        The study, where its loops print, and what they are started with.
    study_id
        Which study it is: none is started for another one at its place. Empty: whichever lies there.
    rest
        Why no loop of ours runs now; None while one runs, or is about to.
    error
        What the last one said that did not end well.
    next_start
        When one is started, seconds of a clock that never jumps; None where something has to change first.
    stuck
        Why the loop that runs does not get on; empty where it does.
    n_crashes, n_starts
        How often it crashed or failed since it last got on, and how many were started.
    """

    paths: StudyPaths
    log: LoopLog
    options: LoopOptions
    study_id: str = ""
    rest: RestReason | None = None
    error: str = ""
    next_start: float | None = 0.0
    stuck: str = ""
    n_crashes: int = 0
    n_starts: int = 0
    _loop: LoopProcess | None = None
    _started: float = 0.0
    _n_done: int = 0
    _log_from: int = 0
    _asked_to_end: float | None = None
    _leftovers_since: float | None = None
    _resting: Resting = field(init=False)
    _look: StudyLook | None = None
    _looked: float = 0.0
    _watched: Watched | None = None
    _ending: bool = False
    _begins_anew: bool = False
    ledger: LedgerReader = field(init=False)

    def __post_init__(self) -> None:
        self.ledger = LedgerReader(self.paths)
        self._resting = Resting(self.paths)

    @property
    def pid(self) -> int | None:
        """Return the number of the loop's process; None where none runs."""
        return self._loop.pid if self._loop else None

    def step(self, now: float) -> None:
        """See how the loop is, and start or end one where it is time to."""
        if not self._ending:  # a full disk, on which it cannot be, is no reason not to see that the loop has ended
            self.log.keep_small()
        if self._loop is not None:
            code = self._loop.code()
            if code is None:
                self._watch(self._loop, now)
                return
            self._loop, self._asked_to_end = None, None
            self._come_to_rest(code, now)
        if self._ending:
            self._are_leftovers_gone(now)
            return
        self._look_for_changes(now)
        if self.next_start is not None and now >= self.next_start:
            self._start(now)

    def ask(self, now: float) -> None:
        """Start the loop as soon as may be, though nothing changed: a person asks for it; one at rest begins anew."""
        self.n_crashes = 0
        if self._loop is None:
            self.next_start = now
        elif self._resting.is_so and self._asked_to_end is None:
            self._begins_anew = True
            self._ask_to_end(self._loop, now)

    def end(self, now: float) -> None:
        """Ask the loop to end; none is started any more."""
        self._ending, self.rest = True, "ended"
        if self._loop is not None and self._asked_to_end is None:
            self._ask_to_end(self._loop, now)

    def kill(self) -> None:
        """End the loop and all that it started, on the spot."""
        signal_all(processes_of(self.paths.root), signal.SIGKILL)

    @property
    def is_over(self) -> bool:
        """Return whether nothing of this study's loop runs any more."""
        return self._loop is None and not processes_of(self.paths.root)

    def standing(self) -> Standing:
        """Return where the study stands."""
        if self.rest in ("waiting", "held") or self._resting.is_so:
            return self._resting.standing(self.ledger)
        n_done, (day, stage, block) = self.ledger.n_done(), self.ledger.at()
        if self.rest is not None:
            return Standing(self.rest, day, stage, error=self.error, n_done=n_done, block=block)
        if self.stuck:
            return Standing("stuck", day, stage, error=self.stuck, n_done=n_done, block=block)
        return Standing("running", day, stage, n_done=n_done, block=block)

    def _watch(self, loop: LoopProcess, now: float) -> None:
        if self._asked_to_end is not None:
            if now - self._asked_to_end > _GRACE_S:
                self.kill()
            return
        self._resting.look(now)
        if self._watched is not None and now - self._watched.last.at < _WATCH_EVERY_S:
            return
        seen = replace(sight(self.paths), at=now)
        self._watched = watch(self._watched, seen)
        verdict = judge(self._watched)
        is_ours = seen.holder is not None and pid_here(seen.holder) == loop.pid
        self.stuck = verdict.why if is_ours and verdict.movement == "stuck" else ""
        if self.stuck and verdict.unused_s >= _END_STUCK_S:
            self._ask_to_end(loop, now)

    def _ask_to_end(self, loop: LoopProcess, now: float) -> None:
        self._asked_to_end = now
        loop.send(signal.SIGTERM)
        loop.send(signal.SIGCONT)  # one that a signal stopped hears of no other

    def _come_to_rest(self, code: int, now: float) -> None:
        self._look, self._looked = look_at(self.paths.root), now
        was_stuck, self.stuck = self.stuck, ""
        self.error, self.next_start = "", None
        self._resting.end()
        begins_anew, self._begins_anew = self._begins_anew, False
        if self._ending:
            self.rest = "ended"
        elif begins_anew:
            self.next_start = now
        elif code in (DONE, WAITING, HELD):
            self.rest, self.n_crashes = _RESTS[code], 0
        elif self._is_held_elsewhere():
            self.rest, self.next_start = "elsewhere", now + _HELD_ELSEWHERE_S
        elif code in (FAILED, MISUSED):
            self._count_end(now)
            self.rest, self.next_start = "failed", now + fault_pause_s(self.n_crashes)
            self.error = self._last_words() or f"closedloop run ended with code {code}"
        else:
            self._crash(f"ended because it was stuck: {was_stuck}" if was_stuck else _ended_by(code), now)

    def _count_end(self, now: float) -> None:
        got_on = self.ledger.n_done() > self._n_done or now - self._started > _LONG_RUN_S
        self.n_crashes = 1 if got_on else self.n_crashes + 1

    def _crash(self, how: str, now: float) -> None:
        self._count_end(now)
        self.rest, self.error = "crashed", how
        self.next_start = now + pause_s(self.n_crashes)

    def _last_words(self) -> str:
        return self.log.last_line(self._log_from)

    def _is_held_elsewhere(self) -> bool:
        return holder_of(self.paths.root) is not None or waiter_of(self.paths.root) is not None

    def _look_for_changes(self, now: float) -> None:
        if self.rest is None or self.rest == "crashed" or now - self._looked < _LOOK_EVERY_S:
            return
        look, self._looked = look_at(self.paths.root), now
        if look != self._look:
            self._look, self.next_start = look, now

    def _start(self, now: float) -> None:
        if not self._are_leftovers_gone(now):
            return
        if self._is_held_elsewhere():
            self.rest, self.next_start = "elsewhere", now + _HELD_ELSEWHERE_S
            return
        try:
            refuse_other_study(self.paths, self.study_id)
        except StudyError as error:
            self.rest, self.error, self.next_start = "failed", str(error), now + _HELD_ELSEWHERE_S
            return
        self._n_done, self._started = self.ledger.n_done(), now
        self._watched = None
        self._loop = start_loop(self.paths.root, self.log, self.options)
        self._log_from = self._loop.log_from
        self.rest, self.next_start = None, None
        self.n_starts += 1

    def _are_leftovers_gone(self, now: float) -> bool:
        """End what an earlier loop or an earlier service left behind: nothing computes beside the new loop."""
        processes = processes_of(self.paths.root)
        if not processes:
            self._leftovers_since = None
            return True
        if self._leftovers_since is None:
            self._leftovers_since = now
            signal_all(processes, signal.SIGTERM)
            signal_all(processes, signal.SIGCONT)
        elif now - self._leftovers_since > _GRACE_S:
            signal_all(processes, signal.SIGKILL)
        return False


def _ended_by(code: int) -> str:
    try:
        name = signal.Signals(-code).name if code < 0 else f"code {code}"
    except ValueError:  # a real-time signal has no name
        name = f"signal {-code}"
    return f"closedloop run was ended by {name}" if code < 0 else f"closedloop run ended with {name}"
