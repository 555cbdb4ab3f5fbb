"""What of a laboratory's file a study begins with: sites, images and pictures that a model can be fitted to."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from closedloop import __version__
from closedloop.analysis.dispersion import sigma
from closedloop.analysis.reliability import mean_response, split_half_reliability
from closedloop.artifacts.imported.documents import LEFT_OUT, MISSING, ImportedResponses, ImportedSite
from closedloop.artifacts.imported.laboratory import DatasetNames, LaboratoryResponses
from closedloop.errors import DocumentError, ImageError, OptionError, StudyError
from closedloop.execution.progress import ProgressCallback
from closedloop.plain_text.csv_tables import read_pairs
from closedloop.stimuli.decoding import load_square
from closedloop.storage import sha256_file

_LEAST_IMAGES = 10
_LEAST_SD, _MOST_SD = 1e-12, 1e12  # in whatever unit: beyond, squares leave what numbers can hold
_ROUNDING = 1e-9  # of a mean: what averaging leaves of equal numbers
_NEUROID = re.compile(r"[A-Za-z0-9_]+-[0-9]{3,}")
_MOST_LISTED = 5


@dataclass(frozen=True)
class ImportRequest:
    """What is to be imported.

    Attributes
    ----------
    file
        CSV, HDF5 or netCDF-4.
    names
        Of datasets.
    image_folder
        Folder of the pictures that the file names; None: the file's own.
    sites
        Names of the columns to take, in the order of the model's outputs; empty: all of them.
    electrodes
        CSV of the columns ``name`` and ``neuroid_id``; None: the file's names are the recorder's.
    """

    file: Path
    names: DatasetNames = field(default_factory=DatasetNames)
    image_folder: Path | None = None
    sites: tuple[str, ...] = ()
    electrodes: Path | None = None


@dataclass(frozen=True)
class TakenResponses:
    """What a study keeps.

    Attributes
    ----------
    document
        Where it comes from.
    rates, images
        Content of `catalog.IMPORTED_RATES` and `IMPORTED_IMAGES`.
    """

    document: ImportedResponses
    rates: dict[str, NDArray[np.float64] | NDArray[np.int64]]
    images: NDArray[np.uint8]


def take_responses(
    found: LaboratoryResponses,
    request: ImportRequest,
    *,
    n_sites: int,
    side_px: int,
    upright: bool,
    simulated: bool,
    progress: ProgressCallback,
) -> TakenResponses:
    """Read the pictures that responses are to, and refuse what no model can begin with.

    Parameters
    ----------
    found
        What the file holds.
    request
        What to import of it.
    n_sites, side_px
        Of the protocol.
    upright
        Whether orientation tags of pictures are honoured.
    simulated
        The study's mark.
    progress
        Called with (images read, all images).

    Raises
    ------
    StudyError
        The file says that it is of a simulation, and the study is real.
    DocumentError
        It holds no such responses; or its sites are not as many as the model's.
    ImageError
        A picture is missing or cannot be shown.
    OptionError
        An option names what the file does not hold.
    """
    if found.simulated and not simulated:
        raise StudyError(
            f"{request.file}: expected recorded responses for a real study, found a file that says that it is of a "
            "simulation. Simulated data never come into a real study."
        )
    found = _selected(found, request)
    if len(found.sites) != n_sites:
        raise DocumentError(
            f"{request.file}: expected {n_sites} sites, as sites.n_sites of the protocol has, found "
            f"{len(found.sites)}. Name some by --sites, or make the study with another protocol."
        )
    missing = _said_of_missing(found)
    found, n_without = _with_responses(found, request.file)
    neuroids = _neuroids(found, request)
    pixels = _pixels(found, request, side_px=side_px, upright=upright, progress=progress)
    told = {LEFT_OUT: f"{n_without} images without any response" if n_without else "", MISSING: missing}
    document = _document(found, request, neuroids=neuroids, simulated=simulated, told=told)
    return TakenResponses(document, {"responses": found.rates, "image_index": found.image_index}, pixels)


def _selected(found: LaboratoryResponses, request: ImportRequest) -> LaboratoryResponses:
    """Keep the sites that are asked for, in that order."""
    if len(set(found.sites)) < len(found.sites):
        twice = next(name for name in found.sites if found.sites.count(name) > 1)
        raise DocumentError(
            f"{request.file}: expected a name of its own for each site, found {twice} twice. Rename it."
        )
    if not request.sites:
        return found
    unknown = [name for name in request.sites if name not in found.sites]
    if unknown or len(set(request.sites)) < len(request.sites):
        names = ", ".join(found.sites[:_MOST_LISTED])
        what = f"{unknown[0]!r:.60}" if unknown else "one twice"
        raise OptionError(
            f"--sites: expected some of {len(found.sites)} sites ({names}, ...), found {what}. Correct it."
        )
    columns = [found.sites.index(name) for name in request.sites]
    return _replaced(found, rates=found.rates[:, columns], sites=request.sites)


def _with_responses(found: LaboratoryResponses, file: Path) -> tuple[LaboratoryResponses, int]:
    """Leave out images without any response, and refuse what no model could be fitted to."""
    if np.isinf(found.rates).any():
        raise DocumentError(f"{file}: expected finite responses, found an infinite one. Correct the file.")
    has_any = np.zeros(len(found.images), dtype=bool)
    has_any[found.image_index[np.isfinite(found.rates).any(axis=1)]] = True
    kept, new = np.flatnonzero(has_any), np.cumsum(has_any) - 1
    rows = has_any[found.image_index]
    if len(kept) < _LEAST_IMAGES:
        raise DocumentError(
            f"{file}: expected responses to at least {_LEAST_IMAGES} images, found {len(kept)}. Give more of them."
        )
    kept_only = _replaced(
        found,
        rates=found.rates[rows],
        image_index=new[found.image_index[rows]],
        images=tuple(found.images[at] for at in kept),
        pixels=None if found.pixels is None else found.pixels[kept],
    )
    _refuse_sites_without_scale(kept_only, file)
    return kept_only, len(found.images) - len(kept)


def _refuse_sites_without_scale(found: LaboratoryResponses, file: Path) -> None:
    """Refuse sites whose z-scores would be none: what is fitted is each image's mean, in SD over images."""
    faults = dict[str, str]()
    with np.errstate(over="ignore", invalid="ignore"):
        mean = mean_response(found.rates, found.image_index, n_images=len(found.images))
        spread, largest = sigma(mean), np.nanmax(np.abs(np.where(np.isnan(mean), 0, mean)), axis=0)
    for name, n_known, sd, level in zip(found.sites, np.isfinite(mean).sum(axis=0), spread, largest, strict=True):
        if n_known < _LEAST_IMAGES:
            faults[name] = f"responses to {n_known} images, of at least {_LEAST_IMAGES}"
        elif sd <= _ROUNDING * level:
            faults[name] = "images' means that are all alike"
        elif not _LEAST_SD <= sd <= _MOST_SD or level > _MOST_SD:
            faults[name] = f"an SD of {sd:.2g} over images, responses up to {level:.2g}"
    if not faults:
        return
    names, (first, fault) = list(faults), next(iter(faults.items()))
    which = f"site {first}" if len(names) == 1 else f"sites {', '.join(names[:_MOST_LISTED])}"
    more = f" and {len(names) - _MOST_LISTED} more" if len(names) > _MOST_LISTED else ""
    raise DocumentError(
        f"{file}: expected responses of {which}{more} that differ among images, by an SD from {_LEAST_SD:g} to "
        f"{_MOST_SD:g}, found {fault}{f' ({first})' if len(names) > 1 else ''}. Name the other sites by --sites, or "
        "correct the file."
    )


