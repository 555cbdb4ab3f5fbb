"""What a study is, in the head of its pages: subject, protocol, images, networks, attack."""

from __future__ import annotations

from collections.abc import Sequence

from closedloop import __version__
from closedloop.artifacts.amended.imported import is_imported
from closedloop.artifacts.catalog import IMPORTED_RESPONSES
from closedloop.artifacts.protocol.attack import Attack
from closedloop.artifacts.protocol.objectives.stated import StatedObjective
from closedloop.artifacts.protocol.population import Population
from closedloop.artifacts.protocol.preference import Preference
from closedloop.artifacts.protocol.probes import Probes
from closedloop.report.reading import StudyRecord
from closedloop.report.wording import count


def facts(record: StudyRecord) -> tuple[tuple[str, str], ...]:
    """Return what a study is, by name."""
    study, pool, attack = record.study, record.study.pool, record.protocol.attack
    n_skipped = sum(day.is_skipped for day in record.days)
    days = f"{len(record.evaluated)} evaluated of {record.protocol.days}" + (
        f", {n_skipped} skipped" if n_skipped else ""
    )
    images = f"{pool.kind.replace('_', ' ')}, {pool.side_px} px" + (f", {pool.folder}" if pool.folder else "")
    return (
        ("Subject", f"{study.subject} ({_kind_of_subject(record)})"),
        ("Protocol", f"{study.protocol_name}, sha256 {study.protocol_sha256[:12]}, seed {record.protocol.seed}"),
        ("Days", days),
        ("Arrays", ", ".join(_arrays(record)) or "as will be recorded"),
        ("Images", images),
        ("Base model" if not record.protocol.ensemble else "Base models", _base_models(record)),
        *_imported(record),
        *_probes(record.protocol.probes),
        *_population(record.protocol.population),
        *_objectives(record.protocol.objectives),
        ("Attack", _describe_attack(attack)),
        *_preference(record.protocol.preference),
        ("Versions", f"study {study.study_id} by closedloop {study.code_version}, page by {__version__}"),
    )


def _kind_of_subject(record: StudyRecord) -> str:
    """Return what the subject is; of a simulated one which hidden cortex it has, where that is not the usual one."""
    if not record.study.simulated:
        return "real"
    simulation = record.protocol.simulation
    cortex = "" if simulation.cortex == "shipped" else f", hidden cortex {simulation.cortex}"
    return f"simulated{cortex}{', with headroom' if simulation.headroom else ''}"


def _base_models(record: StudyRecord) -> str:
    """Name the networks of all members of the day's model."""
    return ", ".join([record.study.base_model, *(member.weights for member in record.protocol.ensemble)])


def _imported(record: StudyRecord) -> tuple[tuple[str, str], ...]:
    """Say what the first model was fitted to before anything was recorded; nothing where nothing was imported."""
    if not is_imported(record.paths):
        return ()
    found = IMPORTED_RESPONSES.read(IMPORTED_RESPONSES.published(record.paths, 0))
    of_noise = ", averages: noise and reliability unknown" if found.are_averages else ""
    told = (
        f"responses of {count(len(found.sites))} sites to {count(found.n_images)} images from {found.source}, sha256 "
        f"{found.source_sha256[:12]}{of_noise}: fitted, recorded elsewhere, in no estimate of any day"
    )
    return (("Imported", told),)


def _probes(probes: Probes) -> tuple[tuple[str, str], ...]:
    """Say what is shown once to teach the model; nothing where nothing is."""
    told = [f"{count(probes.singles)} clean images shown once"] if probes.singles else []
    if probes.per_day:
        told.append(f"{count(probes.per_day)} probes at ε {probes.epsilon:g}")
    return (("Shown once a day, never evaluated", ", ".join(told)),) if told else ()


def _population(population: Population) -> tuple[tuple[str, str], ...]:
    """Say what is to mislead a decoder of all sites; nothing where nothing is."""
    if not population.n_images:
        return ()
    epsilons = ", ".join(f"{epsilon:g}" for epsilon in population.epsilons)
    return (("To mislead a decoder", f"{count(population.n_images)} {population.images} a day, ε {epsilons}"),)


def _objectives(objectives: Sequence[StatedObjective]) -> tuple[tuple[str, str], ...]:
    """Name what else than an attack images are to attain; nothing where there is nothing."""
    told = [one.name if one.name == one.kind else f"{one.name} ({one.kind})" for one in objectives]
    return (("Other objectives", ", ".join(told)),) if told else ()


def _preference(preference: Preference) -> tuple[tuple[str, str], ...]:
    """Say what is shown for category preference; nothing where nothing is."""
    if not preference.images_per_site:
        return ()
    told = (
        f"from day {preference.first_day} on, {count(preference.images_per_site)} images a site of its "
        f"{preference.n_categories} least preferred categories, attacked to raise it, and as many of the preferred one"
    )
    return (("Category preference", told),)


def _arrays(record: StudyRecord) -> tuple[str, ...]:
    """Return the arrays as the last day was recorded with them, or as the study names them."""
    recorded = [day.quality.devices for day in record.days if day.quality is not None and day.quality.devices]
    return tuple(device.name for device in recorded[-1]) if recorded else record.study.arrays


def _describe_attack(attack: Attack) -> str:
    smoothed = attack.gradient.model_dump(exclude_defaults=True)
    gradient = f"gradient by {', '.join(f'{name} {size:g}' for name, size in smoothed.items())}" if smoothed else ""
    epsilons = f"ε {', '.join(f'{epsilon:g}' for epsilon in attack.epsilons)}"
    return ", ".join(filter(None, [f"{attack.search}, {attack.steps} steps", gradient, epsilons]))
