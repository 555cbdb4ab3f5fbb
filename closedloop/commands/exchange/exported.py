"""`closedloop model export`: the folder, made whole beside its place and then put there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from closedloop import __version__
from closedloop.artifacts.commands.exported_models import BaseWeights, ExportedMember, ExportedModelDocument
from closedloop.artifacts.documents import validate
from closedloop.artifacts.manifest import MANIFEST_NAME, read_manifest
from closedloop.commands.exchange.asked import DOCUMENT_NAME, ExportRequest, clear
from closedloop.commands.exchange.checked import damaged_files
from closedloop.commands.exchange.of_study import (
    base_weights,
    describe_sites,
    describe_study,
    nameless_site,
    weights_of,
)
from closedloop.errors import DocumentError, OptionError, StorageError
from closedloop.models.checkpoints import load_site_model
from closedloop.models.ensemble import SiteEnsemble
from closedloop.models.exchange.load import CONTENT, TOLERANCE, content_hash
from closedloop.models.exchange.writing import (
    members_of,
    write_loader,
    write_members,
    write_program,
    write_reference_predictions,
)
from closedloop.models.networks.zoo import zoo_version
from closedloop.models.site_model import SiteModel
from closedloop.plain_text.printed import quoted
from closedloop.stimuli.procedural import ProceduralPool
from closedloop.storage import make_folder, publish_folder, sha256_bytes, sha256_file

_N_CATEGORIES, _N_PER_CATEGORY = 20, 5  # 100 images
_INPUTS = "images in [0, 1], float32, (n, 3, side_px, side_px), red first; a pixel of 8 bits is its value / 255"
_OUTPUTS = (
    "(n, n_sites): predicted responses, z-scored: in SD of the site's responses to the images by which days are put on "
    "one scale, from their mean. No rates; a site's mean_hz and sd_hz turn them into rates of the day of the fit"
)
_REFERENCE = "computed images (procedural, seed 0), made by closedloop and free of rights, uint8 (n, side, side, 3)"


def export_model(request: ExportRequest) -> list[str]:
    """Write the folder; return what to tell the user.

    Raises
    ------
    ClosedLoopError
        The model cannot be read, or has no such member; the disk is full.
    """
    clear(request)
    request_sha256 = _hash_of(request)
    if request.out.exists():
        return _there_already(request, request_sha256)
    model = load_site_model(request.file)
    n_members = len(model.members) if isinstance(model, SiteEnsemble) else 1
    if request.member is not None and request.member >= n_members:
        raise OptionError(f"--member {request.member}: expected 0 to {n_members - 1}, as the model has. Correct it.")
    members = members_of(model, request.member)
    make_folder(request.working)
    images = reference_images(members[0].spec.side_px)
    described = write_members(request.working, members, near=request.file)
    write_reference_predictions(request.working, members, images)
    write_loader(request.working)
    document = _document(request, members, described, request_sha256=request_sha256, n_images=len(images))
    if request.pt2:
        write_program(request.working, _plain(document, request.working), side_px=document.side_px)
    document = document.model_copy(update={"files": _hashes(request.working)})
    document = document.model_copy(update={CONTENT: content_hash(document.model_dump(mode="json"))})
    document.write(request.working / DOCUMENT_NAME)
    publish_folder(request.working, request.out)
    return [*_told(request, document), f"Compare it anywhere by `python {quoted(request.out / 'load.py')}`."]


def reference_images(side_px: int) -> NDArray[np.uint8]:
    """Return the images whose predictions travel with a model, uint8, (100, side, side, 3)."""
    pool = ProceduralPool(side_px=side_px, seed=0, n_categories=_N_CATEGORIES, n_per_category=_N_PER_CATEGORY)
    return np.stack([pool.load(image.image_id) for image in pool.images()])


def _document(
    request: ExportRequest,
    members: tuple[SiteModel, ...],
    described: list[dict[str, Any]],
    *,
    request_sha256: str,
    n_images: int,
) -> ExportedModelDocument:
    study, simulated = None, _is_marked_simulated(request.file)
    weights: tuple[BaseWeights, ...] = (weights_of("unknown", None, licence=request.licence),)
    n_sites = members[0].spec.n_sites
    sites = tuple(nameless_site(index) for index in range(n_sites))
    if request.study is not None and request.block is not None:
        study, simulated = describe_study(request.study, request.block)
        sites = describe_sites(request.study, request.block, n_sites=n_sites)
        weights = base_weights(request.study, request.file, licence=request.licence, which=request.member)
    return ExportedModelDocument(
        simulated=simulated,
        closedloop_version=__version__,
        request_sha256=request_sha256,
        model_sha256=sha256_file(request.file),
        member=request.member,
        study=study,
        side_px=members[0].spec.side_px,
        inputs=_INPUTS,
        outputs=_OUTPUTS,
        sites=sites,
        members=tuple(validate(ExportedMember, one, place=str(request.file)) for one in described),
        base_weights=weights,
        reference_images=_REFERENCE,
        n_reference_images=n_images,
        tolerance=TOLERANCE,
        versions=_versions(described),
        files=_hashes(request.working),
    )


def _is_marked_simulated(file: Path) -> bool:
    """Return whether the manifest beside a file says that it is of a simulated study, as in its start."""
    beside = file.parent / MANIFEST_NAME
    return beside.is_file() and read_manifest(file.parent).simulated


def _versions(described: list[dict[str, Any]]) -> dict[str, str]:
    sources = [one["network"]["source"] for one in described]
    libraries = ["torch", "safetensors", *(name for name in ("torchvision", "timm") if name in sources)]
    return {name: zoo_version(name) or "" for name in libraries}


def _plain(document: ExportedModelDocument, folder: Path) -> dict[str, Any]:
    return {**document.model_dump(mode="json"), "files": _hashes(folder)}


def _hashes(folder: Path) -> dict[str, str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.name.startswith("."))
    return {path.relative_to(folder).as_posix(): sha256_file(path) for path in files if path.name != DOCUMENT_NAME}


def _hash_of(request: ExportRequest) -> str:
    said = [__version__, sha256_file(request.file), request.block, request.member, request.pt2, request.licence]
    return sha256_bytes(repr(said).encode())


def _there_already(request: ExportRequest, request_sha256: str) -> list[str]:
    again = f"Move {quoted(request.out)} away and run the same command again, which makes it anew"
    try:
        document = ExportedModelDocument.read(request.out / DOCUMENT_NAME)
        damaged = damaged_files(request.out, document)
    except DocumentError as error:
        raise StorageError(
            f"{request.out}: expected no folder or an export of this model, found a damaged one ({error}) {again}."
        ) from error
    if document.request_sha256 != request_sha256:
        raise StorageError(
            f"{request.out}: expected no folder or an export of this model, found one of another, or made otherwise. "
            "Choose another --out."
        )
    if damaged:
        raise StorageError(
            f"{request.out}: expected the export as it was made, found {', '.join(damaged[:3])} missing or damaged. "
            f"{again}."
        )
    return [f"{request.out}: the export is there already.", *_told(request, document)[1:]]


def _told(request: ExportRequest, document: ExportedModelDocument) -> list[str]:
    kind = "SIMULATED model" if document.simulated else "model"
    of = f" of {document.study.subject}, fitted after day {document.study.day}" if document.study else ""
    n_members = len(document.members)
    return [
        f"{request.out}: {kind}{of}, {len(document.sites)} sites, {n_members} member{'s' if n_members > 1 else ''}, "
        f"{document.n_reference_images} reference images.",
        *(
            f"Code of the network travels with it and is run where it is opened: {one.network.code}."
            for one in document.members
            if one.network.code
        ),
        *_told_of_scale(document),
        *(
            f"The licence of the base model's weights ({one.source}) is not stated: give it by --licence."
            for one in document.base_weights
            if one.licence.startswith("not stated")
        ),
    ]


def _told_of_scale(document: ExportedModelDocument) -> list[str]:
    """Say of which sites the scale is another day's, and of which nobody knows it."""
    if document.study is None:
        return []
    days = sorted({site.scale_day for site in document.sites if site.scale_day is not None})
    n_unknown = sum(site.mean_hz is None for site in document.sites)
    left_out = f"they are left out of the fit on day {document.study.day}"
    lines = [
        f"mean_hz and sd_hz of {sum(site.scale_day == day for site in document.sites)} sites are those of day {day}: "
        f"{left_out}."
        for day in days
    ]
    unknown = [f"mean_hz and sd_hz of {n_unknown} sites are unknown: no day that counts has recorded them."]
    return [*lines, *(unknown if n_unknown else [])]
