"""`closedloop model check`: an export against its hashes and its reference predictions."""

from __future__ import annotations

from pathlib import Path

from closedloop.artifacts.commands.exported_models import ExportedModelDocument
from closedloop.commands.exchange.asked import DOCUMENT_NAME
from closedloop.errors import CheckpointError, DocumentError
from closedloop.models.exchange.checking import reference_difference
from closedloop.models.exchange.load import TOLERANCE, content_hash
from closedloop.storage import sha256_file


def check_exported(folder: Path, *, trust_code: bool) -> list[str]:
    """Compare an export with what was written; return what to tell the user.

    Parameters
    ----------
    folder
        The export.
    trust_code
        Whether code that lies in it may be run.

    Raises
    ------
    DocumentError
        The folder is no export, or a file is another.
    CheckpointError
        It holds code that nobody trusts, cannot be opened, or answers otherwise.
    """
    if not (folder / DOCUMENT_NAME).is_file():
        raise DocumentError(f"{folder}: expected {DOCUMENT_NAME} in an exported model, found none. Correct the folder.")
    document = ExportedModelDocument.read(folder / DOCUMENT_NAME)
    if damaged := damaged_files(folder, document):
        raise DocumentError(
            f"{folder / damaged[0]}: expected the file that was exported, found none or another. Copy the export again."
        )
    code = [one.network.name for one in document.members if one.network.source == "module"]
    if code and not trust_code:
        raise CheckpointError(
            f"{folder}: expected a network that is no code, found {code[0]}, which is run where the model is opened. "
            "Look at it and at what it is called with in model.json, then give --trust-code."
        )
    apart = reference_difference(folder, document.model_dump(mode="json"))
    if not apart <= TOLERANCE:
        raise CheckpointError(
            f"{folder}: expected the reference predictions within {TOLERANCE:g} SD, found a difference of {apart:.2g}. "
            "Compare versions of torch and of the network's library with those in model.json."
        )
    return [
        f"{folder}: {len(document.files)} files as they were exported, {document.n_reference_images} reference images: "
        f"largest difference {apart:.1g} SD of a response (at most {TOLERANCE:g})."
    ]


def damaged_files(folder: Path, document: ExportedModelDocument) -> list[str]:
    """Return the files of an export that are not as they were written, by name.

    Raises
    ------
    DocumentError
        The document names files that no export has.
    """
    _check_names(folder, document)
    own = [] if document.content_sha256 in (None, content_hash(document.model_dump(mode="json"))) else [DOCUMENT_NAME]
    return own + [
        name
        for name, sha256 in document.files.items()
        if not (folder / name).is_file() or sha256_file(folder / name) != sha256
    ]


def _check_names(folder: Path, document: ExportedModelDocument) -> None:
    """Refuse names that lead out of the folder, and members without a file."""
    for name in document.files:
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise DocumentError(f"{folder / DOCUMENT_NAME}: files: expected names in the folder, found {name!r:.80}.")
    wanted = [*(one.weights for one in document.members), *(one.network.code for one in document.members)]
    missing = [name for name in wanted if name is not None and name not in document.files]
    if missing or "reference.safetensors" not in document.files:
        raise DocumentError(
            f"{folder / DOCUMENT_NAME}: files: expected {(*missing, 'reference.safetensors')[0]}, found none. Copy the "
            "export again."
        )
