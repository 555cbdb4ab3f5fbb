"""From simulated observers' journals to the tables: what counts, and what does not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from closedloop.artifacts.discrimination.experiment import OpenExperiment
from closedloop.artifacts.discrimination.journal import answers_bytes, read_answers
from closedloop.artifacts.discrimination.rows import PairAnswered
from closedloop.artifacts.discrimination.rules import ExclusionRules, read_rules
from closedloop.errors import DocumentError, StudyError
from closedloop.studies.discrimination.gather import TIMED_OUT, gather_answers
from closedloop.studies.discrimination.observers import ObserverLaw, answer_trials, true_rates
from closedloop.studies.discrimination.preparation.folder import LaboratoryFiles
from closedloop.studies.discrimination.simulate import simulate_subjects
from closedloop.studies.discrimination.tables import detection_table, pairs_table, subjects_table
from tests.unit.studies.discrimination.experiments import small_experiment

LAW = ObserverLaw(time_out_rate=0.05)


@pytest.fixture
def answered(tmp_path: Path) -> OpenExperiment:
    experiment = small_experiment(tmp_path / "experiment", n_sessions=6, simulated=True)
    simulate_subjects(experiment, LAW, n_subjects=3, seed=0)
    return experiment


def test_every_trial_of_every_session_is_a_row(answered: OpenExperiment) -> None:
    found = gather_answers(answered, ExclusionRules())
    assert len(found.answers["said"]) == 6 * 22
    assert sorted(set(found.sessions["subject"])) == ["O01", "O02", "O03"]
    assert found.sessions["is_finished"].all()
    assert (found.sessions["n_off"] == 0).all()
    in_time = found.answers["said"] != ""
    assert (found.answers["left_out"][~in_time] == TIMED_OUT).all()
    assert (found.answers["left_out"][in_time] == "").all()
    assert 0 < (~in_time).sum() < 20


def test_rates_are_counted_from_the_answers_that_count(answered: OpenExperiment) -> None:
    found = gather_answers(answered, ExclusionRules())
    table = detection_table(answered, found.answers, law=LAW, seed=0)
    used = found.answers["left_out"] == ""
    for place, epsilon in enumerate((1.0, 10.0)):
        own = used & (found.answers["epsilon"] == epsilon)
        differs, said = found.answers["is_different"][own], found.answers["said"][own] == "different"
        assert table["hit_rate"][place] == pytest.approx(said[differs].mean())
        assert table["false_rate"][place] == pytest.approx(said[~differs].mean())
        assert table["n_trials"][place] == own.sum()
    catch = used & (found.answers["kind"] == "catch")
    assert table["hit_rate"][-1] == pytest.approx((found.answers["said"][catch] == "different").mean())
    assert np.nansum(pairs_table(answered, found.answers)["n_trials"]) == (used & ~catch).sum() - (catch & ~used).sum()


def times(*, hz: float = 60.0, late: int | None = None) -> tuple[float, ...]:
    """Return the times of a trial's nineteen frames, one of them a frame late."""
    return tuple(round(1000 / hz * (frame + (late is not None and frame >= late)), 2) for frame in range(19))


def changed(experiment: OpenExperiment, subject: str, session: int, **fields: object) -> None:
    """Give every answer of a session other fields."""
    path = experiment.paths.journal(subject, session)
    rows = [row.model_copy(update=fields) if isinstance(row, PairAnswered) else row for row in read_answers(path).rows]
    path.write_bytes(answers_bytes(rows))


@pytest.mark.parametrize(
    ("rules", "fields", "words"),
    [
        (ExclusionRules(least_catch_rate=0.75), {"answer": "same", "reaction_ms": 500.0}, "catch rate 0.00 below 0.75"),
        (
            ExclusionRules(most_time_outs=0.5),
            {"answer": None, "reaction_ms": None},
            "22 of 22 trials without an answer in time, above 0.5",
        ),
        (
            ExclusionRules(most_late=0.1),
            {"frame_ms": times(late=3)},
            "22 of 22 trials with a late frame, above 0.1",
        ),
        (ExclusionRules(drop_late_trials=True), {"frame_ms": times(late=3)}, "a frame came late"),
        (
            ExclusionRules(most_off=0.1),
            {"frame_ms": times(hz=120)},
            "22 of 22 trials up for another time than asked for, above 0.1",
        ),
        (
            ExclusionRules(drop_off_trials=True),
            {"frame_ms": times(hz=30)},
            "an image or the grey was up for another time than asked for",
        ),
        (
            ExclusionRules(least_catch_rate=0.75),
            {"answer": None, "reaction_ms": None},
            "no catch trial answered, of which 0.75 were to be called different",
        ),
        (
            ExclusionRules(least_reaction_ms=150),
            {"reaction_ms": 20.0, "answer": "same"},
            "answered in less than 150 ms",
        ),
        (ExclusionRules(left_out={"O01": "asleep"}), {}, "subject left out: asleep"),
    ],
)
def test_a_rule_leaves_out_what_it_names_with_its_reason(
    answered: OpenExperiment, rules: ExclusionRules, fields: dict[str, object], words: str
) -> None:
    changed(answered, "O01", 1, **fields)
    found = gather_answers(answered, rules)
    own = (found.answers["subject"] == "O01") & (found.answers["session"] == 1)
    assert set(found.answers["left_out"][own]) <= {words, TIMED_OUT}
    assert words in found.answers["left_out"][own]
    others = found.answers["subject"] != "O01"
    assert set(found.answers["left_out"][others]) <= {"", TIMED_OUT, "a frame came late"}


