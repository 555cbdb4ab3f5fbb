"""The sections that pages are made of. Each returns None where the study has nothing to show for it yet."""

from __future__ import annotations

from collections.abc import Sequence

from closedloop.artifacts.records.sequence import Block
from closedloop.report import curves, tables
from closedloop.report.controls import forest, pooled
from closedloop.report.controls.interval_tables import sections_of_intervals
from closedloop.report.layout import PageSection, Plate, plate
from closedloop.report.numbers import day_rows, summary_rows
from closedloop.report.pictures import shown, triples
from closedloop.report.preference.figures import rasters as draw_rasters
from closedloop.report.preference.section import preference_tables, rate_plates
from closedloop.report.reading import DayRecord, SensitivityRow, StudyRecord
from closedloop.report.recordings import quality_tables
from closedloop.report.single_images.marks import Mark, marks_of_sites, said_of_marks

_WIDE_PX = 640  # a narrow screen scrolls: smaller, its print could not be read
_BARS = "Bars: 95 % intervals over (image, site) pairs, clustered by image."
_FLOORED = (
    "Grey strip: estimates at or below zero, open markers, each with a dotted line to the upper end of its interval. "
    "Curves are set side by side so that none covers another."
)


def summary_of(record: StudyRecord, *, up_to: DayRecord | None = None) -> list[SensitivityRow]:
    """Return the means over sites of all days, on the anchors where the study has them.

    Parameters
    ----------
    record
        The study.
    up_to
        Of its day, what was known after this session; None: after the day's last one.
    """
    days = {day.day: day for day in record.evaluated}
    if up_to is not None:
        days[up_to.day] = up_to
    return summary_rows([row for day in days.values() for row in day.sensitivity])


def days_table(record: StudyRecord) -> PageSection | None:
    """Return the day-by-day table."""
    rows = day_rows(record)
    if not rows:
        return None
    attained = tables.attained_over_days(record.days, record.protocol.evaluation)
    return PageSection("days", "Day by day", tables=(tables.day_by_day(rows), *([attained] if attained else [])))


def sensitivity_of_day(record: StudyRecord, day: DayRecord) -> PageSection | None:
    """Show Figures 1A and 3A for one day."""
    if day.evaluation is None:
        return None
    rows = [row for row in summary_of(record, up_to=day) if row.day == day.day]
    image_set = rows[0].image_set if rows else "all"
    single = [row for row in day.sensitivity if row.site and row.estimate == "paper" and row.image_set == image_set]
    paper = curves.select(rows, "paper")
    if not paper:
        return None
    n = f"{max(row.n_images for row in paper)} images, {max(row.n_sites for row in paper)} sites"
    return PageSection(
        f"sensitivity-{day.day}",
        f"How far the sites move: {_of_day_so_far(day)}",
        f"Change of a site's response in units of its SD over clean images, by size of the perturbation ({n}).",
        wide=(
            plate(
                curves.final_day(rows, random_pair=day.evaluation.random_pair),
                "Sensitivity against controls and artificial units",
                least_width_px=_WIDE_PX,
                caption="As the paper's Figure 1A. Blue: the recorded sites under model-guided attacks, a lower bound. "
                f"{_BARS} The grey line is the site's own SD over clean images. {_FLOORED}",
            ),
            *rate_plates(day),
        ),
        plates=_site_plates(single, paper, marks_of_sites(day.slopes)),
        tables=preference_tables(day, simulated=record.study.simulated),
        folded=(
            ("Every number of this day", tables.every_number(day.sensitivity)),
            *sections_of_intervals(day),
            ("The attacks by ε", tables.by_epsilon(day.evaluation, day.pairs)),
            ("The sites", tables.sites(day.evaluation)),
        ),
    )


def _site_plates(
    single: Sequence[SensitivityRow], paper: Sequence[SensitivityRow], marks: dict[str, Mark]
) -> tuple[Plate, ...]:
    if not single:
        return ()
    return (
        plate(
            curves.sites(single, mean=paper, marks=marks),
            "Site by site",
            caption="As the paper's Figure 3A. Light: single sites by the paper's estimator, which noise can push "
            f"below zero. Dark: their mean. {_BARS} {said_of_marks(marks, of='sites')}",
        ),
    )


def sensitivity_over_days(record: StudyRecord) -> PageSection | None:
    """Show Figure 5, the growth at each epsilon, and the comparison of the first fitted day with the last."""
    days = [day.day for day in record.evaluated]
    rows = summary_of(record)
    if not curves.select(rows, "paper"):
        return None
    compared = [day for day in record.evaluated if day.day >= 1]
    return PageSection(
        "growth",
        "How sensitivity grows over days",
        "The model is refitted every night; better models find perturbations that move the sites further.",
        wide=(
            plate(
                curves.by_day(rows, days=days),
                "Sensitivity over ε, day by day",
                least_width_px=_WIDE_PX,
                caption="As the paper's Figure 5 (which leaves out day 0, where nothing is mapped). Green and orange: "
                f"model-free controls of the last day, RMS with measurement noise taken out. {_BARS} {_FLOORED}",
            ),
            plate(
                curves.growth(rows, days=days),
                "Sensitivity over days, at each ε",
                least_width_px=_WIDE_PX,
                caption=f"Each panel on its own scale. {_BARS} The cross-fitted estimate takes the sign from half of "
                "the repetitions instead of the model, over all ways to halve them: noise pulls it down, a wrong "
                "channel map does not. The RMS of a control is drawn with the sign of its square.",
            ),
        ),
        tables=(tables.growth(compared[0], compared[-1], rows),) if len(compared) > 1 else (),
    )


