"""Makes a day of training a session folder like any other: sealed, with its pictures and their order, and a screen.

::

    train-2026-11-28/  day.json  session/  journal.jsonl  summary.json
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop.artifacts import catalog
from closedloop.artifacts.day.session import (
    PRESENTATIONS,
    CodeSettings,
    ScreenSettings,
    ScriptedMonkey,
    SessionDocument,
    TrialSettings,
)
from closedloop.artifacts.day.session_fitness import misfits_of_screen
from closedloop.artifacts.manifest import MANIFEST_NAME, Manifest, describe_files
from closedloop.artifacts.naming import derive_seed, generator, stimulus_id
from closedloop.artifacts.rig.description import RigDocument
from closedloop.artifacts.rig.training import TrainingDay
from closedloop.artifacts.tables import write_table
from closedloop.storage import make_folder, publish_folder, remove_folder, sha256_bytes
from closedloop.storage.arrays import save_array
from rig.machine.timeline import frames_of
from rig.training.folder import DAY_NAME, SESSION_FOLDER
from rig.training.pictures import SIDE_PX, blank, dots, read_pictures
from rig.training.staircase import reward_ms

STUDY = "training"

_MOST_HOURS = 4.5  # of a day whose every trial is completed; the next `rig train` begins another
_MOST_TRIALS = 20_000
_BOXCAR_SAMPLES = 5
_DESK = {"width_px": 800, "height_px": 600, "refresh_hz": 60.0, "cm_per_px": 0.05, "full_screen": False}
_DESK_CM = 60.0


def make_day(final: Path, day: TrainingDay, rig: RigDocument | None) -> None:
    """Write the folder of a day, whole or not at all.

    Parameters
    ----------
    final
        Where it is to be.
    day
        With what it begins.
    rig
        Whose screen it is shown on; None for a window on a desk, without an animal.

    Raises
    ------
    SessionError
        The pictures cannot be read.
    StorageError
        The folder cannot be written.
    """
    images = _images_of(day)
    working = final.with_name(f".{final.name}.partial")
    remove_folder(working)  # of a rig that was killed as it wrote it
    folder = working / SESSION_FOLDER
    make_folder(folder)
    document = _session_of(day, final.name, rig, n_images=len(images))
    _write_plan(folder, images, document)
    Manifest(
        simulated=day.simulated,
        stage="train",
        day=None,
        seed=document.seed,
        code_version=version("closedloop"),
        protocol_sha256=sha256_bytes(day.settings.model_dump_json().encode()),
        input_hash=sha256_bytes(day.to_bytes()),
        inputs={},
        outputs=describe_files(folder),
        seconds=0.0,
        peak_memory_mb=0.0,
    ).write(folder / MANIFEST_NAME)
    day.write(working / DAY_NAME)
    publish_folder(working, final)


def _images_of(day: TrainingDay) -> NDArray[np.uint8]:
    if day.settings.shown == "dots":
        return dots(day.settings)
    return read_pictures(Path(day.pictures)) if day.pictures is not None else blank(day.settings)


def _write_plan(folder: Path, images: NDArray[np.uint8], document: SessionDocument) -> None:
    """Write session.json, the images, and an order in which each comes once before any comes again."""
    n_rounds = -(-document.n_presentations // len(images))
    random = generator(document.seed, "order")
    order = np.concatenate([random.permutation(len(images)) for _ in range(n_rounds)])[: document.n_presentations]
    names = [stimulus_id(image) for image in images]
    save_array(folder / catalog.SESSION_IMAGES.name, images)
    write_table(
        folder / catalog.PRESENTATIONS.name,
        PRESENTATIONS,
        {
            "presentation_index": np.arange(len(order)),
            "stimulus_id": [names[index] for index in order],
            "image_index": order,
            "repetition": np.arange(len(order)) // len(images),
        },
        simulated=document.simulated,
    )
    document.write(folder / catalog.SESSION.name)


def _session_of(day: TrainingDay, name: str, rig: RigDocument | None, *, n_images: int) -> SessionDocument:
    settings, screen = day.settings, _screen_of(day, rig)
    trial = _trial_of(day, screen.refresh_hz)
    each_s = (day.start.hold_ms + settings.intertrial_ms) / 1000.0
    each_s += trial.presentations_per_trial * (trial.on_frames + trial.off_frames) / screen.refresh_hz
    n_trials = min(_MOST_TRIALS, max(1, int(3600 * _MOST_HOURS / each_s)))
    seed = derive_seed(settings.seed, name)
    monkey = ScriptedMonkey(seed=seed, ignore_probability=0.0, leave_early_probability=0.0)  # a learning one takes over
    return SessionDocument(
        simulated=day.simulated,
        session_id=f"{day.subject}/{name}",
        study_id=STUDY,
        subject=day.subject,
        day=0,
        seed=seed,
        n_presentations=n_trials * trial.presentations_per_trial,
        n_images=n_images,
        image_side_px=SIDE_PX,
        screen=screen,
        trial=trial,
        codes=CodeSettings(),
        monkey=monkey if day.simulated else None,
    )


def _trial_of(day: TrainingDay, refresh_hz: float) -> TrialSettings:
    """Return what stays the same all day; hold, window and reward are what the day begins with."""
    settings = day.settings
    is_bare = settings.shown == "nothing"  # one frame of background: the least that the machine's trial shows
    return TrialSettings(
        on_frames=1 if is_bare else max(1, frames_of(settings.on_ms, refresh_hz)),
        off_frames=0 if is_bare else frames_of(settings.off_ms, refresh_hz),
        presentations_per_trial=1 if is_bare else settings.presentations_per_trial,
        acquire_timeout_ms=settings.acquire_timeout_ms,
        hold_ms=day.start.hold_ms,
        fixation_window_deg=day.start.window_deg,
        saccade_boxcar_samples=_BOXCAR_SAMPLES,
        gaze_grace_ms=settings.grace_ms,
        intertrial_ms=settings.intertrial_ms,
        reward_ms=reward_ms(day.start, settings),
        misses_before_time_out=settings.misses_before_time_out,
        time_out_ms=settings.time_out_ms,
        fixation_dot_px=settings.dot_px,
    )


def _screen_of(day: TrainingDay, rig: RigDocument | None) -> ScreenSettings:
    """Return the rig's screen, with pictures as near to the wanted size as whole screen pixels allow."""
    if rig is None:
        plain, distance_cm = dict(_DESK, screen=0, photodiode_px=0), _DESK_CM
    else:
        found, patch, distance_cm = rig.subject_screen, rig.photodiode, rig.subject_screen.distance_cm
        plain = {name: getattr(found, name) for name in ("screen", "width_px", "height_px", "refresh_hz", "cm_per_px")}
        plain["photodiode_px"] = patch.side_px if patch is not None else 0
    half_cm = distance_cm * math.tan(math.radians(day.settings.picture_deg) / 2)
    scale = max(1, round(2 * half_cm / float(plain["cm_per_px"]) / SIDE_PX))
    screen = _scaled(plain, day, scale, distance_cm)
    while screen.image_scale > 1 and any(misfits_of_screen(screen, SIDE_PX)):
        screen = _scaled(plain, day, screen.image_scale - 1, distance_cm)
    return screen


def _scaled(plain: Mapping[str, object], day: TrainingDay, scale: int, distance_cm: float) -> ScreenSettings:
    half_cm = SIDE_PX * scale * float(str(plain["cm_per_px"])) / 2
    angle_deg = 2 * math.degrees(math.atan(half_cm / distance_cm))
    given = {**plain, "image_scale": scale, "visual_angle_deg": angle_deg, "grey_level": day.settings.grey_level}
    return ScreenSettings.model_validate(given)
