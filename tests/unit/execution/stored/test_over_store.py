"""Pieces done where none of the client's files is, with folders and memory for a store."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
from numpy.typing import NDArray

from closedloop.errors import ClosedLoopError, ExecutionError, ImageError
from closedloop.execution.shards import made_once, shard_name
from closedloop.execution.stored import contents
from closedloop.execution.stored.cache import CACHE_GB
from closedloop.execution.stored.environment import environment, refuse_other_environment
from closedloop.execution.stored.here import do_over_store
from closedloop.execution.stored.packing import PieceOrder
from closedloop.execution.stored.piece import FilePiece
from closedloop.execution.stored.store import ObjectStore, refuse_unusable
from closedloop.execution.stored.there import do_order
from closedloop.storage import FilePart, refuse_missing_part
from tests.unit.execution.stored.blind_workers import BlindWorkers


def add_up(into: Path, file: Path, weights: NDArray[np.float64], log: Path) -> None:
    """Leave the weighted sum of a file's bytes, and say so: in a worker's own folder the log is nobody's."""
    log.write_text("done")
    total = float(np.frombuffer(file.read_bytes(), np.uint8) @ weights)
    made_once(into, lambda path: path.write_text(f"{total} {file.name} {weights.flags.writeable}") and None)


def show(into: Path, file: Path) -> None:
    into.write_bytes(file.read_bytes())


def refuse(into: Path, file: Path) -> None:
    raise ImageError(f"{file}: expected an image, found {len(file.read_bytes())} bytes. Look again.")


def read_other(into: Path, other: str) -> None:
    into.write_bytes(Path(other).read_bytes())