def _said_of_missing(found: LaboratoryResponses) -> str:
    """Say how many responses are missing, and of which site most are; empty where none is."""
    missing = np.isnan(found.rates).sum(axis=0)
    if not missing.sum():
        return ""
    most = int(missing.argmax())
    return (
        f"{missing.sum():,} of {found.rates.size:,} responses (NaN or empty), of {np.count_nonzero(missing)} of "
        f"{len(missing)} sites, most of {found.sites[most]}: {missing[most]:,}"
    )


def _neuroids(found: LaboratoryResponses, request: ImportRequest) -> tuple[str, ...]:
    """Return which electrode each site is."""
    if request.electrodes is None:
        return _as_electrodes(found.sites, place=request.file, remedy="Give their electrodes by --electrodes FILE")
    named = read_pairs(request.electrodes, columns=("name", "neuroid_id"))
    missing = [name for name in found.sites if name not in named]
    if missing:
        raise DocumentError(
            f"{request.electrodes}: expected a line for every site, found none for {missing[0]}. Add it."
        )
    neuroids = tuple(named[name] for name in found.sites)
    if len(set(neuroids)) < len(neuroids):
        raise DocumentError(f"{request.electrodes}: expected an electrode of its own for every site. Correct it.")
    return _as_electrodes(neuroids, place=request.electrodes, remedy="Correct it")


