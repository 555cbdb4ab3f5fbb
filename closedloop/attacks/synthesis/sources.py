"""Where a process gets the attacked model from: each loads its own, once, so that work can go to any process."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import torch
from torch import nn

from closedloop.errors import CheckpointError, ExecutionError
from closedloop.models.checkpoints import load_site_model, open_base_model, specs_of
from closedloop.models.ensemble import Disagreement, SiteEnsemble
from closedloop.models.networks.code import code_near
from closedloop.models.shipped import shipped_names, shipped_weights
from closedloop.models.site_model import UnitModel, freeze_for_attack
from closedloop.models.weight_files import read_metadata
from closedloop.storage import resolved, sha256_file

PROCESSOR = torch.device("cpu")


class ModelSource(Protocol):
    """A model by where it is. It goes to other processes, so it is small and can be pickled."""

    @property
    def name(self) -> str:
        """Identifies the model's weights: another model has another name."""
        ...

    @property
    def travels(self) -> bool:
        """Whether a process that was not forked from this one can load it."""
        ...

    @property
    def reads(self) -> tuple[Path, ...]:
        """Files that it takes to load the model, besides those whose paths the source holds."""
        ...

    def load(self, device: torch.device) -> nn.Module:
        """Return the model on a device, ready for attacks; the same object every time in one process."""
        ...


@dataclass(frozen=True, eq=False)
class InMemory:
    """A model that is loaded already: for this process and those forked from it.

    Attributes
    ----------
    model
        In ``eval`` mode; used as it is, moved to another device as a copy.
    name
        Identifies its weights.

    Examples
    --------
    >>> import torch
    >>> from closedloop.attacks import InMemory
    >>> model = torch.nn.Linear(2, 1).eval()
    >>> InMemory(model, name="my model, 3 May").load(torch.device("cpu")) is model
    True
    """

    model: nn.Module
    name: str

    @property
    def travels(self) -> bool:
        """It does not: processes elsewhere load a file."""
        return False

    @property
    def reads(self) -> tuple[Path, ...]:
        """It is loaded."""
        return ()

    def load(self, device: torch.device) -> nn.Module:
        """Return the model, or its copy on another device."""
        first = next(iter([*self.model.parameters(), *self.model.buffers()]), None)
        if first is None or first.device == device:
            return self.model
        return _copy_to(self.model, device)


@dataclass(frozen=True)
class SiteModelFile:
    """A site model in a file that every worker can read; made by `site_model_file`."""

    path: Path
    sha256: str

    @property
    def name(self) -> str:
        """The file's hash."""
        return self.sha256

    @property
    def travels(self) -> bool:
        """It does, as a path."""
        return True

    @property
    def reads(self) -> tuple[Path, ...]:
        """Its network's code, where that is kept beside."""
        return code_near(self.path)

    def load(self, device: torch.device = PROCESSOR) -> nn.Module:
        """Read the file.

        Raises
        ------
        CheckpointError
            The file is missing, unusable, or no longer the one that was named.
        """
        return _load(self, device)

    def read(self) -> nn.Module:
        """Read the file again."""
        check_unchanged(self.path, self.sha256)
        return load_site_model(self.path)


@dataclass(frozen=True)
class DisagreementFile:
    """The differences between the members of an ensemble in a file; made by `disagreement_file`.

    Attributes
    ----------
    n_sites
        Of the ensemble: output ``pair * n_sites + site`` is the difference of a pair of members at a site.
    """

    path: Path
    sha256: str
    n_sites: int

    @property
    def name(self) -> str:
        """The file's hash, and that it is differences."""
        return f"{self.sha256} disagreement"

    @property
    def travels(self) -> bool:
        """It does, as a path."""
        return True

    @property
    def reads(self) -> tuple[Path, ...]:
        """Its network's code, where that is kept beside."""
        return code_near(self.path)

    def load(self, device: torch.device = PROCESSOR) -> nn.Module:
        """Read the file.

        Raises
        ------
        CheckpointError
            The file is missing, unusable, no longer the one that was named, or holds one model alone.
        """
        return _load(self, device)

    def read(self) -> nn.Module:
        """Read the file again."""
        check_unchanged(self.path, self.sha256)
        model = load_site_model(self.path)
        if not isinstance(model, SiteEnsemble):
            raise CheckpointError(
                f"{self.path}: expected a model of several members, which can disagree, found one. Name further "
                "members under ensemble in the protocol."
            )
        return Disagreement(model)