@pytest.fixture(params=["memory", "file"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "memory":
        return f"memory://{tmp_path.name}"
    (tmp_path / "store").mkdir()
    return f"file://{tmp_path}/store"


@pytest.fixture
def client(tmp_path: Path) -> Path:
    folder = tmp_path / "client"
    (folder / "in").mkdir(parents=True)
    (folder / "out").mkdir()
    return folder


@pytest.fixture
def workers(client: Path, tmp_path: Path) -> BlindWorkers:
    return BlindWorkers(client, tmp_path / "own")


def pieces_of(client: Path, n: int = 3, n_bytes: int = 50_000) -> list[FilePiece]:
    """Some sums over one file each, all with the same weights: so large that they are no part of the call."""
    weights, pieces = np.arange(n_bytes, dtype=np.float64), []
    for number in range(n):
        file = client / "in" / f"{number}.bin"
        file.write_bytes(np.random.default_rng(number).bytes(n_bytes))
        into = client / "out" / f"{shard_name('sum', number)}.txt"
        pieces.append(FilePiece(partial(add_up, into, file, weights, client / "log"), leaves=(into,)))
    return pieces


def results_of(client: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in (client / "out").iterdir()}


def objects_in(url: str) -> list[str]:
    system, root = fsspec.core.url_to_fs(url)
    system.invalidate_cache()
    return sorted(path.removeprefix(root) for path in system.find(root))


def test_what_workers_leave_without_the_clients_files_is_what_one_process_leaves(
    client: Path, workers: BlindWorkers, url: str
) -> None:
    pieces = pieces_of(client)
    for piece in pieces:
        piece()
    here = results_of(client)
    assert len(here) == 3
    shutil.rmtree(client / "out")
    (client / "log").unlink()
    told: list[int] = []
    do_over_store(pieces, url, workers, told.append)
    assert results_of(client) == here
    assert told == [1, 2, 3]
    assert not (client / "log").exists()
    assert objects_in(url) == []  # all that was needed is gone
    assert not list(workers.own.rglob("*.txt")), "a worker keeps blocks alone"


def test_contents_are_sent_once(client: Path, workers: BlindWorkers, url: str) -> None:
    pieces = pieces_of(client)
    counts = list[int]()
    workers.before = lambda order: counts.append(len([name for name in objects_in(url) if "/blocks/" in name]))
    do_over_store(pieces, url, workers, None)
    assert counts == [2, 3, 4]  # the weights, and a file each


def test_a_lost_client_or_scheduler_costs_what_was_not_in_the_store(
    client: Path, workers: BlindWorkers, url: str
) -> None:
    pieces = pieces_of(client)

    def lose(order: PieceOrder) -> None:
        if len(workers.orders) == 2:
            raise ConnectionResetError("after the second result was put")

    workers.after = lose
    with pytest.raises(ConnectionResetError):
        do_over_store(pieces, url, workers, None)
    assert len(results_of(client)) == 1
    workers.after = lambda _: None
    told: list[int] = []
    do_over_store(pieces, url, workers, told.append)
    assert len(results_of(client)) == 3
    assert len(workers.orders) == 3, "what was in the store is not done again"
    assert told == [1, 2, 3]
    assert all("/blocks/" in name for name in objects_in(url)), "inputs of what was done before stay: no client knows"


def test_a_worker_takes_what_another_left_before_it_was_lost(client: Path, workers: BlindWorkers, url: str) -> None:
    """Dask gives a piece to another worker where the first was lost after its result had been put."""
    piece = pieces_of(client, 1)[0]
    reports = list[Any]()

    def twice(orders: Iterable[PieceOrder], on_report: Callable[[int, Any], None]) -> None:
        order = next(iter(orders))
        reports.append(do_order(order, workers.own / "first", place="first"))
        (client / "in" / "0.bin").unlink()
        remove_blocks(url)
        reports.append(do_order(order, workers.own / "second", place="second"))
        on_report(0, reports[-1])

    do_over_store([piece], url, twice, None)
    assert reports[0] == reports[1]


def remove_blocks(url: str) -> None:
    system, root = fsspec.core.url_to_fs(url)
    system.rm(f"{root}/blocks", recursive=True)


@pytest.mark.parametrize("folder", ["blocks", "results"])
@pytest.mark.parametrize("harm", ["cut", "flipped", "gone"])
def test_an_object_that_is_damaged_is_sent_or_made_again(
    client: Path, workers: BlindWorkers, url: str, folder: str, harm: str
) -> None:
    pieces = pieces_of(client)
    system, root = fsspec.core.url_to_fs(url)
    harmed = list[str]()

    def do_harm(_: PieceOrder) -> None:
        if harmed:
            return
        for path in system.find(f"{root}/{folder}"):
            harmed.append(path)
            content = system.cat_file(path)
            system.rm_file(path)
            if harm != "gone":
                system.pipe_file(path, content[:-1] + (b"" if harm == "cut" else bytes([content[-1] ^ 1])))

    if folder == "blocks":
        workers.before = do_harm
    else:
        workers.after = do_harm
    do_over_store(pieces, url, workers, None)
    assert harmed
    found = results_of(client)
    shutil.rmtree(client / "out")
    for piece in pieces:
        piece()
    assert results_of(client) == found
    assert objects_in(url) == []


def test_a_result_that_was_cut_as_it_was_put_does_not_stand_in_the_way(
    client: Path, workers: BlindWorkers, url: str
) -> None:
    piece = pieces_of(client, 1)[0]
    system, root = fsspec.core.url_to_fs(url)

    def cut(order: PieceOrder) -> None:
        path = f"{root}/{order.results}/{order.leaves[0][1]}"
        system.makedirs(path.rpartition("/")[0], exist_ok=True)
        system.pipe_file(path, b"closedloop result 1 sha256 ")

    workers.before = cut
    do_over_store([piece], url, workers, None)
    assert len(results_of(client)) == 1
    assert len(workers.orders) == 1


def test_a_store_that_damages_everything_is_one_line(client: Path, workers: BlindWorkers, url: str) -> None:
    workers.before = lambda _: remove_blocks(url)
    with pytest.raises(ExecutionError, match="found some of it gone or damaged 4 times") as caught:
        do_over_store(pieces_of(client, 1), url, workers, None)
    assert "\n" not in str(caught.value)


def test_of_a_large_file_the_parts_that_are_read_are_sent(
    client: Path, workers: BlindWorkers, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contents, "BLOCK_BYTES", 1000)
    file, into = client / "in" / "recording.ns6", client / "out" / "5ee1.bin"
    file.write_bytes(np.random.default_rng(1).bytes(10_500))
    before = file.stat().st_mtime_ns
    part = FilePart(file, 2500, 4001)
    times = list[int]()
    workers.before = lambda order: times.extend(one.time_ns for one in order.files)
    do_over_store([FilePiece(partial(show, into, file), leaves=(into,), reads=(part,))], url, workers, None)
    expected = bytearray(10_500)
    expected[2000:5000] = file.read_bytes()[2000:5000]
    assert into.read_bytes() == bytes(expected)
    assert times == [before]


def test_folders_and_files_that_no_argument_names_are_sent_where_a_piece_says_so(
    client: Path, workers: BlindWorkers, url: str
) -> None:
    (client / "in" / "deep").mkdir()
    (client / "in" / "deep" / "photo.png").write_bytes(b"photo")
    into = client / "out" / "aa.bin"

    def told(*reads: Path) -> bytes:
        piece = FilePiece(partial(show_named, client, into, "in/deep/photo.png"), leaves=(into,), reads=reads)
        do_over_store([piece], url, workers, None)
        return into.read_bytes()

    with pytest.raises(FileNotFoundError):
        told()
    assert told(client / "in") == b"photo"


def test_a_text_that_is_the_path_of_a_file_leads_to_the_copy(client: Path, workers: BlindWorkers, url: str) -> None:
    file, into = client / "in" / "weights", client / "out" / "cc.bin"
    file.write_bytes(b"weights")
    piece = FilePiece(partial(read_other, into, str(file)), leaves=(into,), reads=(file,))
    do_over_store([piece], url, workers, None)
    assert into.read_bytes() == b"weights"


def show_named(folder: Path, into: Path, name: str) -> None:
    show(into, folder / name)


def test_a_file_that_is_continued_goes_there_and_comes_back(client: Path, workers: BlindWorkers, url: str) -> None:
    state = client / "out" / "state"
    state.write_bytes(b"1")
    piece = FilePiece(partial(lengthen, state), leaves=(state,), reads=(state,), identity="epoch 2")
    do_over_store([piece], url, workers, None)
    assert state.read_bytes() == b"12"
    assert workers.orders[0].leaves[0][1] == "epoch 2-state"


def lengthen(state: Path) -> None:
    state.write_bytes(state.read_bytes() + b"2")


def test_errors_name_the_clients_files(client: Path, workers: BlindWorkers, url: str) -> None:
    file, into = client / "in" / "dog.png", client / "out" / "bb.bin"
    file.write_bytes(b"wow")
    with pytest.raises(ImageError) as caught:
        do_over_store([FilePiece(partial(refuse, into, file), leaves=(into,))], url, workers, None)
    assert str(caught.value) == f"{file}: expected an image, found 3 bytes. Look again."


def test_a_worker_with_other_code_or_libraries_does_nothing() -> None:
    refuse_other_environment(environment(), place="worker 3")
    other = {**environment(), "numpy": "1.0", "closedloop": "0.1"}
    with pytest.raises(ExecutionError, match=r"^worker 3: expected .*numpy 1\.0.*found") as caught:
        refuse_other_environment(other, place="worker 3")
    assert "\n" not in str(caught.value)
    assert "torch" not in str(caught.value)


def test_a_worker_keeps_no_more_than_it_may(
    client: Path, workers: BlindWorkers, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CACHE_GB, "0.0012")
    kept = list[int]()
    workers.after = lambda _: kept.append(sum(path.stat().st_size for path in workers.own.rglob("*") if path.is_file()))
    do_over_store(pieces_of(client, 4, n_bytes=100_000), url, workers, None)
    assert len(results_of(client)) == 4
    assert 0 < max(kept) <= 2 * 1_200_000  # of two workers
    monkeypatch.setenv(CACHE_GB, "much")
    with pytest.raises(ExecutionError, match="expected a number of gigabytes, found much"):
        do_over_store(pieces_of(client, 5)[4:], url, workers, None)


def test_a_block_that_was_damaged_on_a_workers_disk_is_fetched_again(
    client: Path, workers: BlindWorkers, url: str
) -> None:
    pieces = pieces_of(client, 3)

    def damage(_: PieceOrder) -> None:
        for block in (workers.own / "worker-0" / "blocks").iterdir():
            content = block.read_bytes()
            block.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))

    workers.after = damage
    do_over_store(pieces, url, workers, None)
    found = results_of(client)
    shutil.rmtree(client / "out")
    for piece in pieces:
        piece()
    assert results_of(client) == found


