"""Tables of a study as pandas DataFrames: one row a presentation, a stimulus, a site, or an estimate."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from functools import partial
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
import pandas as pd

from closedloop.access.columns import OF_ARM_OBJECTIVE, PRESENTATIONS
from closedloop.access.files import PublishedFiles, differ
from closedloop.artifacts import catalog
from closedloop.artifacts.day.responses import SiteTable
from closedloop.artifacts.files.kinds import StudyFile, TableFile
from closedloop.artifacts.tables import Columns

Unit: TypeAlias = Literal["hz", "counts"]
DayOrAll: TypeAlias = int | None  # None: all days that have the file

_OF_STIMULUS = ["kind", "role", "category", "image_id", "clean_index", "epsilon", "site_index"]
_OF_JOURNAL = {
    "trial": "trial",
    "position": "position",
    "outcome": "outcome",
    "onset_s": "rig_onset_s",
    "offset_s": "rig_offset_s",
    "on_frames": "on_frames",
    "code": "code",
}
_HIDDEN = "true_"  # columns of what the hidden cortex of a simulation does
_OF_NETWORK = "_units"  # ending of the estimates on artificial units: known without noise, but nothing hidden

_ReadDay: TypeAlias = Callable[[PublishedFiles, int], pd.DataFrame]


def presentations_frame(files: PublishedFiles, day: DayOrAll) -> pd.DataFrame:
    """Return every presentation in the order shown: what, whether it counts, when."""
    return _indexed(files, catalog.RESPONSES, day, _presentations, made_from=(catalog.STIMULI, catalog.JOURNAL))


def stimuli_frame(files: PublishedFiles, day: DayOrAll) -> pd.DataFrame:
    """Return the stimuli; the index is the row of a day's images."""
    return _indexed(files, catalog.STIMULI, day, _stimuli)


def responses_frame(files: PublishedFiles, day: DayOrAll, *, unit: Unit, evaluated: bool) -> pd.DataFrame:
    """Return presentations x chosen sites; NaN where a presentation does not count.

    Parameters
    ----------
    files
        The study.
    day
        The day.
    unit
        Spikes per second, or spikes.
    evaluated
        Whether there is none of what people left out of the evaluation either.
    """
    if unit not in get_args(Unit):
        raise ValueError(f'unit must be "hz" or "counts", not {unit!r}')
    frame = _indexed(files, catalog.COUNTS, day, partial(_responses, unit=unit, evaluated=evaluated))
    frame.attrs["unit"] = unit
    return frame


def sites_frame(files: PublishedFiles, day: DayOrAll) -> pd.DataFrame:
    """Return every electrode, those of the model first in the model's order."""
    return _indexed(files, catalog.SITES, day, _sites)


def pairs_frame(files: PublishedFiles, day: DayOrAll, *, truth: bool) -> pd.DataFrame:
    """Return changed images beside their clean ones, a row a pair and site.

    Parameters
    ----------
    files
        The study.
    day
        The day.
    truth
        Whether to keep what the hidden cortex did.
    """
    return _of_all_days(files, catalog.PAIRS, partial(_pairs, truth=truth), day=day)


def population_frame(files: PublishedFiles, *, truth: bool) -> pd.DataFrame:
    """Return what attacks on a decoder did, of all days that have any; no row where no day has.

    Parameters
    ----------
    files
        The study.
    truth
        Whether to keep what the hidden cortex did.
    """
    return _of_sessions(files, catalog.POPULATION_EFFECTS, truth=truth)


def objectives_frame(files: PublishedFiles, *, truth: bool) -> pd.DataFrame:
    """Return what sites answered to images of objectives, of all days that have any; no row where no day has.

    Parameters
    ----------
    files
        The study.
    truth
        Whether to keep what the hidden cortex did.
    """
    return _of_sessions(files, catalog.OBJECTIVE_EFFECTS, truth=truth)


