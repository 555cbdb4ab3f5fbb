"""`closedloop serve`: keeps the loops of studies running until it is asked to end."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import typer

from closedloop.artifacts.study import StudyDocument, StudyPaths
from closedloop.errors import ExecutionError, OptionError, StudyError, visible
from closedloop.execution.workers import parse_workers
from closedloop.plain_text.printed import command_line
from closedloop.service.children.process import LoopOptions
from closedloop.service.deciding import LoopControl
from closedloop.service.notices.command import NoticeCommand, parse_command
from closedloop.service.notices.notice import trial_notice
from closedloop.service.notices.sender import NoticeSender
from closedloop.service.place import service_place
from closedloop.service.supervisor import ServedStudy, Supervisor, opened
from closedloop.service.unit import unit
from closedloop.storage import resolved
from closedloop.study.no_study import no_study_line
from closedloop.terminal.at_once import answer
from closedloop.terminal.signals import INTERRUPTED
from closedloop.terminal.streams import print_nowhere


@dataclass(frozen=True)
class ServeRequest:
    """What a user asks of the service.

    Attributes
    ----------
    studies
        Their folders.
    port
        Of the page; 0 for one that is free.
    notice
        The laboratory's command; None for none.
    workers, settle_s
        As ``closedloop run`` takes them; None for its own defaults.
    """

    studies: tuple[Path, ...]
    port: int | None = None
    notice: str | None = None
    workers: str | None = None
    settle_s: float | None = None

    def words(self) -> list[str]:
        """Return the options as words of a command line that can be given from any folder."""
        words = [str(resolved(study)) for study in self.studies]
        words += [] if self.port is None else ["--port", str(self.port)]
        words += [] if self.notice is None else ["--notice", _from_anywhere(self.notice)]
        words += [] if self.workers is None else ["--workers", self.workers]
        words += [] if self.settle_s is None else ["--settle", f"{self.settle_s:g}"]
        return words


def _from_anywhere(notice: str) -> str:
    """Return a notice command that is found from any folder: systemd starts the service in the home folder."""
    program, *rest = parse_command(notice).words
    if "/" not in program or Path(program).is_absolute():
        return notice
    return command_line(str(Path(program).absolute()), *rest)


def print_unit(request: ServeRequest) -> None:
    """Print a systemd user unit that serves these studies.

    Raises
    ------
    ClosedLoopError
        There is none, one is no study, or an option is none.
    """
    studies = _studies(request.studies)
    if not studies:
        raise OptionError("--unit: expected at least one study, found none. Name its folder.")
    _check(request)
    typer.echo(unit(request.words(), names=[paths.root.name for paths in studies]), nl=False)


def try_notice(request: ServeRequest) -> None:
    """Give the laboratory's command a notice that says that it is a test.

    Raises
    ------
    OptionError
        No command is named.
    StudyError
        The command failed.
    """
    command = _command(request)
    if command is None:
        raise OptionError("--test-notice: expected a command to test, found none. Name it by --notice.")
    studies = _studies(request.studies)
    for paths in studies or (None,):
        document = None if paths is None else StudyDocument.read(paths.study)
        notice = trial_notice(
            study="" if paths is None else str(paths.root),
            subject="nobody" if document is None else document.subject,
            simulated=document is None or document.simulated,
            url="",
        )
        failed = command.tell(notice)
        if failed:
            raise StudyError(
                f"--notice: expected a command that takes a notice and ends with code 0, found: {failed}. Mend it."
            )
        typer.echo(visible(f"sent: {notice.message}"))


def serve(request: ServeRequest) -> None:
    """Serve studies until the end is asked for.

    Raises
    ------
    ClosedLoopError
        One is no study, or another service holds it.
    ExecutionError
        The page broke off; the loops were ended.
    typer.Exit
        Ended by Ctrl-C or a closed terminal: code 130.
    """
    studies = _studies(request.studies)
    if not studies:
        raise OptionError("serve: expected at least one study, found none. Name its folder.")
    _check(request)
    command = _command(request)
    asked: list[int] = []
    broke_off: list[str] = []
    place = service_place()
    with opened(studies, place) as served:
        sender = None if command is None else NoticeSender(command, _say)
        supervisor = Supervisor(
            served,
            LoopOptions(request.workers, request.settle_s),
            _say,
            notify=None if sender is None else sender.send,
        )

        def end(number: int, _frame: FrameType | None) -> None:
            asked.append(number)
            supervisor.ask_to_end()

        def end_without_page(why: str) -> None:
            broke_off.append(why)
            supervisor.ask_to_end()

        answer(end)
        with _page(supervisor, served, token=place.token(), port=request.port, broke_off=end_without_page):
            supervisor.run()
        if sender is not None:
            sender.close()
    _say("Ended. Nothing published is lost; the same command goes on.")
    if asked and asked[0] != signal.SIGTERM:
        raise typer.Exit(INTERRUPTED)
    if broke_off and not asked:  # with this code systemd starts it again
        raise ExecutionError(
            f"serve: expected the page to be served as long as this process runs, found that it broke off "
            f"({broke_off[0]}). Start it again."
        )


@contextmanager
def _page(
    supervisor: Supervisor,
    served: Sequence[ServedStudy],
    *,
    token: str,
    port: int | None,
    broke_off: Callable[[str], None],
) -> Iterator[None]:
    """Show the page while the block runs, at the port of the last time where nobody chose one and it is free."""
    from closedloop.service.web.app import create_app  # noqa: PLC0415 - of the extra `service`
    from closedloop.service.web.serving import serving  # noqa: PLC0415 - likewise

    names = {one.paths: one.name for one in served}
    control = LoopControl(names, supervisor.retry, _say)
    app = create_app({name: paths for paths, name in names.items()}, token=token, control=control)
    first = served[0].place
    with ExitStack() as stack:
        try:
            wanted = first.last_port() if port is None else port
            found = stack.enter_context(serving(app, port=wanted, broke_off=broke_off))
        except ExecutionError:
            if port is not None:
                raise
            found = stack.enter_context(
                serving(app, broke_off=broke_off)
            )  # somebody else has the port of the last time
        first.remember_port(found)
        address = f"http://127.0.0.1:{found}"
        supervisor.url_of = lambda name: f"{address}/study/{name}"
        for one in served:
            _say(f"{one.name}: {one.paths.root}, what its loop prints is in {one.place.log.path}")
        _say(f"Open {address}/#token={token}")
        yield


def _studies(folders: Sequence[Path]) -> list[StudyPaths]:
    found: list[StudyPaths] = []
    for folder in folders:
        paths = StudyPaths(resolved(folder))
        if not paths.study.is_file():
            raise StudyError(no_study_line(paths.root))
        if paths in found:
            raise OptionError(f"serve: expected each study once, found {folder} twice. Leave one out.")
        found.append(paths)
    return found


def _check(request: ServeRequest) -> None:
    """Refuse at once what every loop would refuse."""
    if request.workers is not None:
        parse_workers(request.workers)
    _command(request)


def _command(request: ServeRequest) -> NoticeCommand | None:
    return None if request.notice is None else parse_command(request.notice)


_printing = threading.Lock()


def _say(text: str) -> None:
    with _printing:  # two threads say something
        try:
            typer.echo(visible(text))
        except OSError:  # whoever read it is gone, and is no reason to leave the animals' studies alone
            print_nowhere()