def leave_three(into: tuple[Path, ...]) -> None:
    for number, path in enumerate(into):
        if number == 2 and not (path.parent / "go").exists():
            raise KeyboardInterrupt
        made_once(path, lambda at: at.write_text("made") and None)


def test_what_a_piece_has_made_when_its_worker_is_lost_is_in_the_store(
    client: Path, workers: BlindWorkers, url: str
) -> None:
    into = tuple(client / "out" / f"{number}.txt" for number in range(3))
    piece = FilePiece(partial(leave_three, into), leaves=into)
    with pytest.raises(KeyboardInterrupt):
        do_over_store([piece], url, workers, None)
    assert [name.rpartition("/")[2] for name in objects_in(url)] == ["0.txt", "1.txt"]
    (client / "out" / "go").touch()
    do_over_store([replace(piece, reads=(client / "out" / "go",))], url, workers, None)
    assert {path.read_text() for path in into} == {"made"}


def test_a_piece_that_names_no_files_is_a_mistake_of_the_programmer(url: str, workers: BlindWorkers) -> None:
    with pytest.raises(TypeError, match="expected a FilePiece"):
        do_over_store([partial(os.getpid)], url, workers, None)


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ("nosuch://bucket/x", "Protocol not known: nosuch"),
        ("file:///nowhere-at-all/store", "found none. Make it"),
        ("file:///proc/closedloop", "found"),
    ],
)
def test_a_store_that_cannot_be_used_is_one_line(bad: str, said: str) -> None:
    with pytest.raises(ClosedLoopError, match=said) as caught:
        refuse_unusable(bad)
    assert str(caught.value).startswith(f"--store {bad}: expected")
    assert "\n" not in str(caught.value)


