"""A step's shards computed by the processes that torchrun started, on one machine or several, by torch.distributed.

The first process has the images, the responses and the optimizer; the others have a copy of the model, and nothing on
any disk. For each step they are sent the weights and what their shards consist of, and send gradients back. Between two
fits they wait at torchrun's store, and no connection among them is open.
"""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import get_args

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor
from torch._C._distributed_c10d import PrefixStore, Store, TCPStore  # as `torch.distributed` has them, with types

from closedloop.attacks.engine.devices import own_device
from closedloop.attacks.precision import Precision
from closedloop.errors import ExecutionError
from closedloop.execution.ranks import Rank
from closedloop.models.checkpoints import load_site_model, save_site_model
from closedloop.models.site_model import SiteModel, device_of
from closedloop.storage import read_bytes, write_bytes
from closedloop.training.sharded.examples import BatchShard, FittedImages
from closedloop.training.sharded.flat import FlatWeights
from closedloop.training.sharded.gradients import GradientSum, ShardGradient, mean_loss, split_rows
from closedloop.training.sharded.split import split_model

_COUNTER, _FIT, _END = "fits", "fit", "end"
_PRECISIONS = get_args(Precision)
_CONNECTION = "onnection "  # closed by peer, reset by peer: gloo's errors have no class of their own
_SENT = "sent.safetensors"  # of no study
_A_DAY = timedelta(days=1)
_N_JOB, _N_STEP = 5, 5  # numbers that a fit and a step are described by


class AcrossRanks:
    """Computes a step's gradient with all processes; made by `working_across_ranks`.

    Parameters
    ----------
    gradient
        Of a shard.
    examples
        What is fitted to.
    n_shards
        Of a step.
    n_ranks
        Processes, this one among them.
    """

    def __init__(self, gradient: ShardGradient, examples: FittedImages, *, n_shards: int, n_ranks: int) -> None:
        self._gradient, self._examples, self._n_shards, self._n_ranks = gradient, examples, n_shards, n_ranks
        self._flat = FlatWeights(gradient.weights)

    def __call__(self, rows: NDArray[np.int64], *, epoch: int) -> float:
        """Leave the gradient of a step's images in the model's weights and return their mean loss."""
        parts = split_rows(rows, self._n_shards)
        shards = [self._gradient.shard(self._examples, part, epoch=epoch, n_of_step=len(rows)) for part in parts]
        with _no_rank_lost():
            self._send_step(shards, n_rows=len(rows))
            on_the_way = [
                dist.isend(_travelling(content), dst=place % self._n_ranks)
                for place, shard in enumerate(shards)
                if place % self._n_ranks
                for content in (shard.inputs, shard.targets, shard.weights)
            ]
        own = {place: self._result(shards[place]) for place in range(0, len(parts), self._n_ranks)}
        total, losses = GradientSum(self._flat.weights), list[float]()
        with _no_rank_lost():
            for place in range(len(parts)):
                result = own[place] if place in own else self._received(place)
                loss, gradients = self._flat.read_result(result)
                losses.append(loss)
                total.add(gradients)
            for sent in filter(None, on_the_way):
                sent.wait()
        total.leave()
        return mean_loss(losses, parts)

    def end(self) -> None:
        """Tell the others that the fit is done."""
        with _no_rank_lost():
            dist.broadcast(_numbers([0] * _N_STEP), src=0)

    def _send_step(self, shards: Sequence[BatchShard], *, n_rows: int) -> None:
        dist.broadcast(_numbers([len(shards), n_rows, *shards[0].inputs.shape[1:]]), src=0)
        dist.broadcast(_numbers([len(shard.inputs) for shard in shards]), src=0)
        weights = torch.empty(self._flat.n_values, device=shards[0].inputs.device)
        self._flat.put(weights)
        dist.broadcast(_travelling(weights), src=0)

    def _result(self, shard: BatchShard) -> Tensor:
        result = torch.empty(self._flat.n_of_result, device=shard.inputs.device)
        self._flat.put_result(result, self._gradient.of_shard(shard))
        return result

    def _received(self, place: int) -> Tensor:
        result = _travelling(torch.empty(self._flat.n_of_result))
        dist.recv(result, src=place % self._n_ranks)
        return result


@contextmanager
def working_across_ranks(
    gradient: ShardGradient, examples: FittedImages, *, n_shards: int, part: str, rank: Rank
) -> Iterator[AcrossRanks]:
    """Have the other processes compute for the block.

    Parameters
    ----------
    gradient, examples, n_shards
        Of `AcrossRanks`.
    part
        Of the model that is fitted, as in `split_model`.
    rank
        This process, the first.

    Raises
    ------
    ExecutionError
        The others cannot be reached, or the model cannot be sent to them.
    """
    model = gradient.split.model
    backend = "nccl" if device_of(model).type == "cuda" and dist.is_nccl_available() else "gloo"
    with _no_rank_lost():
        store = _store(rank)
        number = store.add(_COUNTER, 1) - 1
        store.set(f"{_FIT}{number}", backend)
        _join(store, rank, number=number, backend=backend)
    try:
        with _no_rank_lost():
            _send_job(gradient, n_shards=n_shards, part=part)
        step = AcrossRanks(gradient, examples, n_shards=n_shards, n_ranks=rank.n)
        yield step
        step.end()
    finally:
        dist.destroy_process_group()


