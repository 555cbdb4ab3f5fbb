"""`closedloop analyse`: the options; what is done stands in this folder's other files, imported when needed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from closedloop.commands.extras import require_extra
from closedloop.plain_text.printed import printed
from closedloop.terminal.options import seed_option

analyse_app = typer.Typer(rich_markup_mode=None)


@analyse_app.command("analyse")
def analyse(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="responses: a Brain-Score assembly .nc, NWB .nwb, a table .csv or .parquet, HDF5 .h5, or what "
            "`closedloop export responses` wrote",
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="FOLDER", help="folder for tables, figures and page")] = Path("analysis"),
    *,
    images: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="pictures of the images, by name: networks are compared on them"),
    ] = None,
    base_model: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME|FILE[:LAYER,...]",
            help="a network to compare: shipped, a weight file, or a YAML file; may be repeated  [default: "
            "small_resnet_vanilla and small_resnet_robust, all layers]",
        ),
    ] = None,
    stimuli: Annotated[
        Path | None,
        typer.Option(
            metavar="CSV",
            help="categories: columns stimulus_id (or image) and category  [default: stimulus_set.csv beside FILE]",
        ),
    ] = None,
    window: Annotated[
        str | None,
        typer.Option(
            metavar="START,END", help="ms after the onset, of spikes (NWB) and of time bins  [default: 70,170]"
        ),
    ] = None,
    responses: Annotated[
        str | None, typer.Option(metavar="NAME", help="HDF5: dataset with the responses  [default: responses, ...]")
    ] = None,
    image_names: Annotated[
        str | None, typer.Option(metavar="NAME", help="HDF5: dataset with the images' names  [default: images, ...]")
    ] = None,
    neuroids: Annotated[
        str | None, typer.Option(metavar="NAME", help="HDF5: dataset with the sites' names  [default: neuroid_id, ...]")
    ] = None,
    axes: Annotated[
        str | None,
        typer.Option(metavar="A,B,...", help="HDF5: axes of the responses: images,repetitions,sites  [default: told]"),
    ] = None,
    seed: Annotated[int, seed_option("seed of halves, folds and resamples")] = 0,
    workers: Annotated[
        str | None,
        typer.Option(
            metavar="WORKERS",
            help="who compares networks: N or local:N processes, dask:N, tcp://HOST:PORT or slurm:FILE  "
            "[default: this machine]",
        ),
    ] = None,
    device: Annotated[str, typer.Option(metavar="DEVICE", help="auto, cpu, cuda, or the name of one device")] = "auto",
) -> None:
    """Tell what the responses in a file are worth, without a study: reliability, ceilings, sigma, categories.

    With the images also which layer of a network predicts the sites best, and how well it predicts each. Run the same
    command again to resume.
    """
    require_extra("lab")
    from closedloop.commands.analyse.run import AnalysisRequest, run_analysis  # noqa: PLC0415 - once it is asked for

    request = AnalysisRequest(
        file=file,
        out=out,
        images=images,
        networks=tuple(base_model or ()),
        stimuli=stimuli,
        window=window,
        datasets=(responses, image_names, neuroids),
        axes=tuple(name.strip() for name in axes.split(",")) if axes is not None else (),
        seed=seed,
    )
    typer.echo(printed(run_analysis(request, workers=workers, device=device)))
