"""Days of a simulated subject in memory, each attacked through the model that was fitted to the days before.

The libraries of the real loop by a protocol's own numbers, on spike counts alone: no files, voltages or controls. A day
costs half a minute, and its attacks are a loop's own: their model predicts them, and they differ as a loop's do.
"""

from __future__ import annotations

import copy
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.simulated_days import CLEAN, Shown, SimulatedDay, show
from benchmarks.simulated_loop import Subject, category_balanced, screened
from closedloop.analysis.normalizers import z_score
from closedloop.artifacts.day.stimuli import STIMULI
from closedloop.artifacts.day_responses import DayResponses
from closedloop.artifacts.day_use import fitted_rows, held_out_rows, scaling_rows
from closedloop.artifacts.protocol.protocol import Protocol
from closedloop.artifacts.stimulus_set import StimulusSet
from closedloop.artifacts.tables import as_columns
from closedloop.attacks.synthesis.items import AttackItem, SynthesisResult
from closedloop.attacks.synthesis.sources import InMemory
from closedloop.attacks.synthesis.synthesize import synthesize
from closedloop.models.checkpoints import open_base_model
from closedloop.models.shipped import shipped_weights
from closedloop.models.site_model import SiteModel, build_site_model, calibrate_readout, freeze_for_attack
from closedloop.planning.design import DayDesign, design_day
from closedloop.simulation.cortex.hidden import HiddenCortex
from closedloop.simulation.cortex.kinds import KINDS
from closedloop.stages.evaluate.pairs import Measured
from closedloop.stages.from_protocol.attack import lattice_of, method_of
from closedloop.stages.from_protocol.model import recipe_of
from closedloop.stimuli.pools import ProceduralPool
from closedloop.training.end_to_end import Responses, refit

Bytes = NDArray[np.uint8]

_POOL_SEED, _N_CALIBRATED = 42, 64
_ANCHORS_FROM, _NORMALIZERS_FROM, _SCREENED_FROM, _CLEAN_FROM = 0, 3, 10, 20  # of each category


