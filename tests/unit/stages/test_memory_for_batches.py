"""A batch that no memory holds is a key of the protocol, whoever ran out."""

from __future__ import annotations

from pathlib import Path

import pytest

from closedloop.errors import ProtocolError
from closedloop.stages.from_protocol.attack import memory_for_batches
from tests.unit.days import protocol
from tests.unit.messages import refused

WANT = [MemoryError(), RuntimeError("DefaultCPUAllocator: can't allocate memory"), RuntimeError("CUDA out of memory")]


@pytest.mark.parametrize("want", WANT, ids=["numpy", "torch", "card"])
def test_the_key_is_named_with_what_was_asked_for(tmp_path: Path, want: Exception) -> None:
    attack = protocol(attack={"batch_size": 60_000}).attack
    place = f"{tmp_path}, attack.batch_size: expected as many images at once as the memory here has room for"
    with refused(ProtocolError, place, "found 60,000. Lower it, or write auto."), memory_for_batches(attack, tmp_path):
        raise want


def test_what_nobody_asked_for_and_what_is_no_want_of_memory_pass_through(tmp_path: Path) -> None:
    asked, automatic = protocol(attack={"batch_size": 8}).attack, protocol(attack={"batch_size": "auto"}).attack
    with pytest.raises(MemoryError), memory_for_batches(automatic, tmp_path):
        raise MemoryError
    with pytest.raises(RuntimeError, match="shapes"), memory_for_batches(asked, tmp_path):
        raise RuntimeError("shapes differ")
