"""The protocol's sections on images, sites and the network under the readout: one of ours, or one from elsewhere."""

from __future__ import annotations

from typing import Annotated, Final, Literal, get_args

from pydantic import Field, model_validator

from closedloop.artifacts.documents import Section
from closedloop.artifacts.protocol.numbers import (
    MOST_OF_PATH,
    Count,
    CountOrNone,
    Fraction,
    ImageSide,
    Repetitions,
    Seed,
)

RANDOM: Final = "random"
"""In place of weights: random ones."""

INCLUDED: Final = "included"
"""In place of weights: those that the code itself comes with."""

WITHOUT_FILE: Final = (RANDOM, INCLUDED)
_EXPORTED = ".pt2"

ArchitectureName = Literal[
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet152",
    "wide_resnet50_2",
    "wide_resnet50_4",
    "wide_resnet101_2",
    "resnet50_1by2",
    "small_resnet",
    "small_plain",
    "small_smooth",
]
"""The rows of ``models.backbones.ARCHITECTURES``, which documents do not know."""

_Colour = Annotated[float, Field(ge=-1000, le=1000)]
_Spread = Annotated[float, Field(gt=0, le=1000)]
_OptionName = Annotated[str, Field(max_length=100, pattern=r"^[a-z0-9_]+$")]
_WholeNumber = Annotated[int, Field(ge=-(10**9), le=10**9)]
_Number = Annotated[float, Field(ge=-1e9, le=1e9)]
_Text = Annotated[str, Field(max_length=200)]
OptionValue = (
    bool | _WholeNumber | _Number | _Text | Annotated[tuple[_WholeNumber | _Number, ...], Field(max_length=100)]
)


class Images(Section):
    """Which clean images a day shows, and how often each."""

    side_px: ImageSide = Field(description="side of the square images the model and the monkey see")
    clean_per_day: Count = Field(description="fresh clean images a day, balanced over categories, never shown before")
    clean_repetitions: Repetitions
    anchors: CountOrNone = Field(
        description="clean images attacked every day, never fitted; sensitivity is compared on them"
    )
    anchor_repetitions: Repetitions
    normalizers: CountOrNone = Field(description="clean images shown every day to z-score the day's responses")
    normalizer_repetitions: Repetitions


class Procedural(Section):
    """The procedural image pool, used where no folder of images is given."""

    n_categories: int = Field(ge=1, le=1_000)
    n_per_category: int = Field(ge=1, le=20_000)


class Sites(Section):
    """Which recorded electrodes become sites of the model."""

    n_sites: int = Field(ge=1, le=10_000)
    min_reliability: Fraction = Field(
        description="Spearman-Brown split-half reliability on day 0 under which none is chosen"
    )


class NetworkLayout(Section):
    """How the features of the layer lie in memory."""

    kind: Literal["nchw", "nhwc", "ntokens", "nc"] = Field(
        description="n images, channels c, height h, width w; ntokens: n, tokens, c"
    )
    prefix_tokens: int = Field(
        default=0, ge=0, le=1000, description="tokens before the image's: the class token, if any, first; registers"
    )
    grid: tuple[Annotated[int, Field(ge=1, le=1000)], Annotated[int, Field(ge=1, le=1000)]] | None = Field(
        default=None, description="rows and columns of the image's tokens"
    )

    @model_validator(mode="after")
    def _tokens_lie_on_a_grid(self) -> NetworkLayout:
        if (self.kind == "ntokens") != (self.grid is not None) or (self.prefix_tokens and self.kind != "ntokens"):
            raise ValueError("grid: expected it, and prefix_tokens, where kind is ntokens and nowhere else")
        return self


class NetworkPixels(Section):
    """What pixels in [0, 1] go through before the network."""

    mean: tuple[_Colour, _Colour, _Colour] = Field(description="of red, green and blue, in [0, 1]")
    std: tuple[_Spread, _Spread, _Spread] = Field(description="likewise")
    side_px: ImageSide | None = Field(
        default=None, description="side that images are resized to; left out: they stay as the monkey sees them"
    )
    colours: Literal["rgb", "bgr"] = Field(default="rgb", description="order that the network sees")