def arms_frame(files: PublishedFiles, *, truth: bool) -> pd.DataFrame:
    """Return what arms' attacks did, of all days that have any; no row where no day has.

    Parameters
    ----------
    files
        The study.
    truth
        Whether to keep what the hidden cortex did.
    """
    frame = _of_sessions(files, catalog.ARM_EFFECTS, truth=truth, read=_arms)
    return _marked(
        frame.reindex(columns=[*frame.columns, *(name for name in OF_ARM_OBJECTIVE if name not in frame)]), files
    )


def foretold_frame(files: PublishedFiles) -> pd.DataFrame:
    """Return what models foretold of arms' attacks, of all days that have any; no row where no day has."""
    return _of_sessions(files, catalog.ARM_FORETOLD, truth=True)


def evolution_frame(files: PublishedFiles, *, truth: bool) -> pd.DataFrame:
    """Return what sites answered to images that evolved, of all sessions that have any; no row where none has.

    Parameters
    ----------
    files
        The study.
    truth
        Whether to keep what the hidden cortex did.
    """
    return _of_sessions(files, catalog.EVOLUTION_EFFECTS, truth=truth)


def evolution_gains_frame(files: PublishedFiles, *, truth: bool) -> pd.DataFrame:
    """Return whether evolution went above natural images, of all days that compare them; no row where none does.

    Parameters
    ----------
    files
        The study.
    truth
        Whether to keep what the hidden cortex did.
    """
    return _of_sessions(files, catalog.EVOLUTION_GAINS, truth=truth)


def planes_frame(files: PublishedFiles, *, truth: bool) -> pd.DataFrame:
    """Return how responses bend over planes of images, of all days that show any; no row where no day does.

    Parameters
    ----------
    files
        The study.
    truth
        Whether to keep what the hidden cortex did.
    """
    return _of_sessions(files, catalog.PLANE_CURVATURES, truth=truth)


def plane_places_frame(files: PublishedFiles, day: int) -> pd.DataFrame:
    """Return where each image of a day's planes lies; no row where it shows none.

    Parameters
    ----------
    files
        The study.
    day
        Whose.
    """
    file = catalog.PLANE_PLACES
    nothing: Columns = {name: np.array([]) for name in file.layout.columns}
    return _marked(pd.DataFrame(files.read(file, day) if files.has(file, day) else nothing), files)


def sensitivity_frame(files: PublishedFiles, *, truth: bool) -> pd.DataFrame:
    """Return the estimates of sensitivity of all days, a row an estimate."""
    return _of_all_days(files, catalog.SENSITIVITY, partial(_estimates, file=catalog.SENSITIVITY, truth=truth))


def intervals_frame(files: PublishedFiles, *, truth: bool) -> pd.DataFrame:
    """Return the intervals of the estimates of all days, a row an estimate, unit and way of resampling."""
    return _of_all_days(files, catalog.INTERVALS, partial(_estimates, file=catalog.INTERVALS, truth=truth))


def slopes_frame(files: PublishedFiles) -> pd.DataFrame:
    """Return the slopes over epsilon of all days, a row a site or image."""
    return _of_all_days(files, catalog.SLOPES, _slopes)


def marks(files: PublishedFiles) -> dict[Hashable, Any]:
    """Return what every table says of the study in its `attrs`."""
    return {"simulated": files.study.simulated, "subject": files.study.subject}


def _indexed(
    files: PublishedFiles, file: StudyFile, day: DayOrAll, read: _ReadDay, *, made_from: tuple[StudyFile, ...] = ()
) -> pd.DataFrame:
    tables = _tables(files, file, day, read, made_from=made_from)
    if day is not None:
        return _marked(tables[day], files)
    return _marked(pd.concat(tables, names=["day", next(iter(tables.values())).index.name]), files)


def _of_all_days(files: PublishedFiles, file: StudyFile, read: _ReadDay, *, day: DayOrAll = None) -> pd.DataFrame:
    tables = _tables(files, file, day, read)
    return _marked(pd.concat(tables.values(), ignore_index=True), files)


