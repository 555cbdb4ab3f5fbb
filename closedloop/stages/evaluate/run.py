"""Evaluate: how far the sites moved, by the paper's estimator and by checks of it, against what was predicted.

The hidden truth of a simulation is read here (through `hidden_truth`) and nowhere else in the loop.
"""

from __future__ import annotations

from functools import partial

from closedloop.artifacts import catalog
from closedloop.artifacts.amended.exclusions import from_text, of_session
from closedloop.artifacts.day.evaluation import IMAGE_CURVES, INTERVALS, SENSITIVITY, SLOPES
from closedloop.artifacts.day.objectives.tables import OBJECTIVE_ESTIMATES
from closedloop.artifacts.day_responses import read_day_responses
from closedloop.artifacts.day_use import leave_out
from closedloop.artifacts.protocol.evolution.section import EVOLUTION_KINDS
from closedloop.artifacts.records.sequence import FIRST
from closedloop.artifacts.tables import as_columns
from closedloop.simulation.subject import simulated_cortex
from closedloop.stages.arms.effects import SealedArms, SiteAnswers, arm_tables, z_sd_hz
from closedloop.stages.context import StageContext
from closedloop.stages.evaluate.attained import attained_fractions
from closedloop.stages.evaluate.examples import choose_rasters, draw_rasters
from closedloop.stages.evaluate.hidden_truth import read_hidden_truth
from closedloop.stages.evaluate.intervals import interval_rows
from closedloop.stages.evaluate.pairs import Floats, measure, pairs_so_far
from closedloop.stages.evaluate.preference import cross_validated_hz, preferred_categories
from closedloop.stages.evaluate.rows import Row, measured_rows, truth_rows
from closedloop.stages.evaluate.single_images import image_curve_rows
from closedloop.stages.evaluate.slopes import slope_rows
from closedloop.stages.evaluate.summary import evaluation_report
from closedloop.stages.evaluate.units import NETWORKS, SMALL_SIDE_PX, unit_rows, unit_rows_of_day_0
from closedloop.stages.evaluate.white_box import WHITE_BOX, AttackWork, attack_cortex
from closedloop.stages.evolution.effects import evolution_tables
from closedloop.stages.from_protocol.attack import white_box_search_of
from closedloop.stages.from_protocol.recording import response_window_s
from closedloop.stages.objectives.effects import SealedObjectives, objective_effects, objective_estimates
from closedloop.stages.planes.effects import SealedPlanes, plane_curvatures
from closedloop.stages.population.effects import SealedPopulationOfDay, population_effects


