"""Where the reference output is that a protocol names: beside it, or in its study; nothing here needs torch."""

from __future__ import annotations

from pathlib import Path

from closedloop.errors import ProtocolError
from closedloop.models.networks.code import KEPT


def find_reference(name: str, *, near: Path) -> Path:
    """Find a file of reference output: by its whole path, beside the protocol, or in the inputs of its study.

    Parameters
    ----------
    name
        As the protocol has it.
    near
        Folder of the protocol.

    Raises
    ------
    ProtocolError
        There is none.
    """
    places = (near / name, near / KEPT / Path(name).name)
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise ProtocolError(
            f"base_model.reference: expected the file {name:.200} beside the protocol in {near}, found none. Put it "
            "there, write it by `closedloop base-model check --write`, or leave it out."
        )
    return found