def test_of_two_that_put_the_same_name_one_does(url: str) -> None:
    store = ObjectStore(url)
    store.put("results/a", b"first")
    store.put("results/a", b"second")
    assert store.get("results/a") == b"first"
    assert store.names("results") == {"a"}
    store.remove(["results/a", "results/never there"])
    assert store.get("results/a") is None


def test_a_piece_that_reads_further_than_it_said_is_sent_the_whole_file(
    client: Path, workers: BlindWorkers, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contents, "BLOCK_BYTES", 1000)
    file, into = client / "in" / "recording.ns6", client / "out" / "5ee2.bin"
    file.write_bytes(np.random.default_rng(1).bytes(10_500))
    work = partial(show_part, into, file, first_byte=3500, n_bytes=1600)
    do_over_store(
        [FilePiece(work, leaves=(into,), reads=(FilePart(file, 2500, 4001), FilePart(file, 4001, 4800)))],
        url,
        workers,
        None,
    )
    assert into.read_bytes() == file.read_bytes()[3500:5100]
    assert [len(order.files[0].parts) for order in workers.orders] == [3, 11]


def show_part(into: Path, file: Path, *, first_byte: int, n_bytes: int) -> None:
    refuse_missing_part(file, first_byte, first_byte + n_bytes)
    into.write_bytes(file.read_bytes()[first_byte : first_byte + n_bytes])
