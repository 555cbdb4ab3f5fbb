"""Session folders to present: a few presentations of noise images, sealed like the schedule stage's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from closedloop.artifacts.manifest import MANIFEST_NAME, Manifest, describe_files
from closedloop.artifacts.naming import stimulus_id
from closedloop.artifacts.session import CodeSettings, ScreenSettings, ScriptedMonkey, SessionDocument, TrialSettings
from closedloop.artifacts.tables import PRESENTATIONS, write_table

BuildSession = Callable[..., Path]


def seal(folder: Path) -> None:
    """Write the manifest of a session folder."""
    Manifest(
        simulated=True,
        stage="schedule",
        day=0,
        seed=0,
        code_version="test",
        protocol_sha256="0" * 64,
        input_hash="0" * 64,
        inputs={},
        outputs=describe_files(folder),
        seconds=0.0,
        peak_memory_mb=0.0,
    ).write(folder / MANIFEST_NAME)


def build_session(
    folder: Path,
    *,
    n_images: int = 6,
    n_presentations: int = 12,
    side_px: int = 16,
    screen: dict[str, object] | None = None,
    trial: dict[str, object] | None = None,
    ignore: float = 0.1,
    leave: float = 0.2,
    codes: dict[str, object] | None = None,
    **document: object,
) -> Path:
    """Write a sealed session folder; dictionaries override single settings."""
    folder.mkdir(parents=True)
    images = np.random.default_rng(5).integers(0, 256, (n_images, side_px, side_px, 3), dtype=np.uint8)
    image_index = np.arange(n_presentations) % n_images
    np.save(folder / "images.npy", images)
    columns = {
        "presentation_index": np.arange(n_presentations),
        "stimulus_id": [stimulus_id(images[i]) for i in image_index],
        "image_index": image_index,
        "repetition": np.arange(n_presentations) // n_images,
    }
    write_table(folder / "presentations.parquet", PRESENTATIONS, columns, simulated=True)
    screen_defaults = {
        "refresh_hz": 60.0,
        "width_px": 320,
        "height_px": 240,
        "cm_per_px": 0.03,
        "image_scale": 1,
        "visual_angle_deg": 8.0,
        "grey_level": 127,
        "full_screen": False,
        "photodiode_px": 24,
    }
    trial_defaults = {
        "on_frames": 6,
        "off_frames": 6,
        "presentations_per_trial": 3,
        "acquire_timeout_ms": 2000.0,
        "hold_ms": 160.0,
        "fixation_window_deg": 2.0,
        "saccade_boxcar_samples": 5,
        "intertrial_ms": 500.0,
        "reward_ms": 80.0,
        "misses_before_time_out": 5,
        "time_out_ms": 2500.0,
        "fixation_dot_px": 4,
    }
    fields: dict[str, object] = {
        "simulated": True,
        "session_id": "study/day-00",
        "study_id": "study",
        "subject": "simulated",
        "day": 0,
        "seed": 3,
        "monkey": ScriptedMonkey(seed=11, ignore_probability=ignore, leave_early_probability=leave),
    }
    SessionDocument(
        n_presentations=n_presentations,
        n_images=n_images,
        image_side_px=side_px,
        screen=ScreenSettings.model_validate({**screen_defaults, **(screen or {})}),
        trial=TrialSettings.model_validate({**trial_defaults, **(trial or {})}),
        codes=CodeSettings.model_validate(codes or {}),
        **{**fields, **document},
    ).write(folder / "session.json")
    seal(folder)
    return folder


@pytest.fixture
def make_session(tmp_path: Path) -> BuildSession:
    """Give `build_session`, writing into the test's folder."""
    return lambda name="schedule", **settings: build_session(tmp_path / name, **settings)
