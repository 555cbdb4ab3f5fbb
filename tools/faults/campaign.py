"""All cases: each operation of each part failing once, and the disk as it was durable; what is found."""

from __future__ import annotations

import json
import random
import re
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

from closedloop.artifacts.study import STAGES, START, START_DAY
from tools.faults.durable import DiskNode, durable_states, read_log, tree_of, write_state
from tools.faults.shim import ACTIONS, KINDS, Control, Fault, build
from tools.faults.subjects import DayPart, Ended, Part, Server, SessionPart, copy_study, whole_lines

EVERY = {"sync": 1, "rename": 1, "write": 10}
ASKED = ("ENOSPC", "EIO", "kill")
_STATE = "state"
_HOW_FAR = re.compile(r"day \d+  \w+: \d+ %")  # what a stage says in a log that has run for ten seconds


@dataclass(frozen=True)
class Case:
    """One fault, or one durable state (kind "state") of one part."""

    part: str
    kind: str
    n: int
    action: str

    @property
    def name(self) -> str:
        """As it is written on the command line."""
        return f"{self.part}:{self.kind}:{self.n}:{self.action}"

    @classmethod
    def named(cls, text: str) -> Case:
        """Read a name."""
        part, kind, n, action = text.split(":")
        return cls(part, kind, int(n), action)


@dataclass(frozen=True)
class Result:
    """What became of a case.

    Attributes
    ----------
    fired
        Whether the fault happened.
    code
        How the command with the fault ended; 0 where it bore it.
    faults
        What is wrong, a line each.
    cpu
        Seconds of the processor.
    """

    case: str
    fired: bool
    code: int
    said: str
    faults: tuple[str, ...]
    cpu: float


