"""`closedloop status`: what is done, what runs, what comes next, from the ledger and the folders alone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from closedloop.artifacts.amended.standing import standing
from closedloop.artifacts.amended.words import CHANGES, told, what_does_not_count
from closedloop.artifacts.gates.held import Held, read_gate_report
from closedloop.artifacts.gates.report import CHECKPOINTS, gate_report_path
from closedloop.artifacts.records.amendments import Amendment, read_amendments, whole_amendments
from closedloop.artifacts.records.sequence import START as NO_SESSION
from closedloop.artifacts.records.sequence import Block, readable_sequence, said_of_sessions, sequence_of
from closedloop.artifacts.study import STAGES, StudyDocument, StudyPaths
from closedloop.commands.days import all_done, as_told, days_to_come
from closedloop.errors import StudyError
from closedloop.plain_text.printed import command_line, quoted
from closedloop.storage import resolved
from closedloop.study.gates.decisions import held_now
from closedloop.study.gates.telling import held_lines
from closedloop.study.ledger import StageRecord, of_sessions
from closedloop.study.no_study import no_study_line
from closedloop.study.outdated.told import Outdated, as_outdated, comes_first, said_of_outdated
from closedloop.study.process.lock import holder_of, waiter_of
from closedloop.study.process.progress import StageProgress, progress_of
from closedloop.study.process.records import known_records, missing_of, noted
from closedloop.study.process.running import RunningStage, running_stage
from closedloop.study.process.state import (
    NextStage,
    StudyState,
    is_held_next,
    next_stage,
    state_of,
)

if TYPE_CHECKING:
    from closedloop.artifacts.day.quality import IngestQuality
    from closedloop.artifacts.protocol.protocol import Protocol


@dataclass(frozen=True)
class Status:
    """A study at a glance.

    Attributes
    ----------
    holder, holder_since
        host:pid of the loop that works on it now, and since when (ISO 8601, UTC); None where none does.
    running
        The stage that was begun and is not published, with how far it is; None where there is none.
    stages
        The ledger's rows.
    despite
        By day, what makes its session no data of an animal, with who took it nevertheless.
    does_not_count
        What people left out of fit and evaluation, and which days ended early, a line each.
    journal_notes
        By day, what the rig's journal cannot vouch for.
    damaged
        What could not be read, a line each; the rest is told all the same.
    days_done
        How many days the study has, once all are done; None before.
    goes_on
        What goes on with a study that is partly done and waits for nobody; None where nothing is to be done.
    waiting_for
        What a person has to do, as the folders are now; None where nothing is, or a loop works on the study.
    state
        All of it in a word, for programs.
    next
        The first stage that is not published; None where every day is done.
    held_by
        What holds the session that is to be shown next, whether or not something else is waited for before.
    warned_by
        What gates of each checkpoint warned of when they last looked.
    progress
        How far the running stage is, and the time left.
    decided
        What people decided that changes the study and stands, a line each.
    waiter, waiter_since
        host:pid of the process that goes on with the study by itself (`closedloop run --wait`), and since when.
    outdated
        The published stages that the next run makes again, by what people decided since: those rows are stale.
    model
        What the day's model consists of and what is shown to teach it, a line each; nothing where it is one network.
    sessions
        Which days were skipped and which sessions added or dropped, by whom and why, a line each.
    """

    study: str
    subject: str
    simulated: bool
    protocol: str
    holder: str | None
    stages: tuple[StageRecord, ...]
    despite: dict[int, tuple[str, ...]] = field(default_factory=dict)
    journal_notes: dict[int, tuple[str, ...]] = field(default_factory=dict)
    waiting_for: str | None = None
    damaged: tuple[str, ...] = ()
    days_done: int | None = None
    goes_on: str | None = None
    holder_since: str | None = None
    running: RunningStage | None = None
    state: StudyState = "new"
    next: NextStage | None = None
    held_by: tuple[Held, ...] = ()
    warned_by: tuple[Held, ...] = ()
    progress: StageProgress | None = None
    decided: tuple[str, ...] = ()
    waiter: str | None = None
    waiter_since: str | None = None
    outdated: tuple[Outdated, ...] = ()
    sessions: tuple[str, ...] = ()
    does_not_count: tuple[str, ...] = ()
    model: tuple[str, ...] = ()


def read_status(study: Path) -> Status:
    """Read a study's state.

    Raises
    ------
    StudyError
        The folder is no study.
    """
    paths = StudyPaths(resolved(study))
    if not paths.study.is_file():
        raise StudyError(no_study_line(paths.root))
    document = StudyDocument.read(paths.study)
    damaged: list[str] = []
    days: tuple[int, int] | None = None
    decided = standing(whole_amendments(paths.amendments))
    records = of_sessions(known_records(paths, damaged), sequence_of(decided, rounds=document.rounds))
    missing = missing_of(paths, records, damaged, simulated=document.simulated)
    qualities = _qualities(paths, records, damaged)
    despite = _despite(paths, qualities, damaged)
    holder = holder_of(paths.root)
    waiting_for = None if holder or document.simulated else _waiting_for(paths, document)
    outdated = _outdated(paths, document, damaged) if holder is None else ()  # a loop comes to them by itself
    records = as_outdated(records, outdated)
    n_days, held_by, comes_next, is_next, model = _ahead(paths, document, damaged)
    if is_next:
        waiting_for = None  # for nobody but whoever approves it
    with noted(damaged):
        days = None if missing else _days_done(paths, records)
    is_done = days is not None and days[0] == days[1]
    goes_on = None
    if days is not None and not (is_done or holder or waiting_for or held_by):
        goes_on = days_to_come(*days, again=command_line("closedloop", "run", paths.root))
    running = running_stage(paths, records, is_held=holder is not None)
    waiter = waiter_of(paths.root)
    return Status(
        study=str(paths.root),
        subject=document.subject,
        simulated=document.simulated,
        protocol=document.protocol_name,
        holder=holder.name if holder else None,
        waiting_for=waiting_for,
        stages=records,
        despite=despite,
        journal_notes=_by_day((block.day, quality.journal_notes) for block, quality in qualities),
        damaged=(*damaged, *missing),
        days_done=days[1] if is_done and days else None,
        goes_on=goes_on,
        holder_since=holder.since if holder else None,
        running=running,
        state=state_of(
            records, is_running=holder is not None, is_done=is_done, held_by=held_by, waiting_for=waiting_for
        ),
        next=comes_first(comes_next, outdated),
        outdated=outdated,
        held_by=held_by,
        warned_by=_warned_by(paths, damaged),
        progress=progress_of(paths, records, running, n_days=n_days, simulated=document.simulated),
        decided=_decided(paths, damaged),
        waiter=waiter.name if waiter else None,
        waiter_since=waiter.since if waiter else None,
        sessions=tuple(said_of_sessions(decided).values()),
        does_not_count=_does_not_count(paths, damaged),
        model=model,
    )


def _by_day(said: Iterable[tuple[int, Iterable[str]]]) -> dict[int, tuple[str, ...]]:
    """Gather what is said of each of a day's sessions."""
    found: dict[int, tuple[str, ...]] = {}
    for day, lines in said:
        found[day] = (*found.get(day, ()), *lines)
    return found


