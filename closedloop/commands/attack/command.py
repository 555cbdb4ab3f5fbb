"""From the words of the command line to the attacks and what to tell afterwards."""

from __future__ import annotations

import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TypeVar

import typer

from closedloop.artifacts.protocol.attack import Gradient
from closedloop.attacks.problem import Method
from closedloop.attacks.searches.annealed import Annealed
from closedloop.attacks.searches.cosine import Cosine
from closedloop.attacks.searches.paper31 import Paper31
from closedloop.attacks.searches.search import Search
from closedloop.attacks.searches.strengthened import Strengthened
from closedloop.commands.attack.request import outputs_of, read_images, subject_of
from closedloop.commands.attack.run import Attack, attack_to_folder
from closedloop.errors import ProtocolError
from closedloop.execution.progress import bar
from closedloop.execution.workers import parse_workers
from closedloop.stages.from_protocol import estimator_of, lattice_of

Meaning = TypeVar("Meaning")

_EXIT_INTERRUPTED = 130  # what a shell reports for a program ended by Ctrl-C

_BEFORE_THE_LATTICE = 0.1  # of the radius: what the last steps leave to those on the lattice

SEARCHES: Mapping[str, Callable[[int], Search]] = {
    "cosine": lambda steps: Cosine(steps=steps, last_fraction=_BEFORE_THE_LATTICE),
    "paper31": lambda steps: Paper31(steps=steps),
    "annealed": lambda steps: Annealed(steps=steps),
    "strengthened": lambda steps: Strengthened(steps=steps),
}
DIRECTIONS: Mapping[str, tuple[int, ...]] = {"both": (+1, -1), "up": (+1,), "down": (-1,)}


@dataclass(frozen=True)
class Words:
    """The options as they were given; their meaning stands in the command's help."""

    model: str
    images: Sequence[Path]
    out: Path
    outputs: str
    epsilons: Sequence[float]
    search: str
    steps: int
    direction: str
    seed: int
    gradient: Gradient
    workers: str
    layer: str | None
    architecture: str | None
    side_px: int | None


def attack_by(words: Words) -> list[str]:
    """Do what was asked; return what to tell the user.

    Raises
    ------
    ClosedLoopError
        Something a person can mend.
    typer.Exit
        Interrupted: code 130.
    """
    workers, attack = parse_workers(words.workers), understood(words)
    signal.signal(signal.SIGTERM, _as_interrupt)
    try:
        with bar(f"{len(attack.items())} attacks") as progress:
            return attack_to_folder(attack, words.out, workers=workers, command=_again(words), progress=progress)
    except KeyboardInterrupt:
        typer.echo("Stopped. Run the same command again to go on; what was found is kept.", err=True)
        raise typer.Exit(_EXIT_INTERRUPTED) from None


def understood(words: Words) -> Attack:
    """Find out what is meant, and read model and images.

    Raises
    ------
    CheckpointError, ImageError, ProtocolError
        It cannot be done, and why.
    """
    search = _one_of(SEARCHES, words.search, option="--search")
    directions = _one_of(DIRECTIONS, words.direction, option="--direction")
    epsilons = tuple(sorted(set(words.epsilons)))
    if not epsilons or not 0 < epsilons[0] <= epsilons[-1] < float("inf"):
        raise ProtocolError(f"--epsilon: expected sizes above 0, found {list(words.epsilons)}. Correct them.")
    subject = subject_of(words.model, layer=words.layer, architecture=words.architecture, side_px=words.side_px)
    return Attack(
        subject=subject,
        images=read_images(words.images, side_px=subject.model.side_px),
        outputs=outputs_of(words.outputs, n_outputs=subject.model.n_outputs),
        epsilons=epsilons,
        directions=directions,
        method=_method(search(words.steps), words),
        lattice=lattice_of(words.gradient),
        seed=words.seed,
    )


def _method(search: Search, words: Words) -> Method:
    if search.goes_back and words.gradient.is_random:
        raise ProtocolError(
            f"--search {words.search}: expected cosine or paper31 with random shift, noise or scale: it compares "
            "one step with another. Name one of them, or leave the random changes out."
        )
    return Method(search, estimator_of(words.gradient))


def _one_of(table: Mapping[str, Meaning], name: str, *, option: str) -> Meaning:
    if name not in table:
        raise ProtocolError(f"{option} {name}: expected one of {', '.join(table)}. Correct it.")
    return table[name]


def _again(words: Words) -> str:
    """Say the command that makes the folder again; workers do not change it."""
    images = " ".join(map(str, words.images))
    sizes = " ".join(f"--epsilon {epsilon:g}" for epsilon in words.epsilons)
    changed = {f"--{name}": value for name, value in words.gradient.model_dump(exclude_defaults=True).items()}
    named = {"--layer": words.layer, "--architecture": words.architecture, "--side-px": words.side_px, **changed}
    optional = "".join(f" {option} {value}" for option, value in named.items() if value is not None)
    return (
        f"closedloop attack {words.model} {images} --out {words.out} --outputs {words.outputs} {sizes} "
        f"--search {words.search} --steps {words.steps} --direction {words.direction} --seed {words.seed}{optional}"
    )


def _as_interrupt(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
