"""Appends a session's lines, each durable before the next trial; one rig at a time writes a journal."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Self

from closedloop.artifacts.discrimination.experiment import OpenExperiment
from closedloop.artifacts.discrimination.journal import (
    DiscriminationJournal,
    check_belongs,
    check_name,
    parse_answers,
)
from closedloop.artifacts.discrimination.rows import ANSWER_ROW, AnswerRow
from closedloop.storage import locked, make_folder, read_bytes, storage_errors, sync_folder
from rig.session.appending import append_whole, make_durable
from rig.session.lock import PATIENCE_S, open_locked, remove_locked

_AGAIN = "run the same command again; no line that was written is lost"


class AnswerWriter:
    """The journal of one subject's session, open to go on.

    Parameters
    ----------
    path
        The file; made if it is missing.
    experiment
        Whose session it must be of.

    Raises
    ------
    SessionError
        Another rig writes it.
    DocumentError
        What is there is no journal of this experiment.
    """

    def __init__(self, path: Path, experiment: OpenExperiment) -> None:
        self._path = path
        with storage_errors(path, again=_AGAIN):
            make_folder(path.parent)
            with locked(path.parent / ".lock"):  # who takes lines in replaces journals
                self._file = open_locked(path, patience_s=PATIENCE_S, refusal=self._refusal)
            sync_folder(path.parent)
        self.older = self._go_on(experiment)
        self._n_lines = len(self.older.rows)

    def _refusal(self) -> str:
        return (
            f"{self._path}: expected to be the only one that writes it, found another rig at work. Wait for it to end."
        )

    def _go_on(self, experiment: OpenExperiment) -> DiscriminationJournal:
        """Read what is there, and cut a line that was torn."""
        older = parse_answers(read_bytes(self._path), place=str(self._path))
        if older.rows:
            check_belongs(older.rows, experiment, place=str(self._path))
            check_name(older.rows, experiment, self._path)
        with storage_errors(self._path, again=_AGAIN):
            self._file.truncate(older.n_bytes_whole)
        return older

    def write(self, kind: type[Any], **fields: object) -> AnswerRow:
        """Append a line of some kind and make it durable.

        Parameters
        ----------
        kind
            One of the rows of `artifacts.discrimination.rows`.
        fields
            All of it but its number.

        Raises
        ------
        StorageError
            The disk is full, or fails.
        """
        row: AnswerRow = kind(line=self._n_lines, **fields)
        with storage_errors(self._path, again=_AGAIN):
            append_whole(self._file, ANSWER_ROW.dump_json(row) + b"\n")
            make_durable(self._file)
        self._n_lines += 1
        return row

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not self._n_lines:
            remove_locked(self._file, self._path)
        self._file.close()
