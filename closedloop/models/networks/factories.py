"""Factories of networks, run because somebody trusts their code. What is hashed is what is run: a file is read once."""

from __future__ import annotations

import io
import sys
import warnings
from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import Any

import torch
from torch import nn

from closedloop.errors import CheckpointError
from closedloop.models.networks.code import NetworkCode, code_as_it_is, is_exported, is_file_of_code, unchanged
from closedloop.models.networks.description import OptionValue
from closedloop.storage import read_bytes, sha256_bytes


def build_from_code(factory: str, code: NetworkCode, options: Mapping[str, OptionValue]) -> nn.Module:
    """Run a factory and return the network that it makes.

    Parameters
    ----------
    factory
        ``package.module:factory``, ``file.py:factory`` or ``file.pt2``.
    code
        Its file, which is run; refused if it is no longer the one that was hashed.
    options
        Arguments of the factory, by name.

    Raises
    ------
    CheckpointError
        The file is another, has no such factory, or fails.
    """
    if is_exported(factory):
        return _exported(code, options)
    place, _, function = factory.rpartition(":")
    module = _run(code) if is_file_of_code(factory) else _imported(place, code)
    make = getattr(module, function, None)
    if not callable(make):
        raise CheckpointError(f"{code.path}: expected a function {function}, found none. Correct base_model.factory.")
    network = _called(make, code, options)
    if not isinstance(network, nn.Module):
        raise CheckpointError(
            f"{code.path}: expected {function} to return a torch.nn.Module, found {type(network).__name__}. Correct it."
        )
    return network


def _imported(name: str, code: NetworkCode) -> ModuleType:
    unchanged(code_as_it_is(code.path), code.sha256)
    try:
        return import_module(name)
    except Exception as error:
        raise _failed(code, error) from error


def _run(code: NetworkCode) -> ModuleType:
    """Run a file as a module whose name is its hash, once in a process."""
    content = _trusted_bytes(code)
    name = f"closedloop_code_{code.sha256}"
    if name in sys.modules:
        return sys.modules[name]
    module = ModuleType(name)
    module.__file__ = str(code.path)
    sys.modules[name] = module  # classes of the file find their module by its name
    try:
        exec(compile(content, str(code.path), "exec"), module.__dict__)  # trusted, by its hash
    except Exception as error:
        del sys.modules[name]
        raise _failed(code, error) from error
    return module


def _exported(code: NetworkCode, options: Mapping[str, OptionValue]) -> nn.Module:
    """Read an exported program as modules by the names that they had."""
    if options:
        raise CheckpointError(f"{code.path}: expected no options for an exported program, found some. Leave them out.")
    content = _trusted_bytes(code)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's own, of its older formats
            return torch.export.unflatten(torch.export.load(io.BytesIO(content)))
    except Exception as error:
        raise _failed(code, error) from error


def _trusted_bytes(code: NetworkCode) -> bytes:
    """Read a file once: these bytes are compared with the hash, and these are run."""
    content = read_bytes(code.path)
    unchanged(NetworkCode(code.path, sha256_bytes(content)), code.sha256)
    return content


def _called(make: Any, code: NetworkCode, options: Mapping[str, OptionValue]) -> Any:
    try:
        return make(**options)
    except Exception as error:
        raise _failed(code, error) from error


def _failed(code: NetworkCode, error: Exception) -> CheckpointError:
    said = " ".join(str(error).split())
    return CheckpointError(
        f"{code.path}: expected code that makes a network, found that it fails ({type(error).__name__}: {said:.160}). "
        "Correct it."
    )
