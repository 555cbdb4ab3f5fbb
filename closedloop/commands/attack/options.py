"""The options of `closedloop attack` and what they mean."""

from __future__ import annotations

from dataclasses import replace

from closedloop.attacks.epsilons import parse_epsilons
from closedloop.attacks.problem import Method
from closedloop.attacks.searches import SEARCHES, Schedule
from closedloop.attacks.synthesis.timing import most_gradients
from closedloop.commands.attack.asked import DIRECTIONS, AttackOptions, refuse_random
from closedloop.commands.attack.request import outputs_of, read_images, subject_of
from closedloop.commands.attack.run import AttackRequest, attack_to_folder
from closedloop.commands.interrupts import interruptible
from closedloop.execution.progress import bar
from closedloop.execution.workers import parse_workers
from closedloop.plain_text.printed import command_line, number_text
from closedloop.plain_text.suggestions import one_of
from closedloop.stages.from_protocol.attack import estimator_of, lattice_of
from closedloop.terminal.streams import say

_BEFORE_THE_LATTICE = 0.1  # of the radius: what the last steps leave to the steps on the lattice

_SEARCHES = {**SEARCHES, "cosine": replace(SEARCHES["cosine"], last_fraction=_BEFORE_THE_LATTICE)}


def run_attack(options: AttackOptions) -> list[str]:
    """Find the attacks and write the folder; return what to tell the user.

    Raises
    ------
    ClosedLoopError
        Something that the user can repair.
    typer.Exit
        Interrupted: code 130.
    """
    workers, request = parse_workers(options.workers), resolve(options)
    n_attacks = len(request.items())
    n_most = n_attacks * most_gradients(request.method, request.lattice, n_directions=len(request.directions))
    if not options.out.exists():
        say(f"{n_attacks:,} attacks, at most {n_most:,} gradients of the model.")
    with (
        interruptible("Stopped. Run the same command again to go on; what was found is kept."),
        bar(f"{n_attacks:,} attacks") as progress,
    ):
        return attack_to_folder(request, options.out, workers=workers, command=full_command(options), progress=progress)


def resolve(options: AttackOptions) -> AttackRequest:
    """Return what the options ask for, with the model and the images read.

    Raises
    ------
    CheckpointError, ImageError, OptionError, ProtocolError
        An option cannot be met; the message says why.
    """
    search = _SEARCHES[one_of(_SEARCHES, options.search, option="--search")]
    refuse_random(options)
    directions = DIRECTIONS[one_of(DIRECTIONS, options.direction, option="--direction")]
    epsilons = parse_epsilons([repr(epsilon) for epsilon in options.epsilons])
    subject = subject_of(options.model, layer=options.layer, architecture=options.architecture, side_px=options.side_px)
    return AttackRequest(
        subject=subject,
        images=read_images(options.images, side_px=subject.model.side_px),
        outputs=outputs_of(options.outputs, n_outputs=subject.model.n_outputs),
        epsilons=epsilons,
        directions=directions,
        method=_method(replace(search, steps=options.steps), options),
        lattice=lattice_of(options.gradient),
        seed=options.seed,
    )


def _method(search: Schedule, options: AttackOptions) -> Method:
    return Method(search, estimator_of(options.gradient))


def full_command(options: AttackOptions) -> str:
    """Return the command that makes the folder again; workers do not change the result."""
    optional: dict[str, str | int | float | None] = {
        "layer": options.layer,
        "architecture": options.architecture,
        "side-px": options.side_px,
    }
    optional |= options.gradient.model_dump(exclude_defaults=True)
    return command_line(
        *("closedloop", "attack", options.model),
        *options.images,
        *("--out", options.out),
        *("--outputs", options.outputs),
        *("--epsilon", ",".join(number_text(epsilon) for epsilon in options.epsilons)),
        *("--search", options.search, "--steps", str(options.steps)),
        *("--direction", options.direction, "--seed", str(options.seed)),
        *(part for name, value in optional.items() if value is not None for part in (f"--{name}", str(value))),
    )