def test_a_frame_rate_that_changed_in_the_middle_is_seen_in_the_trials_own_times(answered: OpenExperiment) -> None:
    changed(answered, "O01", 1, frame_ms=times(hz=120))
    changed(answered, "O01", 2, frame_ms=times(hz=30))
    changed(answered, "O02", 3, frame_ms=times(late=3))  # a frame late: within a frame
    found = gather_answers(answered, ExclusionRules())
    n_off = dict(zip(found.sessions["session"].tolist(), found.sessions["n_off"].tolist(), strict=True))
    assert {session: n for session, n in n_off.items() if n} == {1: 22, 2: 22}
    own = found.answers["session"] == 1
    np.testing.assert_allclose(found.answers["first_ms"][own], 50, atol=0.02)
    np.testing.assert_allclose(found.answers["gap_ms"][own], 50, atol=0.02)


def test_a_copied_journal_is_named_and_counts_for_nobody(answered: OpenExperiment) -> None:
    paths = answered.paths
    (paths.journals / "copy of O01-0001.jsonl").write_bytes(paths.journal("O01", 1).read_bytes())
    with pytest.raises(DocumentError, match=r"copy of O01-0001\.jsonl: expected .* found lines of O01-0001\.jsonl"):
        gather_answers(answered, ExclusionRules())


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"reaction_ms": 10_000.5, "answer": "same"}, "an answer to trial 0 within 10 s, found one after 10.00 s"),
        ({"frame_ms": (0.0, 16.7)}, "the time of each frame of trial 0 .* found 2 times"),
        ({"n_frames": (6, 6, 90_000)}, "the time of each frame of trial 0"),
    ],
)
def test_times_that_cannot_be_are_refused(answered: OpenExperiment, fields: dict[str, object], words: str) -> None:
    changed(answered, "O01", 1, **fields)
    with pytest.raises(DocumentError, match=words):
        gather_answers(answered, ExclusionRules())


def test_a_session_is_finished_when_all_of_it_was_shown(answered: OpenExperiment) -> None:
    path = answered.paths.journal("O01", 1)
    *rows, _last, end = read_answers(path).rows
    path.write_bytes(answers_bytes([*rows, end.model_copy(update={"line": len(rows)})]))
    with pytest.raises(DocumentError, match="expected 22 trials of a finished session, found 21"):
        gather_answers(answered, ExclusionRules())


def test_consent_that_was_to_be_given_is_in_each_launch(tmp_path: Path) -> None:
    consent = tmp_path / "consent.txt"
    consent.write_text("I take part.")
    asked = small_experiment(tmp_path / "e", simulated=True, brought=LaboratoryFiles(consent=consent))
    simulate_subjects(asked, LAW, n_subjects=2, seed=0)
    with pytest.raises(DocumentError, match="the subject's consent at each launch, found one without"):
        gather_answers(asked, ExclusionRules())


def test_a_code_that_nobody_has_is_told(answered: OpenExperiment) -> None:
    assert gather_answers(answered, ExclusionRules(left_out={"O77": "asleep", "O01": "asleep"})).nobodys == ("O77",)


def test_a_subject_of_whom_nothing_counts_says_why(answered: OpenExperiment) -> None:
    table = subjects_table(gather_answers(answered, ExclusionRules(left_out={"O02": "moved away"})))
    place = table["subject"].tolist().index("O02")
    assert table["left_out"][place] == "subject left out: moved away"
    assert table["n_trials"][place] == 0
    assert np.isnan(table["correct"][place])


def test_an_answer_to_other_images_than_planned_is_refused(answered: OpenExperiment) -> None:
    changed(answered, "O01", 1, first="f" * 16)
    with pytest.raises(DocumentError, match="images of trial 0 as planned, found others"):
        gather_answers(answered, ExclusionRules())


def test_an_experiment_that_nobody_answered_says_so(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="found none"):
        gather_answers(small_experiment(tmp_path / "experiment"), ExclusionRules())


def test_rules_are_read_from_yaml_and_a_wrong_key_is_named(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text("least_catch_rate: 0.8\nleft_out: {S03: fell asleep}\n")
    assert read_rules(file) == ExclusionRules(least_catch_rate=0.8, left_out={"S03": "fell asleep"})
    file.write_text("least_catch: 0.8\n")
    with pytest.raises(DocumentError, match="least_catch"):
        read_rules(file)


def test_observers_answer_as_often_as_their_law_says() -> None:
    law, n = ObserverLaw(), 4000
    differs = np.tile([True, False], n // 2)
    said = np.stack(
        [
            answer_trials(
                law,
                np.full(n, 5.0),
                law.sd_images * np.random.default_rng(subject).standard_normal(n),
                differs,
                names=(0, subject),
            ).said_different
            for subject in range(150)
        ]
    )
    hits, false = true_rates(law, 5.0)
    assert said[:, differs].mean() == pytest.approx(hits, abs=0.015)
    assert said[:, ~differs].mean() == pytest.approx(false, abs=0.015)
