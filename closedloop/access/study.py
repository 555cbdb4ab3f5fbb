"""A study as its users see it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from closedloop.access import frames
from closedloop.access.frames import Unit
from closedloop.access.pictures import find_image, images_of_day
from closedloop.access.planes import StudyPlanes
from closedloop.access.spike_times import site_onsets, site_spikes
from closedloop.artifacts import catalog
from closedloop.artifacts.protocol.protocol import Protocol


@dataclass(frozen=True, repr=False)
class Study(StudyPlanes):
    """Read-only access to a study; `open_study` makes it.

    Days count from 0. A table of one row a presentation, stimulus or site is indexed by it, and by ``day`` before it
    where no day is given, so that ``table.loc[2]`` is day 2. `sensitivity` and `pairs` are long tables with a column
    ``day``. docs/columns.md has the meaning and unit of every column. What the experiment has not come to yet, or a
    day that it does not have, raises StudyError. The examples of the methods go on from the one here.

    Everything from a simulated monkey says so: in the study's `repr`, and in ``table.attrs["simulated"]``. What only a
    simulation knows, the hidden cortex's true responses, is left out unless asked for by ``truth=True``: it is there to
    judge the methods by, and a real experiment has none.

    What people decided counts here as in the report, once ``closedloop run`` has made again what follows from it. What
    ``exclude`` left out of the evaluation is in no estimate of `sensitivity`, and NaN as ``change`` in `pairs`; what it
    left out of the fit is in no later `model`. `presentations` and `responses` stay as they were recorded, unless
    asked for otherwise. A day that
    was closed early has what was shown; one that was skipped is in no table of all days. Only the report's table of
    days is estimated again over the sites that all of them have: `sensitivity` takes each day's own.

    Examples
    --------
    >>> import closedloop
    >>> study = closedloop.open_study("runs/smoke")
    >>> study
    <SIMULATED study of simulated, protocol smoke, 1 of 1 days, in ...>
    >>> study.subject, study.simulated, study.protocol.attack.epsilons
    ('simulated', True, (2.5, 10.0))
    >>> study.presentations(0).attrs["simulated"]
    True
    """

    def __repr__(self) -> str:
        kind = "SIMULATED study" if self.simulated else "Study"
        days = f"{len(self.days)} of {self.protocol.days} days"
        return f"<{kind} of {self.subject}, protocol {self.protocol.name}, {days}, in {self.path}>"

    @property
    def path(self) -> Path:
        """The study's folder."""
        return self._files.paths.root

    @property
    def subject(self) -> str:
        """The animal's name."""
        return self._files.study.subject

    @property
    def simulated(self) -> bool:
        """Whether the animal is a simulated one."""
        return self._files.study.simulated

    @property
    def protocol(self) -> Protocol:
        """The experiment's numbers, as in protocol.yaml."""
        return self._files.protocol

    @property
    def days(self) -> tuple[int, ...]:
        """The days that have begun, ascending, without those that were skipped."""
        return self._files.days

    @property
    def sessions(self) -> tuple[tuple[int, int], ...]:
        """Day and number, from 1, of the sessions whose responses are there, in order: what `open_study` takes."""
        return tuple((block.day, block.number) for block in self._files.sessions_with(catalog.COUNTS))

    @property
    def evaluated_days(self) -> tuple[int, ...]:
        """The days whose sensitivity is estimated, ascending."""
        return self._files.days_with(catalog.SENSITIVITY)

    @property
    def days_with_slopes(self) -> tuple[int, ...]:
        """The days that `slopes` has, ascending: versions before December 2026 tested none."""
        return self._files.days_with(catalog.SLOPES)

    @property
    def fitted_days(self) -> tuple[int, ...]:
        """The days whose refit is done, ascending: each leaves the `model` of the day after it."""
        return self._files.days_with(catalog.FIT)

    def presentations(self, day: int | None = None) -> pd.DataFrame:
        """Return every presentation: what was shown, when, and whether its response counts.

        The rows are those of `responses`, rejected presentations included, so that one table can select from the other.

        Returns
        -------
        DataFrame
            Index ``ordinal`` (count of the presentations begun in the session). Columns: ``kind`` (clean, attacked,
            repeated, preference, gaussian, linear, yesterday, sham, plane, objective, population), ``role``,
            ``category``, ``image_id`` and ``clean_index`` of the clean image beneath, ``attacked_site`` ("" for other
            kinds), ``epsilon``; ``outcome`` at the rig; ``used`` and, if not, the ``reason``; ``onset_s``, the onset on
            the recorder's clock; ``rig_onset_s``; and others.

        Examples
        --------
        >>> shown = study.presentations(0)
        >>> sorted(shown["kind"].unique())
        ['attacked', 'clean', 'gaussian', 'linear']
        >>> bool(shown.loc[shown["outcome"] == "rejected", "used"].any())
        False
        """
        return frames.presentations_frame(self._files, day)

    def responses(self, day: int | None = None, *, unit: Unit = "hz", evaluated: bool = False) -> pd.DataFrame:
        """Return the response of every site to every presentation, in the protocol's window after the onset.

        Parameters
        ----------
        day
            One day; all days that have been recorded, if None.
        unit
            "hz" for spikes per second, "counts" for the number of spikes in the window.
        evaluated
            Also NaN where people left something out of the evaluation (``closedloop exclude``), as `pairs` has it.

        Returns
        -------
        DataFrame
            Presentations x sites: index ``ordinal``, as in `presentations`; a column a chosen site, by ``neuroid_id``,
            in the order of the model's outputs. NaN where a presentation does not count for a site.

        Examples
        --------
        Mean response of every site to the clean images of each category:

        >>> shown, rates = study.presentations(0), study.responses(0)
        >>> clean = shown["kind"] == "clean"
        >>> means = rates[clean].groupby(shown["category"]).mean()
        >>> means.shape == (shown.loc[clean, "category"].nunique(), study.protocol.sites.n_sites)
        True
        """
        return frames.responses_frame(self._files, day, unit=unit, evaluated=evaluated)

    def sites(self, day: int | None = None) -> pd.DataFrame:
        """Return the electrodes, with their reliability; those of the model come first.

        Returns
        -------
        DataFrame
            Index ``neuroid_id``. ``site_index`` is the model's output, missing for electrodes that were not chosen on
            day 0; ``reliability``, ``mean_rate_hz`` and ``sigma_hz`` are of this day's clean images, NaN for a site
            that the day did not record.

        Examples
        --------
        >>> sites = study.sites(0)
        >>> chosen = sites[sites["site_index"].notna()]
        >>> list(chosen.index) == list(study.responses(0).columns)
        True
        """
        return frames.sites_frame(self._files, day)

    def stimuli(self, day: int | None = None) -> pd.DataFrame:
        """Return every image of a day, with what the model predicted of it before it was shown.

        Returns
        -------
        DataFrame
            Index ``image_index``: the row of `images`.

        Examples
        --------
        >>> stimuli = study.stimuli(0)
        >>> attacked = stimuli[stimuli["kind"] == "attacked"]
        >>> bool((attacked["realised_epsilon"] <= attacked["epsilon"]).all())
        True
        """
        return frames.stimuli_frame(self._files, day)

    def sensitivity(self, *, truth: bool = False) -> pd.DataFrame:
        """Return the estimates of sensitivity on all evaluated days, in units of sigma.

        Parameters
        ----------
        truth
            Also what only a simulation knows: the hidden cortex's own sensitivity, marked in a column ``truth``.

        Returns
        -------
        DataFrame
            A row an estimate: ``day``, ``epsilon``, ``estimate`` ("paper" is section 3.1's; all: docs/columns.md),
            ``image_set`` ("anchors", the same on all days; "fresh", this day's own; "all"), ``site`` ("" for the mean
            over sites), ``mean``, ``standard_error``, ``interval_low``, ``interval_high``, ``n_images``, ``n_sites``.

        Examples
        --------
        >>> mean = study.sensitivity().query("estimate == 'paper' and image_set == 'all' and site == ''")
        >>> mean["epsilon"].tolist()
        [2.5, 10.0]
        """
        return frames.sensitivity_frame(self._files, truth=truth)

    def intervals(self, *, truth: bool = False) -> pd.DataFrame:
        """Return 95 % intervals of the estimates, by resampling images alone and images and sites, of all days.

        Parameters
        ----------
        truth
            Also the hidden cortex's own sensitivity of a simulation, marked in a column ``truth``.

        Returns
        -------
        DataFrame
            A row an estimate, unit ("sigma", "sigma_corrected" without the noise's part, "hz") and way of resampling
            (``over``): ``mean``, ``standard_error``, ``interval_low``, ``interval_high``; all: docs/columns.md.

        Examples
        --------
        >>> study.intervals()["over"].unique().tolist()
        ['images_and_sites', 'images']
        """
        return frames.intervals_frame(self._files, truth=truth)

    def slopes(self) -> pd.DataFrame:
        """Return how sensitivity grows with epsilon, by site and by image, of all days.

        Returns
        -------
        DataFrame
            A row a site or image (``of``, ``name``): ``slope`` in sigma for a unit of epsilon, its error, ``p`` of no
            slope, ``p_corrected`` for the number of tests (Holm); all: docs/columns.md.

        Examples
        --------
        >>> study.slopes()["of"].unique().tolist()
        ['site', 'image']
        """
        return frames.slopes_frame(self._files)

    def pairs(self, day: int | None = None, *, truth: bool = False) -> pd.DataFrame:
        """Return each attacked or control image beside its clean image, at each site.

        Parameters
        ----------
        day
            One day; all evaluated days if None.
        truth
            Also ``true_change``, what the hidden cortex of a simulation did.

        Returns
        -------
        DataFrame
            A row a pair and site; ``change`` is in sigma, ``predicted_sign`` was sealed before the session.

        Examples
        --------
        >>> pairs = study.pairs(0)
        >>> sorted(pairs["kind"].unique())
        ['attacked', 'gaussian', 'linear']
        >>> "true_change" in pairs, "true_change" in study.pairs(0, truth=True)
        (False, True)
        """
        return frames.pairs_frame(self._files, day, truth=truth)

    def population(self, *, truth: bool = False) -> pd.DataFrame:
        """Return what attacks on a decoder of category did, read by the day's sealed decoder, of all days.

        Parameters
        ----------
        truth
            Also what the hidden cortex of a simulation did.

        Returns
        -------
        DataFrame
            A row a changed image: ``decoded_clean``, ``decoded_changed``, the margins, and the squared movement of all
            sites; no row where the protocol has no section ``population``. All: docs/columns.md.

        Examples
        --------
        >>> len(study.population())
        0
        """
        return frames.population_frame(self._files, truth=truth)

    def objectives(self, *, truth: bool = False) -> pd.DataFrame:
        """Return what sites answered to images of objectives other than an attack; with truth, the hidden cortex too.

        Returns
        -------
        DataFrame
            A row an image: ``objective``, ``target_sd``, measured ``clean`` and ``made``. All: docs/columns.md.

        Examples
        --------
        >>> len(study.objectives())
        0
        """
        return frames.objectives_frame(self._files, truth=truth)

    def images(self, day: int) -> NDArray[np.uint8]:
        """Return all images of a day, as shown.

        Returns
        -------
        ndarray
            uint8, (n_images, height, width, 3); row ``image_index`` of `stimuli`.

        Examples
        --------
        >>> images, stimuli = study.images(0), study.stimuli(0)
        >>> len(images) == len(stimuli)
        True
        """
        return images_of_day(self._files, day)

    def image(self, stimulus_id: str) -> NDArray[np.uint8]:
        """Return one image by its name, of whichever day.

        Parameters
        ----------
        stimulus_id
            Content hash of the pixels, as in `stimuli` and `presentations`.

        Returns
        -------
        ndarray
            uint8, (height, width, 3).

        Raises
        ------
        StudyError
            No day has it.

        Examples
        --------
        >>> name = study.presentations(0)["stimulus_id"].iloc[0]
        >>> study.image(name).shape
        (32, 32, 3)
        """
        return find_image(self._files, stimulus_id)

    def spikes(self, day: int, neuroid_id: str) -> NDArray[np.float64]:
        """Return a chosen site's spikes in seconds, ascending, on the clock of `onsets`.

        Parameters
        ----------
        neuroid_id
            The site, a column of `responses`.

        Examples
        --------
        >>> from closedloop.analysis import spikes_around
        >>> study = closedloop.open_study("runs/smoke")
        >>> site = study.responses(0).columns[0]
        >>> onsets = study.onsets(0, site).dropna()
        >>> raster = spikes_around(study.spikes(0, site), onsets.to_numpy(), window_ms=(-100, 300))
        >>> len(raster) == study.presentations(0)["used"].sum()
        np.True_
        """
        return site_spikes(self._files, day, neuroid_id)

    def onsets(self, day: int, neuroid_id: str) -> pd.Series[float]:
        """Return when each presentation came on, in seconds, on the clock of the processor that a site is wired to.

        Parameters
        ----------
        neuroid_id
            The site, a column of `responses`.

        Returns
        -------
        Series
            Index ``ordinal``, as in `presentations`; NaN where a presentation does not count.

        Examples
        --------
        >>> onsets = study.onsets(0, study.responses(0).columns[0])
        >>> bool((onsets.dropna().diff().dropna() > 0).all())
        True
        """
        onsets = site_onsets(self._files, day, neuroid_id)
        onsets.attrs = frames.marks(self._files)
        return onsets
