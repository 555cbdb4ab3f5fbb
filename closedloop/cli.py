"""The `closedloop` command. Heavy imports stand inside the commands, so that `--help` and `status` answer at once."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from closedloop import __version__
from closedloop.commands.amending.apps import all_amending_app
from closedloop.commands.amending.options import BlockNumber, By, OneDay, StudyFolder, Why
from closedloop.commands.analyse.app import analyse_app
from closedloop.commands.attack.app import attack_app
from closedloop.commands.base_models.app import base_model_app
from closedloop.commands.completion import complete_protocol
from closedloop.commands.discrimination.app import discrimination_app
from closedloop.commands.exchange.app import model_app
from closedloop.commands.exchange.export_app import export_app
from closedloop.commands.exchange.import_app import import_app
from closedloop.commands.extras import INSTALL, require_extra
from closedloop.commands.listed.sections import SECTIONS
from closedloop.commands.looks import looks_app
from closedloop.commands.new.app import MetadataFile, new_app
from closedloop.commands.planned.app import plan_app
from closedloop.commands.recording_files.app import recording_app
from closedloop.commands.rehearse.app import rehearse_app
from closedloop.commands.replay.app import replay_app
from closedloop.commands.serve.app import serve_app
from closedloop.commands.sweep.app import sweep_app
from closedloop.errors import OptionError, visible
from closedloop.plain_text.printed import printed
from closedloop.studies.app import studies_app
from closedloop.terminal.command import HELP, Program, run_program
from closedloop.terminal.signals import end_at_once
from closedloop.terminal.store_option import StoreOption, WorkersOption, with_store

if TYPE_CHECKING:
    from closedloop.study.loop import Outcome

# torch reads this when it is imported. One thread: two on a shared two-core machine are several times slower, and the
# same number everywhere gives the same bytes everywhere. Whoever sets the variable decides.
os.environ.setdefault("OMP_NUM_THREADS", "1")
# Intel's library reads this at its first product of matrices. Without it rows are rounded, on some processors, by where
# they lie in memory and in a batch (docs/decisions/0076).
os.environ.setdefault("MKL_CBWR", "AUTO")

app = typer.Typer(
    name="closedloop",
    no_args_is_help=True,
    context_settings=HELP,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # plain help: the boxed one takes half a second of imports
)
app.add_typer(recording_app, name="recording")
app.add_typer(base_model_app, name="base-model")
app.add_typer(model_app, name="model")
app.add_typer(import_app, name="import")
app.add_typer(export_app, name="export")
app.add_typer(studies_app(), name="studies")
app.add_typer(discrimination_app, name="discrimination")
app.add_typer(attack_app)
app.add_typer(analyse_app)
app.add_typer(replay_app)
app.add_typer(new_app)
app.add_typer(rehearse_app)
app.add_typer(serve_app)
app.add_typer(all_amending_app)
app.add_typer(plan_app)
app.add_typer(looks_app)
app.add_typer(sweep_app)

_A_DAY_S = 86_400
_IMAGES = typer.Option(metavar="FOLDER", help="folder of clean images, flat or with one subfolder per class")
ImagesOption = Annotated[Path | None, _IMAGES]
BaseModelOption = Annotated[
    Path | None, typer.Option(metavar="FILE", help="weight file to use instead of the protocol's shipped weights")
]
SkipUnreadableOption = Annotated[
    bool, typer.Option("--skip-unreadable", help="go on without images that cannot be shown; they are listed")
]
_PROTOCOL = typer.Option(
    metavar="NAME|FILE", help="name of a shipped protocol, or a YAML file", autocompletion=complete_protocol
)
ProtocolOption = Annotated[str, _PROTOCOL]


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"closedloop {__version__}")
        raise typer.Exit


@app.callback()
def closedloop(
    context: typer.Context,
    show_version: Annotated[  # noqa: ARG001 - answered by its callback
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="print name and version")
    ] = False,
) -> None:
    """Closed-loop adversarial experiments in monkey IT cortex: attack, present, record, refit, evaluate, repeat."""
    if "RANK" in os.environ:
        from closedloop.commands.torchrun.follow import follow_ranks  # noqa: PLC0415

        follow_ranks(context)


@app.command("dry-run")
def dry_run(
    context: typer.Context,
    study: Annotated[Path, typer.Argument(metavar="STUDY", help="study folder to create or resume")] = Path("dry-run"),
    days: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="days to run  [default: as many as the protocol has]")
    ] = None,
    protocol: ProtocolOption = "dry_run",
    subject: Annotated[
        str, typer.Option(metavar="NAME", help="name of the simulated monkey; determines its cortex")
    ] = "simulated",
    images: ImagesOption = None,
    base_model: BaseModelOption = None,
    skip_unreadable: SkipUnreadableOption = False,
    workers: WorkersOption = None,
    store: StoreOption = None,
    chaos: Annotated[
        int | None, typer.Option(min=0, metavar="SEED", help="let things go wrong, drawn by this seed, and tell of all")
    ] = None,
) -> None:
    """Run the whole experiment on a simulated monkey.

    Run the same command again to resume.
    """
    workers = with_store(workers, store)
    require_extra("lab")
    from closedloop.commands.create import create, refuse_other_study  # noqa: PLC0415
    from closedloop.study.create import Request  # noqa: PLC0415

    wanted = Request(study, subject, True, protocol, images, base_model, days=days, skip_unreadable=skip_unreadable)
    if chaos is not None:
        from closedloop.commands.chaos import run_chaos_study  # noqa: PLC0415

        return run_chaos_study(wanted, seed=chaos, workers=workers)
    if not (study / "study.json").exists():
        create(wanted, workers=workers)
    else:
        given = [name for name in context.params if "COMMANDLINE" in str(context.get_parameter_source(name))]
        refuse_other_study(study, given, protocol=protocol, subject=subject, images=images, base_model=base_model)
    return _end_if_held(_advance(study, days=days, workers=workers))


@app.command()
def init(
    study: StudyFolder,
    subject: Annotated[str, typer.Option(metavar="NAME", help="the animal's name")],
    protocol: Annotated[str | None, _PROTOCOL] = None,
    images: ImagesOption = None,
    like: Annotated[
        Path | None,
        typer.Option(metavar="STUDY", help="take what is not given from another study: a second subject"),
    ] = None,
    skip_unreadable: SkipUnreadableOption = False,
    base_model: BaseModelOption = None,
    array: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[=PATTERN]",
            help="an array, and which of the recorder's files are its own (left=LEFT*) unless its name tells (array2), "
            "once for each array: a day without one is not complete  [default: one array]",
        ),
    ] = None,
    recorder: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="YAML that describes a recorder of another maker  [default: Blackrock's]"),
    ] = None,
    nsx: Annotated[
        list[str] | None,
        typer.Option(metavar="NS6", help="a file that each array's recording has besides its .nev; may be repeated"),
    ] = None,
    metadata: MetadataFile = None,
) -> None:
    """Create a study of a real animal and prepare its first session.

    Runs day 0 up to the session folder for the rig. --protocol and --images are needed unless --like names a study that
    has them.
    """
    for option, given in (("--protocol", protocol), ("--images", images)):
        if given is None and like is None:
            raise OptionError(f"{option}: expected it, or --like with another study, found neither. Give one.")
    require_extra("lab")
    from closedloop.commands.create import create  # noqa: PLC0415
    from closedloop.commands.new.described import metadata_beside  # noqa: PLC0415
    from closedloop.study.create import Request  # noqa: PLC0415
    from closedloop.study.second_subject import like as request_like  # noqa: PLC0415
    from closedloop.study.second_subject import not_taken_over  # noqa: PLC0415

    request = Request(
        root=study,
        subject=subject,
        simulated=False,
        protocol=protocol or "",
        images=images,
        base_model=base_model,
        arrays=tuple(array or ()),
        recorder=recorder,
        nsx=tuple(nsx or ()),
        skip_unreadable=skip_unreadable,
        beside=metadata_beside(metadata, subject=subject, n_arrays=len(array or ())),
    )
    create(request if like is None else request_like(request, like))
    if like is not None and (amended := not_taken_over(request, like)):
        typer.echo(visible(amended))
    _end_if_held(_advance(study, days=None))


@app.command()
def run(
    study: StudyFolder,
    workers: WorkersOption = None,
    store: StoreOption = None,
    settle: Annotated[
        float,
        typer.Option(
            min=0, max=_A_DAY_S, metavar="SECONDS", help="for how long files that are brought must not have changed"
        ),
    ] = 60.0,
    wait: Annotated[
        bool, typer.Option("--wait", help="wait where someone has to act, and go on when it is done, until the end")
    ] = False,
    poll: Annotated[
        float | None,
        typer.Option(
            min=0.1,
            max=_A_DAY_S,
            metavar="SECONDS",
            help="with --wait: how often to look for files  [default: when the system tells of a change; every 2 s on "
            "network file systems]",
        ),
    ] = None,
) -> None:
    """Advance a study; run once per recording day, or once with --wait.

    Continues until someone has to act (present a session, copy a recording), a gate holds, or the experiment is
    complete. Exit code 0: complete; 3: it waits for someone; 4: held by a gate; 1: an error; 2: the command line is not
    understood; 130: interrupted.
    """
    workers = with_store(workers, store)
    require_extra("lab")
    if poll is not None and not wait:
        raise OptionError("--poll: expected --wait with it, found none. Nothing is looked for without it.")
    from closedloop.commands.run import Waits, advance, exit_code_of  # noqa: PLC0415

    outcome = advance(study, days=None, workers=workers, settle_s=settle, waits=Waits(poll) if wait else None)
    raise typer.Exit(exit_code_of(outcome))


@app.command()
def status(study: StudyFolder, json: Annotated[bool, typer.Option("--json", help="print JSON")] = False) -> None:
    """Show which stages are done and what comes next."""
    from closedloop.commands.status import read_status, status_as_json, status_lines  # noqa: PLC0415

    found = read_status(study)
    typer.echo(status_as_json(found) if json else printed(status_lines(found)))


@app.command()
def approve(
    study: StudyFolder,
    gate: Annotated[str, typer.Argument(metavar="GATE", help="what holds the study, as `run` and `status` name it")],
    reason: Why,
    by: By = None,
    day: Annotated[
        int | None, typer.Option(min=0, metavar="DAY", help="whose finding, from 0  [default: where it holds]")
    ] = None,
    block: Annotated[
        int | None,
        typer.Option(min=1, metavar="NUMBER", help="with --day: of which session  [default: whichever holds]"),
    ] = None,
) -> None:
    """Let a study go on despite what a gate found.

    Appends a line to the study's amendments.jsonl. The approval is void once the gate finds something else.
    """
    from closedloop.commands.gates import approve_gate  # noqa: PLC0415

    typer.echo(printed(approve_gate(study, gate=gate, day=day, by=by, reason=reason, block=block)))


@app.command()
def hold(study: StudyFolder, reason: Why, by: By = None) -> None:
    """Hold a study: no session that has not begun is shown until somebody releases it.

    Appends a line to the study's amendments.jsonl. `closedloop release STUDY` releases it.
    """
    from closedloop.commands.gates import hold_study  # noqa: PLC0415

    typer.echo(visible(hold_study(study, by=by, reason=reason)))


@app.command()
def release(study: StudyFolder, reason: Why, by: By = None) -> None:
    """Release a study that somebody holds.

    Appends a line to the study's amendments.jsonl. What a gate holds is approved: `closedloop approve`.
    """
    from closedloop.commands.gates import release_study  # noqa: PLC0415

    typer.echo(printed(release_study(study, by=by, reason=reason)))


@app.command("accept-session")
def accept_session(
    study: StudyFolder,
    day: Annotated[int, typer.Option(min=0, metavar="DAY", help="recording day whose session it is, from 0")],
    despite: Annotated[
        list[str],
        typer.Option(
            metavar="DOUBT",
            help="what stands against it, as `closedloop run` named it, such as mouse-gaze; may be repeated",
        ),
    ],
    why: Why,
    who: By = None,
    block: BlockNumber = 1,
) -> None:
    """Take a session as data that no animal can have seen as planned.

    Appends a line to the study's amendments.jsonl.
    """
    from closedloop.commands.accept_session import accept_session as accept  # noqa: PLC0415

    typer.echo(visible(accept(study, day=day, despite=despite, why=why, who=who, block=block)))


@app.command("accept-recording")
def accept_recording(study: StudyFolder, day: OneDay, why: Why, who: By = None, block: BlockNumber = 1) -> None:
    """Take a day's recording as it is, though something of it is missing.

    For a recorder that was stopped early or an array that was not recorded, once nothing more will come. Appends a line
    to the study's amendments.jsonl.
    """
    from closedloop.commands.brought import accept_recording as accept  # noqa: PLC0415

    typer.echo(visible(accept(study, day=day, why=why, who=who, block=block)))


@app.command("replace-recording")
def replace_recording(
    study: StudyFolder,
    day: OneDay,
    source: Annotated[
        Path, typer.Option("--from", metavar="FOLDER", help="folder with all files of the good copy; it is only read")
    ],
    why: Why,
    who: By = None,
    as_it_is: Annotated[bool, typer.Option("--as-it-is", help="take it though something of it is missing")] = False,
    settle: Annotated[
        float, typer.Option(min=0, max=_A_DAY_S, metavar="SECONDS", help="for how long the copy must not have changed")
    ] = 60.0,
    block: BlockNumber = 1,
) -> None:
    """Put a good copy of a day's recording in the place of a bad one.

    The bad one is kept in the day's folder `replaced`. What was computed from it is made again by the next run, with
    the models of all later days; sessions that were shown stand as they were. Appends a line to the study's
    amendments.jsonl.
    """
    require_extra("lab")
    from closedloop.commands.brought import replace_recording as replace  # noqa: PLC0415

    done = replace(study, day=day, source=source, why=why, who=who, as_it_is=as_it_is, settle_s=settle, block=block)
    typer.echo(visible(done))


def _advance(study: Path, *, days: int | None, workers: str | None = None) -> Outcome:
    from closedloop.commands.run import advance  # noqa: PLC0415

    return advance(study, days=days, workers=workers)


def _end_if_held(outcome: Outcome) -> None:
    """End with the exit code of a gate that holds; what a command was to do is done where a study waits for someone."""
    if outcome.held_by:
        from closedloop.commands.run import exit_code_of  # noqa: PLC0415

        raise typer.Exit(exit_code_of(outcome))


def main() -> None:
    """Run the command; an error, whosever it is, is one line, and the exit code says of what kind."""
    end_at_once()
    run_program(Program("closedloop", app, install=INSTALL, sections=SECTIONS))


if __name__ == "__main__":
    main()
