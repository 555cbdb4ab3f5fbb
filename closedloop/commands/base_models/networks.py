"""`closedloop base-model layers` and `check`: where a network can be cut, and whether what is stated of it is true."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from closedloop.commands.base_models.stated import StatedNetwork
from closedloop.errors import visible
from closedloop.models.checkpoints import open_base_model
from closedloop.models.inspection.all_checks import (
    inspect_base_model,
    layers_of_described,
    layers_of_ours,
    make_reference,
)
from closedloop.models.inspection.checks import NetworkCheck
from closedloop.models.inspection.reference import read_reference, write_reference
from closedloop.models.inspection.reference_place import find_reference
from closedloop.models.inspection.survey import SurveyedLayer
from closedloop.models.networks.code import NetworkCode
from closedloop.plain_text.printed import printed, quoted
from closedloop.stages.from_protocol.model import base_model_of
from closedloop.stages.from_protocol.networks import code_of, described
from closedloop.stimuli.procedural import ProceduralPool
from closedloop.study.trusted.code import say_trusted

_WIDTH = 100  # columns, whatever the terminal: the layers' names must not wrap
_N_IMAGES = 8
_FAILED = "FAIL"


def list_layers(stated: StatedNetwork, *, as_json: bool) -> str:
    """Return the layers at which a network can be cut, as text.

    Parameters
    ----------
    stated
        The network.
    as_json
        JSON instead of a table.

    Raises
    ------
    CheckpointError, ProtocolError
        It cannot be built.
    """
    choice, code = stated.choice, _code(stated)
    if choice.source == "own":
        opened = open_base_model(stated.source, architecture=choice.architecture, layer="avgpool")
        layers = layers_of_ours(opened.architecture, side_px=stated.side_px)
    else:
        layers = layers_of_described(described(choice, code), code=code, side_px=stated.side_px)
    if as_json:
        return json.dumps([_plain(layer) for layer in layers], indent=2)
    return "\n".join((*map(visible, _trusted(code, choice.factory)), _table(layers)))


def check_network(
    stated: StatedNetwork, *, write: Path | None, reference: Path | None, as_json: bool
) -> tuple[str, bool]:
    """Check a network; return what was found, and whether anything failed.

    Parameters
    ----------
    stated
        The network.
    write
        File to write reference output to, where nothing failed; None to write none.
    reference
        Reference output to compare with; None: that which is stated, if any is.
    as_json
        JSON instead of lines.

    Raises
    ------
    CheckpointError, ProtocolError
        It cannot be opened, or its features lie otherwise than stated.
    StorageError
        The reference output cannot be written.
    """
    code = _code(stated)
    base = base_model_of(stated.choice, stated.source, code=code)
    images = _images(stated.side_px)
    if reference is None and stated.choice.reference is not None:
        reference = find_reference(stated.choice.reference, near=stated.place.parent)
    expected = None if reference is None else read_reference(reference)
    made = None if write is None else make_reference(base, images)  # before the checks prepare it for attacks
    checks = inspect_base_model(base, images, reference=expected)
    failed = any(check.result == _FAILED for check in checks)
    written = None if failed else write
    if made is not None and written is not None:
        stated_as = {"network": base.architecture, "layer": base.layer, "readout": base.readout}
        write_reference(written, made, described=stated_as)
    if as_json:
        return json.dumps([asdict(check) for check in checks], indent=2), failed
    return printed([*_trusted(code, stated.choice.factory), *_lines(checks), *_written(written)]), failed


def _written(place: Path | None) -> list[str]:
    if place is None:
        return []
    return [f"{place}: reference output of {_N_IMAGES} images. Compare with it by --reference {quoted(place)}"]


def _code(stated: StatedNetwork) -> NetworkCode | None:
    return code_of(stated.choice, near=stated.place.parent, sha256=None)


def _trusted(code: NetworkCode | None, factory: str | None) -> list[str]:
    return say_trusted({factory: code}) if code is not None and factory is not None else []


def _images(side_px: int) -> NDArray[np.uint8]:
    pool = ProceduralPool(side_px=side_px, seed=0, n_categories=_N_IMAGES, n_per_category=1)
    return np.stack([pool.load(image.image_id) for image in pool.images()])


def _lines(checks: list[NetworkCheck]) -> list[str]:
    lines = []
    for check in checks:
        lines.append(f"{check.result}  {check.name}: {check.found}")
        if check.fix:
            lines.append(f"      fix: {check.fix}")
    return lines


def _plain(layer: SurveyedLayer) -> dict[str, object]:
    share = None if math.isnan(layer.cost_share) else round(layer.cost_share, 4)
    return {**asdict(layer), "cost_share": share}


def _table(layers: tuple[SurveyedLayer, ...]) -> str:
    table = Table(box=SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for name in ("layer", "module", "shape of an image", "passed", "cost up to here"):
        table.add_column(name, justify="left" if name in ("layer", "module") else "right", no_wrap=True)
    for layer in layers:
        shape = " x ".join(map(str, layer.shape)) if layer.shape is not None else "several"
        cost = "" if math.isnan(layer.cost_share) else f"{100 * layer.cost_share:.1f} %"
        passed = "once" if layer.n_calls == 1 else f"{layer.n_calls} times"
        table.add_row(*(Text(visible(one)) for one in (layer.name, layer.kind, shape, passed, cost)))
    console = Console(width=_WIDTH, no_color=True, highlight=False)
    with console.capture() as captured:
        console.print(table)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())