@dataclass(frozen=True)
class MemberFile:
    """One member of an ensemble in a file, alone; made by `member_file`."""

    path: Path
    sha256: str
    member: int

    @property
    def name(self) -> str:
        """The file's hash, and which member."""
        return f"{self.sha256} member {self.member}"

    @property
    def travels(self) -> bool:
        """It does, as a path."""
        return True

    @property
    def reads(self) -> tuple[Path, ...]:
        """Its network's code, where that is kept beside."""
        return code_near(self.path)

    def load(self, device: torch.device = PROCESSOR) -> nn.Module:
        """Read the file.

        Raises
        ------
        CheckpointError
            The file is missing, unusable, no longer the one that was named, or has no such member.
        """
        return _load(self, device)

    def read(self) -> nn.Module:
        """Read the file again."""
        check_unchanged(self.path, self.sha256)
        model = load_site_model(self.path)
        members = model.members if isinstance(model, SiteEnsemble) else (model,)
        if self.member >= len(members):
            raise CheckpointError(
                f"{self.path}: expected a member {self.member}, from 0, found a model of {len(members)}. Name another."
            )
        return members[self.member]


@dataclass(frozen=True)
class UnitsFile:
    """Artificial units of a base model's layer, averaged over space; made by `units_file`."""

    path: Path
    sha256: str
    layer: str
    architecture: str | None

    @property
    def name(self) -> str:
        """The file's hash and the layer."""
        return f"{self.sha256} {self.architecture} {self.layer}"

    @property
    def travels(self) -> bool:
        """It does, as a path."""
        return True

    @property
    def reads(self) -> tuple[Path, ...]:
        """Nothing else: the architecture is one of this package."""
        return ()

    def load(self, device: torch.device = PROCESSOR) -> nn.Module:
        """Read the file.

        Raises
        ------
        CheckpointError
            The file is missing, unusable, or no longer the one that was named.
        ProtocolError
            The architecture or the layer does not exist.
        """
        return _load(self, device)

    def read(self) -> nn.Module:
        """Read the file again."""
        check_unchanged(self.path, self.sha256)
        return UnitModel(open_base_model(self.path, architecture=self.architecture, layer=self.layer))


def disagreement_file(path: Path) -> DisagreementFile:
    """Return where the members of an ensemble's file differ, as it is now.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    CheckpointError
        It says of itself what no site model does.
    """
    specs = specs_of(path, read_metadata(path))
    return DisagreementFile(resolved(path), sha256_file(path), specs[0].n_sites)


def member_file(path: Path, member: int) -> MemberFile:
    """Return one member of an ensemble's file, as it is now.

    Parameters
    ----------
    path
        The file; of a single model, which is member 0.
    member
        From 0, in the protocol's order.
    """
    return MemberFile(resolved(path), sha256_file(path), member)


def site_model_file(path: Path) -> SiteModelFile:
    """Return a site model's file as it is now.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from closedloop.attacks import site_model_file
    >>> from closedloop.models import build_site_model, open_base_model, save_site_model
    >>> base = open_base_model("small_resnet_vanilla", layer="layer3.0")
    >>> model = build_site_model(base, n_sites=5, side_px=32, seed=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "model.safetensors"
    ...     save_site_model(file, model)
    ...     site_model_file(file).load().spec.n_sites
    5
    """
    return SiteModelFile(resolved(path), sha256_file(path))


def units_file(weights: str | Path, *, layer: str, architecture: str | None = None) -> UnitsFile:
    """Return the units of a base model: one that ships, by its name, or a weight file.

    Parameters
    ----------
    weights
        Name of a shipped base model, or a weight file.
    layer
        Whose units; for instance ``"avgpool"``, the penultimate one.
    architecture
        Of a foreign weight file.

    Raises
    ------
    CheckpointError
        No base model of this name ships and no such file exists.

    Examples
    --------
    >>> from closedloop.attacks import units_file
    >>> source = units_file("small_resnet_vanilla", layer="layer3.0")
    >>> type(source.load()).__name__
    'UnitModel'
    """
    path = shipped_weights(str(weights)) if str(weights) in shipped_names() else Path(weights)
    if not path.is_file():
        raise CheckpointError(f"{path}: expected a weight file, found none. Use one of {', '.join(shipped_names())}.")
    return UnitsFile(resolved(path), sha256_file(path), layer, architecture)


def check_unchanged(path: Path, sha256: str) -> None:
    """Refuse a file that is not the one that was named.

    Raises
    ------
    CheckpointError
        It is another one now, or missing.
    """
    found = sha256_file(path) if path.is_file() else "none"
    if found != sha256:
        raise CheckpointError(
            f"{path}: expected weights with the hash {sha256[:16]}, found {found[:16]}. "
            "Restore the file, or start the command again."
        )


class _Read(Protocol):
    """A source in a file."""

    def read(self) -> nn.Module: ...


@lru_cache(maxsize=2)
def _load(source: _Read, device: torch.device) -> nn.Module:
    return _moved(freeze_for_attack(source.read()), device)


@lru_cache(maxsize=2)
def _copy_to(model: nn.Module, device: torch.device) -> nn.Module:
    return _moved(copy.deepcopy(model), device)


def _moved(model: nn.Module, device: torch.device) -> nn.Module:
    try:
        return model.to(device)
    except torch.OutOfMemoryError as error:
        raise ExecutionError(
            f"{device}: expected memory for the model's weights, found too little. Free some (nvidia-smi says who has "
            "it), or compute on another device, and run again: what is done is kept."
        ) from error
