"""What the page sends, in journals: each line once, whatever comes twice, and whole after every request."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from closedloop.artifacts.discrimination.experiment import OpenExperiment
from closedloop.artifacts.discrimination.journal import check_subject, read_answers
from closedloop.artifacts.discrimination.rows import AnswerRow
from closedloop.artifacts.discrimination.stored import add_rows, stored_rows
from closedloop.errors import StudyError


class AnswerStore:
    """The journals of one experiment; threads may ask at once.

    Parameters
    ----------
    experiment
        Whose sessions are given out.
    """

    def __init__(self, experiment: OpenExperiment) -> None:
        self._experiment = experiment
        self._given: dict[int, str] = {}
        self._lock = threading.Lock()

    def open(self, subject: str, session: int | None) -> tuple[int, tuple[AnswerRow, ...]]:
        """Return a subject's session, and what is stored of it.

        Parameters
        ----------
        subject
            The code.
        session
            Which; None: the one that the subject left before its end, else the first that nobody has begun.

        Raises
        ------
        OptionError
            The code is none.
        StudyError
            Every session was begun.
        DocumentError
            There is no such session, or its journal cannot be read.
        """
        check_subject(subject, option="code")
        with self._lock:
            number = self._choose(subject) if session is None else session
            self._experiment.session(number)
            self._given.setdefault(number, subject)
            return number, stored_rows(self._experiment, self._experiment.paths.journal(subject, number))

    def add(self, subject: str, session: int, rows: Sequence[AnswerRow]) -> int:
        """Store what is new of some lines, and return how many there are now.

        Parameters
        ----------
        subject, session
            Whose lines they are.
        rows
            In order; those that are stored already count once.

        Raises
        ------
        DocumentError
            They do not go on with what is stored, or are another experiment's, subject's or session's.
        """
        check_subject(subject, option="code")
        path = self._experiment.paths.journal(subject, session)
        with self._lock:
            _, merged = add_rows(self._experiment, path, rows, place=path.name)
        return len(merged)

    def _choose(self, subject: str) -> int:
        journals = self._experiment.paths.journals
        taken = set(self._given)
        for path in sorted(journals.glob("*-[0-9][0-9][0-9][0-9].jsonl")):
            code, _, number = path.stem.rpartition("-")
            taken.add(int(number))
            if code == subject and not read_answers(path).is_finished:
                return int(number)
        for given, code in self._given.items():
            if code == subject and not self._experiment.paths.journal(subject, given).is_file():  # and not begun yet
                return given
        free = [number for number in range(1, self._experiment.document.n_sessions + 1) if number not in taken]
        if not free:
            raise StudyError(
                f"expected a session that nobody has begun, found all {self._experiment.document.n_sessions} begun. "
                "Call the experimenter: more are prepared in a new folder."
            )
        return free[0]
