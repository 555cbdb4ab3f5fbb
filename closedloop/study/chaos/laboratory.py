"""The people of a disturbed study: they start the loop, present, record, copy, and answer what they are asked.

What goes wrong with a session, on a day of rounds goes wrong with its first.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol as Port

from closedloop.artifacts.catalog import JOURNAL, SESSION, SITES
from closedloop.artifacts.manifest import MANIFEST_NAME, read_manifest
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.protocol.recorder_faults import RecorderFault, SimulatedFault
from closedloop.artifacts.records.chaos import ChaosEvent, ChaosKind
from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.study import BROUGHT, STAGES, StudyDocument, StudyPaths
from closedloop.errors import StudyError
from closedloop.plain_text.printed import command_line
from closedloop.simulation.damage.nev import double_codes, drop_codes
from closedloop.simulation.damage.set_up import thin_spikes
from closedloop.stages import record
from closedloop.stages.context import StageContext
from closedloop.storage import (
    copy_file,
    make_folder,
    publish_folder,
    read_bytes,
    remove_folder,
    write_bytes,
)
from closedloop.study.chaos.moments import JournalReached, StageReached
from closedloop.study.chaos.programs import Ended, Interference, run_program_of

DONE, WAITING, INTERRUPTED = 0, 3, 130
"""How the loop and the rig end."""

_LEAST_FILE_BYTES = 100_000  # what the ledger may grow to beside the stage's own files
_FAULTS: dict[ChaosKind, RecorderFault] = {"recorder_pause": "pause", "clock_reset": "reset"}
_MOST_TRIES = 1_000
_MOST_TURNS = 12  # of one day's folder: where it does not go on after so many, it never will
_WAITS = "Waiting for you: "
_STAGE_LINE = re.compile(r"  (start|day [0-9.]+) .* s   ")


@dataclass
class Laboratory:
    """Who works on the disturbed study.

    Attributes
    ----------
    paths, undisturbed
        The study, and the same one to which nothing happens.
    rigs, recorders
        Folders of the rig's computer and of the recorder's: what is there is copied into the study.
    events
        What is to go wrong, and what went wrong so far; a new tuple with every turn.
    note
        Told the events, to be written down.
    tell
        Told what goes on.
    heed
        Asked again and again as programs run: raises where this one is to end.
    """

    paths: StudyPaths
    undisturbed: StudyPaths
    study: StudyDocument
    protocol: Protocol
    rigs: Path
    recorders: Path
    logs: Path
    events: tuple[ChaosEvent, ...]
    note: Callable[[tuple[ChaosEvent, ...]], None]
    tell: Callable[[str], None]
    heed: Callable[[], None] = lambda: None

    def work(self) -> None:
        """Work on the study until it is done.

        Raises
        ------
        StudyError
            The loop does not go on, whatever is done about it.
        """
        turns: dict[tuple[Block, str], int] = {}
        while True:
            ended = self.run_loop()
            if ended is None:
                continue  # it was killed, or its disk was full: the same command again
            if ended.code == DONE and self._next_kill() is None:
                return
            if ended.code == DONE:
                continue  # the loop was faster than who was to kill it: it is killed as it looks at what stands
            block, stage = self._next_brought()
            turns[block, stage] = turns.get((block, stage), 0) + 1
            if turns[block, stage] > _MOST_TURNS:
                raise self._stuck(ended)
            if ended.code == WAITING and stage == "present":
                if not self.skip(block, ended):
                    self.present(block)
            elif ended.code == WAITING:
                self.bring_recording(block, ended)
            elif not self._answer(block, ended):
                raise self._stuck(ended)

    def _stuck(self, ended: Ended) -> StudyError:
        return StudyError(
            f"{self.paths.root}: expected the loop to go on, found it ended with {ended.code} and said: {ended.last} "
            "Look into the study; run the same command again to go on from there."
        )

    def _next_brought(self) -> tuple[Block, str]:
        """Return what is brought next: the first folder of a session that is not sealed."""
        sessions = self.paths.sequence.blocks(self.protocol.days)
        for block in sessions:
            for stage in ("present", "recording"):
                if not self._is_published(stage, block):
                    return block, stage
        return sessions[-1], STAGES[-1]

    def _is_published(self, stage: str, block: Block) -> bool:
        return (self.paths.at(block).folder(stage, block.day) / MANIFEST_NAME).is_file()

    # the loop

    def run_loop(self) -> Ended | None:
        """Run the loop to where it stops by itself; None where something stopped it."""
        kill = self._next_kill()
        disk = self._pending("full_disk", self._comes_soon)
        most_bytes = 0
        if disk is not None:
            manifest = read_manifest(self.undisturbed.folder(disk.stage, disk.day))
            largest = max(entry.n_bytes for entry in manifest.outputs.values())
            least = min(_LEAST_FILE_BYTES, largest // 2)  # what is written has to meet it
            most_bytes = max(least, round(disk.amount * largest))
        interference = Interference(
            kills=StageReached(self.paths, self.undisturbed, kill).is_due if kill else lambda: False,
            fills=StageReached(self.paths, self.undisturbed, disk, at_once=True).is_due if disk else lambda: False,
            most_file_bytes=most_bytes,
        )
        ended = self._program("closedloop", "run", self.paths.root, "--settle", "0", interference=interference)
        if disk is not None and ended.was_full and ended.code not in (DONE, WAITING) and ended.code > 0:
            said = f"no file could grow beyond {most_bytes:,} bytes"
            self._happened(disk, said, answer=ended.last, decision="room was made; " + self._again(), answered=True)
            return None
        if kill is not None and ended.code < 0:
            self._happened(kill, f"SIGKILL in {self._where_killed(kill)}", decision=self._again(), answered=True)
            return None
        return ended

    def _next_kill(self) -> ChaosEvent | None:
        """Return where the loop is to be killed next, in the order in which it comes there."""
        left = [one for one in self.events if one.kind == "killed_loop" and not one.happened]
        return min(left, key=lambda one: (one.day, STAGES.index(one.stage)), default=None)

    def _comes_soon(self, event: ChaosEvent) -> bool:
        """Return whether the loop may come to the stage of an event when it next starts, or is past it."""
        first = Block(event.day)
        needed = [(one, "recording") for one in self.paths.sequence.until(first) if one < first]
        needed += [(first, stage) for stage in BROUGHT if STAGES.index(stage) < STAGES.index(event.stage)]
        return all(self.paths.at(one).folder(stage, one.day).is_dir() for one, stage in needed)

    def _where_killed(self, event: ChaosEvent) -> str:
        working = [
            f"{one.said} {stage}"
            for one in self.paths.sequence.blocks(self.protocol.days)
            for stage in STAGES
            if self.paths.at(one).working(stage, one.day).is_dir()
        ]
        return ", ".join(working) or f"day {event.day} after {event.stage}"

    def _again(self) -> str:
        return f"`{command_line('closedloop', 'run', self.paths.root.name)}` again"

    # the session

    def present(self, block: Block) -> None:
        """Present a session on the rig's computer, and copy what it leaves into the study."""
        out, at, day = self.rigs / block.folder_name, self.paths.at(block), block.day
        while True:
            kill = self._pending("killed_rig", lambda one: Block(one.day) == block)
            stop = self._pending("early_end", lambda one: Block(one.day) == block)
            chosen = kill or stop
            interference = Interference()
            if chosen is not None:
                asked = SESSION.read(SESSION.published(at, day)).n_presentations
                shown = JournalReached(out / JOURNAL.name, round(chosen.amount * asked))
                shown.at_least_one_more()
                interference = Interference(kills=shown.is_reached, asks_to_end=chosen is stop)
            words: list[str | Path] = [
                "present",
                at.folder("schedule", day),
                "--display",
                "headless",
                "--out",
                out,
            ]
            words += ["--resume"] if (out / JOURNAL.name).is_file() else []
            ended = self._program("rig", *words, interference=interference)
            if kill is not None and ended.code < 0:
                resume = command_line("rig", "present", "SESSION", "--resume")
                said = f"SIGKILL after about {kill.amount:.0%} of the presentations"
                self._happened(kill, said, decision=f"`{resume}`", answered=True)
                continue
            if chosen is stop is not None and ended.code == INTERRUPTED:
                self._happened(stop, f"the operator stopped after about {stop.amount:.0%} of the presentations")
            elif ended.code != DONE:
                raise self._stuck(ended)
            break
        folder = at.folder("present", day)
        make_folder(folder)
        for file in sorted(path for path in out.iterdir() if path.is_file() and not path.name.startswith(".")):
            copy_file(file, folder / file.name)

    def _answer(self, block: Block, ended: Ended) -> bool:
        """Do what a person does about a refusal; return whether there was something to do."""
        own = (one for one in self.events if one.kind == "early_end" and Block(one.day) == block)
        stopped = next(own, None)
        if stopped is None or not stopped.happened or stopped.answered or self._is_published("present", block):
            return False
        self._decide(stopped, ended.last, command="close-day", why="the animal stopped working")
        return True

    def skip(self, block: Block, ended: Ended) -> bool:
        """Do without a day, where the events have it so; return whether they do."""
        event = self._pending("skipped_day", lambda one: Block(one.day) == block)
        if event is None:
            return False
        answer = ended.starting(_WAITS)
        self._decide(event, answer, command="skip-day", why="the animal was not well", did="nobody came")
        return True

    def _decide(self, event: ChaosEvent, answer: str, *, command: str, why: str, did: str = "") -> None:
        """Have people's decision noted by a command."""
        words = ("--day", str(event.day), "--why", why)
        decided = self._program("closedloop", command, self.paths.root, *words, interference=Interference())
        if decided.code != DONE:
            raise self._stuck(decided)
        said = f"`{command_line('closedloop', command, self.paths.root.name, *words)}`"
        self._happened(event, did or event.happened, answer=answer, decision=said, answered=True)

    # the recording

    def bring_recording(self, block: Block, ended: Ended) -> None:
        """Copy a session's recording into the study, as badly as the events have it; well where it is there already."""
        source, folder = self.recorders / block.folder_name, self.paths.at(block).folder("recording", block.day)
        if not source.is_dir():
            self._record(block, source)
        whole = {path.name: path.stat().st_size for path in source.iterdir()}
        there = (
            {path.name: path.stat().st_size for path in folder.iterdir() if path.name in whole}
            if folder.is_dir()
            else {}
        )
        own = [one for one in self.events if Block(one.day) == block]
        half = next((one for one in own if one.happened and not one.answered), None)
        if half is not None and half.kind in ("slow_copy", "truncated_copy"):
            self._happened(
                half, half.happened, answer=ended.starting(_WAITS), decision="it was copied whole", answered=True
            )
        elif there == whole:
            self._take_as_it_is(block, ended)
            return
        make_folder(folder)
        bad = self._pending("slow_copy", lambda one: Block(one.day) == block) or self._pending(
            "truncated_copy", lambda one: Block(one.day) == block
        )
        if bad is None:
            for name in whole:
                copy_file(source / name, folder / name)
            return
        largest = max(whole, key=lambda name: (name.endswith(".nev"), whole[name]))
        for name in whole:
            if name != largest:
                copy_file(source / name, folder / name)
        content = read_bytes(source / largest)
        n_bytes = max(1, round(bad.amount * len(content)))
        write_bytes(folder / largest, content[:n_bytes])
        self._happened(bad, f"{largest} had {n_bytes:,} of {len(content):,} bytes")

    def _take_as_it_is(self, block: Block, ended: Ended) -> None:
        """Decide that no more of a recording will come: the recorder's own faults cannot be copied again."""
        of_recorder = (*_FAULTS, "lost_codes", "doubled_codes", "early_end")
        own = (one for one in self.events if Block(one.day) == block)
        concerned = next((one for one in own if one.kind in of_recorder), None)
        if concerned is None or ended.starting(_WAITS) in concerned.answers:
            raise self._stuck(ended)
        answer = ended.starting(_WAITS)
        self._decide(concerned, answer, command="accept-recording", why="the recorder left no more")

    def _record(self, block: Block, target: Path) -> None:
        """Record a session on the recorder's computer, with what is wrong with the recorder."""
        working = target.with_name(f".{target.name}.partial")
        remove_folder(working)
        make_folder(working)
        own = {one.kind: one for one in self.events if Block(one.day) == block}
        faults = tuple(SimulatedFault(name=fault, day=block.day) for kind, fault in _FAULTS.items() if kind in own)
        simulation = self.protocol.simulation
        simulation = simulation.model_copy(update={"recorder_faults": (*simulation.recorder_faults, *faults)})
        record.run(
            StageContext(
                paths=self.paths.at(block),
                study=self.study,
                protocol=self.protocol.model_copy(update={"simulation": simulation}),
                day=block.day,
                stage="recording",
                working=working,
                progress=lambda _done, _total: None,
            )
        )
        said: dict[ChaosKind, str] = {kind: f"by the simulated recorder: {fault}" for kind, fault in _FAULTS.items()}
        first = min(working.glob("*.nev"))
        if (lost := own.get("lost_codes")) is not None:
            n = _until_hit(drop_codes, first, fraction=lost.amount)
            said["lost_codes"] = f"{n} codes of {first.name} are not in it"
        if (doubled := own.get("doubled_codes")) is not None:
            n = _until_hit(double_codes, first, fraction=doubled.amount)
            said["doubled_codes"] = f"{n} codes of {first.name} stand in it twice"
        for dead in (one for one in self.events if one.kind == "dead_electrode" and one.day <= block.day):
            sites = [one for one in SITES.read(SITES.published(self.paths, 0)).chosen() if one.processor == 1]
            site = sites[int(dead.amount * len(sites))]
            thin_spikes(first, kept=0.0, electrodes=[site.electrode_id])
            said["dead_electrode"] = f"no spike of {site.neuroid_id} from day {dead.day} on"
        publish_folder(working, target)
        for kind, one in own.items():
            if kind in said:
                self._happened(one, said[kind], decision="the recording was used as it is", answered=True)

    # events

    def _pending(self, kind: ChaosKind, applies: Callable[[ChaosEvent], bool]) -> ChaosEvent | None:
        return next((one for one in self.events if one.kind == kind and not one.happened and applies(one)), None)

    def _happened(
        self, event: ChaosEvent, said: str, *, answer: str = "", decision: str = "", answered: bool = False
    ) -> None:
        """Note what was done, what the program said, and what was decided."""
        now = event.model_copy(
            update={
                "happened": said,
                "answers": (*event.answers, *filter(None, [answer])),
                "decisions": (*event.decisions, *filter(None, [decision])),
                "answered": answered,
            }
        )
        self.events = tuple(now if one is event else one for one in self.events)
        self.note(self.events)
        self.tell(f"day {event.day}: {event.kind.replace('_', ' ')}: {said}")

    def _program(self, module: str, *words: str | Path, interference: Interference) -> Ended:
        log = self.logs / f"{time.time_ns()}-{module}-{words[0]}.txt"
        return run_program_of(module, words, log=log, tell=self._tell_stage, interference=interference, heed=self.heed)

    def _tell_stage(self, line: str) -> None:
        """Pass on which stage is done; all that was said is in the logs."""
        if _STAGE_LINE.match(line):
            self.tell(line)


class _OfCodes(Port):
    """Damage to some codes of a file; returns to how many."""

    def __call__(self, file: Path, *, fraction: float, seed: int) -> int:
        """See `simulation.damage.nev`."""


def _until_hit(damage: _OfCodes, file: Path, *, fraction: float) -> int:
    """Damage codes by chance, in a short session until one was hit: what is planted happens."""
    return next((n for seed in range(_MOST_TRIES) if (n := damage(file, fraction=fraction, seed=seed))), 0)