def _tables(
    files: PublishedFiles, file: StudyFile, day: DayOrAll, read: _ReadDay, *, made_from: tuple[StudyFile, ...] = ()
) -> dict[int, pd.DataFrame]:
    days = (files.days_with(file) or (0,)) if day is None else (day,)  # without any, day 0 says what is missing
    return {own: files.read_together(own, file, partial(read, files, own), made_from=made_from) for own in days}


def _marked(frame: pd.DataFrame, files: PublishedFiles) -> pd.DataFrame:
    frame.attrs = marks(files)
    return frame


def _presentations(files: PublishedFiles, day: int) -> pd.DataFrame:
    responses = pd.DataFrame(files.read(catalog.RESPONSES, day)).set_index("ordinal")
    shown = files.read(catalog.JOURNAL, day).presentations
    if [row.ordinal for row in shown] != responses.index.tolist():
        place = files.path(catalog.JOURNAL, day)
        raise differ(place, f"the presentations of responses.parquet ({len(responses)})", f"others ({len(shown)})")
    of_journal = {name: [getattr(row, field) for row in shown] for field, name in _OF_JOURNAL.items()}
    journal = pd.DataFrame(of_journal, index=responses.index)
    stimuli = _stimuli(files, day)
    if stimuli["stimulus_id"].reindex(responses["image_index"]).tolist() != responses["stimulus_id"].tolist():
        raise differ(files.path(catalog.STIMULI, day), "the images that responses.parquet names", "others")
    names = {site.site_index: site.neuroid_id for site in files.read(catalog.SITES, day).chosen()}
    frame = responses.join(journal).join(stimuli[_OF_STIMULUS], on="image_index")
    attacked = [names.get(index, "") for index in frame.pop("site_index")]
    return frame.assign(attacked_site=attacked)[list(PRESENTATIONS)]


def _stimuli(files: PublishedFiles, day: int) -> pd.DataFrame:
    return pd.DataFrame(files.read(catalog.STIMULI, day)).set_index("image_index")


def electrode_counts(files: PublishedFiles, day: int) -> pd.DataFrame:
    """Return presentations x electrodes that the session recorded, chosen or not, in the order of sites.json.

    Spikes in the window, as responses.h5 has them; NaN where a presentation does not count.
    """
    table, arrays = files.read(catalog.SITES, day), files.read(catalog.COUNTS, day)
    ordinal = pd.Index(files.read(catalog.RESPONSES, day)["ordinal"], name="ordinal")
    electrodes = arrays["electrode_id"].tolist()
    place, shape, wanted = files.path(catalog.COUNTS, day), arrays["counts"].shape, (len(ordinal), len(electrodes))
    if [site.electrode_id for site in table.sites[: len(electrodes)]] != electrodes:
        raise differ(place, "the electrodes of sites.json", "others")
    if shape != wanted:
        raise differ(place, f"counts of {wanted} presentations of responses.parquet and electrodes", f"{shape}")
    names = [site.neuroid_id for site in table.sites[: len(electrodes)]]
    return pd.DataFrame(arrays["counts"], index=ordinal, columns=names)


def _responses(files: PublishedFiles, day: int, *, unit: Unit, evaluated: bool) -> pd.DataFrame:
    columns = _chosen(files.read(catalog.SITES, day))
    chosen = electrode_counts(files, day).reindex(columns=columns)  # a site that the day lacks is a column of NaN
    if unit == "hz":
        files.check_window(day)
        recording = files.protocol.recording
        chosen = chosen / ((recording.window_stop_ms - recording.window_start_ms) / 1000)
    return _without_left_out(files, day, chosen) if evaluated else chosen


def _without_left_out(files: PublishedFiles, day: int, responses: pd.DataFrame) -> pd.DataFrame:
    """Return responses with NaN in place of what people left out of the evaluation."""
    is_out = files.is_left_out("evaluation", day, responses.index.to_numpy(), list(responses.columns))
    return responses.astype("float64").mask(is_out) if is_out.any() else responses


def _chosen(table: SiteTable) -> pd.Index:
    return pd.Index([site.neuroid_id for site in table.chosen()], name="neuroid_id")