def _as_electrodes(names: tuple[str, ...], *, place: Path, remedy: str) -> tuple[str, ...]:
    """Refuse names that no recording can have, before an animal is recorded whose electrodes are called otherwise."""
    if other := [name for name in names if not _NEUROID.fullmatch(name)]:
        raise DocumentError(
            f"{place}: expected electrodes as recordings name them (array1-017), found {other[0]!r:.60}. {remedy}."
        )
    return names


def _pixels(
    found: LaboratoryResponses, request: ImportRequest, *, side_px: int, upright: bool, progress: ProgressCallback
) -> NDArray[np.uint8]:
    """Return the images as the model takes them, uint8, (n_images, side, side, 3)."""
    if found.pixels is not None:
        if found.pixels.shape[1:3] != (side_px, side_px):
            size = " x ".join(map(str, found.pixels.shape[1:3]))
            raise ImageError(
                f"{request.file}: expected pictures of {side_px} x {side_px}, as the protocol has, found {size}. Give "
                "files of the pictures by --image-folder, or make a study of that side."
            )
        return found.pixels
    folder = request.image_folder if request.image_folder is not None else request.file.parent
    places = files_of_images(found.images, folder, file=request.file)
    pixels = np.empty((len(places), side_px, side_px, 3), dtype=np.uint8)
    for number, place in enumerate(places):
        pixels[number] = load_square(place, side_px=side_px, upright=upright)
        progress(number + 1, len(places))
    return pixels


def files_of_images(names: tuple[str, ...], folder: Path, *, file: Path, option: str = "--image-folder") -> list[Path]:
    """Return the file of each image: by its path in the folder, else by its name, with or without a suffix.

    Parameters
    ----------
    names
        Of the images.
    folder
        Where they are.
    file
        That names them, for messages.
    option
        By which the folder is given, likewise.

    Raises
    ------
    ImageError
        There is no such folder, or no file, or several, or one for two images.
    """
    if not folder.is_dir():
        raise ImageError(f"{folder}: expected the folder of the images, found none. Give it by {option}.")
    by_name: Mapping[str, list[Path]] | None = None
    places = list[Path]()
    for name in names:
        if "\0" in name:
            raise ImageError(f"{file}: expected names of images, found one that is none. Correct the file.")
        place = folder / name
        if not place.is_file():
            by_name = _by_name(folder) if by_name is None else by_name
            alike = by_name.get(name, []) if Path(name).name == name else []  # of a folder that is not there: none
            if len(alike) != 1:
                found = "none" if not alike else f"{len(alike)} of that name"
                raise ImageError(
                    f"{file}: expected a picture of {name!r:.100} in {folder}, found {found}. Give their folder by "
                    f"{option}."
                )
            place = alike[0]
        places.append(place)
    of_file: dict[str, str] = {}
    for name, place in zip(names, places, strict=True):
        if (other := of_file.setdefault(os.path.realpath(place), name)) != name:
            raise ImageError(
                f"{file}: expected a picture of its own for each image, found {place} for {other!r:.60} and "
                f"{name!r:.60}. Give one image one name."
            )
    return places


def _by_name(folder: Path) -> dict[str, list[Path]]:
    found = dict[str, list[Path]]()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            for name in dict.fromkeys((path.name, path.stem)):
                found.setdefault(name, []).append(path)
    return found


def _document(
    found: LaboratoryResponses,
    request: ImportRequest,
    *,
    neuroids: tuple[str, ...],
    simulated: bool,
    told: Mapping[str, str],
) -> ImportedResponses:
    n_images = len(found.images)
    are_averages = len(found.image_index) == n_images
    mean = mean_response(found.rates, found.image_index, n_images=n_images)
    reliability = split_half_reliability(found.rates, found.image_index, seed=0)
    known = zip(found.sites, neuroids, reliability, sigma(mean), np.nanmean(mean, axis=0), strict=True)
    return ImportedResponses(
        simulated=simulated,
        source=request.file.name,
        source_sha256=sha256_file(request.file),
        format=found.format,
        mapping={**found.mapping, **{what: said for what, said in told.items() if said}},
        code_version=__version__,
        n_images=n_images,
        n_presentations=len(found.image_index),
        are_averages=are_averages,
        images="the file's own pictures" if found.pixels is not None else "files that it names",
        sites=tuple(
            ImportedSite(
                site_index=index,
                name=name,
                neuroid_id=neuroid,
                reliability=None if are_averages or not np.isfinite(rho) else round(float(rho), 4),
                sigma=float(spread) if np.isfinite(spread) else None,
                mean=float(level) if np.isfinite(level) else None,
            )
            for index, (name, neuroid, rho, spread, level) in enumerate(known)
        ),
    )


def _replaced(found: LaboratoryResponses, **changes: object) -> LaboratoryResponses:
    return replace(found, **changes)  # type: ignore[arg-type]
