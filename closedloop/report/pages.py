"""The study's page and a page a day: one HTML file each, to be archived with the study."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import quantiles
from types import MappingProxyType
from typing import Final

from closedloop.artifacts.catalog import FIGURE_NUMBERS, REPORT, REPORT_DAY
from closedloop.artifacts.day.evaluation import EvaluationReport
from closedloop.artifacts.records.sequence import Block
from closedloop.artifacts.study import STAGES, StudyPaths
from closedloop.plain_text.printed import capitalized, command_line
from closedloop.report import drawing, sections
from closedloop.report.amended import decided
from closedloop.report.amended.comparable import comparable
from closedloop.report.amended.left_out import left_out
from closedloop.report.arms.section import arms_of
from closedloop.report.audit.page import AuditRecord, audit_page
from closedloop.report.beside.section import beside_the_paper
from closedloop.report.controls.alarms import alarms
from closedloop.report.controls.interval_tables import write_intervals_csv
from closedloop.report.evolution.section import evolution_until
from closedloop.report.gaze.section import gaze_of_day
from closedloop.report.identity.section import identity_over_days
from closedloop.report.layout import Card, Link, Page, PageSection, render
from closedloop.report.model.sections import model_of_day, model_over_days
from closedloop.report.numbers import day_rows, write_sensitivity_csv
from closedloop.report.objectives.section import objectives_of_day
from closedloop.report.perturbations.section import perturbations_of_day
from closedloop.report.quoted import origin_of
from closedloop.report.reading import DayRecord, SensitivityRow, StudyRecord, read_study
from closedloop.report.signs import count_signs, sign_note
from closedloop.report.single_images.section import single_images_of_day
from closedloop.report.study_facts import facts
from closedloop.report.wording import count, number, plus_minus, share
from closedloop.storage import write_bytes

_NOTHING: Final[Mapping[Block, Sequence[str]]] = MappingProxyType({})
_WAITS_FOR = {
    "present": "It waits for the session at the rig. ",
    "recording": "It waits for the recorder's files. ",
}
_IN_FOLDER = "in the study's folder"


def write_report(paths: StudyPaths, outdated: Mapping[Block, Sequence[str]] = _NOTHING) -> Path:
    """Write what the study holds so far: index.html, a page or two a day, and their numbers as CSV.

    Parameters
    ----------
    paths
        The study.
    outdated
        By session, the published stages that are to be made again, each with why.

    Returns
    -------
    Path
        The study's page.

    Raises
    ------
    DocumentError
        A published file is missing, damaged, or of a newer version.
    StudyError
        Simulated and real data are mixed.
    """
    record = read_study(paths)
    write_sensitivity_csv(paths)
    write_intervals_csv(paths, record.evaluated)
    with drawing.style():
        drawn = {day.session: _day_sections(record, day) for day in record.days}
        for day in record.days:
            _write_page(paths, _day_name(day), _day_page(record, day, drawn[day.session], outdated))
            if _is_audited(day):
                _write_page(paths, _stimuli_name(day), _stimuli_page(record, day))
        last = record.evaluated[-1] if record.evaluated else None
        of_last = drawn[last.session] if last else ()
        _write_page(paths, REPORT.name, _study_page(record, of_last, outdated, last=last))
    return paths.report / REPORT.name


def _write_page(paths: StudyPaths, name: str, page: Page) -> None:
    """Write the numbers of its figures, then the page that names them."""
    write_bytes(paths.report / page.numbers_file, page.numbers_csv())
    write_bytes(paths.report / name, render(page))


def _numbers_file(page_name: str) -> str:
    """Return the file with the numbers of a page's figures."""
    return FIGURE_NUMBERS.name.replace(Path(REPORT_DAY.name).stem, Path(page_name).stem)


def _day_sections(record: StudyRecord, day: DayRecord) -> tuple[PageSection | None, ...]:
    """Draw what a day's page and, for the last day, the study's page show; figures are most of a report's time."""
    origin = origin_of(simulated=record.study.simulated)
    return (
        sections.sensitivity_of_day(record, day),
        single_images_of_day(day, origin=origin),
        objectives_of_day(day),
        arms_of([day]),
        evolution_until([one for one in record.days if one.session <= day.session]),
        perturbations_of_day(day),
        sections.pictures(day),
        sections.rasters(record, day),
    )


