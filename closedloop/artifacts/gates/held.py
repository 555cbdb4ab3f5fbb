"""What holds a day's session: gates that nobody approved, and a person's own hold. Read from files alone.

The loop, `closedloop status`, the page and the rig ask here, so that they never disagree.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from closedloop.artifacts.amended.protocols import protocol_of_day
from closedloop.artifacts.amended.standing import standing
from closedloop.artifacts.catalog import JOURNAL
from closedloop.artifacts.gates.report import Checkpoint, GateFinding, GateReport, gate_report_path
from closedloop.artifacts.gates.sources import follows_from_files
from closedloop.artifacts.manifest import MANIFEST_NAME
from closedloop.artifacts.protocol.protocol import Protocol, read_protocol
from closedloop.artifacts.records.amendments import Amendment, read_amendments
from closedloop.artifacts.records.sequence import START, Block, block_of_folder, block_option
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.errors import DocumentError
from closedloop.plain_text.printed import command_line
from closedloop.storage import resolved

PERSON = "hold"
"""What a person's own hold is called where gates have their names."""

_TAKEN_BACK = {"skip_day": ("unskip-day", "--why TEXT"), "drop_block": ("add-block", "--why TEXT")}
"""What lets a session be shown that people decided not to have, by what they decided."""

FOUND = "found"
"""Under this name an approval keeps the words that it is of."""


@dataclass(frozen=True)
class Held:
    """One reason why nothing is shown.

    Attributes
    ----------
    day
        Whose finding it is; a person's hold is of the day that was to be shown.
    block
        Of which of the day's sessions.
    """

    day: int
    checkpoint: Checkpoint | Literal["person"]
    gate: str
    expected: str
    found: str
    remedy: str
    block: int = 1

    @property
    def session(self) -> Block:
        """Whose finding it is."""
        return Block(self.day, self.block)

    @property
    def line(self) -> str:
        """What a person is told, in one line without the way to approve it."""
        expected, found = self.expected.rstrip("."), self.found.rstrip(".")
        said = self.session.said
        if self.checkpoint == "person":
            return f"{said}: {found}."
        return f"{said} {self.checkpoint}, {self.gate}: expected {expected}, found {found}."

    def approval(self, study: Path) -> str:
        """Return the command that lets the study go on despite it, to be pasted into a shell."""
        if self.gate in _TAKEN_BACK:
            command, option = _TAKEN_BACK[self.gate]
            return command_line("closedloop", command, study, "--day", str(self.day)) + f" {option}"
        if self.gate == PERSON:
            return command_line("closedloop", "release", study) + " --by NAME --reason TEXT"
        words = command_line("closedloop", "approve", study, self.gate, "--day", str(self.day))
        return f"{words}{block_option(self.session)} --by NAME --reason TEXT"


def holds_by_gates(study: StudyDocument, protocol: Protocol) -> bool:
    """Return whether a study's gates hold it: a simulated one goes on by itself unless its protocol says otherwise."""
    return not study.simulated or protocol.gates.simulated == "hold"


def is_shown(paths: StudyPaths, day: int) -> bool:
    """Return whether a day's session has begun: a journal says so, or a manifest. From then on nothing holds it."""
    published, working = paths.folder("present", day), paths.working("present", day)
    begun = (published / JOURNAL.name, working / JOURNAL.name, published / MANIFEST_NAME)
    return any(path.exists() for path in begun)


def session_to_show(paths: StudyPaths, n_days: int) -> Block | None:
    """Return the first session that has not begun; None where all have."""
    return next((one for one in paths.sequence.blocks(n_days) if not is_shown(paths.at(one), one.day)), None)


def read_gate_report(paths: StudyPaths, day: int, checkpoint: Checkpoint) -> GateReport | None:
    """Read what the gates of a checkpoint found; None where nobody has asked them.

    Parameters
    ----------
    paths
        The study.
    day, checkpoint
        Which.

    Raises
    ------
    DocumentError
        The report is damaged.
    """
    place = gate_report_path(paths, day, checkpoint)
    return GateReport.read(place) if place.is_file() else None


def held_by_gates(
    paths: StudyPaths, day: int, checkpoints: Iterable[Checkpoint], amendments: Sequence[Amendment]
) -> tuple[Held, ...]:
    """Return what holds by the reports of some checkpoints of a day, the approved left out.

    Parameters
    ----------
    paths
        The study.
    day, checkpoints
        Which.
    amendments
        The study's.

    Raises
    ------
    DocumentError
        A report is damaged.
    """
    held = []
    for checkpoint in checkpoints:
        report = read_gate_report(paths, day, checkpoint)
        for finding in report.holding if report else ():
            if approval_of(finding, paths.block(day), checkpoint, amendments) is None:
                said = finding.expected, finding.found, finding.remedy
                held.append(Held(day, checkpoint, finding.gate, *said, block=paths.block(day).number))
    return tuple(held)


