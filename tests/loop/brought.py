"""What people bring: a day that another program ran, a protocol of a single day."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

import closedloop as library
from closedloop.artifacts.day.journal import read_journal
from tests.loop.studies import PROTOCOL


def shown_elsewhere(study: Path, folder: Path) -> Path:
    """Write what another program would have of a study's first day: its table of clean images, and the pictures."""
    folder.mkdir()
    recorded = library.open_study(study)
    shown = recorded.presentations(0)
    clean = set(shown.query("kind == 'clean'")["stimulus_id"])
    for name in clean:
        Image.fromarray(recorded.image(name)).save(folder / f"{name}.png")
    lines = [
        f"{one.stimulus_id}.png,{one.code},{one.onset_s:.6f},{int(one.outcome == 'accepted')}"
        for one in read_journal(study / "day-00" / "present" / "journal.jsonl").presentations
        if one.stimulus_id in clean
    ]
    (folder / "shown.csv").write_text("\n".join(["image,code,time_s,fixation", *lines]) + "\n")
    return folder / "shown.csv"


def one_day(folder: Path, **changes: str) -> Path:
    """Write the small protocol with one day, and with other values of some keys."""
    text = PROTOCOL.read_text().replace("days: 2", "days: 1").replace("raw_days: [1]", "raw_days: []")
    for old, new in ({"name: two_days": "name: one_day"} | changes).items():
        text = text.replace(old, new)
    path = folder / "one_day.yaml"
    path.write_text(text)
    return path
