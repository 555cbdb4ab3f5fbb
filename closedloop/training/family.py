"""Base models that differ in one number alone, the size of the attacks that they are trained against (Figure 6).

Every network is trained an epoch at a time, by whoever is free; each epoch leaves a state from which the next goes on,
so that a kill costs an epoch of the networks at work and the weights are the same bytes, whoever trained what.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from closedloop import __version__
from closedloop.errors import CheckpointError
from closedloop.execution.progress import ProgressCallback
from closedloop.execution.run import run_pieces
from closedloop.execution.shards import shard_name
from closedloop.execution.stored.piece import FilePiece
from closedloop.execution.workers import HERE, Workers
from closedloop.models.weight_files import read_metadata
from closedloop.stimuli.in_memory import InMemoryPool
from closedloop.stimuli.port import ImagePool
from closedloop.storage import remove_file
from closedloop.training.adversarial import TrainingRecipe, described, train_classifier, train_epochs

PAPER_EPSILONS = (0.0, 0.5, 1.0, 2.0, 3.0, 5.0)  # the horizontal axis of Figure 6

_FORMAT = "family training 1"
_EVALUATION_COST = 1  # of the accuracies, in passes through an epoch's images


@dataclass(frozen=True)
class FamilyMember:
    """A network of a family.

    Attributes
    ----------
    recipe
        How it is trained.
    out
        Its weight file.
    """

    recipe: TrainingRecipe
    out: Path

    @property
    def checkpoint(self) -> Path:
        """File of the state between two epochs; gone when the network is done."""
        return self.out.with_name(f".{self.out.name}.training.pt")

    @property
    def epoch_cost(self) -> int:
        """Passes through an epoch's images: one of the training, and one for each step of the attacks."""
        return 1 + (self.recipe.pgd_steps if self.recipe.epsilon else 0)


def family_members(recipe: TrainingRecipe, epsilons: Sequence[float], folder: Path) -> tuple[FamilyMember, ...]:
    """Return the networks of a family, by one recipe at several sizes of its attacks.

    Parameters
    ----------
    recipe
        All but the epsilon.
    epsilons
        L2, at 224 px; 0 trains without attacks.
    folder
        Where the weight files belong.

    Examples
    --------
    >>> from closedloop.training import TrainingRecipe
    >>> [member.out.name for member in family_members(TrainingRecipe(), (0.0, 0.5), Path("family"))]
    ['small_resnet_eps0.safetensors', 'small_resnet_eps0.5.safetensors']
    """
    return tuple(
        FamilyMember(
            replace(recipe, epsilon=float(epsilon)), folder / f"{recipe.architecture}_eps{epsilon:g}.safetensors"
        )
        for epsilon in epsilons
    )


def train_family(
    members: Sequence[FamilyMember],
    pool: ImagePool,
    *,
    workers: Workers = HERE,
    progress: ProgressCallback | None = None,
) -> None:
    """Train the networks that are not done yet and write their weight files.

    Parameters
    ----------
    members
        Of `family_members`.
    pool
        Images with categories, the same for all.
    workers
        Who trains; the weights do not depend on it.
    progress
        Called with (passes through an epoch's images, in total).

    Raises
    ------
    CheckpointError
        A file that is there is of another training.
    ImageError, ProtocolError
        An image cannot be read, or the architecture is unknown.
    ExecutionError, StorageError
        Workers were lost, or the disk is full; the epochs that are done stay done.
    """
    left = [member for member in members if not is_trained(member, pool)]
    for member in members:
        if member not in left:
            remove_file(member.checkpoint)  # of one that was killed between its weights and this
    done = sum(_cost(member) for member in members if member not in left)
    total = sum(map(_cost, members))
    for epoch in range(max((member.recipe.epochs for member in left), default=0)):
        own = [member for member in left if epoch < member.recipe.epochs]
        costs = [member.epoch_cost for member in own]
        pieces = [_epoch_piece(member, pool, epoch + 1) for member in own]
        run_pieces(pieces, workers, _reporter(progress, done=done, costs=costs, total=total))
        done += sum(costs)
    costs = [_EVALUATION_COST] * len(left)
    run_pieces(
        [_last_piece(member, pool) for member in left],
        workers,
        _reporter(progress, done=done, costs=costs, total=total),
    )
    for member in left:
        remove_file(member.checkpoint)  # where the last piece was done elsewhere


def _epoch_piece(member: FamilyMember, pool: ImagePool, n_epochs: int) -> FilePiece:
    return FilePiece(
        partial(_train_until, member, pool, n_epochs),
        leaves=(member.checkpoint,),
        reads=(member.checkpoint, *_files_of(pool)),
        identity=f"epoch {n_epochs} {_name(member, pool)}",
    )


def _last_piece(member: FamilyMember, pool: ImagePool) -> FilePiece:
    return FilePiece(
        partial(_finish, member, pool),
        leaves=(member.out,),
        reads=(member.checkpoint, *_files_of(pool)),
        identity=_name(member, pool),
    )


def _name(member: FamilyMember, pool: ImagePool) -> str:
    """Return a name for a training, by all that decides its weights."""
    files = [path for folder in _files_of(pool) for path in sorted(folder.rglob("*"))]
    states = [(str(path), path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    return shard_name(_FORMAT, __version__, repr(member.recipe), repr(pool.description()), repr(states))


def _files_of(pool: ImagePool) -> tuple[Path, ...]:
    """Return where the images of a folder are."""
    folder = pool.description().get("folder")
    return () if folder is None or isinstance(pool, InMemoryPool) else (Path(str(folder)),)


def is_trained(member: FamilyMember, pool: ImagePool) -> bool:
    """Return whether a network's weight file is there.

    Parameters
    ----------
    member
        The network.
    pool
        What it is to be trained on.

    Raises
    ------
    CheckpointError
        The file is of another training.
    """
    if not member.out.exists():
        return False
    found, asked = read_metadata(member.out), described(member.recipe, pool)
    if any(found.get(key) != value for key, value in asked.items()):
        raise CheckpointError(
            f"{member.out}: expected the weights of this training, found those of another recipe, seed or images. "
            "Name another folder, or move the file away."
        )
    return True


def _train_until(member: FamilyMember, pool: ImagePool, n_epochs: int) -> None:
    train_epochs(member.recipe, pool, n_epochs=n_epochs, checkpoint=member.checkpoint)


def _finish(member: FamilyMember, pool: ImagePool) -> None:
    train_classifier(member.recipe, pool, member.out, checkpoint=member.checkpoint)
    remove_file(member.checkpoint)


def _cost(member: FamilyMember) -> int:
    return member.recipe.epochs * member.epoch_cost + _EVALUATION_COST


def _reporter(
    progress: ProgressCallback | None, *, done: int, costs: Iterable[int], total: int
) -> Callable[[int], None]:
    """Report work that is done where pieces are counted; each of them is done about when its equals are."""
    of_pieces = list(costs)

    def report(n_pieces: int) -> None:
        if progress is not None:
            progress(done + sum(of_pieces[:n_pieces]), total)

    report(0)
    return report