def _study_page(
    record: StudyRecord,
    of_last: Sequence[PageSection | None],
    outdated: Mapping[Block, Sequence[str]],
    *,
    last: DayRecord | None,
) -> Page:
    compared = comparable(record)
    parts = [
        _headline(record, last) if last else None,
        sections.days_table(compared.record),
        beside_the_paper(compared.record, sections.summary_of(compared.record)),
        sections.sensitivity_over_days(compared.record),
        sections.controls_over_days(compared.record),
        arms_of(record.evaluated) if len(record.evaluated) > 1 else None,
        *of_last,
        model_over_days(record),
        identity_over_days(record.days, record.amendments),
        sections.quality(record.days),
        decided.decisions(record),
    ]
    return _page(
        record,
        title=f"{record.study.subject}: {record.protocol.name}",
        subtitle="Adversarial sensitivity of inferior temporal (IT) sites, measured in a closed loop.",
        here=None,
        parts=parts,
        notices=[
            *decided.made_before(outdated),
            *_taken_despite(record),
            *_decided(record),
            *left_out(record),
            *([compared.said] if compared.said else []),
            *decided.as_shown(record),
            *_progress(record),
            *(alarm for day in record.evaluated for alarm in _alarms(record, day)),
        ],
    )


def _day_page(
    record: StudyRecord,
    day: DayRecord,
    drawn: Sequence[PageSection | None],
    outdated: Mapping[Block, Sequence[str]],
) -> Page:
    parts = [
        _headline(record, day) if day.evaluation else None,
        *drawn,
        gaze_of_day(record, day),
        model_of_day(day),
        _identity_until(record, day),
        sections.quality([day]),
        decided.decisions_of_day(record, day),
        sections.provenance(day),
    ]
    return _page(
        record,
        title=f"{record.study.subject}: {day.session.said}",
        subtitle=_planned(day),
        here=day,
        parts=parts,
        notices=[
            *decided.made_before(outdated, day=day),
            *_taken_despite(record),
            *_decided(record, day),
            *left_out(record, day=day),
            *filter(None, [day.as_shown]),
            *_under_way(record, day),
            *_alarms(record, day),
        ],
    )


def _identity_until(record: StudyRecord, day: DayRecord) -> PageSection | None:
    """Show what a day's sites were until then; None where that day was not compared with day 0."""
    days = [one for one in record.days if one.session <= day.session]
    return identity_over_days(days, record.amendments) if day.identity else None


def _page(
    record: StudyRecord,
    *,
    title: str,
    subtitle: str,
    here: DayRecord | None,
    parts: Iterable[PageSection | None],
    notices: Sequence[str],
) -> Page:
    return Page(
        title=title,
        subtitle=subtitle,
        facts=facts(record),
        command=_command(record),
        in_folder=_IN_FOLDER,
        made_by=_made_by(record),
        simulated=record.study.simulated,
        notices=tuple(notices),
        links=_links(record, here=here),
        sections=tuple(part for part in parts if part is not None),
        numbers_file=_numbers_file(_day_name(here) if here else REPORT.name),
    )


def _links(record: StudyRecord, *, here: DayRecord | None, at_stimuli: bool = False) -> tuple[Link, ...]:
    """Return the links of a page: the study, every day, and the stimuli of the page's own day."""
    links = [Link("Study", REPORT.name, here is None)]
    for day in record.days:
        links.append(Link(_label(day), _day_name(day), day is here and not at_stimuli))
        if day is here and _is_audited(day):
            links.append(Link(f"{_label(day)}: stimuli", _stimuli_name(day), at_stimuli))
    return tuple(links)


def _label(day: DayRecord) -> str:
    return f"Day {day.day}" if day.block == 1 else f"Day {day.day}.{day.block}"


def _is_audited(day: DayRecord) -> bool:
    return day.audit is not None and len(day.audit["kind"]) > 0


def _stimuli_page(record: StudyRecord, day: DayRecord) -> Page:
    if day.audit is None or day.images is None:
        raise ValueError(f"day {day.day} has no audited stimuli")
    return audit_page(
        AuditRecord(day.audit, day.images, was_shown="present" in day.manifests),
        title=f"{record.study.subject}: stimuli of {day.session.said}",
        facts=facts(record),
        command=_command(record),
        in_folder=_IN_FOLDER,
        made_by=_made_by(record),
        simulated=record.study.simulated,
        links=_links(record, here=day, at_stimuli=True),
        notices=_taken_despite(record),
        numbers_file=_numbers_file(_stimuli_name(day)),
    )


def _stimuli_name(day: DayRecord) -> str:
    return f"{day.session.folder_name}-stimuli.html"


def _day_name(day: DayRecord) -> str:
    return f"{day.session.folder_name}.html"


def _command(record: StudyRecord) -> str:
    """Return what makes the study again, or draws a real one's pages again: to be typed in the study's folder.

    The same wherever the study lies. The new folder of a simulated one is named `again`, beside the study.
    """
    study = record.study
    if not study.simulated:
        return "closedloop report ."
    options = {
        "--protocol": record.paths.protocol.name,
        "--days": str(record.protocol.days),
        "--subject": study.subject,
    }
    if study.pool.folder:
        options["--images"] = study.pool.folder
    if study.base_model != record.protocol.base_model.weights:
        options["--base-model"] = study.base_model
    return command_line("closedloop", "dry-run", "../again", *(word for pair in options.items() for word in pair))


