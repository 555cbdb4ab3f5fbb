"""`closedloop studies discrimination`: the options; what is done stands in this folder's other files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from closedloop.plain_text.printed import printed
from closedloop.terminal.options import seed_option
from closedloop.terminal.store_option import StoreOption, with_store

app = typer.Typer(rich_markup_mode=None)

DEFAULT_NETWORK = "small_resnet_robust"
DEFAULT_EPSILONS = "1,2.5,5,10"  # Figure 1


@app.command("discrimination")
def discrimination(
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="folder for tables, figure and page")] = Path(
        "discrimination"
    ),
    *,
    experiment: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="an experiment that people answered  [default: one is made in --out, answered by simulated observers]",
        ),
    ] = None,
    study: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="a study whose attacked images the simulated observers see"),
    ] = None,
    day: Annotated[
        int | None,
        typer.Option(min=0, max=99, metavar="N", help="of that study  [default: the last one with attacked images]"),
    ] = None,
    images: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="or a folder with pairs.csv: clean, perturbed, epsilon")
    ] = None,
    network: Annotated[
        str, typer.Option(metavar="NAME|FILE[:LAYER]", help="or the network whose units are attacked")
    ] = DEFAULT_NETWORK,
    epsilon: Annotated[
        list[str] | None,
        typer.Option(
            "--epsilon",
            "--epsilons",
            metavar="E,E,...",
            help=f"of these attacks, L2 norms on 224 x 224 x 3 pixels  [default: {DEFAULT_EPSILONS}]",
        ),
    ] = None,
    clean_images: Annotated[
        int, typer.Option(min=2, max=10_000, metavar="N", help="images attacked at each epsilon")
    ] = 25,
    subjects: Annotated[int, typer.Option(min=2, max=99, metavar="N", help="simulated observers")] = 12,
    sessions: Annotated[int, typer.Option(min=1, max=100, metavar="N", help="sessions of each")] = 4,
    checks: Annotated[
        int,
        typer.Option(min=0, max=100_000, metavar="N", help="simulated studies in which the intervals are checked"),
    ] = 400,
    rules: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="what the laboratory leaves out  [default: the experiment's rules.yaml]"),
    ] = None,
    seed: Annotated[int, seed_option("seed of images, observers and resamples")] = 0,
    workers: Annotated[
        str | None,
        typer.Option(
            metavar="WORKERS",
            help="N or local:N processes, dask:N, tcp://HOST:PORT or slurm:FILE  [default: this machine]",
        ),
    ] = None,
    store: StoreOption = None,
) -> None:
    """Find how well people tell perturbed images from clean ones (appendix 6.2).

    Of an experiment that people answered (`closedloop discrimination`), or of simulated observers. Run the same command
    again to resume.
    """
    workers = with_store(workers, store)
    from closedloop.attacks.epsilons import parse_epsilons  # noqa: PLC0415
    from closedloop.errors import OptionError  # noqa: PLC0415
    from closedloop.execution.progress import bar  # noqa: PLC0415
    from closedloop.storage import resolved  # noqa: PLC0415
    from closedloop.studies.networks import n_units_of, parse_network  # noqa: PLC0415
    from closedloop.studies.places import alone_in, check_places  # noqa: PLC0415

    check_places(out, workers=workers, study=study)
    if experiment is not None and resolved(out).is_relative_to(resolved(experiment)):
        raise OptionError(
            f"--out {out}: expected a folder of its own for results, found one in the experiment's. Choose another one."
        )
    chosen, epsilons = parse_network(network, architecture=None), parse_epsilons(epsilon or [DEFAULT_EPSILONS])
    n_units_of(chosen)
    from closedloop.studies.discrimination.asked import DiscriminationOptions  # noqa: PLC0415
    from closedloop.studies.discrimination.preparation.sources import PairSource, check_source  # noqa: PLC0415
    from closedloop.studies.discrimination.run import find_experiment, run_study  # noqa: PLC0415 - heavy, once checked

    source = PairSource(study, day, images, chosen, epsilons, clean_images, seed)
    check_source(source)
    options = DiscriminationOptions(experiment, source, subjects, sessions, checks, rules, seed)
    with alone_in(out, "discrimination_study"):
        with bar("images") as progress:
            found = find_experiment(options, out, workers=workers, progress=progress)
        with bar("checks of intervals") as progress:
            lines = run_study(options, found, out, workers=workers, progress=progress)
    typer.echo(printed(lines))