def _sites(files: PublishedFiles, day: int) -> pd.DataFrame:
    rows = [site.model_dump() for site in files.read(catalog.SITES, day).sites]
    frame = pd.DataFrame(rows).set_index("neuroid_id")
    numbers = dict.fromkeys(("reliability", "mean_rate_hz", "sigma_hz"), "float64")
    frame = frame.astype({**numbers, **dict.fromkeys(("site_index", "row", "column"), "Int64")})
    n_recorded = len(files.read(catalog.COUNTS, day)["electrode_id"])
    frame.loc[frame.index[n_recorded:], ["mean_rate_hz", "sigma_hz"]] = np.nan  # version 0.1 wrote 0
    return frame.sort_values("site_index", kind="stable", na_position="last")


def _pairs(files: PublishedFiles, day: int, *, truth: bool) -> pd.DataFrame:
    columns = files.read(catalog.PAIRS, day)
    frame = pd.DataFrame({"day": np.full(len(columns["kind"]), day), **columns})
    return frame if truth else frame.drop(columns="true_change")


def _dated(files: PublishedFiles, day: int, file: TableFile) -> pd.DataFrame:
    columns = files.read(file, day)
    return pd.DataFrame({"day": np.full(len(next(iter(columns.values()))), day), **columns})


def _arms(files: PublishedFiles, day: int, file: TableFile) -> pd.DataFrame:
    """Return what a session's arms did, with what each image was to attain."""
    frame, asked = _dated(files, day, file), catalog.ARM_OBJECTIVE_EFFECTS
    columns: Columns = {name: np.array([]) for name in ("image_index", *OF_ARM_OBJECTIVE)}
    if files.has(asked, day):
        columns = files.read(asked, day)
    own = pd.DataFrame({name: columns[name] for name in columns if name in ("image_index", *OF_ARM_OBJECTIVE)})
    rows = own.set_index("image_index").reindex(frame["image_index"])
    return frame.assign(
        objective_kind=rows["objective_kind"].astype(object).where(rows["objective_kind"].notna(), "attack").to_numpy(),
        target=rows["target"].to_numpy(dtype=np.float64),
        target_sd=rows["target_sd"].to_numpy(dtype=np.float64),
        is_reached=rows["is_reached"].eq(other=True).to_numpy(),
    )


def _of_sessions(
    files: PublishedFiles,
    file: TableFile,
    *,
    truth: bool,
    read: Callable[[PublishedFiles, int, TableFile], pd.DataFrame] = _dated,
) -> pd.DataFrame:
    """Return an optional table of all sessions that have it, with their days, the hidden truth if asked for.

    No row where no session has it.
    """
    nothing = pd.DataFrame({name: [] for name in ("day", "session", *file.layout.columns)})
    tables = [
        seen.read_together(day, file, partial(_numbered, read, seen, day, number, file))
        for day, number in files.sessions_with(file)
        for seen in [files.seen_from(day, number)]
    ]
    frame = pd.concat(tables, ignore_index=True) if tables else nothing
    hidden = [name for name in frame.columns if name.startswith(_HIDDEN)]
    return _marked(frame if truth else frame.drop(columns=hidden), files)


def _numbered(
    read: Callable[[PublishedFiles, int, TableFile], pd.DataFrame],
    files: PublishedFiles,
    day: int,
    number: int,
    file: TableFile,
) -> pd.DataFrame:
    frame = read(files, day, file)
    frame.insert(1, "session", np.full(len(frame), number))
    return frame


def _slopes(files: PublishedFiles, day: int) -> pd.DataFrame:
    return pd.DataFrame(files.read(catalog.SLOPES, day))


def _estimates(files: PublishedFiles, day: int, *, file: TableFile, truth: bool) -> pd.DataFrame:
    columns: Columns = files.read(file, day)
    frame = pd.DataFrame(columns)
    if truth:
        return frame
    hidden = frame["truth"].astype(bool) & ~frame["estimate"].str.endswith(_OF_NETWORK)
    return frame[~hidden].drop(columns="truth").reset_index(drop=True)