def _made_by(record: StudyRecord) -> str:
    return "To make it again" if record.study.simulated else "To draw its pages again"


def _taken_despite(record: StudyRecord) -> list[str]:
    """Say on every page which sessions are no data of an animal, or were shown although a check of the rig failed."""
    return [
        f"The session of {_said(day)} is no data of an animal: {why}." for day in record.days for why in day.despite
    ] + [
        f"The operator overrode checks of the rig in the session of {_said(day)}: {', '.join(day.quality.overrides)}."
        for day in record.days
        if day.quality is not None and day.quality.overrides
    ]


def _planned(day: DayRecord) -> str:
    if day.plan is None:
        return "Not planned yet."
    plan = day.plan
    return (
        f"{count(plan.budget.n_presentations)} presentations planned ({plan.budget.hours:.2f} of "
        f"{plan.budget.allowed_hours:g} h): {count(plan.n_clean)} clean images, {count(plan.n_anchors)} anchors, "
        f"{count(plan.n_normalizers)} normalizers, {count(plan.n_attacked)} attacked, "
        f"{count(plan.n_controls)} controls"
        + (f", {count(plan.n_singles)} clean images shown once" if plan.n_singles else "")
        + (f", {count(plan.n_population)} to mislead a decoder or beside it" if plan.n_population else "")
        + (f", {count(plan.n_repeated)} attacked for a few sites and shown many times" if plan.n_repeated else "")
        + (f", {count(plan.n_plane)} images of planes around a clean one, for a few sites" if plan.n_plane else "")
        + (f", {count(plan.n_objective)} images of other objectives" if plan.n_objective else "")
        + (f", {count(plan.n_arms)} by arms" if plan.n_arms else "")
        + (f", {count(plan.n_evolving)} images that evolve" if plan.n_evolving else "")
        + (f", {count(plan.n_probes)} probes" if plan.n_probes else "")
        + (
            f", for category preference {count(plan.n_preference)} clean and {count(plan.n_raised)} attacked images."
            if plan.n_raised
            else "."
        )
    )


def _progress(record: StudyRecord) -> list[str]:
    """Return which days are under way."""
    if not record.days:
        return ["No day has been planned yet."]
    return [
        f"{capitalized(_said(day))} is under way. {text}" for day in record.days for text in _under_way(record, day)
    ]


def _decided(record: StudyRecord, day: DayRecord | None = None) -> list[str]:
    """Say which days were skipped and which sessions added or dropped; on a day's page, what is of the day."""
    if day is not None:
        return [f"{capitalized(one.decided)}." for one in record.days if one.decided and one.day == day.day]
    return [f"{capitalized(line)}." for line in (*(one.decided for one in record.days if one.decided), *record.dropped)]


def _said(day: DayRecord) -> str:
    return day.session.said


def _under_way(record: StudyRecord, day: DayRecord) -> list[str]:
    if day.evaluation is not None or day.is_skipped:
        return []
    done = [stage for stage in STAGES if stage in day.manifests]
    waits = ""
    if not record.study.simulated:  # what the loop cannot do itself
        waits = _WAITS_FOR.get(next(stage for stage in STAGES if stage not in done), "")
    return [f"Finished so far: {', '.join(done) or 'nothing'}. {waits}What follows is shown once it exists."]


def _alarms(record: StudyRecord, day: DayRecord) -> list[str]:
    return alarms(day, sections.summary_of(record, up_to=day))


def _headline(record: StudyRecord, day: DayRecord) -> PageSection:
    rows = {(r.estimate, r.epsilon): r for r in sections.summary_of(record, up_to=day) if r.day == day.day}
    (line,) = day_rows(replace(record, days=(day,)))
    cards = [
        Card(f"Sensitivity at ε = {epsilon:g}", f"{plus_minus(row.mean, row.standard_error)} σ", _sizes(row))
        for (estimate, epsilon), row in rows.items()
        if estimate == "paper"
    ]
    if day.evaluation is not None:
        cards.append(Card("Prediction of unseen images", f"r = {number(line.r)}", _spread(day.evaluation)))
        if day.pairs is not None and day.evaluation.epsilons:  # else nothing was attacked yet
            signs, part = count_signs(day.pairs), line.sign_agreement_measured
            cards.append(Card("Signs right", share(part, signs.n_counted), sign_note(signs, line.sign_agreement_true)))
    return PageSection("headline", f"{capitalized(_said(day))} in short", cards=tuple(cards))


def _sizes(row: SensitivityRow) -> str:
    return f"paper's estimator, ± SE, {count(row.n_images)} images, {count(row.n_sites)} sites"


def _spread(evaluation: EvaluationReport) -> str:
    known = [r for r in evaluation.r_predicted.values() if r is not None]
    if len(known) < 2:
        return f"median over {len(known)} sites"
    low, _, high = quantiles(known, n=4, method="inclusive")
    return f"median over {len(known)} sites, quartiles {number(low)} to {number(high)}"