def _does_not_count(paths: StudyPaths, damaged: list[str]) -> tuple[str, ...]:
    with noted(damaged):
        if amendments := read_amendments(paths.amendments):
            return what_does_not_count(amendments)
    return ()


def _ahead(
    paths: StudyPaths, document: StudyDocument, damaged: list[str]
) -> tuple[int | None, tuple[Held, ...], NextStage | None, bool, tuple[str, ...]]:
    """Return how many days there are, what holds the next session, the next stage, whether the hold comes before.

    And of what the model consists.
    """
    from closedloop.artifacts.protocol.protocol import read_protocol  # noqa: PLC0415 - a damaged one hides no state

    held_by: tuple[Held, ...] = ()
    n_days, comes_next, is_next, model = None, None, False, tuple[str, ...]()
    with noted(damaged):
        protocol = read_protocol(paths.protocol)
        n_days = protocol.days
        model = model_lines(protocol, document.base_model)
        comes_next = next_stage(paths, n_days)
        held_by = held_now(paths, document, protocol)
        is_next = is_held_next(paths, n_days, held_by)
    return n_days, held_by, comes_next, is_next, model


def model_lines(protocol: Protocol, base_model: str) -> tuple[str, ...]:
    """Say of how many networks the day's model consists, what teaches it, what else is attacked; nothing by default.

    Parameters
    ----------
    protocol
        The study's.
    base_model
        The first network, as study.json names it.
    """
    lines, probes = list[str](), protocol.probes
    if protocol.ensemble:
        names = ", ".join([base_model, *(member.weights for member in protocol.ensemble)])
        lines.append(f"model: the mean of {1 + len(protocol.ensemble)} members ({names})")
    if probes.n_made or probes.singles:
        made = f", {probes.per_day:,} probes at epsilon {probes.epsilon:g} from day 1 on" if probes.per_day else ""
        lines.append(f"taught by: {probes.singles:,} clean images shown once a day{made}")
    if (population := protocol.population).n_images:
        lines.append(
            f"decoder: {population.n_images:,} {population.images} images a day from day {population.first_day} on are "
            "changed to mislead it, each beside noise"
        )
    if (asked := protocol.preference).images_per_site:
        images = f"{asked.images_per_site:,} images a site of its least preferred categories"
        lines.append(f"category preference: {images} are attacked to raise it from day {asked.first_day} on")
    return tuple(lines)


