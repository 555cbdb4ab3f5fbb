"""Journals of the real rig, killed and resumed, and what a whole replay of their bytes counts."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from closedloop.artifacts.day.journal import Journal, accepted, read_journal
from closedloop.artifacts.day.journal_rows import (
    LaunchOpened,
    Presentation,
    PresentationBegun,
    TimeOut,
    TrialEnded,
    TrialStarted,
)
from closedloop.artifacts.day.presented.codes import codes_sent
from closedloop.artifacts.day.presented.launch_times import time_at_work_s
from closedloop.artifacts.day.session_summary import confirmed_reward_ms
from closedloop.service.reading.session.journal import JournalLook
from rig.apparatus import Launch
from rig.launch import run_launch
from rig.stop import StopRequest


def show(session: Path, out: Path, *, resume: bool = False) -> None:
    """Show a session by the real rig, in this process."""
    order = Launch(session=session, out=out, display="headless", resume=resume)
    run_launch(order, stop=StopRequest(), on_trial=lambda state, now_s: None)


def killed_and_resumed(session: Path, out: Path, *, parts: tuple[float, ...]) -> bytes:
    """Return the journal of a session that was cut after these parts of it, each time resumed."""
    journal = out / "journal.jsonl"
    show(session, out)
    for part in parts:
        content = journal.read_bytes()
        (out / "summary.json").unlink(missing_ok=True)
        journal.write_bytes(content[: int(part * len(content))])
        show(session, out, resume=True)
    return journal.read_bytes()


def replay(content: bytes, folder: Path) -> Journal:
    """Read bytes as a journal, whole."""
    path = folder / "replayed.jsonl"
    path.write_bytes(content)
    return read_journal(path)


def counted_by_replay(journal: Journal) -> dict[str, Any]:
    """Count a journal as the stages do that take it over."""
    rows, shown = journal.rows, journal.presentations
    trials = Counter(row.outcome for row in rows if isinstance(row, TrialEnded))
    codes = codes_sent(rows)
    ordinals = {row.ordinal for row in shown}
    return {
        "n_launches": len(journal.launches),
        "n_rows": len(rows),
        "n_presentations": len(shown),
        "n_accepted": len(accepted(rows)),
        "n_rejected": len(shown) - len(accepted(rows)),
        "rejected": dict(Counter(row.reason for row in shown if row.outcome == "rejected")),
        "n_cut": sum(isinstance(row, PresentationBegun) and row.ordinal not in ordinals for row in rows),
        "n_trials": trials.total(),
        **{f"n_{name}": trials[name] for name in ("completed", "broken", "ignored", "stopped")},  # type: ignore[index]
        "n_time_outs": sum(isinstance(row, TimeOut) for row in rows),
        "n_codes": sum(code.is_certain for code in codes),
        "n_codes_doubtful": sum(not code.is_certain for code in codes),
        "codes_s": _codes_s(journal),
        "working_s": time_at_work_s(journal.rows),
        "reward_ms": confirmed_reward_ms(rows),
        "ended": journal.ended,
        "last_images": [row.image_index for row in shown[-8:]],
        "in_minutes": len(shown),
    }


def counted_live(look: JournalLook) -> dict[str, Any]:
    """Return the same of a look at a growing journal."""
    counts = look.counts
    special = {
        "ended": look.rows.ended,
        "last_images": [shown.image for shown in counts.last_images],
        "in_minutes": sum(minute.accepted + minute.rejected for minute in counts.minutes),
    }
    names = (
        *("n_launches", "n_rows", "n_presentations", "n_accepted", "n_rejected", "rejected", "n_cut", "n_trials"),
        *("n_completed", "n_broken", "n_ignored", "n_stopped", "n_time_outs", "n_codes", "n_codes_doubtful"),
        *("codes_s", "working_s", "reward_ms"),
    )
    return {name: getattr(counts, name) for name in names} | special


def _codes_s(journal: Journal) -> float:
    spans: list[list[float]] = []
    for row in journal.rows:
        if isinstance(row, LaunchOpened):
            spans.append([])
        elif isinstance(row, Presentation) and spans:
            spans[-1].append(row.onset_s)
        elif isinstance(row, TrialStarted) and spans:
            spans[-1].append(row.time_s)
    return sum(max(times) - min(times) for times in spans if times)