class Campaign:
    """The parts, made once in a folder, and the cases that were run, which are remembered there."""

    def __init__(self, folder: Path, *, subjects: Sequence[str] = ("day", "session"), until: str | None = None) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._control = Control(folder / "control")
        self._place = folder / "case"
        self._until = until
        self._server = Server(build(folder), folder)
        self.parts = {part.name: part for part in self._parts(subjects)}
        self._counts = {name: self._count(part) for name, part in self.parts.items()}
        self.done = {json.loads(line)["case"]: json.loads(line) for line in self._lines()}

    def counts_of(self, program: str, *arguments: str | Path) -> tuple[Ended, dict[str, int]]:
        """Run a command on the whole study; return how it ended and what it did there.

        Parameters
        ----------
        program
            "closedloop" or "rig".
        *arguments
            Of its command line.
        """
        self._control.write(self.study)
        ended = self._server.run(program, arguments, self._control)
        return ended, self._control.counts()

    @property
    def study(self) -> Path:
        """The study after the day."""
        return self._folder / "whole" / "study"

    def close(self) -> None:
        """End the server."""
        self._server.close()
        shutil.rmtree(self._place, ignore_errors=True)

    def _lines(self) -> list[str]:
        path = self._folder / "results.jsonl"
        return path.read_text().splitlines() if path.exists() else []

    def _parts(self, subjects: Sequence[str]) -> Iterator[Part]:
        """Run the day once, undisturbed, with a copy of the study after each stage."""
        snapshots, whole = self._folder / "snapshots", self._folder / "whole"
        if not (whole / "done").exists():
            for folder in (snapshots, whole):
                shutil.rmtree(folder, ignore_errors=True)
            snapshots.mkdir()
            copy_study(None, self._place)
            self._control.write(self._place)
            day = DayPart("day", None, whole, ())
            ended = self._server.run(
                day.program,
                day.arguments(self._place, again=False),
                self._control,
                snapshots=str(snapshots),
                study=str(self._place / "study"),
                stages=_stages_until(self._until),
            )
            if ended.code:
                raise RuntimeError(f"the undisturbed day ended with code {ended.code}: {ended.stderr}")
            shutil.copytree(self._place / "study", whole / "study")
            (whole / "done").touch()
        taken: list[Path | None] = [None, *sorted(snapshots.iterdir())]
        if "day" in subjects:
            yield from self._of_the_day(taken, whole / "study")
        if "session" in subjects:
            session = next(path for path in taken if path and path.name.endswith("-schedule")) / "day-00" / "schedule"
            yield SessionPart(session, self._shown(session))

    def _of_the_day(self, taken: Sequence[Path | None], whole: Path) -> Iterator[DayPart]:
        for before, after in pairwise(taken):
            assert after is not None  # noqa: S101 - only the first one has nothing before it
            stage = after.name.partition("-")[2]
            is_last = after == taken[-1] and self._until is None
            number = -1 if stage == "start" else 0
            yield DayPart(after.name, before, whole if is_last else after, () if is_last else ((number, stage),))

    def _shown(self, session: Path) -> Path:
        after = self._folder / "shown"
        if not after.exists():
            copy_study(None, self._place)
            self._control.write(self._place)
            part = SessionPart(session, after)
            ended = self._server.run("rig", part.arguments(self._place, again=False), self._control)
            if ended.code:
                raise RuntimeError(f"the undisturbed session ended with code {ended.code}: {ended.stderr}")
            shutil.copytree(self._place / "study", after)
        return after

    def _count(self, part: Part) -> dict[str, int]:
        """Run a part undisturbed: how many operations it has, and what each sync made durable."""
        kept, log, store = (self._folder / "logs" / part.name / name for name in ("counts.json", "log", "store"))
        if not kept.exists():
            shutil.rmtree(kept.parent, ignore_errors=True)
            store.mkdir(parents=True)
            copy_study(part.before, self._place)
            self._control.write(self._place, log=log, store=store)
            ended = self._run(part, again=False)
            faults = part.differences(self._place)
            if ended.code or faults:
                raise RuntimeError(f"{part.name}, undisturbed: code {ended.code}, {faults}, {ended.stderr}")
            kept.write_text(json.dumps(self._control.counts()))
        counts: dict[str, int] = json.loads(kept.read_text())
        return counts | {_STATE: sum(operation.name == "sync" for operation in read_log(log))}

    def cases(self, *, kinds: Sequence[str], actions: Sequence[str], n_states: int) -> list[Case]:
        """Return all cases: every operation of a kind, or every tenth, failing in each way; and durable states.

        Parameters
        ----------
        kinds
            Of operations.
        actions
            What is to happen to each.
        n_states
            How many durable states, evenly over all there are.
        """
        found = [
            Case(name, kind, n, action if action != "kill" or n % 2 else "kill-after")
            for name in self.parts
            for kind in kinds
            for n in range(1, self._counts[name][kind] + 1, EVERY.get(kind, 10))
            for action in actions
        ]
        states = [
            Case(name, _STATE, n, "power") for name in self.parts for n in range(1, self._counts[name][_STATE] + 1)
        ]
        step = max(len(states) / n_states, 1.0) if n_states else 0.0
        return found + [states[int(place * step)] for place in range(min(n_states, len(states)))]

    def run(self, case: Case) -> Result:
        """Run one case."""
        part = self.parts[case.part]
        cpu = 0.0
        fired, code, said, faults = True, 0, "", []
        if case.kind == _STATE:
            self._lose_power(part, case.n)
        else:
            copy_study(part.before, self._place)
            self._control.write(self._place, fault=Fault(case.kind, case.n, case.action))  # type: ignore[arg-type]
            ended = self._run(part, again=False)
            fired, cpu = self._control.fired() > 0, ended.cpu
            code, said = ended.code, ended.stderr
            faults = _faults_of(ended, case)
        before = whole_lines(self._place)
        if code or case.kind == _STATE:
            self._control.write(self._place)
            ended = self._run(part, again=True)
            cpu += ended.cpu
            if ended.code:
                faults.append(f"the same command again ended with code {ended.code}: {ended.stderr[-600:]}")
        if not any(fault.startswith("the same command") for fault in faults):
            faults += part.differences(self._place)
            if isinstance(part, SessionPart) and whole_lines(self._place)[: len(before)] != before:
                faults.append("a line that the journal had is gone or another")
        return Result(case.name, fired, code, said[-600:], tuple(faults), round(cpu, 2))

    def _run(self, part: Part, *, again: bool) -> Ended:
        return self._server.run(part.program, part.arguments(self._place, again=again), self._control, **part.more())

    def _lose_power(self, part: Part, n: int) -> None:
        """Put the disk there as it was after the n-th sync, with all that was not synced gone."""
        log, store = self._folder / "logs" / part.name / "log", self._folder / "logs" / part.name / "store"
        root = self._place / "study"
        states = durable_states(read_log(log), self._place, begun_with=_begun(part), store=store)
        for number, (_operation, top) in enumerate(states, start=1):
            if number == n:
                shutil.rmtree(self._place, ignore_errors=True)
                self._place.mkdir()
                study = top.durable_names.get(root.name)
                if study is not None:
                    write_state(study, root)
                return

    def remember(self, result: Result) -> None:
        """Write a result down, so that a campaign that is stopped goes on."""
        self.done[result.case] = asdict(result)
        with (self._folder / "results.jsonl").open("a") as file:
            file.write(json.dumps(asdict(result)) + "\n")