class BaseModelChoice(Section):
    """The network under the readout."""

    architecture: Annotated[str, Field(max_length=200)] | None = Field(
        default=None,
        description="the network by name; of ours, a weight file of another is refused. Left out: whatever the file is",
    )
    layer: str = Field(description="named layer whose output is read out")
    weights: str = Field(
        description="name of shipped weights; `init --base-model FILE` takes its place. Of a network from elsewhere: a "
        "safetensors file, a state dict of torch, random, or included (of source module: those that come with the code)"
    )
    source: Literal["own", "torchvision", "timm", "module"] = Field(
        default="own", description="who builds the network: closedloop, a library of architectures, or your own code"
    )
    factory: Annotated[str, Field(max_length=MOST_OF_PATH)] | None = Field(
        default=None,
        description="of source module: file.py:function or package.module:function that returns a torch.nn.Module, or "
        "a program of torch.export, file.pt2. Code that is trusted: it is run, and refused once it is another",
    )
    options: dict[_OptionName, OptionValue] = Field(
        default={}, max_length=50, description="arguments of the architecture or the factory, by name"
    )
    seed: Seed = Field(default=0, description="of random weights")
    layout: NetworkLayout | None = Field(default=None, description="how the layer's features lie")
    preprocessing: NetworkPixels | None = Field(default=None, description="what the network's pixels go through")
    reference: Annotated[str, Field(max_length=MOST_OF_PATH)] | None = Field(
        default=None,
        description="file of images and their features at the layer, from where the network was trained (as "
        "`base-model check --write` writes it): a study whose network makes others is refused when it is made",
    )
    readout: Literal["factorised", "full", "average", "class_token"] = Field(
        default="factorised",
        description="channel x space (section 3.1), a weight for every channel and place, or one a channel of the "
        "map's average or of the class token",
    )

    @model_validator(mode="after")
    def _says_what_its_source_needs(self) -> BaseModelChoice:
        if self.source == "own":
            self._check_own()
        else:
            self._check_from_elsewhere()
        has_class_token = self.layout is not None and self.layout.prefix_tokens > 0
        if self.readout == "class_token" and not has_class_token:
            raise ValueError(
                "readout: expected a layout with prefix_tokens for class_token, found none. Choose another"
            )
        return self

    def _check_own(self) -> None:
        known = get_args(ArchitectureName)
        if self.architecture is not None and self.architecture not in known:
            raise ValueError(
                f"architecture: expected one of {', '.join(known)}, found {self.architecture!r:.60}. Correct it, or "
                "name the source of another network"
            )
        stated = self.model_dump(include={"factory", "options", "layout", "preprocessing"}, exclude_defaults=True)
        if stated or self.seed:
            name = next(iter(stated), "seed")
            raise ValueError(
                f"{name}: expected it for networks from elsewhere alone, found source own. Name the source"
            )

    def _check_from_elsewhere(self) -> None:
        named, other = ("factory", "architecture") if self.source == "module" else ("architecture", "factory")
        if getattr(self, named) is None or getattr(self, other) is not None:
            raise ValueError(f"{named}: expected it for source {self.source}, and no {other}, found otherwise. Name it")
        exported = self.factory is not None and self.factory.endswith(_EXPORTED)
        if self.factory is not None and not exported and not all(self.factory.rpartition(":")):
            raise ValueError(
                "factory: expected file.py:function, package.module:function or file.pt2, found "
                f"{self.factory!r:.60}. Correct it"
            )
        if (self.weights == INCLUDED and self.source != "module") or (self.weights == RANDOM and exported):
            other = RANDOM if self.weights == INCLUDED else INCLUDED
            raise ValueError(f"weights: expected a file or {other}, found {self.weights}. Correct it")
        missing = [name for name in ("layout", "preprocessing") if getattr(self, name) is None]
        if missing:
            raise ValueError(f"{missing[0]}: expected it for source {self.source}, as nothing is guessed. State it")
