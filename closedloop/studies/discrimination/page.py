"""The page of the study: the psychometric curve beside the paper's numbers, who does not count, how exact it was."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from closedloop.analysis.discrimination.power import DiscriminationDesign, smallest_seen
from closedloop.artifacts.discrimination.experiment import CATCH, OpenExperiment
from closedloop.artifacts.tables import Columns
from closedloop.report import drawing
from closedloop.report.layout import Card, Page, PageSection, plate, render
from closedloop.report.pictures import Pair, triple
from closedloop.report.quoted import QuotedNumber, origin_of, quoted_table
from closedloop.report.tables import Table
from closedloop.report.wording import DASH, count, number, percent
from closedloop.studies.discrimination.documents import DiscriminationStudy
from closedloop.studies.discrimination.figures import PAPER_EPSILON, SubjectCurve, psychometric_figure
from closedloop.studies.discrimination.gather import TIMED_OUT
from closedloop.studies.discrimination.quality import coverage_section, exactness_section

_LEAST_ATTENTION = 0.75  # of catch trials; with fewer nothing can be said of the others
_WIDE_PX = 640
_POWER = 0.8
_PAPER_CATCH = "97.4 % [97.1, 97.7]"


@dataclass(frozen=True)
class FoundDiscrimination:
    """All that the page and the summary tell of.

    Attributes
    ----------
    document
        settings.json.
    experiment
        The experiment.
    answers, sessions, subjects, pairs, detection
        The study's tables.
    coverage
        Table `INTERVAL_CHECKS`; None where no check was asked for.
    curves
        Each subject's percent correct over epsilon.
    nobodys
        Codes that the rules leave out and that nobody has.
    """

    document: DiscriminationStudy
    experiment: OpenExperiment
    answers: Columns
    sessions: Columns
    subjects: Columns
    pairs: Columns
    detection: Columns
    coverage: Columns | None
    curves: tuple[SubjectCurve, ...]
    nobodys: tuple[str, ...] = ()

    @property
    def by_epsilon(self) -> Columns:
        """The rows of `detection` without that of catch trials."""
        at = np.isfinite(self.detection["epsilon"])
        return {name: column[at] for name, column in self.detection.items()}

    @property
    def catch(self) -> tuple[float, float, float]:
        """The catch rate and its interval."""
        at = int(np.flatnonzero(~np.isfinite(self.detection["epsilon"]))[0])
        rate, low, high = (float(self.detection[name][at]) for name in ("hit_rate", "low", "high"))
        return rate, low, high


def discrimination_page(found: FoundDiscrimination, *, command: str) -> bytes:
    """Return the page as one HTML file that needs nothing else.

    Parameters
    ----------
    found
        What was found.
    command
        The command line that the page shows.
    """
    with drawing.style():
        sections = (
            PageSection("headline", "In short", cards=_cards(found)),
            _quoted(found),
            _curve(found),
            _images(found),
            _people(found),
            exactness_section(found.sessions, found.experiment),
            *([coverage_section(found.coverage)] if found.coverage is not None else []),
        )
    return render(
        Page(
            title="Whether people see the perturbations",
            subtitle="Two images for a tenth of a second each: the same, or not? Appendix 6.2.",
            facts=_facts(found),
            command=command,
            simulated=found.document.simulated,
            notices=_notices(found),
            links=(),
            sections=sections,
        )
    )


def interval_text(value: float, low: float, high: float) -> str:
    """Return a part of 1 with its interval, as ``51.3 % [49.8, 52.7]``.

    Parameters
    ----------
    value
        The estimate.
    low, high
        Ends of its interval; NaN where it is not known.
    """
    if not math.isfinite(value):
        return DASH
    if not (math.isfinite(low) and math.isfinite(high)):
        return f"{percent(value)} (interval unknown)"
    return f"{percent(value)} [{100 * low:.1f}, {100 * high:.1f}]"


def _d_prime_text(own: Columns, place: int) -> str:
    value, low, high = (float(own[name][place]) for name in ("d_prime", "d_prime_low", "d_prime_high"))
    if not math.isfinite(value):
        return DASH
    return f"{value:.2f} [{low:.2f}, {high:.2f}]" if math.isfinite(low) else f"{value:.2f} (interval unknown)"


def _cards(found: FoundDiscrimination) -> tuple[Card, ...]:
    own = found.by_epsilon
    cards = [
        Card(
            f"ε = {own['epsilon'][place]:g}",
            percent(float(own["correct"][place])),
            f"correct; 95 % {100 * own['low'][place]:.1f} to {100 * own['high'][place]:.1f}"
            if math.isfinite(own["low"][place])
            else "correct; interval unknown",
        )
        for place in range(len(own["epsilon"]))
    ]
    rate, low, high = found.catch
    note = f"of catch trials called different; 95 % {100 * low:.1f} to {100 * high:.1f}" if math.isfinite(low) else ""
    return (*cards[:5], Card("Attention", percent(rate), note or "of catch trials called different"))


def _quoted(found: FoundDiscrimination) -> PageSection:
    origin, own = origin_of(simulated=found.document.simulated), found.by_epsilon
    at = np.flatnonzero(own["epsilon"] == PAPER_EPSILON)
    correct = DASH
    if at.size:
        place = int(at[0])
        correct = interval_text(*(float(own[name][place]) for name in ("correct", "low", "high")))
    each = Counter(found.answers["subject"].tolist())
    place_of = "appendix 6.2"
    numbers = [
        QuotedNumber(
            "accuracy at ε = 1",
            correct,
            origin,
            "51 %",
            "We find that the accuracy of detecting a perturbation of ε=1 to be 51%, close to a chance level of 50% of "
            "random guessing in our design.",
            place_of,
        ),
        QuotedNumber(
            "catch trials called different",
            interval_text(*found.catch),
            origin,
            _PAPER_CATCH,
            "On such catch trials, subjects had an average accuracy of 97.4% (0.95-CI: [97.1, 97.7])",
            place_of,
        ),
        QuotedNumber("subjects", count(len(each)), origin, "50", "Human subjects (n=50) were recruited", place_of),
        QuotedNumber(
            "trials",
            count(len(found.answers["said"])),
            origin,
            "13,8096, which is 138,096",
            "to conduct our behavioral experiments (n=13,8096 behavioral trials total)",
            place_of,
        ),
        QuotedNumber(
            "trials of a subject, median",
            count(int(np.median(list(each.values())))),
            origin,
            "1,638",
            "median number of trials per worker = 1,638 trials",
            place_of,
        ),
        QuotedNumber(
            "trials of a session, without its catch trials",
            count(4 * found.experiment.document.pairs_a_session),
            origin,
            "100",
            "On any given session (which consisted of 100 experimental trials), we balanced the number of positive "
            "trials and negative trials.",
            place_of,
        ),
    ]
    caption = (
        "Catch trials come on top of the 100. The paper names no other epsilon's accuracy, no subject left out, and "
        "not how its interval was computed."
    )
    return PageSection("quoted", "Beside the paper's numbers", tables=(quoted_table(numbers, caption=caption),))


def _curve(found: FoundDiscrimination) -> PageSection:
    own = found.by_epsilon
    figure = plate(
        psychometric_figure(found.detection, found.curves),
        "Correct answers and d′ over epsilon",
        caption="Points with 95 % intervals over subjects and images; thin lines are single subjects. Correct is "
        "(H + 1 − F) / 2, one half for whoever guesses, whatever answer is preferred.",
        least_width_px=_WIDE_PX,
    )
    has_truth = bool(np.isfinite(own["true_correct"]).any())
    columns = ["ε", "images", "subjects", "answers", "H", "F", "correct", "d′", "binomial interval", "smallest seen"]
    rows = tuple(
        (
            f"{own['epsilon'][place]:g}",
            *(count(int(own[name][place])) for name in ("n_pairs", "n_subjects", "n_trials")),
            percent(float(own["hit_rate"][place])),
            percent(float(own["false_rate"][place])),
            interval_text(*(float(own[name][place]) for name in ("correct", "low", "high"))),
            _d_prime_text(own, place),
            f"{100 * own['binomial_low'][place]:.1f} to {100 * own['binomial_high'][place]:.1f} %"
            if math.isfinite(own["binomial_low"][place])
            else DASH,
            percent(_smallest(own, place)),
            *([f"{percent(float(own['true_correct'][place]))}, {own['true_d_prime'][place]:.2f}"] if has_truth else []),
        )
        for place in range(len(own["epsilon"]))
    )
    caption = (
        "H and F: different and equal pairs called different. d′ is of the differencing model (0.75 and 0.25 make "
        "2.57), from both rates over all subjects. The binomial interval takes each answer for a draw of its own and "
        "is too narrow where subjects or images differ. Smallest seen: the accuracy that so many answers, subjects and "
        f"images tell from chance with probability {_POWER:g}, if subjects and images are all alike."
    )
    caption += " The last column is the truth of the simulated observers, correct and d′." if has_truth else ""
    table = Table((*columns, *["truth"] * has_truth), rows, caption)
    return PageSection("curve", "How well the images are told apart", wide=(figure,), tables=(table,))


def _smallest(own: Columns, place: int) -> float:
    n_subjects, n_images = int(own["n_subjects"][place]), int(own["n_pairs"][place])
    if min(n_subjects, n_images) < 2:
        return math.nan
    design = DiscriminationDesign(
        n_subjects=n_subjects,
        n_images=n_images,
        trials_a_subject=float(own["n_trials"][place]) / n_subjects,
        false_rate=float(own["false_rate"][place]),
    )
    return min(smallest_seen(design, power=_POWER), 1.0)


def _images(found: FoundDiscrimination) -> PageSection:
    table, images = found.pairs, found.experiment.images()
    document = found.experiment.document
    shown = []
    for epsilon in found.by_epsilon["epsilon"].tolist():
        own = np.flatnonzero((table["epsilon"] == epsilon) & np.isfinite(table["correct"]))
        if not own.size:
            continue
        best = int(own[np.argmax(table["correct"][own])])
        pair = document.pairs[best]
        shown.append(
            triple(
                Pair(
                    _array(images[pair.clean_index]),
                    _array(images[pair.perturbed_index]),
                    caption=f"ε = {epsilon:g}, {pair.image_id}",
                    numbers=f"{percent(float(table['correct'][best]))} correct of {int(table['n_trials'][best])}",
                )
            )
        )
    intro = "At each epsilon the image that was told apart most often: chosen for it, so that its number is too large."
    return PageSection("images", "What was shown", intro=intro, triples=tuple(shown))


def _array(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return np.array(image)


def _people(found: FoundDiscrimination) -> PageSection:
    table = found.subjects
    rows = tuple(
        (
            str(table["subject"][place]),
            count(int(table["n_sessions"][place])),
            count(int(table["n_trials"][place])),
            percent(float(table["correct"][place])),
            number(float(table["d_prime"][place])),
            percent(float(table["catch_rate"][place])),
            str(table["left_out"][place]) or DASH,
        )
        for place in range(len(table["subject"]))
    )
    people = Table(
        ("subject", "sessions", "answers", "correct", "d′", "catch", "left out because"),
        rows,
        "Over all epsilons, answers that count alone. Of a person nothing but the code is stored.",
    )
    reasons = Counter(reason for reason in found.answers["left_out"].tolist() if reason)
    left = Table(
        ("left out because", "trials"),
        tuple((reason, count(n)) for reason, n in sorted(reasons.items())) or (("nothing was left out", "0"),),
        f"Of {count(len(found.answers['left_out']))} trials. Trials without an answer in time count for nothing, "
        "as in the paper; everything else is the laboratory's rule.",
    )
    return PageSection(
        "people", "Who answered, and what does not count", tables=(left,), folded=(("Subjects", people),)
    )


def _facts(found: FoundDiscrimination) -> tuple[tuple[str, str], ...]:
    document, task = found.document, found.experiment.document.task
    return (
        ("Answered by", "simulated observers: nobody was asked" if document.simulated else "people"),
        ("Images", document.source),
        ("Perturbed images", f"{count(document.n_pairs)} at ε {', '.join(f'{one:g}' for one in document.epsilons)}"),
        ("Subjects", f"{count(document.n_subjects)} in {count(document.n_sessions)} sessions"),
        (
            "A trial",
            f"{task.image_ms:g} ms, grey {task.gap_ms:g} ms, {task.image_ms:g} ms; {task.answer_s:g} s to answer",
        ),
        ("Experiment", document.experiment_id),
    )


def _notices(found: FoundDiscrimination) -> tuple[str, ...]:
    notices = []
    own = found.by_epsilon
    if (found.answers["kind"] != CATCH).sum() == 0 or np.isnan(own["correct"].astype(float)).any():
        notices.append(
            "At some epsilons there are no answers to both equal and different pairs: nothing is said of them."
        )
    if len(found.subjects["subject"]) < 2:
        notices.append("One subject: there is no interval over subjects.")
    if found.catch[0] < _LEAST_ATTENTION:
        notices.append(
            f"Only {percent(found.catch[0])} of catch trials, which show two other images, were called different (the "
            "paper: 97.4 %): whoever answered did not look, or took the keys for each other. `least_catch_rate` in "
            "rules.yaml leaves such sessions out."
        )
    if not (found.answers["left_out"] == "").any():
        notices.append("Nobody is left: the rules leave every trial out, and nothing is known of the images.")
    if found.nobodys:
        notices.append(f"rules.yaml leaves out {', '.join(found.nobodys)}, of whom there is no session.")
    off = int(found.sessions["n_off"].sum())
    if off:
        notices.append(
            f"{off} trials had an image or the grey up for another time than asked for; `drop_off_trials: true` in "
            "rules.yaml leaves them out."
        )
    late = int(found.sessions["n_late"].sum())
    if late > 0.02 * found.sessions["n_trials"].sum():
        notices.append(
            f"{late} trials had a frame that came late; `drop_late_trials: true` in rules.yaml leaves them out."
        )
    timed_out = int((found.answers["left_out"] == TIMED_OUT).sum())
    if timed_out > 0.05 * len(found.answers["left_out"]):
        notices.append(f"{timed_out} trials were not answered in time.")
    return tuple(notices)
