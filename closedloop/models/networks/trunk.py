"""A network cut at a module that it names: a hook stops it there, whatever its forward pass looks like."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn

from closedloop.errors import CheckpointError, ProtocolError
from closedloop.models.networks.description import FeatureLayout
from closedloop.plain_text.suggestions import did_you_mean

_AXES = {"nchw": 4, "nhwc": 4, "ntokens": 3, "nc": 2}
_CLASS_TOKEN = 0


class CutNetwork(nn.Module):
    """A network up to a layer, as a map of features (n, n_channels, height, width).

    The forward pass ends at the layer's output, so that nothing after it costs time or changes it in place.

    Parameters
    ----------
    network
        The whole of it; used, not copied.
    layer
        Name of a module of it.
    layout
        How what comes out of that module lies.
    side_px
        Side that images are resized to; None: they stay as they are.
    class_token
        Whether the class token alone is returned, as a map of one pixel.

    Raises
    ------
    ProtocolError
        The network has no such module.
    """

    def __init__(
        self,
        network: nn.Module,
        *,
        layer: str,
        layout: FeatureLayout,
        side_px: int | None = None,
        class_token: bool = False,
    ) -> None:
        super().__init__()
        self.network = network
        self.layer, self.layout, self.side_px, self.class_token = layer, layout, side_px, class_token
        node_of(network, layer)  # it is there

    def forward(self, images: Tensor) -> Tensor:
        """Map normalised images, (n, 3, side, side), to features, (n, n_channels, height, width)."""
        features = self.output(images)
        if self.class_token:
            return class_token_of(features, self.layout, layer=self.layer)
        return as_map(features, self.layout, layer=self.layer, n_images=len(images))

    def output(self, images: Tensor) -> Tensor:
        """Return what the layer gives for normalised images, as it lies there."""
        # on every call: preparing a model for attacks puts other modules in the place of some
        stop = self.network.get_submodule(self.layer).register_forward_hook(_stop)
        try:
            # not channels last: a network that somebody wrote may view its maps as rows
            self.network(resized(images, self.side_px).contiguous())
        except _ReachedError as reached:
            output = reached.output
        else:
            raise CheckpointError(
                f"base model: expected its forward pass to reach {self.layer}, found that it does not. Choose another "
                "layer: `closedloop base-model layers` lists them."
            )
        finally:
            stop.remove()
        if not isinstance(output, Tensor):
            raise CheckpointError(
                f"base model, layer {self.layer}: expected one array of features, found {type(output).__name__}. "
                "Choose another layer: `closedloop base-model layers` lists them."
            )
        return output


def node_of(network: nn.Module, layer: str) -> nn.Module:
    """Return the module of a name.

    Raises
    ------
    ProtocolError
        The network has none.
    """
    modules: dict[str, nn.Module] = dict(network.named_modules())
    if layer not in modules or not layer:
        known = [name for name in modules if name]
        raise ProtocolError(
            f"base model: layer {layer!r:.80}: expected one of its {len(known):,} modules, found none. "
            f"{did_you_mean(layer, known)}`closedloop base-model layers` lists them."
        )
    return modules[layer]


def own_modules(module: nn.Module) -> Iterator[nn.Module]:
    """Yield a module and what is in it, but not what is inside of networks from elsewhere.

    Of those nobody knows which convolution a BatchNorm follows, or whether a module is used elsewhere too.
    """
    yield module
    if not isinstance(module, CutNetwork):
        for child in module.children():
            yield from own_modules(child)


def as_map(features: Tensor, layout: FeatureLayout, *, layer: str, n_images: int) -> Tensor:
    """Return features as a map (n, n_channels, height, width), by how they lie.

    Parameters
    ----------
    features
        As the layer gives them.
    layout
        How they lie.
    layer
        For errors.
    n_images
        That went in.

    Raises
    ------
    CheckpointError
        They lie otherwise.
    """
    if features.dim() != _AXES[layout.kind] or len(features) != n_images:
        raise _other_layout(layer, f"{_AXES[layout.kind]} axes, the first of {n_images} images", features, layout)
    if layout.kind == "nc":
        return features[:, :, None, None]
    if layout.kind == "ntokens":
        return _tokens_as_map(features, layout, layer)
    channels_first = features if layout.kind == "nchw" else features.permute(0, 3, 1, 2)
    if channels_first.shape[2] != channels_first.shape[3]:
        raise _other_layout(layer, "a map as square as the images", features, layout)
    return channels_first


def class_token_of(features: Tensor, layout: FeatureLayout, *, layer: str) -> Tensor:
    """Return the first token, (n, n_channels, 1, 1).

    Parameters
    ----------
    features
        (n, tokens, n_channels).
    layout
        How they lie: tokens, one before the image's at least.
    layer
        For errors.

    Raises
    ------
    CheckpointError
        They are no tokens.
    """
    if features.dim() != _AXES["ntokens"] or layout.kind != "ntokens" or not layout.prefix_tokens:
        raise _other_layout(layer, "tokens, a class token first", features, layout)
    return features[:, _CLASS_TOKEN, :, None, None]


def resized(images: Tensor, side_px: int | None) -> Tensor:
    """Resize images (n, 3, h, w), bilinear and without aliases; as they are where they have that side."""
    if side_px is None or images.shape[-1] == side_px:
        return images
    return nn.functional.interpolate(
        images, size=(side_px, side_px), mode="bilinear", antialias=True, align_corners=False
    )


class _ReachedError(BaseException):
    """The layer has been computed. No `Exception`: a network that catches those must not catch this one."""

    def __init__(self, output: Any) -> None:
        super().__init__()
        self.output = output


def _stop(_module: nn.Module, _inputs: Any, output: Any) -> None:
    raise _ReachedError(output)


def _tokens_as_map(features: Tensor, layout: FeatureLayout, layer: str) -> Tensor:
    rows, columns = layout.grid or (0, 0)
    expected = layout.prefix_tokens + rows * columns
    if features.shape[1] != expected:
        wanted = f"{layout.prefix_tokens} tokens and {rows} x {columns} of the image, {expected} together"
        raise _other_layout(layer, wanted, features, layout)
    of_image = features[:, layout.prefix_tokens :]
    return of_image.reshape(len(features), rows, columns, -1).permute(0, 3, 1, 2)


def _other_layout(layer: str, expected: str, features: Tensor, layout: FeatureLayout) -> CheckpointError:
    found = " x ".join(map(str, features.shape))
    return CheckpointError(
        f"base model, layer {layer}: expected {expected}, as base_model.layout ({layout.kind}) says, found an array of "
        f"{found}. Correct base_model.layout, or choose another layer."
    )
