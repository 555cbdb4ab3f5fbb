"""Replaying days of a study, beside it: what today's code makes otherwise, or what other settings give."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from closedloop import __version__
from closedloop.artifacts.manifest import MANIFEST_NAME
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.records.replay import Replay, WhatIfCell, WhatIfColumn, WhatIfRefusal, WhatIfRow
from closedloop.artifacts.records.sequence import FIRST, Block
from closedloop.artifacts.study import BROUGHT, StudyDocument, StudyPaths
from closedloop.errors import DocumentError, StudyError
from closedloop.execution.workers import Workers
from closedloop.report.replay.page import replay_page
from closedloop.storage import make_folder, read_bytes, resolved, write_bytes
from closedloop.study.loop import Reporter, read_identity
from closedloop.study.process.lock import study_lock
from closedloop.study.replay.comparing import compare_stage
from closedloop.study.replay.making import MadeStage, PublishedFolders, make_stages
from closedloop.study.replay.measures import ComparedNumber, measures_of, published_sites
from closedloop.study.replay.settings import WhatIf
from closedloop.study.replay.trees import Tree
from closedloop.study.table import STAGE_TABLE, StageTable

BEFORE, AFTER = ("plan", "synthesize", "schedule"), ("ingest", "refit", "evaluate", "queue")
"""Stages that can be made again: before a session, and after it. What comes between is what people brought."""

REPLAY = "replay.json"
REPLAY_PAGE = "replay.html"
_BEFORE_FOLDER, _AFTER_FOLDER = "before-the-session", "after-the-session"
_FIRST, _LATER = "first-day", "later-days"


@dataclass(frozen=True)
class ReplayRequest:
    """What is to be made again.

    Attributes
    ----------
    study
        The published study; it is read alone.
    out
        The folder to make it in.
    days
        Which days; all that were evaluated, where there are none.
    stages
        Which of their stages.
    what_ifs
        Other settings; with any, these are compared, and not today's code.
    command
        How it was asked for: the page says it.
    """

    study: StudyPaths
    out: Path
    days: tuple[int, ...]
    stages: tuple[str, ...] = AFTER
    what_ifs: tuple[WhatIf, ...] = ()
    command: str = ""


def replay_days(
    request: ReplayRequest, reporter: Reporter, *, workers: Workers | None = None, table: StageTable = STAGE_TABLE
) -> Replay:
    """Make days of a study again and compare them with what is published; interrupted, the same request goes on.

    Parameters
    ----------
    request
        What is asked for.
    reporter
        Told what happens.
    workers
        Who does what can be shared out; this machine by default.
    table
        The stages; another one in tests.

    Raises
    ------
    StudyError
        A day is not published, or the folder is of the study, or of another replay.
    ManifestError
        A file that is read is not what its manifest promises, and nobody brought it.
    StorageError
        The disk is full, or fails.
    """
    study, protocol = read_identity(request.study)
    days = request.days or _evaluated(request.study, protocol)
    _refuse_unpublished(request.study, days)
    _refuse_folder_of_study(request)
    make_folder(request.out)
    with study_lock(request.out):
        run = _Replaying(request, study, protocol, days, reporter, workers, table)
        return run.what_ifs() if request.what_ifs else run.again()


def _evaluated(paths: StudyPaths, protocol: Protocol) -> tuple[int, ...]:
    found = [day for day in range(protocol.days) if (paths.folder("evaluate", day) / MANIFEST_NAME).is_file()]
    if not found:
        raise StudyError(f"{paths.root}: expected a day that was evaluated, found none. Run the study first.")
    return tuple(found)


def _is_published(paths: StudyPaths, stage: str, session: Block) -> bool:
    return (paths.at(session).folder(stage, session.day) / MANIFEST_NAME).is_file()


def _refuse_unpublished(paths: StudyPaths, days: Sequence[int]) -> None:
    for day in days:
        for stage in ("ingest", "evaluate"):
            if not (paths.folder(stage, day) / MANIFEST_NAME).is_file():
                raise StudyError(
                    f"{paths.folder(stage, day)}: expected a published stage, found none. Replay a day that is over."
                )


def _refuse_folder_of_study(request: ReplayRequest) -> None:
    out, root = resolved(request.out), resolved(request.study.root)
    if out == root or root in out.parents:
        raise StudyError(f"--out {request.out}: expected a folder beside the study, found one in it. Name another.")


@dataclass(frozen=True)
class _Replaying:
    request: ReplayRequest
    study: StudyDocument
    protocol: Protocol
    days: tuple[int, ...]
    reporter: Reporter
    workers: Workers | None
    table: StageTable

    @property
    def _paths(self) -> StudyPaths:
        return self.request.study

    @cached_property
    def _sessions(self) -> tuple[Block, ...]:
        """All sessions of the days that are over, in order."""
        of_days = (one for day in self.days for one in self._paths.sequence.of_day(day))
        return tuple(one for one in of_days if _is_published(self._paths, "evaluate", one))

    def _last_of(self, day: int) -> Block:
        """Return the session of a day whose evaluation is of the whole day."""
        return max(one for one in self._sessions if one.day == day)

    def again(self) -> Replay:
        """Make the days again by today's code, in order, and compare each stage."""
        trees = [
            self._tree(folder, self.protocol, self._file(), tuple(one for one in of if one in self.request.stages))
            for folder, of in ((_BEFORE_FOLDER, BEFORE), (_AFTER_FOLDER, AFTER))
        ]
        published, found = self._begin()
        changed = tuple(one.path for one in found.changed)
        for tree in trees:
            for made in self._make(tree, published):
                stage = compare_stage(self._paths, tree.paths, made, changed=changed)
                found = found.model_copy(update={"replayed": (*found.replayed, stage)})
        return self._end(found)

    def what_ifs(self) -> Replay:
        """Make the days with each set of settings, and put their numbers beside the published ones."""
        published, found = self._begin()
        numbers: list[dict[tuple[int, ComparedNumber], WhatIfCell]] = []
        refusals: list[WhatIfRefusal] = []
        for one, column in zip(self.request.what_ifs, found.columns, strict=True):
            numbers.append({})
            for tree in self._what_if_trees(one, column.folder):
                refused: dict[int, str] = {}
                for made in self._make(tree, published):
                    if made.refused:
                        refused.setdefault(made.session.day, made.refused)
                refusals += [WhatIfRefusal(day=day, column=one.name, why=why) for day, why in refused.items()]
                for session in tree.made:
                    day = session.day
                    if day not in refused and session == self._last_of(day):
                        sites = published_sites(self._paths.at(session), day)
                        own = measures_of(tree.paths.at(session), day, sites=sites, refitted="refit" in one.stages)
                        numbers[-1] |= {(day, measure): cell for measure, cell in own.items()}
        compared = {place for own in numbers for place in own}
        rows = [
            WhatIfRow(
                day=day,
                measure=measure.name,
                unit=measure.unit,
                published=cell,
                cells=tuple(own.get((day, measure), WhatIfCell()) for own in numbers),
            )
            for day in self.days
            for measure, cell in self._published_measures(day).items()
            if (day, measure) in compared
        ]
        return self._end(found.model_copy(update={"rows": tuple(rows), "refusals": tuple(refusals)}))

    def _published_measures(self, day: int) -> dict[ComparedNumber, WhatIfCell]:
        paths = self._paths.at(self._last_of(day))
        return measures_of(paths, day, sites=published_sites(paths, day))

    def _what_if_trees(self, one: WhatIf, folder: str) -> Iterator[Tree]:
        """Return where a set of settings is made: day 0 chooses sites, and later days keep those of their seals."""
        content = one.protocol_file(self._file())
        first, later = [one for one in self._sessions if one == FIRST], [one for one in self._sessions if one > FIRST]
        for name, sessions in ((_FIRST, first), (_LATER, later)):
            if sessions:
                tree = self._tree(f"{folder}/{name}", one.protocol, content, one.stages, sessions=sessions)
                yield replace(tree, settings=one.as_json(), ignored=one.ignored)

    def _file(self) -> bytes:
        return read_bytes(self._paths.protocol)

    def _tree(
        self,
        folder: str,
        protocol: Protocol,
        content: bytes,
        stages: tuple[str, ...],
        *,
        sessions: Sequence[Block] = (),
    ) -> Tree:
        made = {
            session: tuple(one for one in stages if _is_published(self._paths, one, session))
            for session in sessions or self._sessions
        }
        return Tree(StudyPaths(self.request.out / folder), protocol, content, made)

    def _make(self, tree: Tree, published: PublishedFolders) -> Iterator[MadeStage]:
        if any(tree.made.values()):
            tree.lay_out(self._paths, n_days=self.protocol.days)
            yield from make_stages(tree, self.study, published, self.reporter, workers=self.workers, table=self.table)

    def _begin(self) -> tuple[PublishedFolders, Replay]:
        """Read what people brought, and write down what is asked for; refuse a folder of anything else."""
        published = PublishedFolders(self._paths)
        for session in self._sessions:
            for stage in BROUGHT:
                progress = self.reporter.begin(session.day, f"{stage}, being read", 1, block=session.number)
                published.look_at_brought(self._paths.at(session).folder(stage, session.day), progress)
        asked = Replay(
            simulated=self.study.simulated,
            study_id=self.study.study_id,
            code_version=__version__,
            days=self.days,
            stages=() if self.request.what_ifs else self.request.stages,
            finished=False,
            changed=tuple(published.changed),
            columns=tuple(
                WhatIfColumn(
                    name=one.name,
                    folder=f"what-if-{number}",
                    settings={key: str(value) for key, value in one.settings.items()},
                    stages=one.stages,
                )
                for number, one in enumerate(self.request.what_ifs, start=1)
            ),
        )
        self._refuse_another(asked)
        asked.write(self.request.out / REPLAY)
        return published, asked

    def _refuse_another(self, asked: Replay) -> None:
        path = self.request.out / REPLAY
        found = "files"
        if path.is_file():
            empty = {"finished": False, "replayed": (), "rows": (), "refusals": ()}
            try:
                if Replay.read(path).model_copy(update=empty) == asked:
                    return
                found = "one that was asked for otherwise, or of files that were others then"
            except DocumentError:
                found = f"a damaged {REPLAY}"
        elif not [one for one in self.request.out.iterdir() if not one.name.startswith(".")]:
            return
        raise StudyError(
            f"--out {self.request.out}: expected an empty folder, or one of the same replay, found {found}. "
            "Name another folder."
        )

    def _end(self, found: Replay) -> Replay:
        finished = found.model_copy(update={"finished": True})
        page = replay_page(finished, subject=self.study.subject, command=self.request.command)
        write_bytes(self.request.out / REPLAY_PAGE, page)
        finished.write(self.request.out / REPLAY)
        return finished
