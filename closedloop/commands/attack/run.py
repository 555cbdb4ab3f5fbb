"""`closedloop attack`: find the attacks, and leave a folder that is whole or not there."""

from __future__ import annotations

import hashlib
import platform
import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from closedloop import __version__
from closedloop.artifacts.attack_sets import AttackSetDocument
from closedloop.attacks.items import AttackItem, SynthesisResult
from closedloop.attacks.lattice import LatticeSettings
from closedloop.attacks.problem import Method
from closedloop.attacks.synthesis import synthesize
from closedloop.commands.attack.files import DOCUMENT_NAME, PAGE_NAME, AttackSet, write_attack_set
from closedloop.commands.attack.request import CleanImages, Subject
from closedloop.errors import StorageError
from closedloop.execution.progress import ProgressCallback
from closedloop.execution.workers import Workers
from closedloop.storage import publish_folder, storage_errors


@dataclass(frozen=True)
class Attack:
    """All that decides the bytes.

    Attributes
    ----------
    subject
        Whose outputs are driven.
    images
        What is changed.
    outputs
        Which outputs, each on every image.
    epsilons
        How far, on a 224 x 224 x 3 image.
    directions
        Searched; of two the one with the larger predicted change is kept.
    method, lattice
        How.
    seed
        Random starts derive from it and from the names of image, output and epsilon.
    """

    subject: Subject
    images: CleanImages
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
        said = (model, self.images.digest, self.outputs, self.epsilons, self.directions, self.how, self.seed)
        return hashlib.sha256(repr(said).encode()).hexdigest()


def attack_to_folder(
    attack: Attack, out: Path, *, workers: Workers, command: str, progress: ProgressCallback
) -> list[str]:
    """Find all attacks and write the folder; return what to tell the user.

    What is found is kept beside `out` until the folder is whole, so that the same command goes on after a kill.

    Raises
    ------
    StorageError
        `out` is there and holds something else, or cannot be written.
    ClosedLoopError
        Workers were lost, or a file of the model is no longer the same.
    """
    if out.exists():
        return _already_there(out, attack)
    beside = out.with_name(f".{out.name}.attack")
    with storage_errors(beside):
        beside.mkdir(parents=True, exist_ok=True)
    found = synthesize(
        attack.subject.source,
        attack.items(),
        attack.images.pixels,
        method=attack.method,
        lattice=attack.lattice,
        directions=attack.directions,
        shard_folder=beside / "shards",
        workers=workers,
        progress=progress,
    )
    working = beside / "set"
    with storage_errors(out):
        shutil.rmtree(working, ignore_errors=True)
        made = AttackSet(attack.images, attack.items(), found)
        write_attack_set(working, made, _document(attack, found), command=command)
    publish_folder(working, out)
    told = _summary(attack, found, out)
    shutil.rmtree(beside, ignore_errors=True)
    return told


def _already_there(out: Path, attack: Attack) -> list[str]:
    document = out / DOCUMENT_NAME
    if not document.is_file():
        raise StorageError(f"{out}: expected no folder or one of this command, found another. Choose another --out.")
    if AttackSetDocument.read(document).request_sha256 != attack.digest:
        raise StorageError(f"{out}: expected the attacks asked for, found others. Choose another --out, or remove it.")
    return [f"{out} is finished already. Open {out / PAGE_NAME}"]


def _document(attack: Attack, found: SynthesisResult) -> AttackSetDocument:
    return AttackSetDocument(
        simulated=False,
        request_sha256=attack.digest,
        model=attack.subject.model,
        n_images=len(attack.images.image_ids),
        outputs=attack.outputs,
        epsilons=attack.epsilons,
        directions=attack.directions,
        method=attack.how,
        seed=attack.seed,
        n_attacks=len(found.attacked),
        n_gradients=int(found.n_gradients.sum()),
        versions={
            "closedloop": __version__,
            "torch": torch.__version__,
            "numpy": np.__version__,
            "python": platform.python_version(),
        },
        files={},
    )


def _of_no_effect(change: NDArray[np.floating]) -> str:
    """Say how many attacks moved nothing: a unit that a rectification keeps silent has no gradient to follow."""
    n = int((change == 0).sum())
    return f"; {n} of {len(change)} moved nothing (a silent unit has no gradient)" if n else ""


def _summary(attack: Attack, found: SynthesisResult, out: Path) -> list[str]:
    """Say in a line an epsilon how far the outputs are predicted to move."""
    epsilon = np.array([item.epsilon for item in attack.items()])
    lines = []
    for one in attack.epsilons:
        rows = epsilon == one
        change, before = (
            float(np.abs(values[rows]).mean()) for values in (found.predicted_change, found.predicted_change_float)
        )
        kept = f", {100 * change / before:.1f} % of the float optimum" if before > 0 else ""
        lines.append(
            f"epsilon {one:g}: mean predicted change {change:.4g}{kept}; "
            f"realised epsilon at most {found.realised_epsilon[rows].max():.5f}"
            + _of_no_effect(found.predicted_change_float[rows])
        )
    return [*lines, f"{len(found.attacked)} attacks. Open {out / PAGE_NAME}"]
