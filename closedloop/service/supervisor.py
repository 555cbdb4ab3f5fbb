"""Keeps the loops of several studies running, and tells a laboratory where they stand."""

from __future__ import annotations

import queue
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field

from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.confined.asking import end_idle_helper
from closedloop.errors import ClosedLoopError
from closedloop.service.bell import Bell
from closedloop.service.children.keeper import Keeper
from closedloop.service.children.process import LoopOptions
from closedloop.service.notices.notice import Notice, make_notice
from closedloop.service.notices.told import ToldStates
from closedloop.service.place import ServicePlace, StudyPlace
from closedloop.service.state import Standing

_TROUBLE_S = 60.0
_HELPER_IDLE_S = 15.0  # longer than the pauses between readings of a page; another one starts in half a second
_TICK_S = 1.0  # a loop that ended is seen at once when its pause is over; a wake-up costs a tenth of a millisecond


@dataclass(frozen=True)
class ServedStudy:
    """A study that is served.

    Attributes
    ----------
    name
        As the page's addresses have it.
    paths, document
        The study.
    place
        Where the service keeps what is its own of it.
    """

    name: str
    paths: StudyPaths
    document: StudyDocument
    place: StudyPlace


@dataclass
class _Served:
    study: ServedStudy
    keeper: Keeper
    told: ToldStates
    was: Standing | None = None
    trouble_since: float | None = None


@dataclass
class Supervisor:
    """All studies of a service.

    Attributes
    ----------
    studies
        Which.
    options
        What each loop is started with.
    say
        Told in one line what happens.
    notify
        Given what a laboratory is to be told; None where it wants nothing.
    url_of
        Returns the address of a study's page, by its name.
    """

    studies: Sequence[ServedStudy]
    options: LoopOptions
    say: Callable[[str], None]
    notify: Callable[[Notice], None] | None = None
    url_of: Callable[[str], str] = lambda _name: ""
    bell: Bell = field(default_factory=Bell)
    _asked: queue.SimpleQueue[str] = field(default_factory=queue.SimpleQueue)
    _served: list[_Served] = field(default_factory=list)
    _ends: int = 0

    def __post_init__(self) -> None:
        for study in self.studies:
            keeper = Keeper(study.paths, study.place.log, self.options, study.document.study_id)
            self._served.append(_Served(study, keeper, ToldStates.read(study.place.told)))

    def retry(self, name: str) -> None:
        """Have a study's loop started as soon as may be; from any thread."""
        self._asked.put(name)
        self.bell.ring()

    def ask_to_end(self) -> None:
        """Have `run` return once the loops have ended; asked again, they are killed. From a signal's handler too."""
        self._ends += 1
        self.bell.ring()

    def standings(self) -> dict[str, Standing]:
        """Return where each study stood when it was last looked at, by name."""
        return {one.study.name: one.was for one in self._served if one.was is not None}

    def run(self) -> None:
        """Keep the loops running until the end is asked for; none runs any more when this returns."""
        while not self._ends:
            now = time.monotonic()
            self._take_requests(now)
            for one in self._served:
                self._step(one, now)
            end_idle_helper(after_s=_HELPER_IDLE_S)
            self.bell.wait(_TICK_S)
        self._end_all()

    def _step(self, one: _Served, now: float) -> None:
        """Look after one study; what stands in the way there is none of the others'."""
        try:
            one.keeper.step(now)
            standing = one.keeper.standing()
            one.trouble_since = None
        except (ClosedLoopError, OSError) as error:  # a disk that does not answer, perhaps for a moment
            one.trouble_since = now if one.trouble_since is None else one.trouble_since
            if now - one.trouble_since < _TROUBLE_S:
                return
            standing = Standing("failed", error=str(error), n_done=one.was.n_done if one.was else 0)
        self._tell(one, standing)

    def _end_all(self) -> None:
        killed = 1
        while True:
            now = time.monotonic()
            for one in self._served:
                with suppress(ClosedLoopError, OSError):  # of its disk, which its loop may end without
                    one.keeper.end(now)
                    one.keeper.step(now)
                if self._ends > killed:
                    one.keeper.kill()
            killed = self._ends
            if all(one.keeper.is_over for one in self._served):
                return
            self.bell.wait(_TICK_S / 10)

    def _take_requests(self, now: float) -> None:
        while not self._asked.empty():
            name = self._asked.get()
            for one in self._served:
                if one.study.name == name:
                    one.keeper.ask(now)
                    self._keep(one.told.forget_faults)

    def _tell(self, one: _Served, standing: Standing) -> None:
        if standing == one.was:
            return
        if one.was is None or (standing.state, standing.day, standing.stage) != (
            one.was.state,
            one.was.day,
            one.was.stage,
        ):
            self.say(_line(one.study.name, standing))
        one.was = standing
        if self.notify is not None and one.told.is_news(standing):
            self._keep(lambda: one.told.remember(standing))
            document = one.study.document
            self.notify(
                make_notice(
                    standing,
                    study=str(one.study.paths.root),
                    subject=document.subject,
                    simulated=document.simulated,
                    url=self.url_of(one.study.name),
                )
            )

    def _keep(self, write: Callable[[], None]) -> None:
        try:
            write()
        except (ClosedLoopError, OSError) as error:  # better told twice than never
            self.say(str(error))


@contextmanager
def opened(studies: Sequence[StudyPaths], place: ServicePlace) -> Iterator[list[ServedStudy]]:
    """Hold studies for this service while the block runs.

    Raises
    ------
    ClosedLoopError
        One is no study, or another service holds it.
    """
    with ExitStack() as stack:
        served: list[ServedStudy] = []
        for paths in studies:
            own = place.of(paths.root)
            stack.enter_context(own.held(paths.root))
            name = _free_name(paths.root.name, {one.name for one in served})
            served.append(ServedStudy(name, paths, StudyDocument.read(paths.study), own))
        yield served


def _free_name(name: str, taken: set[str]) -> str:
    """Return a name for the page's addresses: the folder's, with a number where two are called the same."""
    plain = "".join(one if one.isascii() and (one.isalnum() or one in "._-") else "_" for one in name) or "study"
    numbered = (plain if number == 1 else f"{plain}-{number}" for number in range(1, len(taken) + 2))
    return next(one for one in numbered if one not in taken)


def _line(name: str, standing: Standing) -> str:
    return f"{name}: {standing.state}{standing.where_and_why(with_stage=True)}"
