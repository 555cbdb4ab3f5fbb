"""What the study does: trains its networks, attacks the defences, and leaves settings and tables."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from closedloop import __version__
from closedloop.defenses.labelled import LabelledImages
from closedloop.defenses.trained import epochs_piece, rounds, state_of
from closedloop.execution.phases import WorkPhase, run_phases
from closedloop.execution.progress import ProgressCallback
from closedloop.execution.stored.piece import shard_piece
from closedloop.execution.workers import Workers
from closedloop.storage import remove_file, resolved
from closedloop.studies.files import write_both
from closedloop.studies.purification.documents import DEFENSE_ACCURACY, RECALL_ACCURACY, PurificationStudy
from closedloop.studies.purification.networks import Networks, plan_networks
from closedloop.studies.purification.settings import DEFENSES, PurificationFiles, PurificationSettings
from closedloop.studies.purification.shards import DefenseShard, leave_attacks, plan_attacks, read_right
from closedloop.studies.purification.tables import accuracy_table, recalls_table


def measure_defenses(
    data: LabelledImages,
    settings: PurificationSettings,
    folder: Path,
    *,
    workers: Workers,
    progress: ProgressCallback | None,
    has_sites: bool,
    more: Sequence[WorkPhase] = (),
) -> Networks:
    """Train, attack, and write settings and tables; stopped and called again, it resumes and leaves the same bytes.

    Parameters
    ----------
    data
        Images to train on and to attack.
    settings
        What is trained and how it is attacked.
    folder
        Where results go; made if missing.
    workers
        Who does the work; the result does not depend on it.
    progress
        Called with (cost done, cost in total).
    has_sites
        What the settings say of the question about sites.
    more
        Work that is done after this, for the progress.

    Raises
    ------
    ExecutionError, StorageError
        Workers were lost, or the disk is full; what was done is kept.
    """
    files = PurificationFiles(folder)
    shards = resolved(files.shards)
    networks = plan_networks(settings, data.train, shards)
    planned = {
        (name, radius): pieces
        for name in DEFENSES
        for radius, pieces in plan_attacks(name, networks.defense(name), data.test, settings.attacks, shards).items()
    }
    run_phases(
        [*_trainings(networks), _attacks([one for group in planned.values() for one in group]), *more],
        workers,
        progress,
    )
    for network in networks.all:
        remove_file(state_of(network.path))  # where its last epoch was trained elsewhere
    answers = {key: read_right(pieces) for key, pieces in planned.items()}
    _document(data, settings, has_sites=has_sites).write(files.settings)
    write_both(files.accuracy, DEFENSE_ACCURACY, accuracy_table(answers), simulated=False)
    recalls = recalls_table(answers, counts=settings.attacks.counts)
    write_both(files.recalls, RECALL_ACCURACY, recalls, simulated=False)
    return networks


def _trainings(networks: Networks) -> list[WorkPhase]:
    """Return the rounds of all trainings; an epoch costs in proportion to its images' passes."""
    phases, before = [], dict.fromkeys(networks.all, 0)
    for planned in rounds(networks.all):
        pieces = tuple(epochs_piece(network, until=until) for network, until in planned)
        costs = tuple((until - before[network]) * network.epoch_cost for network, until in planned)
        before |= dict(planned)
        n = len(networks.plain.examples.classes)
        phases.append(WorkPhase(pieces, tuple(cost * n * _EXAMPLE_MS for cost in costs)))
    return phases


def _attacks(shards: Sequence[DefenseShard]) -> WorkPhase:
    costs = tuple(
        len(one.rows) * (_RECALLED_MS * one.settings.recalls / 60 if one.purifier and one.radius else _ATTACKED_MS)
        for one in shards
    )
    left = [one for one in shards if not one.path.exists()]
    return WorkPhase(tuple(shard_piece(leave_attacks, one, *one.networks) for one in left), costs)


def _document(data: LabelledImages, settings: PurificationSettings, *, has_sites: bool) -> PurificationStudy:
    attacks = settings.attacks
    return PurificationStudy(
        simulated=False,
        code_version=__version__,
        seed=attacks.seed,
        data=data.name,
        side_px=data.side_px,
        classes=data.classes,
        n_train=len(data.train.classes),
        n_test=len(data.test.classes),
        n_repeated=data.n_repeated,
        epochs=settings.epochs,
        recalls=attacks.recalls,
        radii=attacks.radii,
        foreseen=settings.foreseen.radii,
        pgd_steps=attacks.pgd.steps,
        apgd_steps=attacks.apgd_steps,
        adaptive_steps=attacks.adaptive.steps,
        adaptive_recalls=attacks.adaptive.recalls,
        has_sites=has_sites,
    )


_EXAMPLE_MS, _RECALLED_MS, _ATTACKED_MS = 0.02, 80.0, 20.0  # measured roughly; they move the bar, nothing else
