"""`closedloop attack`: find the attacks and publish their folder, complete or not at all."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop import __version__
from closedloop.artifacts.commands.attack_sets import AttackSetDocument
from closedloop.attacks.lattice import LatticeSettings
from closedloop.attacks.problem import Method
from closedloop.attacks.synthesis.items import AttackItem, SynthesisResult
from closedloop.attacks.synthesis.synthesize import CLEAN, synthesize
from closedloop.commands.attack.files import AttackSet, write_attack_set
from closedloop.commands.attack.names import DOCUMENT_NAME, PAGE_NAME
from closedloop.commands.attack.request import NamedImages, Subject
from closedloop.errors import StorageError
from closedloop.execution.progress import ProgressCallback
from closedloop.execution.workers import Workers
from closedloop.storage import make_folder, publish_folder, remove_folder, storage_errors


@dataclass(frozen=True)
class AttackRequest:
    """Everything that decides the bytes of an attack set.

    Attributes
    ----------
    subject
        The model whose outputs are driven.
    images
        The clean images.
    outputs
        Which outputs, each on every image.
    epsilons
        L2 norms of the perturbation, on a 224 x 224 x 3 image.
    directions
        Directions searched; of two, the one with the larger predicted change is kept.
    method, lattice
        The search, and its steps on whole grey levels.
    seed
        Random starts derive from it and from the names of image, output and epsilon.
    """

    subject: Subject
    images: NamedImages
    outputs: tuple[int, ...]
    epsilons: tuple[float, ...]
    directions: tuple[int, ...]
    method: Method
    lattice: LatticeSettings
    seed: int

    def items(self) -> list[AttackItem]:
        """Return every (image, output, epsilon), image by image."""
        return [
            AttackItem(f"{self.seed}|{name}|{output}|{epsilon!r}", place, output, epsilon)
            for place, name in enumerate(self.images.image_ids)
            for output in self.outputs
            for epsilon in self.epsilons
        ]

    @property
    def how(self) -> str:
        """Every setting of the search."""
        return f"{self.method!r}, {self.lattice!r}"

    @property
    def digest(self) -> str:
        """Hash of everything here."""
        model = self.subject.model.model_copy(update={"source": self.subject.source.name})
        content = (model, self.images.digest, self.outputs, self.epsilons, self.directions, self.how, self.seed)
        return hashlib.sha256(repr(content).encode()).hexdigest()


def attack_to_folder(
    request: AttackRequest, out: Path, *, workers: Workers, command: str, progress: ProgressCallback
) -> list[str]:
    """Find all attacks and write the folder; return what to tell the user.

    Finished shards are kept beside `out` until the folder is complete, so that the same command resumes after a kill.

    Parameters
    ----------
    request
        What to find.
    out
        Folder to create.
    workers
        Who computes; the result does not depend on it.
    command
        The command line that the page shows.
    progress
        Called with (attacks done, attacks in total).

    Raises
    ------
    StorageError
        `out` is there and holds something else, or cannot be written.
    ClosedLoopError
        Workers were lost, or a file of the model is no longer the same.
    """
    if out.exists():
        return _already_there(out, request)
    beside = out.with_name(f".{out.name}.attack")
    with storage_errors(beside):
        make_folder(beside)
    with _left_where_found(beside):
        found = synthesize(
            request.subject.source,
            request.items(),
            request.images.pixels,
            method=request.method,
            lattice=request.lattice,
            directions=request.directions,
            shard_folder=beside / "shards",
            workers=workers,
            progress=progress,
        )
    working = beside / "set"
    with storage_errors(out):
        remove_folder(working)
        made = AttackSet(request.images, request.items(), found)
        write_attack_set(working, made, _document(request, found), command=command)
    publish_folder(working, out)
    lines = _summary(request, found, out)
    remove_folder(beside)
    return lines


@contextmanager
def _left_where_found(beside: Path) -> Iterator[None]:
    """Leave the folder of finished shards where the block fails, unless there are none: then there is nothing to keep.

    It is hidden: nobody would find it.
    """
    try:
        yield
    except BaseException:
        if not any(path.is_file() and not path.name.startswith(CLEAN) for path in beside.rglob("*")):
            with suppress(StorageError):
                remove_folder(beside)
        raise


def _already_there(out: Path, request: AttackRequest) -> list[str]:
    document = out / DOCUMENT_NAME
    if not document.is_file():
        raise StorageError(f"{out}: expected no folder or one of this command, found another. Choose another --out.")
    if AttackSetDocument.read(document).request_sha256 != request.digest:
        raise StorageError(f"{out}: expected the attacks asked for, found others. Choose another --out.")
    return [f"{out} is finished already. Open {out / PAGE_NAME}"]


def _document(request: AttackRequest, found: SynthesisResult) -> AttackSetDocument:
    return AttackSetDocument(
        simulated=False,
        request_sha256=request.digest,
        model=request.subject.model,
        n_images=len(request.images.image_ids),
        outputs=request.outputs,
        epsilons=request.epsilons,
        directions=request.directions,
        method=request.how,
        seed=request.seed,
        n_attacks=len(found.attacked),
        n_gradients=int(found.n_gradients.sum()),
        versions={
            "closedloop": __version__,
            "torch": version("torch"),
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
        files={},
    )


def _of_no_effect(change: NDArray[np.floating]) -> str:
    """Return how many attacks moved nothing, if any: a unit silenced by a rectification has no gradient to follow."""
    n = int((change == 0).sum())
    return f"; {n} of {len(change)} moved nothing (a silent unit has no gradient)" if n else ""


def _summary(request: AttackRequest, found: SynthesisResult, out: Path) -> list[str]:
    """Return a line per epsilon on how far the outputs are predicted to move."""
    epsilon = np.array([item.epsilon for item in request.items()])
    lines = []
    for one in request.epsilons:
        rows = epsilon == one
        change = float(np.abs(found.predicted_change[rows]).mean())
        largest = change + float(found.rounding_loss[rows].mean())
        kept = f", {100 * change / largest:.1f} % of the largest found before rounding" if largest > 0 else ""
        lines.append(
            f"epsilon {one:g}: mean predicted change {change:.4g}{kept}; "
            f"realised epsilon at most {found.realised_epsilon[rows].max():.5f}"
            + _of_no_effect(found.predicted_change_float[rows])
        )
    return [*lines, f"{len(found.attacked)} attacks. Open {out / PAGE_NAME}"]
