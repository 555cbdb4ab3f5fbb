"""`closedloop discrimination ...`: the options; what is done stands in this folder's other files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from closedloop.commands.extras import require_extra
from closedloop.errors import visible
from closedloop.plain_text.printed import printed
from closedloop.terminal.options import seed_option
from closedloop.terminal.store_option import StoreOption, with_store

discrimination_app = typer.Typer(
    help="Ask people whether they see the perturbations (appendix 6.2).", no_args_is_help=True, rich_markup_mode=None
)

_Experiment = Annotated[Path, typer.Argument(metavar="EXPERIMENT", help="the experiment's folder")]
_DEFAULT_EPSILONS = "1,2.5,5,10"  # Figure 1
_DEFAULT_NETWORK, _DEFAULT_CLEAN_IMAGES = "small_resnet_robust", 25


@discrimination_app.command("prepare")
def prepare(
    experiment: _Experiment,
    *,
    study: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="a study whose attacked images are shown")
    ] = None,
    day: Annotated[
        int | None,
        typer.Option(min=0, max=99, metavar="N", help="of that study  [default: the last one with attacked images]"),
    ] = None,
    images: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="or a folder with pairs.csv: clean, perturbed, epsilon")
    ] = None,
    network: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE[:LAYER]",
            help="or the network whose units are attacked  [default: small_resnet_robust]",
        ),
    ] = None,
    epsilon: Annotated[
        list[str] | None,
        typer.Option(
            "--epsilon",
            "--epsilons",
            metavar="E,E,...",
            help=f"of these attacks, L2 norms on 224 x 224 x 3 pixels  [default: {_DEFAULT_EPSILONS}]",
        ),
    ] = None,
    clean_images: Annotated[
        int | None,
        typer.Option(min=2, max=10_000, metavar="N", help="images attacked at each epsilon  [default: 25]"),
    ] = None,
    sessions: Annotated[int, typer.Option(min=1, max=9999, metavar="N", help="sessions, of an order each")] = 100,
    images_a_session: Annotated[
        int, typer.Option(min=1, max=1000, metavar="N", help="perturbed images a session, each in four trials")
    ] = 25,
    catch_every: Annotated[
        int, typer.Option(min=0, max=1000, metavar="N", help="a catch trial with each so many trials; 0: none")
    ] = 10,
    consent: Annotated[
        Path | None, typer.Option(metavar="FILE", help="text that a person agrees to before the first trial")
    ] = None,
    rules: Annotated[Path | None, typer.Option(metavar="FILE", help="rules.yaml: what is left out")] = None,
    keys: Annotated[str, typer.Option(metavar="SAME,DIFFERENT", help="the two keys to answer with")] = "f,j",
    image_ms: Annotated[float, typer.Option(min=1, max=10_000, metavar="MS", help="either image is up so long")] = 100,
    gap_ms: Annotated[float, typer.Option(min=1, max=10_000, metavar="MS", help="grey between them")] = 100,
    answer_s: Annotated[float, typer.Option(min=0.1, max=600, metavar="S", help="to answer")] = 10,
    seed: Annotated[int, seed_option("seed of attacks, pairs and orders")] = 0,
    workers: Annotated[
        str | None,
        typer.Option(metavar="WORKERS", help="who attacks images, as `closedloop run` takes it"),
    ] = None,
    store: StoreOption = None,
) -> None:
    """Make an experiment's folder: images, orders, and the page that shows them.

    The page runs from the folder as it is, or is served by `closedloop discrimination serve`; `rig discriminate` shows
    the same sessions in a PsychoPy window. Run the same command again to resume.
    """
    workers = with_store(workers, store)
    require_extra("lab")
    from closedloop.commands.discrimination.prepare import (  # noqa: PLC0415
        PrepareRequest,
        prepare_folder,
        refuse_idle_options,
    )

    searched = {"--network": network, "--epsilon": epsilon, "--clean-images": clean_images}
    refuse_idle_options(searched, study=study, images=images)
    request = PrepareRequest(
        experiment=experiment,
        study=study,
        day=day,
        images=images,
        network=network or _DEFAULT_NETWORK,
        epsilons=tuple(epsilon or [_DEFAULT_EPSILONS]),
        clean_images=clean_images or _DEFAULT_CLEAN_IMAGES,
        sessions=sessions,
        images_a_session=images_a_session,
        catch_every=catch_every,
        consent=consent,
        rules=rules,
        keys=keys,
        image_ms=image_ms,
        gap_ms=gap_ms,
        answer_s=answer_s,
        seed=seed,
        workers=workers,
    )
    typer.echo(printed(prepare_folder(request)))


@discrimination_app.command("serve")
def serve(
    experiment: _Experiment,
    *,
    port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65_535,
            metavar="PORT",
            help="where this machine alone sees the page; 0: a free one  [default: the one it had before]",
        ),
    ] = None,
) -> None:
    """Show the page on this machine, and store what is answered, until Ctrl-C.

    Sessions are given out in turn; a reload, a closed browser or a second start goes on where it was.
    The link stays the same from one start to the next: what a browser kept and could not send lies under it.
    """
    require_extra("service")
    from closedloop.commands.discrimination.serve import serve_experiment  # noqa: PLC0415

    serve_experiment(experiment, port=port)


@discrimination_app.command("import")
def import_journals(
    experiment: _Experiment,
    journals: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="what the page saved, such as S07-0001.jsonl")
    ],
) -> None:
    """Take in journals of a page that ran from the folder, or on another computer. Twice is as once."""
    from closedloop.commands.discrimination.taken_in import take_in  # noqa: PLC0415

    for line in take_in(experiment, journals):
        typer.echo(visible(line))


@discrimination_app.command("plan")
def plan(
    *,
    correct: Annotated[
        str, typer.Option(metavar="P,P,...", help="true accuracies to be told from chance, parts of 1")
    ] = "0.51,0.52,0.55,0.6,0.7",
    subjects: Annotated[int, typer.Option(min=2, max=100_000, metavar="N", help="people")] = 12,
    sessions: Annotated[int, typer.Option(min=1, max=10_000, metavar="N", help="sessions of each")] = 4,
    images: Annotated[
        int, typer.Option(min=2, max=100_000, metavar="N", help="perturbed images at each epsilon, in all")
    ] = 25,
    epsilons: Annotated[int, typer.Option(min=1, max=100, metavar="N", help="epsilons that share a session")] = 4,
    sd_subjects: Annotated[
        float, typer.Option(min=0, max=0.5, metavar="SD", help="of the true accuracy over people: an assumption")
    ] = 0.03,
    sd_images: Annotated[
        float, typer.Option(min=0, max=0.5, metavar="SD", help="of the true accuracy over images: an assumption")
    ] = 0.03,
    power: Annotated[float, typer.Option(min=0.05, max=0.999, metavar="P", help="probability of telling them")] = 0.8,
) -> None:
    """Say what an experiment can show before anybody is asked: trials, standard error, power, people needed."""
    from closedloop.commands.discrimination.planned import PlannedPeople, plan_lines  # noqa: PLC0415

    people = PlannedPeople(subjects, sessions, images, epsilons, sd_subjects, sd_images, power)
    typer.echo(printed(plan_lines(correct, people)))
