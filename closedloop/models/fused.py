"""Residual blocks whose weights are fixed, with the pass backwards to the image written out.

On a processor, oneDNN computes a convolution with its bias, the sum with the shortcut and the rectification in one
pass over memory, and the gradient of a convolution of stride 1 is again a convolution, with the weights turned round.
torch's own pass takes other kernels, slower for 1 x 1 on one thread, and a pass over memory for each sum and
rectification. Elsewhere the same block runs by torch's own kernels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from closedloop.models.blocks import BasicBlock, Bottleneck
from closedloop.models.way_back.rectifiers import current_slope, rectify, soft_gradient

_ONEDNN = bool(torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]
_IN_BFLOAT16 = _ONEDNN and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())  # oneDNN refuses it on older processors
_FUSED_DTYPES = (*((torch.float32,) if _ONEDNN else ()), *((torch.bfloat16,) if _IN_BFLOAT16 else ()))


class Kernel(NamedTuple):
    """Weights of a convolution: its own, and turned round for the gradient (None where it has a stride)."""

    weight: Tensor
    bias: Tensor | None
    turned: Tensor | None
    stride: tuple[int, ...]
    padding: tuple[int, ...]


class FusedConvolution(nn.Module):
    """A convolution with a bias and fixed weights.

    Parameters
    ----------
    convolution
        Its weights are taken over; padding that keeps the map's size but for the stride.
    """

    turned: Tensor | None

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        if convolution.bias is None:
            raise ValueError("a fused convolution needs a bias: fold BatchNorm first")
        self.convolution = convolution.requires_grad_(False)
        turned = convolution.weight.transpose(0, 1).flip(2, 3) if max(convolution.stride) == 1 else None
        kept = None if turned is None else turned.contiguous(memory_format=torch.channels_last)
        self.register_buffer("turned", kept, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (n, n_in, h, w), by torch's own kernels."""
        convolved: Tensor = self.convolution(x)
        return convolved

    def kernel(self, dtype: torch.dtype) -> Kernel:
        """Weights in a precision."""
        own, turned = self.convolution, self.turned
        bias = None if own.bias is None else own.bias.to(dtype)
        padding = tuple(side // 2 for side in own.kernel_size)
        turned = None if turned is None else turned.to(dtype)
        return Kernel(own.weight.to(dtype), bias, turned, own.stride, padding)


class FusedBlock(nn.Module):
    """A residual block: convolutions in a row, rectified but for the last, around a shortcut; rectified at its end.

    Parameters
    ----------
    chain
        The convolutions.
    shortcut
        What the input goes through on its way past them; None where it stays as it is.
    """

    def __init__(self, chain: Sequence[nn.Conv2d], shortcut: nn.Conv2d | None) -> None:
        super().__init__()
        self.chain = nn.ModuleList(FusedConvolution(convolution) for convolution in chain)
        self.shortcut = None if shortcut is None else FusedConvolution(shortcut)

    def forward(self, x: Tensor) -> Tensor:
        """Map (n, n_in, h, w) to (n, n_out, h / stride, w / stride)."""
        lower = torch.is_autocast_enabled(x.device.type)
        dtype = torch.get_autocast_dtype(x.device.type) if lower else x.dtype
        if x.device.type != "cpu" or dtype not in _FUSED_DTYPES:
            return self._by_torch(x)
        chain = [part.kernel(dtype) for part in self.chain if isinstance(part, FusedConvolution)]
        shortcut = None if self.shortcut is None else self.shortcut.kernel(dtype)
        x = x.to(dtype).contiguous(memory_format=torch.channels_last)
        result: Tensor = _BlockWithGradient.apply(x, chain, shortcut, current_slope())  # type: ignore[no-untyped-call]
        return result

    def _by_torch(self, x: Tensor) -> Tensor:
        y = x
        for part in list(self.chain)[:-1]:
            y = rectify(part(y))
        past = x if self.shortcut is None else self.shortcut(x)
        return rectify(self.chain[-1](y).add_(past))


def fuse_blocks(module: nn.Module) -> None:
    """Replace every residual block whose BatchNorm is folded, in place.

    Blocks of one convolution stay torch's, which on them are as fast.
    """
    for inner in list(module.modules()):
        for name, child in list(inner.named_children()):
            if isinstance(child, BasicBlock | Bottleneck):
                setattr(inner, name, _fuse(child))


def _fuse(block: BasicBlock | Bottleneck) -> FusedBlock:
    chain = [block.conv1, block.conv2, *([block.conv3] if isinstance(block, Bottleneck) else [])]
    shortcuts = [part for part in block.downsample if isinstance(part, nn.Conv2d)]
    return FusedBlock(chain, shortcuts[0] if shortcuts else None).eval()


class _BlockWithGradient(torch.autograd.Function):
    """The block and its gradient; what a rectification let through is known from its output, or what went in."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, chain: list[Kernel], shortcut: Kernel | None, slope: float) -> Tensor:
        past = x if shortcut is None else _convolve(x, shortcut)
        result, kept = x, [x]
        for place, kernel in enumerate(chain):
            plus = past if place == len(chain) - 1 else None
            result, known_by = _convolve_and_rectify(result, kernel, plus=plus, soft=slope > 0)
            kept.append(known_by)
        ctx.save_for_backward(*kept)
        ctx.chain, ctx.shortcut, ctx.slope = chain, shortcut, slope
        return result

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        *kept, last = ctx.saved_tensors
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        onto = _through_rectifier(gradient, last, slope=ctx.slope)
        past = onto if ctx.shortcut is None else _convolve_back(onto, ctx.shortcut, like=kept[0])
        for place in range(len(ctx.chain) - 1, 0, -1):
            onto = _convolve_back(onto, ctx.chain[place], like=kept[place])
            onto = _through_rectifier(onto, kept[place], slope=ctx.slope, into=onto)
        return _convolve_back(onto, ctx.chain[0], like=kept[0], plus=past), None, None, None


def _convolve_and_rectify(x: Tensor, kernel: Kernel, *, plus: Tensor | None, soft: bool) -> tuple[Tensor, Tensor]:
    """Convolve, add and rectify; return the result and what its derivative is known by."""
    if not soft:
        rectified = _convolve(x, kernel, plus=plus, rectified=True)
        return rectified, rectified
    before = _convolve(x, kernel, plus=plus)
    return torch.relu(before), before


def _through_rectifier(gradient: Tensor, known_by: Tensor, *, slope: float, into: Tensor | None = None) -> Tensor:
    """Gradient past a rectifier; a hard one's written into `into`, where that is given."""
    if slope:
        return soft_gradient(gradient, known_by, slope=slope)
    hard: Tensor
    if into is None:
        hard = torch.ops.aten.threshold_backward(gradient, known_by, 0)
    else:
        hard = torch.ops.aten.threshold_backward.grad_input(gradient, known_by, 0, grad_input=into)
    return hard


def _convolve(x: Tensor, kernel: Kernel, *, plus: Tensor | None = None, rectified: bool = False) -> Tensor:
    """Convolve, add and rectify in one pass."""
    geometry = (kernel.padding, kernel.stride, (1, 1), 1)
    after = "relu" if rectified else None
    result: Tensor
    if plus is None:
        pointwise = torch.ops.mkldnn._convolution_pointwise
        result = pointwise(x, kernel.weight, kernel.bias, *geometry, after or "none", [], "")
    else:
        binary = torch.ops.mkldnn._convolution_pointwise.binary
        result = binary(x, plus, kernel.weight, kernel.bias, *geometry, "add", 1.0, after, [], "")
    return result


def _convolve_back(gradient: Tensor, kernel: Kernel, *, like: Tensor, plus: Tensor | None = None) -> Tensor:
    """Gradient of a convolution's input, which is shaped like `like`, plus what else reached it."""
    if kernel.turned is not None:
        turned = Kernel(kernel.turned, None, None, stride=(1, 1), padding=kernel.padding)
        return _convolve(gradient, turned, plus=plus)
    geometry = (kernel.stride, kernel.padding, (1, 1), False, (0, 0), 1)
    backward = torch.ops.aten.convolution_backward
    found: Tensor = backward(gradient, like, kernel.weight, None, *geometry, [True, False, False])[0]
    return found if plus is None else found.add_(plus)