def controls_over_days(record: StudyRecord) -> PageSection | None:
    """Show attacks beside their controls, and what part of the last growth was better attacks."""
    evaluated = record.evaluated
    found = pooled.pooled_controls(evaluated)
    if not any(one.kind != "attacked" for one in found):
        return None
    parts = _growth_parts(evaluated)
    return PageSection(
        "controls",
        "What attacks do more than their controls",
        "The same images, changed by as much without the model, by attacks on other sites, by yesterday's attacks, or "
        "by nothing at all.",
        wide=(
            plate(
                forest.controls_forest(found),
                "Attacks and controls",
                least_width_px=_WIDE_PX,
                caption="Dots: attacks by the paper's estimator, controls by the root mean square with measurement "
                "noise taken out. Bars: 95 % intervals over images and sites. Rings: the hidden truth of a simulated "
                "study.",
            ),
        ),
        tables=(pooled.pooled_table(found), *parts),
    )


def _growth_parts(evaluated: Sequence[DayRecord]) -> tuple[tables.Table, ...]:
    """Return the parts of the growth between the last two days; nothing where no attack was shown again."""
    if len(evaluated) < 2:
        return ()
    before, after = evaluated[-2:]
    if before.pairs is None or after.pairs is None:
        return ()
    parts = pooled.growth_parts(before.pairs, after.pairs)
    return (pooled.growth_parts_table(parts, before=before.day, after=after.day),) if parts else ()


def _of_day_so_far(day: DayRecord) -> str:
    return f"day {day.day}" if day.block == 1 else f"day {day.day}, its sessions 1 to {day.block} together"


def pictures(day: DayRecord) -> PageSection | None:
    """Show example images: clean, attacked, and their difference magnified."""
    if day.evaluation is None or day.images is None or not day.evaluation.examples:
        return None
    return PageSection(
        "pictures",
        f"What was shown: {day.session.said}",
        "At the largest ε, the attack of median effect at each of the sites that were most reliable on day 0: typical "
        "of its site, neither best nor worst. The bytes on the screen, pixel for pixel, and mean rates over "
        "presentations, with what the attack was to do to them. The difference is magnified twenty times around "
        "mid-grey and clipped.",
        triples=tuple(triples(day.evaluation.examples, day.images, day.audit)),
    )


def rasters(record: StudyRecord, day: DayRecord) -> PageSection | None:
    """Show the spikes of a site to a preferred and an attacked image (Figures 2A and 2B)."""
    if day.evaluation is None or day.images is None or not day.evaluation.rasters:
        return None
    protocol = record.protocol_of(day.day)
    recording = protocol.recording
    window = f"[{recording.window_start_ms:g}, {recording.window_stop_ms:g}) ms"
    sites = sorted({example.neuroid_id for example in day.evaluation.rasters})
    chosen = (
        "a typical one: its rise at the largest ε is the median over sites, and its image's the median over its images"
        if day.evaluation.preference
        else "an extreme example: the image that an attack raised most of all, beside the day's preferred image of the "
        "site"
    )
    return PageSection(
        "rasters",
        f"Spikes: {day.session.said}",
        f"Site{'s' if len(sites) > 1 else ''} {', '.join(sites)}: {chosen}.",
        shown=tuple(shown(day.evaluation.rasters, day.images, recording)),
        wide=(
            plate(
                draw_rasters(day.evaluation.rasters, protocol),
                "Spike rasters",
                least_width_px=_WIDE_PX,
                caption=f"As the paper's Figure 2B: {chosen}. One row per presentation, black for clean images, blue "
                f"for attacked ones; the bar is the image on the screen, the shade the counting window {window}.",
            ),
        ),
    )


def quality(days: Sequence[DayRecord]) -> PageSection | None:
    """Return what ingest found, for one day or for all."""
    found = [day.quality for day in days if day.quality is not None]
    if not found:
        return None
    names = [Block(q.day, q.block).said for q in found]
    raw = [
        (f"Raw voltage against NEV, {name}", q.raw_agreement)
        for name, q in zip(names, found, strict=True)
        if q.raw_agreement
    ]
    unmatched = tuple((Block(q.day, q.block).said, text) for q in found for text in q.codes_unmatched)
    stray = tables.Table(
        ("day", "code"),
        unmatched,
        "Every code without a partner. Lost: sent and not received; doubled: a second copy; foreign: received, and "
        "belonging to nothing sent.",
        prose=True,
    )
    return PageSection(
        "quality",
        "Alignment and quality of the recording",
        "Journal of the rig against the recording. Nothing is dropped in silence.",
        tables=tuple(
            table
            for table in (
                quality_tables.quality(found),
                quality_tables.devices(found),
                quality_tables.site_changes(found),
            )
            if table is not None
        ),
        folded=tuple((name, quality_tables.raw_agreement(agreement)) for name, agreement in raw)
        + ((("Codes without a partner", stray),) if unmatched else ()),
    )


def provenance(day: DayRecord) -> PageSection | None:
    """Return the time and memory that the day's stages took."""
    if not day.manifests:
        return None
    return PageSection("stages", "Stages", tables=(quality_tables.stages(day.manifests),))