def approval_of(
    finding: GateFinding, block: Block, checkpoint: Checkpoint, amendments: Sequence[Amendment]
) -> Amendment | None:
    """Return the last approval of what a gate found; one of other words is void.

    Parameters
    ----------
    finding
        What the gate says now.
    block, checkpoint
        Of which report.
    amendments
        The study's.
    """
    return next(
        (
            one
            for one in reversed(amendments)
            if one.kind == "approve_gate"
            and (one.day, one.block) == block
            and one.subject == (checkpoint, finding.gate)
            and one.before.get(FOUND) == finding.found
        ),
        None,
    )


def persons_hold(amendments: Sequence[Amendment]) -> Held | None:
    """Return the hold that a person laid on the study and nobody released; None where there is none."""
    last = next((one for one in reversed(amendments) if one.kind in ("hold", "release")), None)
    if last is None or last.kind == "release":
        return None
    return Held(
        day=last.day or 0,
        checkpoint="person",
        gate=PERSON,
        expected="a day that nobody holds",
        found=f"held by {last.who} since {last.utc[:16].replace('T', ' ')} UTC: {last.why}",
        remedy="Ask whoever holds it.",
        block=last.block,
    )


def held_before(
    paths: StudyPaths,
    day: int,
    *,
    by_gates: bool,
    until: Literal["schedule", "present"] = "present",
) -> tuple[Held, ...]:
    """Return what holds a day's session; nothing does once it has begun.

    What was found when the session before was ingested and evaluated holds the making of the session; what was found of
    the session itself, and a person's own hold, hold its showing.

    Parameters
    ----------
    paths
        The study.
    day
        The day that is to be shown.
    by_gates
        Whether its gates hold this study, see `holds_by_gates`; a person's hold always does.
    until
        Which step is asked about.

    Raises
    ------
    DocumentError
        A report or an amendment is damaged.
    """
    if is_shown(paths, day):
        return ()
    amendments = read_amendments(paths.amendments)
    earlier = paths.sequence.before(paths.block(day))
    asks = by_gates and earlier != START
    before = held_by_gates(paths.at(earlier), earlier.day, ("intake", "review"), amendments) if asks else ()
    if until == "schedule":
        return before
    own = held_by_gates(paths, day, ("preflight",), amendments) if by_gates else ()
    person = persons_hold(amendments)
    return (*before, *own, *((person,) if person else ()))


def held_in_its_study(session: Path) -> tuple[Path, tuple[Held, ...]] | None:
    """Return the study that a session folder lies in, and what holds the session there; None where it lies in none.

    A session folder that was copied to a rig's computer knows nothing of its study: whoever copies it has asked.

    Raises
    ------
    DocumentError
        Something of the study that decides cannot be read, or its gates were not asked of what is there now: a loop
        that was killed had published the session and not what the gates find of it.
    """
    folder = resolved(session)
    study, block = folder.parent.parent, block_of_folder(folder.parent.name)
    if block is None:
        return None
    paths, day = StudyPaths(study).at(block), block.day
    if not paths.study.is_file() or folder != resolved(paths.folder("schedule", day)):
        return None
    if left_out := _left_out(paths, block):
        return study, (left_out,)
    protocol = read_protocol(paths.protocol)
    by_gates = holds_by_gates(StudyDocument.read(paths.study), protocol)
    if by_gates and not is_shown(paths, day):
        amendments = read_amendments(paths.amendments)
        before = paths.sequence.before(block)
        asked: tuple[tuple[Block, Checkpoint], ...] = ((before, "intake"), (before, "review"), (block, "preflight"))
        for of, checkpoint in asked:
            if of != START:
                of_day = protocol_of_day(protocol, amendments, of.day)
                _refuse_not_asked(paths.at(of), of_day, amendments, of.day, checkpoint)
    return study, held_before(paths, day, by_gates=by_gates)


def _left_out(paths: StudyPaths, block: Block) -> Held | None:
    """Return what holds a session that people decided not to have: what was planned of it is still there."""
    if block in paths.sequence.of_day(block.day):
        return None
    decided = standing(read_amendments(paths.amendments))
    last = next((one for one in reversed(decided) if one.kind in _TAKEN_BACK and (one.day, one.block) == block), None)
    return Held(
        day=block.day,
        checkpoint="person",
        gate=last.kind if last else "drop_block",
        expected="a session of the study",
        found=f"skipped by {last.who} on {last.utc[:10]}: {last.why}" if last else "no session of the study",
        remedy="Show the session that `closedloop status` names.",
        block=block.number,
    )


def _refuse_not_asked(
    paths: StudyPaths, protocol: Protocol, amendments: Sequence[Amendment], day: int, checkpoint: Checkpoint
) -> None:
    report = read_gate_report(paths, day, checkpoint)
    if report is None or not follows_from_files(report, paths, protocol, amendments):
        found = "none" if report is None else "one of other files, other decisions or another protocol"
        raise DocumentError(
            f"{gate_report_path(paths, day, checkpoint)}: expected what the gates find of what is there now, found "
            f"{found}. Have them asked by `{command_line('closedloop', 'run', paths.root)}`."
        )
