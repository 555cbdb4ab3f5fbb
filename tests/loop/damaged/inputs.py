"""Ways to damage what a study stands on: photographs, weights, what was sealed, array maps."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

from closedloop.artifacts import catalog
from tests.loop.damaged.recordings import cut, recording, rewrite
from tests.loop.real_study import RealStudy


def photographs(real: RealStudy) -> list[Path]:
    """Return the study's photographs."""
    return sorted(real.root.with_name(f"{real.root.name}-photographs").rglob("*.png"))


def a_photograph_overwritten(real: RealStudy) -> None:
    """Write one photograph over all others."""

    for file in photographs(real):
        file.write_bytes(photographs(real)[0].read_bytes())


def a_photograph_cut(real: RealStudy) -> None:
    """Cut every photograph."""

    for file in photographs(real):
        cut(file, 0.7)


def photographs_lost(real: RealStudy) -> None:
    """Leave every photograph out."""

    for file in photographs(real):
        file.unlink()


def photographs_renamed(real: RealStudy) -> None:
    """Exchange the names of photographs."""

    files = photographs(real)
    for file, other in zip(files[::2], files[1::2], strict=True):
        kept = file.with_suffix(".kept")
        file.rename(kept)
        other.rename(file)
        kept.rename(other)


def photographs_added(real: RealStudy) -> None:
    """Copy every photograph to another name."""

    for file in photographs(real):
        shutil.copy(file, file.with_name(f"a_{file.name}"))


def started_with_other_weights(real: RealStudy) -> None:
    """Change a weight of model 0."""

    model = next(real.root.glob("start/*.safetensors"))
    rewrite(model, lambda content: content[:-4] + b"\0\0\x80?")


def session_folder_edited(real: RealStudy) -> None:
    """Change a pixel that travels to the rig."""

    images = real.paths.folder("schedule", 0) / catalog.SESSION_IMAGES.name
    rewrite(images, lambda content: content[:-4] + b"\0\1\2\3")


def plan_edited(real: RealStudy) -> None:
    """Change what the session folder says."""

    session = real.paths.folder("schedule", 0) / catalog.SESSION.name
    session.write_text(session.read_text().replace('"subject": "monkey"', '"subject": "another"'))


def protocol_edited(real: RealStudy) -> None:
    """Change what the recorded session was planned with."""
    before = real.paths.protocol.read_text()
    after = before.replace("anchors: 4", "anchors: 3")
    assert after != before
    real.paths.protocol.write_text(after)


def subject_edited(real: RealStudy) -> None:
    """Change the study's subject."""

    real.paths.study.write_text(real.paths.study.read_text().replace('"subject": "monkey"', '"subject": "another"'))


def array_map(rows: str) -> Callable[[RealStudy], None]:
    """Bring an array map of these lines."""

    return lambda real: recording(real, "array1.cmp").write_text(rows) and None
