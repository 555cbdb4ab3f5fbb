"""The page of a disturbed study: every event, what the program said, what was decided, and what came of it."""

from __future__ import annotations

from closedloop.artifacts.records.chaos import Chaos, ChaosEvent, ChaosFolder, ChaosNumber
from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.study import STAGES
from closedloop.report.layout import Card, Page, PageSection, render
from closedloop.report.tables import Table
from closedloop.report.wording import count

SAID = {
    "killed_loop": "the loop is killed as it works",
    "full_disk": "the disk takes no more of a file",
    "slow_copy": "the recording is half copied when the loop looks",
    "truncated_copy": "the copy of the recording is cut short",
    "killed_rig": "the rig is killed as it presents",
    "lost_codes": "codes never arrive at the recorder",
    "doubled_codes": "codes arrive twice",
    "recorder_pause": "the recorder is paused",
    "clock_reset": "the recorder's clock begins again from zero",
    "dead_electrode": "an electrode is silent from this day on",
    "early_end": "the session is stopped before its end",
    "skipped_day": "nothing is recorded on this day",
}
"""What each kind of event is."""


def chaos_page(found: Chaos, *, subject: str, command: str) -> bytes:
    """Return the page, one file of HTML.

    Parameters
    ----------
    found
        What was planted and what came of it.
    subject
        The studies'.
    command
        What makes it again.
    """
    return render(
        Page(
            title=f"{subject}: chaos, seed {found.seed}",
            subtitle="A simulated study to which things went wrong on purpose, beside the same study undisturbed.",
            facts=(
                ("Study", found.study_id),
                ("Days", count(found.n_days)),
                ("Run by", f"closedloop {found.code_version}"),
            ),
            command=command,
            simulated=True,
            notices=tuple(_notices(found)),
            links=(),
            sections=(_headline(found), _events(found), _days(found), _numbers(found)),
        )
    )


def _notices(found: Chaos) -> list[str]:
    return [
        *(f"closedloop verify: {fault}" for fault in found.faults),
        *(
            f"{_folder(one)} differs from the undisturbed study, and no event explains it."
            for one in found.folders
            if one.is_unexplained
        ),
        *(
            f"Day {one.day}: {SAID[one.kind]}: {'the study did not go on' if one.happened else 'it did not happen'}."
            for one in found.events
            if not one.answered
        ),
    ]


def _headline(found: Chaos) -> PageSection:
    n_same = sum(one.is_same for one in found.folders)
    days = ", ".join(map(str, found.same_days)) or "none"
    return PageSection(
        anchor="summary",
        heading="What came of it",
        cards=(
            Card("events", count(len(found.events)), "planted, each told below"),
            Card("days unchanged", days, "byte for byte the undisturbed ones"),
            Card("folders unchanged", f"{n_same} of {len(found.folders)}", "likewise"),
            Card("unexplained", count(sum(one.is_unexplained for one in found.folders)), "differences"),
            Card("faults", count(len(found.faults)), "found by closedloop verify"),
        ),
    )


def _events(found: Chaos) -> PageSection:
    return PageSection(
        anchor="events",
        heading="Events",
        tables=(
            Table(
                columns=("", "what", "what was done", "what the program said", "what was decided"),
                rows=tuple(_event_row(number, one) for number, one in enumerate(found.events, start=1)),
                caption="In the order of the days. Where the program said nothing it needed nobody.",
                prose=True,
            ),
        ),
    )


def _event_row(number: int, one: ChaosEvent) -> tuple[str, ...]:
    return (
        f"{number}:\u00a0day\u00a0{one.day}",  # on one line
        SAID[one.kind],
        one.happened or "it did not happen",
        " ".join(one.answers) or "–",
        "; ".join(one.decisions) or "–",
    )


def _days(found: Chaos) -> PageSection:
    by_place = {(Block(one.day, one.block), one.stage): one for one in found.folders if one.day is not None}
    made = (Block(one.day, one.block) for one in found.folders if one.day is not None)
    sessions = sorted({*map(Block, range(found.n_days)), *made})
    stages = [stage for stage in STAGES if any(one.stage == stage for one in found.folders)]
    differing = [one for one in found.folders if not one.is_same]
    return PageSection(
        anchor="days",
        heading="Beside the undisturbed study",
        tables=(
            Table(
                columns=("", *stages),
                rows=tuple(
                    (session.said, *(_mark(by_place.get((session, stage))) for stage in stages)) for session in sessions
                ),
                caption="=: the same files, byte for byte. ≠: others, because of an event or of what they were made "
                "from. A model that was fitted to other responses makes other images, and with them all that follows.",
            ),
        ),
        folded=(
            (
                "Why each other folder differs",
                Table(
                    columns=("", "because of"),
                    rows=tuple((_folder(one), ", ".join(one.because) or "nothing that is known") for one in differing),
                    caption="Events of the folder itself, and folders that it was made from.",
                    prose=True,
                ),
            ),
        )
        if differing
        else (),
    )


def _mark(one: ChaosFolder | None) -> str:
    if one is None:
        return "–"
    return "=" if one.is_same else "≠" if one.because else "≠ !"


def _folder(one: ChaosFolder) -> str:
    return one.stage if one.day is None else f"{Block(one.day, one.block).said} {one.stage}"


def _numbers(found: Chaos) -> PageSection:
    return PageSection(
        anchor="numbers",
        heading="Measured sensitivity",
        tables=(
            Table(
                columns=("", "ε", "undisturbed", "disturbed", "difference"),
                rows=tuple(_number_row(one) for one in found.numbers),
                caption="σ, mean ± SE, the paper's estimator on the anchor images where the study has them.",
            ),
        ),
    )


def _number_row(one: ChaosNumber) -> tuple[str, ...]:
    apart = "–"
    if one.undisturbed is not None and one.disturbed is not None:
        apart = f"{one.disturbed - one.undisturbed:+.3f}"
    return (
        f"day {one.day}",
        f"{one.epsilon:g}",
        _cell(one.undisturbed, one.undisturbed_error),
        _cell(one.disturbed, one.disturbed_error),
        apart,
    )


def _cell(value: float | None, error: float | None) -> str:
    if value is None:
        return "–"
    return f"{value:.3f}" if error is None else f"{value:.3f} ± {error:.3f}"
