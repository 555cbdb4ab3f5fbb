"""Reference output that a protocol names: compared before a study is made, kept in it, refused where it is another."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from closedloop.artifacts.catalog import STUDY_INPUTS
from closedloop.artifacts.protocol.images import BaseModelChoice
from closedloop.artifacts.protocol.protocol import protocol_sha256, read_protocol
from closedloop.errors import CheckpointError, ProtocolError
from closedloop.models.checkpoints import open_base_model
from closedloop.models.inspection.all_checks import make_reference
from closedloop.models.inspection.reference import ReferenceOutput, write_reference
from closedloop.storage import sha256_file
from closedloop.study.create import Request, create_study
from tests.loop.studies import PROTOCOL

torch.set_num_threads(1)
SECTION = "  weights: small_resnet_robust\n"


def reference() -> ReferenceOutput:
    images = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    return make_reference(open_base_model("small_resnet_robust", layer="layer3.0"), images)


def request(folder: Path, made: ReferenceOutput | None) -> Request:
    """Return a study by a protocol that names reference output beside it."""
    folder.mkdir(exist_ok=True)
    if made is not None:
        write_reference(folder / "expected.safetensors", made, described={})
    text = PROTOCOL.read_text().replace(SECTION, f"{SECTION}  reference: expected.safetensors\n")
    (folder / "one.yaml").write_text(text)
    return Request(root=folder / "study", subject="m", simulated=True, protocol=str(folder / "one.yaml"))


def test_a_study_keeps_the_reference_that_its_network_meets(tmp_path: Path) -> None:
    paths = create_study(request(tmp_path / "one", reference()))
    kept = paths.inputs / "expected.safetensors"
    assert STUDY_INPUTS.read(STUDY_INPUTS.published(paths, 0)).reference == {kept.name: sha256_file(kept)}
    like = Request(root=tmp_path / "other", subject="n", simulated=True, protocol=str(paths.protocol))
    assert (create_study(like).inputs / kept.name).read_bytes() == kept.read_bytes()


def test_another_reference_is_refused_and_nothing_is_made(tmp_path: Path) -> None:
    made = reference()
    for wrong in (replace(made, features=made.features + 1), replace(made, features=made.features[:, :5])):
        with pytest.raises(CheckpointError, match="expected the features that this reference output has"):
            create_study(request(tmp_path / "one", wrong))
    with pytest.raises(CheckpointError, match=r"expected images, uint8 \(n, side, side, 3\)"):
        create_study(request(tmp_path / "one", ReferenceOutput(made.images[:0], made.features[:0])))
    with pytest.raises(ProtocolError, match=r"base_model\.reference: expected the file"):
        create_study(request(tmp_path / "two", None))
    assert not (tmp_path / "one" / "study").exists()


def test_a_protocol_without_a_reference_has_the_hash_that_it_had() -> None:
    protocol = read_protocol(PROTOCOL)
    named = BaseModelChoice(**(protocol.base_model.model_dump(exclude_defaults=True) | {"reference": "x"}))
    assert "reference" not in protocol.model_dump_json(exclude_defaults=True)
    assert protocol_sha256(protocol.model_copy(update={"base_model": named})) != protocol_sha256(protocol)
