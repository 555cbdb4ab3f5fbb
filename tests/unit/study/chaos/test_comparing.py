"""Which folders of two studies are the same, and why others are not, in studies of small stages."""

from __future__ import annotations

from pathlib import Path

from closedloop.artifacts.records.chaos import Chaos, ChaosEvent, ChaosFolder, ChaosKind
from closedloop.stages.context import StageContext
from closedloop.study.chaos.comparing import compare_folders
from tests.unit.study.labs import Lab, lab

N_DAYS = 4


def event(kind: ChaosKind, day: int) -> ChaosEvent:
    return ChaosEvent(kind=kind, day=day, stage="recording", amount=0.5, happened="yes", answered=True)


def write_more(context: StageContext) -> None:
    (context.working / "more.txt").write_text("other")


def two_studies(root: Path, *, tampered: int | None) -> tuple[Lab, Lab]:
    """Return two finished studies; the first one's recording of a day is another, and what follows was made of it."""
    disturbed, undisturbed = lab(root / "disturbed", days=N_DAYS), lab(root / "undisturbed", days=N_DAYS)
    if tampered is not None:
        disturbed.at[f"{tampered} recording"] = write_more
    for one in (disturbed, undisturbed):
        one.run()
    return disturbed, undisturbed


def chaos(events: tuple[ChaosEvent, ...], folders: tuple[ChaosFolder, ...]) -> Chaos:
    return Chaos(simulated=True, seed=0, study_id="0", code_version="0", n_days=N_DAYS, events=events, folders=folders)


def test_equal_studies_are_equal_in_every_folder(tmp_path: Path) -> None:
    disturbed, undisturbed = two_studies(tmp_path, tampered=None)
    found = compare_folders(disturbed.paths, undisturbed.paths, (event("killed_loop", 1),), n_days=N_DAYS)
    assert len(found) == 1 + 9 * N_DAYS - 1
    assert all(one.is_same and not one.because for one in found)
    assert chaos((event("killed_loop", 1),), found).same_days == (0, 1, 2, 3)


def test_what_follows_from_an_event_is_explained_by_it_and_days_before_it_are_the_same(tmp_path: Path) -> None:
    disturbed, undisturbed = two_studies(tmp_path, tampered=2)
    events = (event("lost_codes", 2),)
    found = compare_folders(disturbed.paths, undisturbed.paths, events, n_days=N_DAYS)
    because = {(one.day, one.stage): one.because for one in found if not one.is_same}
    assert because[2, "recording"] == ("lost_codes",)
    assert because[2, "ingest"] == ("day-02/recording",)
    assert because[2, "refit"] == ("day-02/ingest",)
    assert because[3, "synthesize"] == ("day-02/refit", "day-03/plan")  # the queue was made of the evaluation
    assert not [one for one in found if one.is_unexplained]
    assert chaos(events, found).same_days == (0, 1)
    assert chaos(events, found).is_well


def test_a_difference_that_nothing_explains_is_told(tmp_path: Path) -> None:
    disturbed, undisturbed = two_studies(tmp_path, tampered=1)
    events = (event("lost_codes", 2),)
    found = compare_folders(disturbed.paths, undisturbed.paths, events, n_days=N_DAYS)
    assert [(one.day, one.stage) for one in found if one.is_unexplained] == [(1, "recording")]
    assert not chaos(events, found).is_well


def test_a_file_that_was_changed_after_it_was_published_is_a_difference(tmp_path: Path) -> None:
    disturbed, undisturbed = two_studies(tmp_path, tampered=None)
    (disturbed.paths.folder("evaluate", 0) / "evaluate.txt").write_text("other")
    found = compare_folders(disturbed.paths, undisturbed.paths, (), n_days=N_DAYS)
    assert [(one.day, one.stage) for one in found if one.is_unexplained] == [(0, "evaluate")]


def test_a_dead_electrode_explains_every_recording_since(tmp_path: Path) -> None:
    disturbed, undisturbed = two_studies(tmp_path, tampered=3)
    found = compare_folders(disturbed.paths, undisturbed.paths, (event("dead_electrode", 2),), n_days=N_DAYS)
    because = {(one.day, one.stage): one for one in found}
    assert because[3, "recording"].because == ("dead_electrode",)
    assert not because[3, "recording"].is_same
    assert because[2, "recording"].is_same


def test_an_event_that_nobody_answered_is_not_well() -> None:
    unanswered = event("slow_copy", 1).model_copy(update={"answered": False})
    assert not chaos((unanswered,), ()).is_well
    assert chaos((event("slow_copy", 1),), ()).is_well
