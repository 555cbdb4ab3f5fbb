"""Blocks with their pass backwards written out, against torch's own derivative in float64."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn

from closedloop.models import fused as module
from closedloop.models.blocks import BasicBlock, Bottleneck
from closedloop.models.folding import fold_batch_norm
from closedloop.models.fused import FusedBlock, fuse_blocks

torch.set_num_threads(1)
BLOCKS = {
    "basic": lambda: BasicBlock(8, 8, stride=1),
    "basic, halving": lambda: BasicBlock(8, 16, stride=2),
    "bottleneck": lambda: Bottleneck(16, 4, stride=1),
    "bottleneck, widening": lambda: Bottleneck(8, 4, stride=1, widening=2),
    "bottleneck, halving": lambda: Bottleneck(8, 4, stride=2),
    "bottleneck, halving first": lambda: Bottleneck(8, 4, stride=2, strided="conv1"),
}


def folded(name: str) -> nn.Sequential:
    """A block with BatchNorm that was not the identity, folded."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        block = nn.Sequential(BLOCKS[name]()).eval()
        for module in block.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.running_mean.normal_(std=0.3)
                module.running_var.uniform_(0.5, 2)
                nn.init.uniform_(module.weight, 0.5, 2)
                nn.init.normal_(module.bias)
    fold_batch_norm(block)
    return block


def fused(name: str) -> nn.Sequential:
    block = copy.deepcopy(folded(name)).to(memory_format=torch.channels_last)
    fuse_blocks(block)
    assert isinstance(block[0], FusedBlock)
    return block


def maps(name: str, n: int = 3) -> Tensor:
    n_channels = 16 if name == "bottleneck" else 8
    return torch.randn(n, n_channels, 12, 10, generator=torch.Generator().manual_seed(2))


def value_and_gradient(block: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Output, and gradient of a sum that weighs every value of the output differently."""
    leaf = x.clone().requires_grad_()
    y = block(leaf)
    weights = torch.randn(y.shape, generator=torch.Generator().manual_seed(3)).to(y)
    (gradient,) = torch.autograd.grad((y * weights).sum(), leaf)
    return y.detach(), gradient


@pytest.mark.parametrize("name", BLOCKS)
def test_a_fused_block_has_the_values_and_the_gradient_of_the_block(name: str) -> None:
    expected = value_and_gradient(folded(name).double(), maps(name).double())
    found = value_and_gradient(fused(name), maps(name))
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a.double(), b, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["basic", "bottleneck, halving"])
def test_in_float64_a_fused_block_runs_by_torch(name: str) -> None:
    found = value_and_gradient(fused(name).double(), maps(name).double())
    expected = value_and_gradient(folded(name).double(), maps(name).double())
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("name", ["basic, halving", "bottleneck"])
def test_under_autocast_a_fused_block_runs_in_bfloat16(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """By torch's own kernels where the processor has no convolution in it; these add up in bfloat16."""
    expected = value_and_gradient(folded(name), maps(name))
    with torch.autocast("cpu", torch.bfloat16):
        found = value_and_gradient(fused(name), maps(name))
        monkeypatch.setattr(module, "_FUSED_DTYPES", (torch.float32,))
        by_torch = value_and_gradient(fused(name), maps(name))
    assert found[0].dtype is by_torch[0].dtype is torch.bfloat16
    for a, b, c in zip(found, by_torch, expected, strict=True):
        assert (a.float() - c).norm() < (0.05 if has_bfloat16() else 0.1) * c.norm()
        assert (b.float() - c).norm() < 0.1 * c.norm()


def has_bfloat16() -> bool:
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def test_where_two_paths_meet_the_callers_tensors_stay_as_they_were() -> None:
    """The gradient that comes in, and the input that the shortcut passes on, belong to others."""
    block, x = fused("bottleneck"), maps("bottleneck").contiguous(memory_format=torch.channels_last)
    leaf, before = x.clone(memory_format=torch.preserve_format).requires_grad_(), x.clone()
    y = block(leaf)
    coming = torch.ones_like(y)
    torch.autograd.grad(y, leaf, coming)
    assert torch.equal(coming, torch.ones_like(coming))
    assert torch.equal(leaf.detach(), before)


def test_a_second_derivative_is_refused_and_not_wrong() -> None:
    leaf = maps("basic").requires_grad_()
    (gradient,) = torch.autograd.grad(fused("basic")(leaf).square().sum(), leaf, create_graph=True)
    with pytest.raises(RuntimeError):
        torch.autograd.grad(gradient.sum(), leaf)


def test_an_unfolded_block_is_not_fused() -> None:
    block = nn.Sequential(BasicBlock(8, 8, stride=1)).eval()
    with pytest.raises(ValueError, match="fold BatchNorm first"):
        fuse_blocks(block)