@dataclass
class FittedLoop:
    """A subject, the model of it so far, and the days that were shown."""

    protocol: Protocol
    subject: Subject
    pool: ProceduralPool
    model: SiteModel
    random: np.random.Generator
    seed: int
    days: list[SimulatedDay] = field(default_factory=list)

    @staticmethod
    def begin(seed: int, protocol: Protocol) -> FittedLoop:
        """Make a subject and a model that has seen nothing of it.

        Parameters
        ----------
        seed
            Of the subject.
        protocol
            With a shipped base model, and images of 32 pixels.
        """
        pool = ProceduralPool(_POOL_SEED)
        cortex = HiddenCortex(seed, kind=KINDS[protocol.simulation.cortex])
        subject = screened(cortex, category_balanced(pool, 300, first=_SCREENED_FROM))
        base = open_base_model(shipped_weights(protocol.base_model.weights), layer=protocol.base_model.layer)
        model = build_site_model(base, n_sites=protocol.sites.n_sites, side_px=protocol.images.side_px, seed=seed)
        calibrate_readout(model, category_balanced(pool, _N_CALIBRATED, first=_CLEAN_FROM))
        return FittedLoop(protocol, subject, pool, model, np.random.default_rng([seed, *b"fitted days"]), seed)

    def prepare(self) -> Shown:
        """Make the next day's stimuli, with what the model predicts of them."""
        number, images = len(self.days), self.protocol.images
        design = design_day(self.protocol, sites=range(len(self.subject.sites)), day=number)
        n_rows = -(-images.clean_per_day // self.protocol.procedural.n_categories)
        pixels = {
            "anchor": category_balanced(self.pool, images.anchors, first=_ANCHORS_FROM),
            "normalizer": category_balanced(self.pool, images.normalizers, first=_NORMALIZERS_FROM),
            "clean": category_balanced(self.pool, images.clean_per_day, first=_CLEAN_FROM + n_rows * number),
        }
        clean = np.stack([pixels[str(row["role"])][_number(str(row["image_id"]))] for row in design.rows.images])
        attacks = self._attack(design, clean)
        shown = np.concatenate([clean, attacks.attacked])
        stimuli = StimulusSet(_columns(design, attacks, day=number), shown)
        return Shown(stimuli, self.subject.cortex.rates_hz(shown, day=number), number, tuning_day=number)

    def show(self, shown: Shown) -> SimulatedDay:
        """Show a prepared day, and fit the model to all days so far."""
        day = show(shown, self.subject.cortex, self.subject.sites, random=self.random)
        self.days.append(day)
        rows = [(one, fitted_rows(one.responses.stimuli), held_out_rows(one.responses.stimuli)[0]) for one in self.days]
        train = _concatenate([_responses(one.responses, one.measured, fitted) for one, fitted, _ in rows])
        refit(
            self.model,
            train,
            _concatenate([_responses(one.responses, one.measured, held_out) for one, _, held_out in rows]),
            recipe=recipe_of(self.protocol.fit, n_images=len(train.images), is_first=len(self.days) == 1),
            seed=self.seed + day.number,
        )
        return day

    def _attack(self, design: DayDesign, clean: Bytes) -> SynthesisResult:
        place = {row["image_id"]: number for number, row in enumerate(design.rows.images)}
        items = [
            AttackItem(str(row["item_id"]), place[row["image_id"]], int(row["site_index"]), float(row["epsilon"]))
            for row in design.rows.attacks
        ]
        model = freeze_for_attack(copy.deepcopy(self.model))
        attack = self.protocol.attack
        with tempfile.TemporaryDirectory() as folder:
            made = synthesize(
                InMemory(model, f"subject {self.seed} day {len(self.days)}"),
                items,
                clean,
                method=method_of(attack),
                lattice=lattice_of(attack.gradient),
                shard_folder=Path(folder),
            )
            return copy.deepcopy(made)


def _number(image_id: str) -> int:
    return int(image_id.rpartition(" ")[2])


def _columns(design: DayDesign, attacks: SynthesisResult, *, day: int) -> dict[str, NDArray[np.generic]]:
    """Return the stimulus table: clean images, then attacks, as the stage `synthesize` writes it."""
    place = {row["image_id"]: number for number, row in enumerate(design.rows.images)}
    rows = [
        CLEAN
        | {"kind": "clean", "clean_index": number}
        | {name: row[name] for name in ("role", "image_id", "repetitions")}
        for number, row in enumerate(design.rows.images)
    ]
    for row, before, after in zip(
        design.rows.attacks, attacks.predicted_clean, attacks.predicted_attacked, strict=True
    ):
        clean = rows[place[row["image_id"]]]
        own = {name: row[name] for name in ("role", "site_index", "epsilon", "repetitions")}
        predicted = {"predicted_clean": float(before), "predicted_attacked": float(after)}
        rows.append(clean | own | predicted | {"kind": "attacked", "predicted_sign": int(np.sign(after - before))})
    numbered = [row | {"image_index": number, "stimulus_id": f"{day}-{number}"} for number, row in enumerate(rows)]
    return {name: np.asarray(column) for name, column in as_columns(numbered, STIMULI).items()}


def _responses(day: DayResponses, measured: Measured, rows: NDArray[np.int64]) -> Responses:
    """Return z-scored responses with their repetitions, as the stage `refit` fits them."""
    z = z_score(measured.rates_hz[rows], measured.rates_hz[scaling_rows(day.stimuli)])
    return Responses(day.stimuli.images[rows], z.astype(np.float32), measured.n_usable[rows].astype(np.float32))


def _concatenate(parts: list[Responses]) -> Responses:
    return Responses(
        *(np.concatenate([getattr(one, name) for one in parts]) for name in ("images", "responses", "weights"))
    )
