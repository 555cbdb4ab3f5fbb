"""The documents of the study: what was asked for, and the tables of what was answered and found."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from closedloop.artifacts.discrimination.rules import ExclusionRules
from closedloop.artifacts.documents import Document
from closedloop.artifacts.layouts import Column, TableLayout


class DiscriminationStudy(Document):
    """settings.json: whose answers to which images were analysed, by which rules."""

    kind: Literal["discrimination_study"] = "discrimination_study"
    code_version: str
    experiment_id: str
    source: str = Field(description="where the images are from, in words")
    epsilons: tuple[float, ...]
    n_pairs: int
    n_subjects: int = Field(description="who answered at least one trial")
    n_sessions: int = Field(description="begun")
    n_checks: int = Field(ge=0, description="simulated studies in which the intervals were checked")
    rules: ExclusionRules
    seed: int


ANSWERS = TableLayout(
    kind="discrimination_answers",
    columns={
        "subject": Column("string", "", "code"),
        "session": Column("int32", "", "from 1"),
        "trial": Column("int32", "", "in the order shown, from 0"),
        "kind": Column("string", "", "perturbed-clean, clean-perturbed, clean-clean, perturbed-perturbed or catch"),
        "pair_index": Column("int32", "", "which of experiment.json's pairs; -1 of a catch trial"),
        "image_id": Column("string", "", "the clean image of the pair; empty of a catch trial"),
        "epsilon": Column("float64", "224-px L2", "what the pair counts under; NaN of a catch trial"),
        "is_different": Column("bool", "", "whether the two images differed"),
        "said": Column("string", "", "same, different, or empty: no answer in time"),
        "reaction_ms": Column("float64", "ms", "from the end of the second image; NaN without an answer"),
        "frames_first": Column("int32", "", "frames counted, first image"),
        "frames_gap": Column("int32", "", "grey between"),
        "frames_second": Column("int32", "", "second image"),
        "first_ms": Column("float64", "ms", "how long the first image was up, by time stamps"),
        "gap_ms": Column("float64", "ms", "grey between"),
        "second_ms": Column("float64", "ms", "second image"),
        "is_off": Column("bool", "", "one of the three was off by more than a tenth and than a frame"),
        "n_late": Column("int32", "", "frames that came at least half a frame late"),
        "times_begun": Column("int32", "", "1, more where a reload or a kill cut it"),
        "left_out": Column("string", "", "why it does not count; empty where it does"),
    },
)

ANSWERED_SESSIONS = TableLayout(
    kind="discrimination_sessions",
    columns={
        "subject": Column("string", "", "code"),
        "session": Column("int32", "", "from 1"),
        "front_end": Column("string", "", "browser, psychopy, headless or simulated"),
        "refresh_hz": Column("float64", "Hz", "measured"),
        "image_px": Column("int32", "px", "side of the image on the screen"),
        "n_launches": Column("int32", "", "1, more after reloads and kills"),
        "is_finished": Column("bool", "", "whether it came to its end"),
        "n_trials": Column("int32", "", "shown whole, catch trials too"),
        "n_time_outs": Column("int32", "", "not answered in time"),
        "n_late": Column("int32", "", "trials with a frame that came late"),
        "n_off": Column("int32", "", "trials with an image or grey up for another time than asked for"),
        "n_catch": Column("int32", "", "catch trials answered"),
        "catch_rate": Column("float64", "", "part of them called different; NaN without any"),
        "left_out": Column("string", "", "why none of it counts; empty where it does"),
    },
)

_RATES = {
    "n_trials": Column("int64", "", "answers that count"),
    "hit_rate": Column("float64", "", "part of different pairs called different"),
    "false_rate": Column("float64", "", "part of equal pairs called different"),
    "correct": Column("float64", "", "(hits + 1 - false alarms) / 2"),
}

DETECTION = TableLayout(
    kind="discrimination_detection",
    columns={
        "epsilon": Column("float64", "224-px L2", "of the pairs; NaN in the row of catch trials"),
        "n_pairs": Column("int32", "", "perturbed images"),
        "n_subjects": Column("int32", "", "who answered"),
        **_RATES,
        "low": Column("float64", "", "95 % interval of correct, over subjects and images"),
        "high": Column("float64", "", "its other end"),
        "d_prime": Column("float64", "", "of the differencing model"),
        "d_prime_low": Column("float64", "", "95 % interval, over subjects and images"),
        "d_prime_high": Column("float64", "", "its other end"),
        "binomial_low": Column("float64", "", "of correct, as if each answer were a draw of its own: too narrow"),
        "binomial_high": Column("float64", "", "its other end"),
        "true_correct": Column("float64", "", "of simulated observers; NaN of people"),
        "true_d_prime": Column("float64", "", "of the same"),
    },
)

PAIR_RATES = TableLayout(
    kind="discrimination_pairs",
    columns={
        "pair_index": Column("int32", "", "of experiment.json"),
        "image_id": Column("string", "", "the clean image"),
        "epsilon": Column("float64", "224-px L2", "what it counts under"),
        "realised_epsilon": Column("float64", "224-px L2", "from the bytes"),
        **_RATES,
    },
)

SUBJECT_RATES = TableLayout(
    kind="discrimination_subjects",
    columns={
        "subject": Column("string", "", "code"),
        "n_sessions": Column("int32", "", "that count"),
        **_RATES,
        "d_prime": Column("float64", "", "of the differencing model, over all epsilons"),
        "catch_rate": Column("float64", "", "part of catch trials called different"),
        "left_out": Column("string", "", "why nothing of the subject counts; empty where something does"),
    },
)

INTERVAL_CHECKS = TableLayout(
    kind="discrimination_coverage",
    columns={
        "observers": Column("string", "", "alike: one d' for all; differing: over subjects and images"),
        "epsilon": Column("float64", "224-px L2", "of the pairs"),
        "true_correct": Column("float64", "", "by the observers' law"),
        "true_d_prime": Column("float64", "", "by the same"),
        "n_studies": Column("int64", "", "simulated"),
        "correct": Column("float64", "", "part whose interval of percent correct holds the truth"),
        "d_prime": Column("float64", "", "part whose interval of d' does"),
        "binomial": Column("float64", "", "part whose binomial interval of percent correct does"),
    },
)
