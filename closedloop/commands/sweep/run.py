"""A sweep from the names of protocols to a folder of results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from closedloop import __version__
from closedloop.artifacts.protocol.protocol import parse_protocol, protocol_sha256
from closedloop.commands.interrupts import interruptible
from closedloop.commands.sweep.subject import SweepPiece, leave_subject
from closedloop.errors import OptionError
from closedloop.execution.progress import bar
from closedloop.execution.run import run_pieces
from closedloop.execution.stored.piece import shard_piece
from closedloop.execution.workers import parse_workers
from closedloop.plain_text.printed import command_line
from closedloop.storage import read_bytes, resolved
from closedloop.studies.places import alone_in, check_places
from closedloop.studies.sweep.documents import SweepSettings, SweptSubject
from closedloop.studies.sweep.report import SweepFiles, write_sweep_report
from closedloop.study.create import find_protocol

_STOPPED = "Stopped. Run the same command again to resume; subjects that are done are kept."


def run_sweep(protocols: Sequence[str], out: Path, *, n_subjects: int, keep: bool, workers: str | None) -> list[str]:
    """Run all subjects' studies that are missing, write the results, and return what to tell the user.

    Stopped at any point and called again, it resumes and leaves the same bytes.

    Parameters
    ----------
    protocols
        Names or files.
    out
        Where results go; made if missing.
    n_subjects
        Of each protocol.
    keep
        Whether the studies stay.
    workers
        As ``--workers`` takes it; None for this machine. No result depends on it.

    Raises
    ------
    ClosedLoopError
        A protocol is none, a study cannot be run, or workers were lost; what was done is kept.
    typer.Exit
        Interrupted: code 130.
    """
    files = SweepFiles(resolved(out))
    pieces = _pieces(protocols, files, n_subjects=n_subjects, keep=keep)
    check_places(out, workers=workers)
    from closedloop.attacks.engine.devices import own_workers  # noqa: PLC0415 - torch, once all that can be is checked

    who = own_workers() if workers is None else parse_workers(workers)
    if keep and who.store:
        raise OptionError(
            f"sweep --keep: expected workers that see {out}, found a store, through which each subject's results come "
            "back and its study does not. Leave out --keep, or --store where they see the same folders."
        )
    with interruptible(_STOPPED), alone_in(out, "sweep"), bar("sweep") as progress:
        left = [piece for piece in pieces if not piece.path.exists() or (piece.study.exists() and not keep)]

        def report(n_done: int) -> None:
            progress(len(pieces) - len(left) + n_done, len(pieces))

        report(0)
        run_pieces([shard_piece(leave_subject, piece) for piece in left], who, report)
        swept = [SweptSubject.read(piece.path) for piece in pieces]
        settings = SweepSettings(
            simulated=True,
            code_version=__version__,
            protocols={piece.protocol_name: piece.protocol_sha256 for piece in pieces},
            n_subjects=n_subjects,
            first_subject=_subject(0),
            last_subject=_subject(n_subjects - 1),
        )
        command = command_line("closedloop", "sweep", *protocols, "--subjects", str(n_subjects), "--out", "FOLDER")
        lines = write_sweep_report(out, settings, swept, command=command)
    used = sorted(one.cpu_s for one in swept)
    return [*lines, f"A subject's study took {used[len(used) // 2]:.0f} s of a processor (median)."]


def _pieces(protocols: Sequence[str], files: SweepFiles, *, n_subjects: int, keep: bool) -> list[SweepPiece]:
    """Return the pieces, subject by subject: each of them with all protocols."""
    known = dict[str, tuple[str, bytes]]()
    for name in protocols:
        content = read_bytes(find_protocol(name))
        protocol = parse_protocol(content, place=name)
        if protocol.name in known:
            raise OptionError(
                f"sweep {name}: expected protocols of different names, found {protocol.name} twice. Give one of them "
                "another `name`."
            )
        known[protocol.name] = (protocol_sha256(protocol), content)
    return [
        SweepPiece(name, sha256, content, _subject(number), files.shards, files.studies, keep)
        for number in range(n_subjects)
        for name, (sha256, content) in known.items()
    ]


def _subject(number: int) -> str:
    return f"sweep-{number:03d}"
