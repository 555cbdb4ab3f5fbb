"""`closedloop base-model import`: convert a third-party checkpoint to a base model, and describe it."""

from __future__ import annotations

import json
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from closedloop.errors import visible
from closedloop.models.accuracy import Accuracy
from closedloop.models.imports import ImportReport, import_base_model
from closedloop.models.weight_files import list_keys
from closedloop.plain_text.printed import quoted

_WIDTH = 100  # columns, whatever the terminal: the layers' names must not wrap


def import_and_describe(
    file: Path, out: Path, *, architecture: str | None, labelled_images: Path | None, as_json: bool
) -> str:
    """Import a checkpoint (`import_base_model`) and return its description.

    Parameters
    ----------
    file
        The checkpoint.
    out
        Safetensors file to write.
    architecture
        Of the checkpoint; None to have it recognised.
    labelled_images
        Folder of class folders to measure the accuracy on; None to skip it.
    as_json
        Return JSON instead of a table.
    """
    report = import_base_model(file, out, architecture=architecture, labelled_images=labelled_images)
    return _as_json(report, out) if as_json else _as_table(report, out)


def _as_json(report: ImportReport, out: Path) -> str:
    match, accuracy = report.match, report.accuracy
    content = {
        "file": str(report.source),
        "sha256": report.sha256,
        "out": str(out),
        "architecture": match.architecture,
        "side_px": report.side_px,
        "n_classes": match.n_classes,
        "n_parameters": report.n_parameters,
        "keys": {"read": list(match.read), "unused": list(match.unused), "missing": list(match.missing)},
        "layers": [{"name": layer.name, "feature_shape": list(layer.feature_shape)} for layer in report.layers],
        "accuracy": None if accuracy is None else _accuracy_as_json(accuracy),
    }
    return json.dumps(content, indent=2)


def _accuracy_as_json(accuracy: Accuracy) -> dict[str, int | float | None]:
    return {"n_images": accuracy.n_images, "top1": accuracy.top1, "top5": accuracy.top5}


def _as_table(report: ImportReport, out: Path) -> str:
    console = Console(width=_WIDTH, highlight=False)
    with console.capture() as captured:
        console.print(_facts(report))
        console.print(_layers(report))
    return f"{captured.get().rstrip()}\n{visible(str(out))}: written. Use it with --base-model {quoted(out)}"


def _facts(report: ImportReport) -> Table:
    match = report.match
    table = Table(title=Text(visible(str(report.source))), title_justify="left", box=None, show_header=False)
    for name, value in {
        "architecture": f"{match.architecture}, made for {report.side_px} px images",
        "classes": str(match.n_classes) if match.n_classes else "none: the file has no last layer (fc)",
        "parameters": f"{report.n_parameters:,}",
        "weights read": str(len(match.read)),
        "weights unused": _count_keys(match.unused),
        "a grey image": "finite at every layer",
        "accuracy": _accuracy_text(report.accuracy),
    }.items():
        table.add_row(name, Text(visible(value)))
    return table


def _layers(report: ImportReport) -> Table:
    table = Table(box=SIMPLE_HEAD, title="Layers it may be cut at", title_justify="left")
    table.add_column("layer")
    table.add_column("channels x height x width", justify="right")
    for layer in report.layers:
        table.add_row(Text(visible(layer.name)), " x ".join(map(str, layer.feature_shape)))
    return table


def _count_keys(keys: tuple[str, ...]) -> str:
    return f"{len(keys)}: {list_keys(keys)}" if keys else "none"


def _accuracy_text(accuracy: Accuracy | None) -> str:
    if accuracy is None:
        return "not measured: no labelled images were given"
    top5 = "" if accuracy.top5 is None else f", top-5 {accuracy.top5:.3f}"
    return f"top-1 {accuracy.top1:.3f}{top5} on {accuracy.n_images} images"