def _outdated(paths: StudyPaths, document: StudyDocument, damaged: list[str]) -> tuple[Outdated, ...]:
    if paths.amendments.exists():
        from closedloop.study.outdated.stages import outdated_now  # noqa: PLC0415 - most studies have none

        with noted(damaged):
            return outdated_now(paths, document)
    return ()


def _warned_by(paths: StudyPaths, damaged: list[str]) -> tuple[Held, ...]:
    """Return what the gates of each checkpoint warned of when they last looked; a warning stops nothing."""
    found: list[Held] = []
    for checkpoint in CHECKPOINTS:
        with noted(damaged):
            asked = (b for b in paths.found() if gate_report_path(paths.at(b), b.day, checkpoint).is_file())
            if (last := max(asked, default=None)) is None:
                continue
            report = read_gate_report(paths.at(last), last.day, checkpoint)
            for one in report.findings if report else ():
                if one.level == "WARN":
                    said = one.expected, one.found, one.remedy
                    found.append(Held(last.day, checkpoint, one.gate, *said, block=last.number))
    return tuple(found)


def _days_done(paths: StudyPaths, records: Sequence[StageRecord]) -> tuple[int, int] | None:
    """Return how many days are done and how many the study has, where nothing is half done."""
    if not records or any(record.state != "done" for record in records):
        return None
    from closedloop.artifacts.protocol.protocol import read_protocol  # noqa: PLC0415 - not for one that is at work

    n_days, sequence = read_protocol(paths.protocol).days, readable_sequence(paths.root)
    evaluated = {(record.day, record.block) for record in records if record.stage == "evaluate"}
    return sum(evaluated.issuperset(sequence.of_day(day)) for day in range(n_days)), n_days  # a skipped day is done


def _waiting_for(paths: StudyPaths, document: StudyDocument) -> str | None:
    from closedloop.study.completeness.now import waiting_for_now  # noqa: PLC0415 - not to look at a simulated study

    return waiting_for_now(paths, document)


def _despite(
    paths: StudyPaths, qualities: Sequence[tuple[Block, IngestQuality]], damaged: list[str]
) -> dict[int, tuple[str, ...]]:
    """Return what was taken despite what: by the day's quality report, or by the amendments before there is one."""
    amendments: tuple[Amendment, ...] = ()
    with noted(damaged):
        amendments = read_amendments(paths.amendments)
    said = {block: quality.despite for block, quality in qualities}
    if amendments:
        from closedloop.artifacts.day.doubts import taken_despite  # noqa: PLC0415 - most studies have none

        blocks = {Block(entry.day, entry.block) for entry in amendments if entry.day is not None}
        said = {block: taken_despite(amendments, block=block) for block in blocks} | said
    return _by_day((block.day, taken.values()) for block, taken in sorted(said.items()) if taken)


