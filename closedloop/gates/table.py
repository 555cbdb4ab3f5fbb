"""The gates, in the order in which they are told. A new one is a module, a line here and a section of `Gates`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from closedloop.artifacts.gates.report import Checkpoint, GateFinding
from closedloop.gates.context import GateContext
from closedloop.gates.intake.clock import recording_aligned
from closedloop.gates.intake.codes import lost_codes
from closedloop.gates.intake.identity import site_identity
from closedloop.gates.intake.missing import missing_presentations
from closedloop.gates.intake.photodiode import photodiode_jitter, photodiode_latency, photodiode_seen
from closedloop.gates.intake.rates import normalizer_drift, rate_drift
from closedloop.gates.intake.recording import recording_whole
from closedloop.gates.intake.sites import site_reliability, site_yield
from closedloop.gates.intake.twins import twins_shown
from closedloop.gates.preflight.attacks import attack_budget, attack_clipping, attack_luminance, attack_rounding
from closedloop.gates.preflight.disk import disk
from closedloop.gates.preflight.hours import hours
from closedloop.gates.preflight.images import image_reuse
from closedloop.gates.preflight.twins import twins_scheduled
from closedloop.gates.review.channel_map import map_fit
from closedloop.gates.review.refit import refit_better
from closedloop.gates.review.sensitivity import estimators_agree, sensitivity_controls


@dataclass(frozen=True)
class Gate:
    """One row of the table.

    Attributes
    ----------
    name
        Also its section in `protocol.gates`, and what `closedloop approve` calls it.
    looks_at
        What it looks at, in a few words.
    is_of_this_machine
        Whether it asks the machine as it is now, beside the published files: asked again as long as it does not pass,
        and not recomputed by `closedloop verify`.
    """

    name: str
    checkpoint: Checkpoint
    looks_at: str
    evaluate: Callable[[GateContext], GateFinding]
    is_of_this_machine: bool = False


PREFLIGHT: tuple[Gate, ...] = (
    Gate("attack_budget", "preflight", "the norm of every change, from its bytes, against its epsilon", attack_budget),
    Gate("attack_rounding", "preflight", "what whole grey levels cost of the predicted change", attack_rounding),
    Gate("attack_luminance", "preflight", "whether attacks make images brighter or darker", attack_luminance),
    Gate("attack_clipping", "preflight", "how much of an image its attack drove to black or white", attack_clipping),
    Gate("twins_scheduled", "preflight", "minutes between an image and its changed one, as scheduled", twins_scheduled),
    Gate("image_reuse", "preflight", "claimed images that a fit has seen, new ones that were shown", image_reuse),
    Gate("hours", "preflight", "how long the session takes, at the pace of the days before", hours),
    Gate("disk", "preflight", "free space against what the day is going to write", disk, is_of_this_machine=True),
)
"""Before a session is shown."""

INTAKE: tuple[Gate, ...] = (
    Gate("recording_whole", "intake", "whether every presentation was recorded", recording_whole),
    Gate("recording_aligned", "intake", "the recorder's clock: spread, resets, drift", recording_aligned),
    Gate("lost_codes", "intake", "the rig's codes that did not arrive as they were sent", lost_codes),
    Gate("photodiode_seen", "intake", "presentations whose light was not seen", photodiode_seen),
    Gate("photodiode_latency", "intake", "time from code to light, against day 0", photodiode_latency),
    Gate("photodiode_jitter", "intake", "spread of the time from code to light", photodiode_jitter),
    Gate("missing_presentations", "intake", "accepted presentations that were set aside", missing_presentations),
    Gate("site_yield", "intake", "sites of the model that still repeat themselves", site_yield),
    Gate("site_reliability", "intake", "how well they do, against day 0", site_reliability),
    Gate("rate_drift", "intake", "their rates, against day 0", rate_drift),
    Gate("normalizer_drift", "intake", "their answers to the normalizers, against the day before", normalizer_drift),
    Gate("site_identity", "intake", "whether each electrode still is the one it was", site_identity),
    Gate("twins_shown", "intake", "images shown too near to their changed twins", twins_shown),
)
"""When a session is ingested."""

REVIEW: tuple[Gate, ...] = (
    Gate("refit_better", "review", "the model before and after the refit, on held-out images", refit_better),
    Gate("sensitivity_controls", "review", "attacks against controls of the same epsilon", sensitivity_controls),
    Gate("estimators_agree", "review", "sensitivity by the model's signs and without a model", estimators_agree),
    Gate("map_fit", "review", "whether the sites answer clean images as predicted for these very sites", map_fit),
)
"""When a session is evaluated."""

GATES: tuple[Gate, ...] = (*PREFLIGHT, *INTAKE, *REVIEW)


def gates_of(checkpoint: Checkpoint) -> tuple[Gate, ...]:
    """Return the gates of a checkpoint."""
    return tuple(gate for gate in GATES if gate.checkpoint == checkpoint)