def run(context: StageContext) -> None:
    """Write tables of sensitivity, intervals and pairs, of the day so far, and evaluation.json, of the session."""
    protocol = context.protocol
    window_s = response_window_s(protocol.recording)
    exclusions = from_text(context.decided.get("left_out_of_evaluation", ""), place="left_out_of_evaluation")
    day, left_out = leave_out(
        read_day_responses(context.read, context.day, window_s=window_s),
        of_session(exclusions, context.block),
        recording_day=context.day,
    )
    earlier = [context.at(block) for block in context.so_far[:-1] if block.day == context.day]
    before = [
        leave_out(
            read_day_responses(one.read, one.day, window_s=window_s),
            of_session(exclusions, one.block),
            recording_day=one.day,
        )[0]
        for one in earlier
    ]
    onsets = context.read(catalog.ONSETS) if context.path(catalog.ONSETS).exists() else None
    has_units = protocol.images.side_px == SMALL_SIDE_PX
    day_0 = context.at(FIRST).read(catalog.SENSITIVITY) if has_units and context.block != FIRST else None
    work = AttackWork(protocol.attack.batch_size, context.workers, context.scratch, context.progress)

    measured = measure(day)
    true_rates_hz, true_before = None, list[Floats | None]([None] * len(before))
    known_rows, white_box = list[Row](), None
    if context.simulated:
        truth_of = partial(
            read_hidden_truth,
            simulated_cortex(protocol, context.study),
            recording_day=context.day,
            n_processors=protocol.simulation.n_processors,
            name=f"hidden cortex {context.seed()}",
        )
        truth = truth_of(day)
        true_rates_hz, true_before = (
            truth.rates_hz,
            [truth_of(one, without=EVOLUTION_KINDS).rates_hz for one in before],  # which are in no pair
        )
        if context.paths.sequence.measures(context.block):  # of a day of rounds its last one stands for the day
            white_box = attack_cortex(
                truth.source,
                day,
                sigma=measured.sigma_hz,
                seed=context.seed(WHITE_BOX),
                search=white_box_search_of(protocol.evaluation),
                work=work,
            )
            known_rows += white_box.rows()
    rows_of_day_0 = unit_rows_of_day_0(day_0) if day_0 is not None else []
    if rows_of_day_0:
        known_rows += rows_of_day_0
    elif has_units:
        known_rows += unit_rows(
            day,
            n_units=protocol.evaluation.n_units,
            steps=protocol.evaluation.unit_steps,
            seeds={name: context.seed(name) for name in NETWORKS},
            work=work,
        )
    pairs, so_far = pairs_so_far(
        [*before, day], [*true_before, true_rates_hz], other_site=protocol.evaluation.other_site
    )
    rows = [*measured_rows(so_far), *(truth_rows(so_far) if context.simulated else []), *known_rows]
    preference = preferred_categories(
        day,
        measured,
        context.read(catalog.QUEUE).preference if protocol.preference.images_on(context.day) else (),
    )
    choice = choose_rasters(day, measured, pairs, preference)
    rasters = (
        draw_rasters(day, choice, spikes=context.read(catalog.spikes(day.sites[choice.site].processor)), onsets=onsets)
        if choice
        else ()
    )
    report = evaluation_report(
        day,
        measured,
        pairs,
        recording_day=context.day,
        simulated=context.simulated,
        epsilons=protocol.attack.epsilons,
        sealed=context.read(catalog.PREDICTIONS)["predicted"],
        rasters=rasters,
        left_out=left_out,
        of_members=context.read(catalog.MEMBER_PREDICTIONS)["predicted"]
        if context.path(catalog.MEMBER_PREDICTIONS).exists()
        else None,
        attained=attained_fractions(white_box, pairs, seed=context.seed("attained")) if white_box else (),
        preferred_hz=cross_validated_hz(day, measured, seed=context.seed("preferred")),
        preference=preference,
    )

    for file, found, layout in (
        (catalog.SENSITIVITY, rows, SENSITIVITY),
        (catalog.INTERVALS, interval_rows(so_far, has_truth=context.simulated), INTERVALS),
        (catalog.SLOPES, slope_rows(so_far), SLOPES),
        (catalog.IMAGE_CURVES, image_curve_rows(so_far), IMAGE_CURVES),
    ):
        if found or file is not catalog.IMAGE_CURVES:
            context.write(file, as_columns([{"day": context.day, **row} for row in found], layout))
    context.write(catalog.PAIRS, so_far.table())
    if context.path(catalog.DECODER).exists():
        context.write(
            catalog.POPULATION_EFFECTS,
            population_effects(
                day,
                SealedPopulationOfDay(
                    context.read(catalog.DECODER),
                    predictions=context.read(catalog.SEALED_POPULATION),
                    **context.read(catalog.DECODER_WEIGHTS),
                ),
                true_rates_hz=true_rates_hz,
            ),
        )
    if context.path(catalog.PLANES).exists():
        context.write(
            catalog.PLANE_CURVATURES,
            plane_curvatures(
                day,
                SealedPlanes(context.read(catalog.PLANES), context.read(catalog.PLANE_PLACES)),
                sigma_hz=measured.sigma_hz,
                true_rates_hz=true_rates_hz,
            ),
        )
    if context.path(catalog.SEALED_OBJECTIVES).exists():
        effects = objective_effects(
            day,
            SealedObjectives(context.read(catalog.SEALED_OBJECTIVES), **context.read(catalog.OBJECTIVE_PREDICTIONS)),
            sigma_hz=measured.noiseless_sigma_hz,
            true_rates_hz=true_rates_hz,
        )
        context.write(catalog.OBJECTIVE_EFFECTS, effects)
        context.write(catalog.OBJECTIVE_ESTIMATES, as_columns(objective_estimates(effects), OBJECTIVE_ESTIMATES))
    tables = evolution_tables(
        day,
        context.read(catalog.EVOLVED_IMAGES) if context.path(catalog.EVOLVED_IMAGES).exists() else None,
        window_s=window_s,
        true_rates_hz=true_rates_hz,
    )
    if context.path(catalog.SEALED_MODELS).exists():
        sealed = SealedArms(
            context.read(catalog.ARM_ATTACKS),
            context.read(catalog.SEALED_MODELS).models,
            context.read(catalog.ARM_PREDICTIONS)["predicted"],
            context.read(catalog.SEALED_ARM_OBJECTIVES)
            if context.path(catalog.SEALED_ARM_OBJECTIVES).exists()
            else None,
        )
        tables += arm_tables(
            day,
            sealed,
            SiteAnswers(measured.repetitions_hz, measured.sigma_hz, true_rates_hz),
            noiseless_sigma_hz=measured.noiseless_sigma_hz,
        )
    for file, table in tables:
        context.write(file, table)
    is_foretold_in_z = any(context.path(file).exists() for file in (catalog.SEALED_MODELS, catalog.PLANES))
    context.write(
        catalog.EVALUATION, report.model_copy(update={"z_sd_hz": z_sd_hz(day)}) if is_foretold_in_z else report
    )
