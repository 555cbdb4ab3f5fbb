"""The files of an attack set: pictures, arrays, tables, page, and last the document that marks it complete."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO, StringIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from closedloop.artifacts.arrays import write_arrays
from closedloop.artifacts.commands.attack_sets import ATTACK_SET, AttackSetDocument
from closedloop.artifacts.day.stimuli import STIMULUS_IMAGES
from closedloop.artifacts.naming import stimulus_id
from closedloop.artifacts.tables import Columns, write_table
from closedloop.attacks.audit import audit_columns
from closedloop.attacks.synthesis.items import AttackItem, SynthesisResult
from closedloop.commands.attack.names import CSV_NAME, DOCUMENT_NAME, IMAGES_NAME, PAGE_NAME, TABLE_NAME
from closedloop.commands.attack.request import NamedImages
from closedloop.confined.npy import map_npy
from closedloop.report.audit.page import AuditRecord, audit_page
from closedloop.report.layout import render
from closedloop.storage import make_folder, open_new, sha256_file, write_bytes
from closedloop.storage.arrays import save_rows


@dataclass(frozen=True)
class AttackSet:
    """What was attacked and what was found, in the order of `items`."""

    images: NamedImages
    items: Sequence[AttackItem]
    found: SynthesisResult

    @property
    def n_clean(self) -> int:
        """Clean images, which come first."""
        return len(self.images.image_ids)

    @property
    def clean_index(self) -> NDArray[np.int64]:
        """Clean image of every image of the set."""
        return np.array([*range(self.n_clean), *(item.image_index for item in self.items)], dtype=np.int64)


def write_attack_set(folder: Path, made: AttackSet, document: AttackSetDocument, *, command: str) -> None:
    """Write pictures, arrays, tables and page, and last the document with the hashes of all but the pictures.

    Parameters
    ----------
    folder
        New folder.
    made
        Clean images and attacks.
    document
        What made them; its `files` are filled in here.
    command
        The command line that the page shows.

    Raises
    ------
    StorageError
        The disk is full or the folder cannot be written.
    """
    make_folder(folder)
    images = _all_images(folder.with_name("images.npy"), made)
    names = list(_file_names(made))
    for name, image in zip(names, images, strict=True):
        _write_png(folder / name, image)
    columns = _columns(made, images, names)
    write_arrays(folder / IMAGES_NAME, STIMULUS_IMAGES, {"images": images}, simulated=False)
    write_table(folder / TABLE_NAME, ATTACK_SET, columns, simulated=False)
    _write_csv(folder / CSV_NAME, columns)
    write_bytes(folder / PAGE_NAME, _page(folder, made, document, columns=columns, command=command))
    hashes = {name: sha256_file(folder / name) for name in (IMAGES_NAME, TABLE_NAME, CSV_NAME, PAGE_NAME)}
    document.model_copy(update={"files": hashes}).write(folder / DOCUMENT_NAME)


def _page(folder: Path, made: AttackSet, document: AttackSetDocument, *, columns: Columns, command: str) -> bytes:
    changed = {name: column[made.n_clean :] for name, column in columns.items()}
    record = AuditRecord(
        changed | {"site_index": changed["output_index"], "category": changed["image_id"]},
        folder / IMAGES_NAME,
        unit="z" if document.model.kind == "site_model" else "activation",
    )
    return render(audit_page(record, title="Attacks", facts=_facts(document), command=command, simulated=False))


def _facts(document: AttackSetDocument) -> tuple[tuple[str, str], ...]:
    model = document.model
    kind = "sites" if model.kind == "site_model" else f"units of {model.layer}"
    return (
        ("Model", f"{model.source}, sha256 {model.sha256[:12]}"),
        ("Outputs", f"{len(document.outputs)} of {model.n_outputs} {kind}, {model.architecture}"),
        ("Images", f"{document.n_images}, {model.side_px} px"),
        ("Attacks", f"{document.n_attacks:,}, {document.n_gradients:,} gradients, seed {document.seed}"),
        ("ε", ", ".join(f"{epsilon:g}" for epsilon in document.epsilons)),
        ("How", document.method),
        ("Versions", ", ".join(f"{name} {version}" for name, version in document.versions.items())),
    )


def _all_images(path: Path, made: AttackSet) -> NDArray[np.uint8]:
    """Return clean, then attacked images, mapped from a file: they may not fit into memory."""
    shape = (made.n_clean + len(made.items), *made.images.pixels.shape[1:])
    save_rows(path, (made.images.pixels, made.found.attacked), shape=shape, dtype=np.dtype(np.uint8))
    return map_npy(path)


def _file_names(made: AttackSet) -> Iterator[str]:
    """Yield names that sort by image, output and epsilon, all different whatever the images are called."""
    stems = [f"{place:04d}-{Path(name).stem}" for place, name in enumerate(made.images.image_ids)]
    yield from (f"clean/{stem}.png" for stem in stems)
    for item in made.items:
        yield f"attacked/{stems[item.image_index]}_output-{item.site_index:03d}_eps-{item.epsilon:g}.png"


def _write_png(path: Path, image: NDArray[np.uint8]) -> None:
    buffer = BytesIO()
    Image.fromarray(image).save(buffer, format="PNG")
    make_folder(path.parent)
    with open_new(path) as stream:
        stream.write(buffer.getvalue())


def _columns(made: AttackSet, images: NDArray[np.uint8], names: list[str]) -> Columns:
    """Return the table: clean images first, then the attacks in the order of the items."""
    found, clean_index = made.found, made.clean_index
    audit = audit_columns(
        ((images[clean], image) for clean, image in zip(clean_index, images, strict=True)),
        predicted_change_float=_after_clean(made, found.predicted_change_float, np.nan),
        predicted_change=_after_clean(made, found.predicted_change, np.nan),
        lattice_bound=_after_clean(made, found.lattice_bound, np.nan),
    )
    columns = {
        "stimulus_id": [stimulus_id(image) for image in images],
        "image_index": np.arange(len(images)),
        "clean_index": clean_index,
        "kind": ["clean"] * made.n_clean + ["attacked"] * len(made.items),
        "image_id": [made.images.image_ids[place] for place in clean_index],
        "file": names,
        "output_index": _after_clean(made, np.array([item.site_index for item in made.items]), -1),
        "epsilon": _after_clean(made, np.array([item.epsilon for item in made.items]), 0.0),
        "direction": _after_clean(made, found.direction, 0),
        "predicted_clean": _after_clean(made, found.predicted_clean, np.nan),
        "predicted_attacked": _after_clean(made, found.predicted_attacked, np.nan),
        "n_gradients": _after_clean(made, found.n_gradients, 0),
    }
    return {name: np.asarray(column) for name, column in (columns | audit).items()}


def _after_clean(made: AttackSet, values: NDArray[Any], of_clean: float) -> NDArray[Any]:
    return np.concatenate([np.full(made.n_clean, of_clean, dtype=values.dtype), values])


def _write_csv(path: Path, columns: Columns) -> None:
    """Write the table for programs that read no parquet; numbers with all their digits."""
    text = StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(ATTACK_SET.columns)
    writer.writerows(zip(*(columns[name].tolist() for name in ATTACK_SET.columns), strict=True))
    write_bytes(path, text.getvalue().encode())