def _stages_until(last: str | None) -> list[tuple[int, str]]:
    """Return the stages of day 0 up to one of them; none, which is no limit, for the whole day."""
    if last is None:
        return []
    names = STAGES[: STAGES.index(last) + 1]
    return [(START_DAY, START), *((0, name) for name in names)]


def _begun(part: Part) -> DiskNode:
    """Return the disk before a part: what was there is durable."""
    top = DiskNode(is_folder=True)
    if part.before is not None:
        top.names["study"] = tree_of(part.before)
    top.durable_names = dict(top.names)
    return top


def _faults_of(ended: Ended, case: Case) -> list[str]:
    """Return what is wrong with how a command ended that met a fault: it is borne, one line, or a kill."""
    lines = [line for line in ended.stderr.splitlines() if line.strip() and not _HOW_FAR.match(line)]
    if case.action.startswith("kill") and ended.code == -9:
        return []
    if ended.code == 0:
        return ["it ended well, and said: " + ended.stderr[-600:]] if "Traceback" in ended.stderr else []
    if ended.code != 1:
        return [f"it ended with code {ended.code}: {ended.stderr[-600:]}"]
    if len(lines) != 1 or "Traceback" in ended.stderr:
        return [f"expected one line, found {len(lines)}: {ended.stderr[-900:]}"]
    return []


def draw(cases: Sequence[Case], n: int, *, seed: int) -> list[Case]:
    """Draw some cases of each kind, the same ones by the same seed.

    Parameters
    ----------
    cases
        All of them.
    n
        How many of each kind.
    seed
        Of the drawing.
    """
    found: list[Case] = []
    for kind in (*KINDS, _STATE):
        those = [case for case in cases if case.kind == kind]
        found += random.Random(f"{seed} {kind}").sample(those, min(n, len(those)))
    return found


def run_all(campaign: Campaign, cases: Sequence[Case], say: Callable[[str], None]) -> list[Result]:
    """Run the cases that were not run yet; say how far it is, and what is found.

    Parameters
    ----------
    campaign
        Whose parts they are of.
    cases
        In order.
    say
        Told a line at a time.

    Returns
    -------
    list[Result]
        Of all of them, those that were remembered included.
    """
    missing = [case for case in cases if case.name not in campaign.done]
    began = said = time.monotonic()
    for number, case in enumerate(missing, start=1):
        result = campaign.run(case)
        campaign.remember(result)
        for fault in result.faults:
            say(f"FAULT {case.name}: {fault}")
        now = time.monotonic()
        if now - said > 20 or number == len(missing):
            said = now
            left = (now - began) / number * (len(missing) - number)
            say(f"{number} of {len(missing)} cases, {now - began:.0f} s, about {left / 60:.0f} min left")
    names = {case.name for case in cases}
    return [
        Result(**{**found, "faults": tuple(found["faults"])}) for name, found in campaign.done.items() if name in names
    ]


def summary(results: Sequence[Result]) -> list[str]:
    """Return a table: by part and kind, how many cases, how they ended, and how many are not as they should be."""
    lines = [
        f"{'part':<16} {'kind':<9} {'cases':>6} {'not met':>8} {'borne':>6} {'one line':>9} {'killed':>7} {'faults':>7}"
    ]
    groups: dict[tuple[str, str], Counter[str]] = {}
    for result in results:
        case = Case.named(result.case)
        found = groups.setdefault((case.part, case.kind), Counter())
        found["cases"] += 1
        found["faults"] += bool(result.faults)
        met = case.kind != _STATE and result.fired
        found["not met"] += case.kind != _STATE and not result.fired
        found["borne" if result.code == 0 else "killed" if result.code < 0 else "one line"] += met
    columns = ("cases", "not met", "borne", "one line", "killed", "faults")
    widths = (6, 8, 6, 9, 7, 7)
    total: Counter[str] = Counter()
    for (part, kind), found in groups.items():
        total += found
        cells = " ".join(f"{found[name]:>{width}}" for name, width in zip(columns, widths, strict=True))
        lines.append(f"{part:<16} {kind:<9} {cells}")
    cells = " ".join(f"{total[name]:>{width}}" for name, width in zip(columns, widths, strict=True))
    lines.append(f"{'all':<16} {'':<9} {cells}")
    cpu = sum(result.cpu for result in results)
    lines.append(f"{cpu:.0f} s of the processor, {cpu / max(len(results), 1):.1f} s a case")
    return lines


__all__ = ["ACTIONS", "ASKED", "EVERY", "Campaign", "Case", "Result", "draw", "run_all", "summary"]
