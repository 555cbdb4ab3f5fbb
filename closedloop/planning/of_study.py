"""The plan of a study's session: what it rests on, from published files and from what people decided."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from closedloop.artifacts import catalog
from closedloop.artifacts.amended.protocols import protocol_of_day
from closedloop.artifacts.gates.held import holds_by_gates
from closedloop.artifacts.manifest import MANIFEST_NAME
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.records.amendments import Amendment, read_amendments
from closedloop.artifacts.records.sequence import FIRST, Block
from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.artifacts.tables import Columns
from closedloop.errors import StudyError
from closedloop.gates.context import GateContext
from closedloop.planning.decided import sites_of_session, told_of
from closedloop.planning.design import ALL, ANCHORS, DaySites
from closedloop.planning.observed import read_observed_sessions, tells_anything, tells_noise
from closedloop.planning.pace import read_pace
from closedloop.planning.past import MeasuredMean, Past
from closedloop.planning.plan import Plan, PlannedFor, make_plan


def plan_of_study(
    paths: StudyPaths,
    study: StudyDocument,
    own: Protocol,
    *,
    session: Block,
    protocol: Protocol | None = None,
    hours: float | None = None,
) -> Plan:
    """Plan a session of a study, from those before it alone.

    Parameters
    ----------
    paths, study, own
        The study, with the protocol of protocol.yaml.
    session
        Which.
    protocol
        Another one to plan by; None: the one that is in force on the day.
    hours
        That it is to fit into; None: the protocol's.

    Raises
    ------
    DocumentError
        A published file is missing or damaged.
    ProtocolError
        What was amended is impossible.
    StudyError
        No site that is attacked would count.
    """
    amendments = read_amendments(paths.amendments)
    planned = protocol or protocol_of_day(own, amendments, session.day)
    context = GateContext(paths.at(session), study, planned, session.day)
    sites = _sites(context, amendments, session=session)
    if not sites.counted:
        raise StudyError(
            f"{paths.root}: expected a site that counts on day {session.day}, found all {len(sites.attacked)} that are "
            "attacked left out of the evaluation. Take one in again: `closedloop include`."
        )
    seen = read_observed_sessions(context, amendments)
    days = tuple(one for one in seen if tells_anything(one))
    compared = (one for one in days if one.is_fitted and (one.has_anchors or planned.rounds == 1))
    first = next((Block(one.day, one.block) for one in compared), session)
    past = Past(
        days=days,
        pace=read_pace(context),
        sites=sites.attacked,
        first_protocol=protocol_of_day(own, amendments, first.day),
        measured=_measured(context),
        counted=sites.counted,
        first_sites=_sites(context, amendments, session=first),
        predicted=(
            predicted_changes(context.read(catalog.STIMULI), counted=sites.counted)
            if context.has(catalog.STIMULI)
            else {}
        ),
        decisions=told_of(context, amendments, is_amended=protocol is None, by_gates=holds_by_gates(study, own)),
        block=session.number,
        first_block=first.number,
        sequence=paths.sequence,
        n_shown=_n_shown(context),
        has_anchors=(paths.start / MANIFEST_NAME).is_file(),
        quiet=tuple(one for one in seen if tells_noise(one) and not tells_anything(one)),
    )
    return make_plan(planned, past, PlannedFor(study.subject, study.simulated), day=session.day, hours=hours)


def predicted_changes(stimuli: Columns, *, counted: Collection[int]) -> dict[float, float]:
    """Return the mean change that a session's model predicts of its attacks, z, by epsilon.

    Parameters
    ----------
    stimuli
        The stimulus table.
    counted
        Sites that count.
    """
    change = np.abs(stimuli["predicted_attacked"] - stimuli["predicted_clean"])
    own = (stimuli["kind"] == "attacked") & np.isin(stimuli["site_index"], sorted(counted)) & (change > 0)
    epsilons = np.unique(stimuli["epsilon"][own]).tolist()
    return {epsilon: float(change[own & (stimuli["epsilon"] == epsilon)].mean()) for epsilon in epsilons}


def _sites(context: GateContext, amendments: Sequence[Amendment], *, session: Block) -> DaySites:
    first = context.first
    known = context.block > FIRST and first.has(catalog.SITES)
    n_outputs = context.protocol.sites.n_sites
    return sites_of_session(first.read(catalog.SITES) if known else None, n_outputs, amendments, session=session)


def _n_shown(context: GateContext) -> int:
    """Return how many presentations a session that is not taken over has shown, by the summary that its rig left."""
    place = catalog.SUMMARY.published(context.paths, context.day)
    is_begun = place.is_file() and not (place.parent / MANIFEST_NAME).is_file()
    return catalog.SUMMARY.read(place).n_accepted if is_begun else 0


def _measured(context: GateContext) -> tuple[MeasuredMean, ...]:
    """Return what the session measured; of a day's second one the evaluation is of both, which is not planned."""
    if context.block.number > 1 or not context.has(catalog.SENSITIVITY):
        return ()
    columns = context.read(catalog.SENSITIVITY)
    names = ("estimate", "site", "image_set", "epsilon", "mean", "standard_error")
    return tuple(
        MeasuredMean(epsilon, image_set, mean, error)
        for estimate, site, image_set, epsilon, mean, error in zip(
            *(columns[one].tolist() for one in names), strict=True
        )
        if estimate == "paper" and site == "" and image_set in (ALL, ANCHORS)
    )
