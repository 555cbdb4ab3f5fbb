"""What `closedloop studies screening` is asked for, and what of it cannot be, told before anything is made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from closedloop.attacks.epsilons import parse_epsilons
from closedloop.errors import CheckpointError, DocumentError, OptionError, ProtocolError
from closedloop.models.shipped import weights_file
from closedloop.models.weight_headers import SAFETENSORS, read_weight_header, refuse_no_weights
from closedloop.plain_text.suggestions import did_you_mean
from closedloop.stages.from_protocol.stated import StatedLayers, read_for_sweep
from closedloop.studies.networks import parse_network
from closedloop.studies.places import check_places

_STATED = (".yaml", ".yml")  # files that state a network from elsewhere
PIXELS, UNTRAINED = "pixels", "untrained"  # what every comparison has beside the networks that are named
DEFAULT_NETWORKS = ("small_resnet_vanilla", "small_resnet_robust")  # trained without attacks, and at epsilon 2


@dataclass(frozen=True)
class ScreeningOptions:
    """The options as given on the command line; None where an option was left out.

    Attributes
    ----------
    networks
        Names or files, each with layers set apart by commas after a colon, or none.
    family
        Folder of weight files.
    architecture
        Of third-party weight files.
    study, responses
        Whose responses: a study's folder, or a table. A simulated subject's where both are None.
    transfer
        Table of responses to the layer-targeted images.
    subject
        Name of the simulated subject.
    epsilons, n_attacked, repetitions, n_clean, seed
        As in `ScreeningSettings`.
    """

    networks: tuple[str, ...]
    family: Path | None
    architecture: str | None
    study: Path | None
    responses: Path | None
    transfer: Path | None
    subject: str
    epsilons: tuple[str, ...]
    n_attacked: int
    repetitions: int
    n_clean: int
    seed: int


@dataclass(frozen=True)
class ScreenedNetwork:
    """A trained network of the comparison.

    Attributes
    ----------
    name
        In tables and figures.
    source
        A shipped name or a weight file.
    layers
        Which; all of them, if empty.
    architecture
        Of a third-party file; None to have it recognised.
    training_epsilon
        Size of the attacks that it was trained against; None where its file does not say.
    stated
        The network, where it is from elsewhere.
    """

    name: str
    source: str
    layers: tuple[str, ...]
    architecture: str | None
    training_epsilon: float | None
    stated: StatedLayers | None = None


def check_options(options: ScreeningOptions, out: Path, *, workers: str | None) -> None:
    """Refuse what cannot be, without torch.

    Parameters
    ----------
    options
        What was asked for.
    out
        Folder for the results.
    workers
        As ``--workers`` takes it; None for this machine.

    Raises
    ------
    OptionError
        A value is none that the option takes, or two options exclude each other.
    CheckpointError, ProtocolError
        A network is none, or has no such layer.
    DocumentError
        There is no such table.
    StudyError
        The study's folder is none.
    ExecutionError
        The workers cannot be had.
    StorageError
        `out` is no place for results.
    """
    parse_epsilons(options.epsilons)
    screened_networks(options)
    if options.study is not None and options.responses is not None:
        raise OptionError("--study and --responses: expected one of the two, found both. Leave one out.")
    if options.transfer is not None and options.study is None and options.responses is None:
        raise OptionError(
            "--transfer: expected responses of an animal beside it, found a simulated subject, who is shown the "
            "images itself. Add --study or --responses, or leave it out."
        )
    for option, table in (("--responses", options.responses), ("--transfer", options.transfer)):
        if table is not None and not table.is_file():
            raise DocumentError(f"{option} {table}: expected a CSV table, found none. Correct the path.")
    check_places(out, workers=workers, study=options.study)


def screened_networks(options: ScreeningOptions) -> tuple[ScreenedNetwork, ...]:
    """Return the trained networks that are compared, by training epsilon where their files say it.

    Raises
    ------
    OptionError
        A text names nothing or a layer twice, or two networks have one name, or one that is not a network's.
    CheckpointError, ProtocolError
        A file is none of weights, a folder has none, or a network has no such layer.
    """
    texts = list(options.networks)
    if options.family is not None:
        texts += [str(path) for path in _weight_files(options.family)]
    networks = [_network(text, architecture=options.architecture) for text in texts or DEFAULT_NETWORKS]
    names = [network.name for network in networks]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise OptionError(f"--network: expected different names, found {twice[0]} twice. Rename a file.")
    if own := [name for name in names if name.split(" ")[0] in (PIXELS, UNTRAINED)]:
        raise OptionError(
            f"--network: expected other names than {PIXELS} and {UNTRAINED}, which are compared anyway, found "
            f"{own[0]}. Rename the file."
        )
    return tuple(sorted(networks, key=_by_epsilon))


def _by_epsilon(network: ScreenedNetwork) -> float:
    return float("inf") if network.training_epsilon is None else network.training_epsilon


def _weight_files(folder: Path) -> list[Path]:
    files = sorted(folder.glob(f"[!.]*{SAFETENSORS}")) if folder.is_dir() else []
    if not files:
        raise CheckpointError(
            f"--networks {folder}: expected a folder of weight files (*{SAFETENSORS}), found none. Make one with "
            "`closedloop base-model train-family`."
        )
    return files


def _once(layers: tuple[str, ...], text: str) -> tuple[str, ...]:
    if twice := next((layer for layer in layers if layers.count(layer) > 1), None):
        raise OptionError(f"--network {text}: expected each layer once, found {twice} twice. Leave one out.")
    return layers


def _network(text: str, *, architecture: str | None) -> ScreenedNetwork:
    choice = parse_network(text, architecture=architecture)
    named = choice.name.endswith(f":{choice.layer}")
    layers = tuple(layer.strip() for layer in choice.layer.split(",")) if named else ()
    if choice.source.endswith(_STATED):
        name = choice.name.removesuffix(f":{choice.layer}") if named else choice.name
        return ScreenedNetwork(
            name, choice.source, _once(layers, text), None, None, read_for_sweep(Path(choice.source))
        )
    file = weights_file(choice.source)
    refuse_no_weights(file)
    header = read_weight_header(file)
    known = header.layers if header else ()
    for layer in _once(layers, text):
        if known and layer not in known:
            raise ProtocolError(
                f"--network {text}: expected layers out of {', '.join(known)}, found {layer}. "
                f"{did_you_mean(layer, known)}Correct it."
            )
    name = choice.name.removesuffix(f":{choice.layer}") if named else choice.name
    recipe = header.described.get("recipe") if header else None
    epsilon = recipe.get("epsilon") if isinstance(recipe, dict) else None
    return ScreenedNetwork(
        name, choice.source, layers, choice.architecture, float(epsilon) if isinstance(epsilon, int | float) else None
    )