def serve_shards(rank: Rank) -> bool:
    """Compute shards until the first process ends.

    Parameters
    ----------
    rank
        This process, not the first.

    Returns
    -------
    bool
        Whether the first one said that it ended; else it was lost.

    Raises
    ------
    ExecutionError
        This process has too little memory, or not the device that the first one has.
    """
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)  # at once, also where torch waits for others
    try:
        store = _store(rank)
        for fit in count():
            said = _waited_for(store, f"{_FIT}{fit}")
            if said == _END:
                return True
            _join(store, rank, number=fit, backend=said)
            try:
                _serve_fit(rank)
            finally:
                dist.destroy_process_group()
    except RuntimeError as error:
        if isinstance(error, dist.DistError) or _CONNECTION in str(error):
            return False
        raise
    return True


def end_ranks(rank: Rank) -> None:
    """Tell the other processes, where they wait, that this one ends.

    Raises
    ------
    ExecutionError
        They cannot be reached.
    """
    with _no_rank_lost():
        store = _store(rank)
        store.set(f"{_FIT}{store.add(_COUNTER, 1) - 1}", _END)


def _serve_fit(rank: Rank) -> None:
    gradient, n_shards = _received_job(own_device("cuda") if dist.get_backend() == "nccl" else torch.device("cpu"))
    model, flat = gradient.split.model, FlatWeights(gradient.weights)
    device, n_sites = device_of(model), model.spec.n_sites
    while True:
        n_parts, n_rows, *shape = _received([0] * _N_STEP)
        if not n_parts:
            return
        sizes = _received([0] * n_parts)
        weights = _travelling(torch.empty(flat.n_values))
        dist.broadcast(weights, src=0)
        flat.take(weights)
        for place in range(rank.number, min(n_parts, n_shards), rank.n):
            n = sizes[place]
            content = [_travelling(torch.empty(n, *size)) for size in (shape, (n_sites,), (n_sites,))]
            for one in content:
                dist.recv(one, src=0)
            inputs, targets, counts = (one.to(device) for one in content)
            as_first_has_it = inputs.contiguous(memory_format=torch.channels_last)
            loss = gradient.of_shard(BatchShard(as_first_has_it, targets, counts, n / n_rows))
            result = torch.empty(flat.n_of_result, device=device)
            flat.put_result(result, loss)
            dist.send(_travelling(result), dst=0)


def _send_job(gradient: ShardGradient, *, n_shards: int, part: str) -> None:
    """Send a model, which of its weights are fitted, and how."""
    model = gradient.split.model
    if model.spec.network is not None and model.spec.network.source == "module":
        raise ExecutionError(
            "torchrun: expected a network whose code every process has, found one of a file of yours. Run the same "
            "command without torchrun: --workers shares its refit out on this machine."
        )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / _SENT
        save_site_model(file, model)
        content, text = read_bytes(file), part.encode()
    precision = _PRECISIONS.index(gradient.precision)
    fitted = bytes(weight.requires_grad for weight in gradient.weights)
    dist.broadcast(_numbers([len(content), len(text), len(fitted), precision, n_shards]), src=0)
    everything = bytearray(content + text + fitted)
    dist.broadcast(_travelling(torch.frombuffer(everything, dtype=torch.uint8)), src=0)


def _received_job(device: torch.device) -> tuple[ShardGradient, int]:
    n_model, n_text, n_fitted, precision, n_shards = _received([0] * _N_JOB)
    everything = _travelling(torch.empty(n_model + n_text + n_fitted, dtype=torch.uint8))
    dist.broadcast(everything, src=0)
    content = bytes(everything.cpu().numpy())
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / _SENT
        write_bytes(file, content[:n_model])
        model = load_site_model(file)
    if not isinstance(model, SiteModel):
        raise TypeError(f"expected a single site model, found {type(model).__name__}")
    split = split_model(model.eval().requires_grad_(True), content[n_model : n_model + n_text].decode())
    gradient = ShardGradient(split, _PRECISIONS[precision])
    for weight, is_fitted in zip(gradient.weights, content[n_model + n_text :], strict=True):
        weight.requires_grad_(bool(is_fitted))
    model.to(device)
    return gradient, n_shards


def _store(rank: Rank) -> Store:
    store = TCPStore(rank.host, rank.port, is_master=False, timeout=_A_DAY)
    return PrefixStore(f"closedloop/{rank.attempt}", store)


def _waited_for(store: Store, key: str) -> str:
    while True:
        try:
            store.wait([key], _A_DAY)
        except dist.DistStoreError:
            continue  # a day went by
        return str(store.get(key).decode())


def _join(store: Store, rank: Rank, *, number: int, backend: str) -> None:
    dist.init_process_group(backend, store=PrefixStore(f"{_FIT}{number}", store), rank=rank.number, world_size=rank.n)


def _numbers(values: Sequence[int]) -> Tensor:
    return _travelling(torch.tensor(list(values), dtype=torch.int64))


def _received(values: Sequence[int]) -> list[int]:
    numbers = _numbers(values)
    dist.broadcast(numbers, src=0)
    found: list[int] = numbers.tolist()
    return found


def _travelling(content: Tensor) -> Tensor:
    """Return it where the connection takes it from."""
    return content.to(own_device("cuda") if dist.get_backend() == "nccl" else "cpu").contiguous()


@contextmanager
def _no_rank_lost() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:  # torch's own errors of connections are of this kind
        said = " ".join(str(error).split())
        raise ExecutionError(
            f"torchrun: expected all of its processes to compute, found one that cannot be reached ({said:.120}). Run "
            "the same command again: what is done is kept."
        ) from error
