"""What is stated of a network from elsewhere: where it comes from, what its pixels go through, how its features lie."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from closedloop.errors import CheckpointError

NetworkSource = Literal["torchvision", "timm", "module"]
LayoutKind = Literal["nchw", "nhwc", "ntokens", "nc"]
Colours = Literal["rgb", "bgr"]
ReadoutKind = Literal["factorised", "full", "average", "class_token"]
OptionValue = bool | int | float | str | tuple[int | float, ...]
Checked = TypeVar("Checked")

FILE_SUFFIX, EXPORTED = ".py", ".pt2"


@dataclass(frozen=True)
class FeatureLayout:
    """How the features of the layer lie in memory; the first axis is always the images.

    Parameters
    ----------
    kind
        ``nchw``: channels, height, width. ``nhwc``: height, width, channels. ``ntokens``: tokens, channels. ``nc``:
        channels alone.
    prefix_tokens
        Tokens before those of the image: a class token and registers.
    grid
        Rows and columns of the image's tokens, which run row by row.

    Examples
    --------
    >>> from closedloop.models import FeatureLayout
    >>> FeatureLayout("ntokens", prefix_tokens=5, grid=(16, 16))  # a class token, four registers, 256 patches
    FeatureLayout(kind='ntokens', prefix_tokens=5, grid=(16, 16))
    """

    kind: LayoutKind
    prefix_tokens: int = 0
    grid: tuple[int, int] | None = None


@dataclass(frozen=True)
class Preprocessing:
    """What pixels in [0, 1] go through before the network.

    Parameters
    ----------
    mean, std
        Of red, green and blue.
    side_px
        Side that the images are resized to, bilinear and without aliases; None: they stay as they are.
    colours
        Order of the colours that the network sees.

    Examples
    --------
    >>> from closedloop.models import Preprocessing
    >>> Preprocessing(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5), side_px=224).colours
    'rgb'
    """

    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    side_px: int | None = None
    colours: Colours = "rgb"


@dataclass(frozen=True)
class NetworkDescription:
    """All that must be known to build a network from elsewhere again, but its weights.

    Parameters
    ----------
    source
        Who builds it.
    name
        Name of the architecture; of code, ``package.module:factory``, ``file.py:factory`` or an exported program,
        ``file.pt2``.
    layout, preprocessing
        See there.
    options
        Arguments of the architecture or the factory, by name.
    code_sha256
        Of the file of code; None for architectures by name.

    Examples
    --------
    >>> from closedloop.models import FeatureLayout, NetworkDescription, Preprocessing
    >>> grey = Preprocessing(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    >>> layout = FeatureLayout("ntokens", prefix_tokens=1, grid=(14, 14))
    >>> NetworkDescription("timm", "vit_tiny_patch16_224", layout, grey).label
    'timm/vit_tiny_patch16_224'
    """

    source: NetworkSource
    name: str
    layout: FeatureLayout
    preprocessing: Preprocessing
    options: tuple[tuple[str, OptionValue], ...] = ()
    code_sha256: str | None = None

    @property
    def label(self) -> str:
        """What reports call it."""
        return f"{self.source}/{self.name}"


def described_network(path: Path, content: Any) -> NetworkDescription:
    """Return the network that a weight file describes.

    Parameters
    ----------
    path
        The file, for errors.
    content
        As ``dataclasses.asdict`` made it, after JSON.

    Raises
    ------
    CheckpointError
        It describes none.
    """
    try:
        layout, pixels = content["layout"], content["preprocessing"]
        return NetworkDescription(
            source=_one_of(get_args(NetworkSource), content["source"]),
            name=_text(content["name"]),
            layout=FeatureLayout(
                _one_of(get_args(LayoutKind), layout["kind"]),
                int(layout["prefix_tokens"]),
                _optional(layout["grid"], _grid),
            ),
            preprocessing=Preprocessing(
                _three(pixels["mean"]),
                _three(pixels["std"]),
                _optional(pixels["side_px"], int),
                _one_of(get_args(Colours), pixels["colours"]),
            ),
            options=tuple((_text(name), _option(value)) for name, value in content["options"]),
            code_sha256=_optional(content["code_sha256"], _text),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise CheckpointError(
            f"{path}: its description: expected a network with source, layout and preprocessing, found none "
            f"({error!r:.60}). Restore the file, or give another one."
        ) from None


def plain_network(network: NetworkDescription) -> Mapping[str, Any]:
    """Return a description as JSON holds it."""
    return asdict(network)


def _one_of(known: tuple[Any, ...], value: Any) -> Any:
    if value not in known:
        raise ValueError(value)
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(value)
    return value


def _optional(value: Any, read: Callable[[Any], Checked]) -> Checked | None:
    return None if value is None else read(value)


def _grid(values: Any) -> tuple[int, int]:
    rows, columns = values
    return int(rows), int(columns)


def _three(values: Any) -> tuple[float, float, float]:
    red, green, blue = values
    return float(red), float(green), float(blue)


def _option(value: Any) -> OptionValue:
    if isinstance(value, list):
        return tuple(_number(one) for one in value)
    return value if isinstance(value, str) else _number(value)


def _number(value: Any) -> int | float:
    if not isinstance(value, int | float):
        raise TypeError(value)
    return value