def _decided(paths: StudyPaths, damaged: list[str]) -> tuple[str, ...]:
    """Return the decisions by which a study goes otherwise than it was made, those that were taken back left out."""
    with noted(damaged):
        lines = told(read_amendments(paths.amendments))
        return tuple(one.sentence for one in lines if one.line.kind in CHANGES and one.taken_back_by is None)
    return ()


def _qualities(
    paths: StudyPaths, records: Sequence[StageRecord], damaged: list[str]
) -> list[tuple[Block, IngestQuality]]:
    ingested = [record for record in records if record.stage == "ingest" and record.state == "done"]
    done = [Block(record.day, record.block) for record in ingested]
    if not done:
        return []
    from closedloop.artifacts.catalog import QUALITY  # noqa: PLC0415 - all documents' classes come with it

    qualities = []
    for block in done:
        place = QUALITY.published(paths.at(block), block.day)
        if place.is_file():
            with noted(damaged):
                qualities.append((block, QUALITY.read(place)))
    return qualities


def status_as_json(status: Status) -> str:
    """Return the state as JSON."""
    content = asdict(status, dict_factory=as_told)
    for one, held in zip(content["held_by"], status.held_by, strict=True):
        one["approve"] = held.approval(Path(status.study))
    return json.dumps(content, indent=2)


def status_lines(status: Status) -> list[str]:
    """Return the state as text, one line per day."""
    kind = "SIMULATED study" if status.simulated else "study"
    lines = [f"{kind} of {status.subject}, protocol {status.protocol}, in {status.study}"]
    blocks = sorted({Block(record.day, record.block) for record in status.stages})
    lines += [f"  {line}" for line in status.model]
    lines += [_session_line(block, status) for block in blocks]
    lines += [f"  {line}" for line in status.sessions]
    lines += [f"  day {day}: no data of an animal: {why}" for day, taken in status.despite.items() for why in taken]
    lines += [f"  {line}" for line in status.does_not_count]
    lines += [f"  day {day}: {note}" for day, notes in status.journal_notes.items() for note in notes]
    told = [record for record in status.stages if record.state != "waiting"]  # what is waited for is looked at anew
    lines += [
        f"  {Block(record.day, record.block).said} {record.stage}: {record.error}" for record in told if record.error
    ]
    if not status.stages:
        lines.append(f"nothing done yet: `closedloop run {quoted(Path(status.study))}` begins")
    lines += [f"decided: {line}" for line in status.decided]
    lines += [f"damaged: {line}" for line in status.damaged]
    if status.waiting_for:
        lines.append(f"waiting for you: {status.waiting_for}")
    lines += held_lines(Path(status.study), status.held_by)
    lines += [f"warned: {one.line} {one.remedy}".rstrip() for one in status.warned_by]
    if status.days_done and not status.waiting_for:
        lines.append(all_done(status.days_done))
    if status.goes_on:
        lines.append(status.goes_on)
    if outdated := said_of_outdated(Path(status.study), status.outdated):
        lines.append(outdated)
    if status.running:
        lines.append(status.running.line(status.study))
    if status.progress and (time_left := status.progress.line()):
        lines.append(time_left)
    if status.waiter:
        lines.append(f"goes on by itself: {status.waiter} waits, since {status.waiter_since}")
    if status.holder:
        since = f", since {status.holder_since}" if status.holder_since else ""
        lines.append(f"a loop is running: {status.holder}{since}")
    elif not status.waiter:
        lines.append("no loop is running")
    return lines


def _session_line(block: Block, status: Status) -> str:
    of_it = [record for record in status.stages if (record.day, record.block) == block]
    order = {stage: number for number, stage in enumerate(STAGES)}  # not as they were begun: some are made again
    records = sorted(of_it, key=lambda record: order.get(record.stage, -1))
    name = "start " if block == NO_SESSION else f"day {block.day:>2}"
    name += "" if block.number == 1 else f".{block.number}"
    words = {"running": "running" if status.holder else "stopped"}
    done = [record.stage for record in records if record.state == "done"]
    others = [
        f"{record.stage} ({words.get(record.state, record.state)})" for record in records if record.state != "done"
    ]
    stages = [f"done: {' '.join(done)}"] * bool(done) + others
    seconds = sum(record.seconds or 0 for record in records)
    return f"  {name}  {'  '.join(stages)}  [{seconds:.0f} s]"
