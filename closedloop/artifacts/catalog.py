"""Every file of a study: the stage that leaves it, its name, what it holds. The one place where these names stand.

Stages say ``context.read(catalog.STIMULI)`` and ``context.write(catalog.STIMULI, columns)``; the tree in docs/files.md
is written from this table (`tools.study_tree`).
"""

from __future__ import annotations

from closedloop.artifacts.day import evaluation, plan, queue, responses, session, stimuli
from closedloop.artifacts.day.arms import tables as arms
from closedloop.artifacts.day.evolution import tables as evolution
from closedloop.artifacts.day.fit import FitReport
from closedloop.artifacts.day.identity import IdentityTable
from closedloop.artifacts.day.journal import SessionSummary
from closedloop.artifacts.day.objectives import tables as objectives
from closedloop.artifacts.day.population import sealed as population
from closedloop.artifacts.day.quality import IngestQuality
from closedloop.artifacts.files.kinds import ArrayFile, DocumentFile, GazeFile, JournalFile, StudyFile, TableFile
from closedloop.artifacts.imported import documents as imported
from closedloop.artifacts.records import inputs
from closedloop.artifacts.records.pages import PagesRecord
from closedloop.artifacts.study import IMPORTED, INPUTS, REPORT_PAGES

STUDY_INPUTS = DocumentFile(
    INPUTS, "inputs.json", holds="images and base model, by content", document=inputs.StudyInputs
)
IMAGE_LIST = TableFile(
    INPUTS,
    "pool.parquet",
    holds="every image of the folder, by hash",
    optional=True,  # where images are computed
    layout=inputs.IMAGE_LIST,
)

ADDED_IMAGES = TableFile(
    INPUTS,
    "added.parquet",
    holds="images that were added later, by hash",
    optional=True,  # where nobody added any
    layout=inputs.ADDED_IMAGES,
)

IMPORTED_RESPONSES = DocumentFile(
    IMPORTED, "imported.json", holds="where responses recorded elsewhere come from", document=imported.ImportedResponses
)
IMPORTED_RATES = ArrayFile(IMPORTED, "responses.h5", holds="these responses", layout=imported.IMPORTED_RATES)
IMPORTED_IMAGES = ArrayFile(IMPORTED, "images.h5", holds="the images they are to", layout=imported.IMPORTED_IMAGES)

QUEUE = DocumentFile(
    "queue", "queue.json", holds="clean images to show on the day after", handed_on=True, document=queue.ImageQueue
)
MODEL = StudyFile("refit", "model.safetensors", holds="weights of model t + 1", handed_on=True)

DAY_PLAN = DocumentFile("plan", "plan.json", holds="the day's numbers and its cost in hours", document=plan.DayPlan)
PLANNED_IMAGES = TableFile("plan", "images.parquet", holds="clean images and repetitions", layout=plan.PLANNED_IMAGES)
PLANNED_ITEMS = TableFile("plan", "items.parquet", holds="attacks and controls to make", layout=plan.PLANNED_ITEMS)
PLANNED_PROBES = TableFile(
    "plan",
    "probes.parquet",
    holds="probes to make",
    optional=True,  # where a protocol has none, and on day 0
    layout=plan.PLANNED_PROBES,
)
PLANNED_ARMS = TableFile(
    "plan",
    "arms.parquet",
    holds="which arm makes which attack",
    optional=True,  # where a protocol has none, and before their first day
    layout=plan.PLANNED_ARMS,
)
ARM_ALLOCATION = TableFile(
    "plan",
    "allocation.parquet",
    holds="how many pairs each arm attacks, and by which earlier numbers",
    optional=True,  # where earlier days decide it
    layout=arms.ARM_ALLOCATION,
)

STIMULI = TableFile("synthesize", "stimuli.parquet", holds="every image, with the sealed signs", layout=stimuli.STIMULI)
AUDIT = TableFile(
    "synthesize",
    "audit.parquet",
    holds="what changed, counted from the bytes",
    optional=True,  # version 0.1 before October 2026 wrote none
    layout=stimuli.STIMULUS_AUDIT,
)
IMAGES = ArrayFile("synthesize", "images.h5", holds="the images' bytes", layout=stimuli.STIMULUS_IMAGES)
PREDICTIONS = ArrayFile(
    "synthesize", "predictions.h5", holds="model t's sealed responses to clean images", layout=stimuli.PREDICTIONS
)
MEMBER_PREDICTIONS = ArrayFile(
    "synthesize",
    "members.h5",
    holds="each member's sealed responses to every image",
    optional=True,  # where the model is one, and there are no probes
    layout=stimuli.MEMBER_PREDICTIONS,
)
DECODER = DocumentFile(
    "synthesize",
    "decoder.json",
    holds="the decoder of category that population attacks are to mislead",
    optional=True,  # where a protocol has none of them, and before their first day
    document=population.SealedDecoder,
)
DECODER_WEIGHTS = ArrayFile("synthesize", "decoder.h5", holds="its weights", optional=True, layout=population.DECODER)
SEALED_POPULATION = TableFile(
    "synthesize",
    "population.parquet",
    holds="what it reads from the model's responses to them, sealed",
    optional=True,
    layout=population.SEALED_POPULATION,
)
PLANES = TableFile(
    "synthesize",
    "planes.parquet",
    holds="planes of images, and how the model says they bend, sealed",
    optional=True,  # where the session has none
    layout=stimuli.PLANES,
)
PLANE_PLACES = TableFile(
    "synthesize",
    "plane_places.parquet",
    holds="where on its plane each image lies",
    optional=True,
    layout=stimuli.PLANE_PLACES,
)
PLANE_AXES = ArrayFile(
    "synthesize", "plane_axes.h5", holds="the directions of each plane", optional=True, layout=stimuli.PLANE_AXES
)
SEALED_MODELS = DocumentFile(
    "synthesize",
    "arms.json",
    holds="the models that foretell what the arms' attacks do",
    optional=True,  # where the session has no arms
    document=arms.SealedModels,
)
ARM_ATTACKS = TableFile(
    "synthesize", "arms.parquet", holds="which arm made which image", optional=True, layout=arms.ARM_ATTACKS
)
ARM_PREDICTIONS = ArrayFile(
    "synthesize",
    "arms.h5",
    holds="every model's sealed responses to every image",
    optional=True,
    layout=arms.ARM_PREDICTIONS,
)
SEALED_ARM_OBJECTIVES = TableFile(
    "synthesize",
    "arm_objectives.parquet",
    holds="what arms with an objective are to attain, and what their own models say of it, sealed",
    optional=True,  # where no arm of the session has one
    layout=arms.SEALED_ARM_OBJECTIVES,
)

SEALED_OBJECTIVES = TableFile(
    "synthesize",
    "objectives.parquet",
    holds="images of objectives, and what the model says of them, sealed",
    optional=True,  # where the session has none
    layout=objectives.SEALED_OBJECTIVES,
)
OBJECTIVE_PREDICTIONS = ArrayFile(
    "synthesize",
    "objectives.h5",
    holds="its responses of all sites to them, sealed",
    optional=True,
    layout=objectives.OBJECTIVE_PREDICTIONS,
)

EVOLVED_IMAGES = TableFile(
    "synthesize", "evolution.parquet", holds="images that evolved", optional=True, layout=evolution.EVOLVED_IMAGES
)
EVOLVED_CODES = ArrayFile(
    "synthesize", "evolution.h5", holds="their codes", optional=True, layout=evolution.EVOLVED_CODES
)
IMAGE_CODE = ArrayFile(
    "synthesize",
    "evolution_code.h5",
    holds="what codes stand for",
    optional=True,  # of the first session with such images: later ones read it
    layout=evolution.IMAGE_CODE,
)

SESSION = DocumentFile("schedule", "session.json", holds="timing, screen, codes", document=session.SessionDocument)
PRESENTATIONS = TableFile(
    "schedule", "presentations.parquet", holds="the order to show in", layout=session.PRESENTATIONS
)
SESSION_IMAGES = StudyFile("schedule", "images.npy", holds="the same bytes, to be memory-mapped by the rig")

JOURNAL = JournalFile("present", "journal.jsonl", holds="a line for every event at the rig")
SUMMARY = DocumentFile("present", "summary.json", holds="the session in numbers", document=SessionSummary)
GAZE = GazeFile(
    "present",
    "gaze.bin",
    holds="every gaze sample of a session with an eye",
    optional=True,  # without an eye, and by rigs before December 2026
)
TRACKER_FILE = StudyFile(
    "present", "eyelink.edf", holds="the tracker's own file (any *.edf, one a launch)", optional=True
)

EVENTS = StudyFile("recording", "array1.nev", holds="events of the first processor (array2.nev: the second's)")
VOLTAGE = StudyFile(
    "recording", "array1.ns6", holds="its voltage, with the photodiode (any .ns1 to .ns6)", optional=True
)
ARRAY_MAP = StudyFile("recording", "array1.cmp", holds="where each electrode is on its array", optional=True)

RESPONSES = TableFile(
    "ingest", "responses.parquet", holds="presentations, used or set aside and why", layout=responses.RESPONSES
)
COUNTS = ArrayFile("ingest", "responses.h5", holds="spike counts", layout=responses.RESPONSE_COUNTS)
ONSETS = ArrayFile(
    "ingest",
    "onsets.h5",
    holds="onsets on each processor's clock",
    optional=True,  # version 0.1 wrote none while it knew one processor
    layout=responses.ONSETS,
)
SITES = DocumentFile("ingest", "sites.json", holds="electrodes, and which are sites", document=responses.SiteTable)
IDENTITY = DocumentFile(
    "ingest",
    "identity.json",
    holds="which electrode still is the one it was on day 0",
    optional=True,  # on day 0, and of versions before December 2026
    document=IdentityTable,
)
WAVEFORMS = ArrayFile(
    "ingest",
    "waveforms.h5",
    holds="mean spike waveforms, by a sample of the recorder's",
    optional=True,  # where a recorder stores none, and of versions before December 2026
    layout=responses.WAVEFORMS,
)
QUALITY = DocumentFile(
    "ingest", "quality.json", holds="what was found in journal and recording", document=IngestQuality
)

FIT = DocumentFile("refit", "fit.json", holds="what was fitted, and how well it predicts", document=FitReport)

SENSITIVITY = TableFile(
    "evaluate", "sensitivity.parquet", holds="sensitivity, a row an estimate", layout=evaluation.SENSITIVITY
)
PAIRS = TableFile("evaluate", "pairs.parquet", holds="each change beside its clean image", layout=evaluation.PAIRS)
INTERVALS = TableFile(
    "evaluate",
    "intervals.parquet",
    holds="sensitivity in other units, with intervals over images and sites",
    optional=True,  # versions before December 2026 wrote none
    layout=evaluation.INTERVALS,
)
SLOPES = TableFile(
    "evaluate",
    "slopes.parquet",
    holds="growth with epsilon, by site and by image, tested",
    optional=True,  # versions before December 2026 wrote none
    layout=evaluation.SLOPES,
)
PLANE_CURVATURES = TableFile(
    "evaluate",
    "plane_curvatures.parquet",
    holds="how responses bend over planes of images",
    optional=True,  # where the session has none
    layout=evaluation.PLANE_CURVATURES,
)
IMAGE_CURVES = TableFile(
    "evaluate",
    "image_curves.parquet",
    holds="single images of a few sites, shown many times",
    optional=True,  # where a day shows none
    layout=evaluation.IMAGE_CURVES,
)
ARM_EFFECTS = TableFile(
    "evaluate",
    "arms.parquet",
    holds="what each arm's attacks did",
    optional=True,  # where the session has no arms
    layout=arms.ARM_EFFECTS,
)
ARM_FORETOLD = TableFile(
    "evaluate",
    "arms_foretold.parquet",
    holds="what every model foretold of them",
    optional=True,
    layout=arms.ARM_FORETOLD,
)
EVOLUTION_EFFECTS = TableFile(
    "evaluate",
    "evolution.parquet",
    holds="what sites answered to images that evolved",
    optional=True,
    layout=evolution.EVOLUTION_EFFECTS,
)
EVOLUTION_GAINS = TableFile(
    "evaluate",
    "evolution_gains.parquet",
    holds="whether evolution went above natural images",
    optional=True,  # in a day's last session
    layout=evolution.EVOLUTION_GAINS,
)
ARM_OBJECTIVE_EFFECTS = TableFile(
    "evaluate",
    "arm_objectives.parquet",
    holds="what sites answered to images of arms with an objective",
    optional=True,
    layout=arms.ARM_OBJECTIVE_EFFECTS,
)
OF_THE_DAY_SO_FAR = (SENSITIVITY, PAIRS, INTERVALS, SLOPES, IMAGE_CURVES)
"""What `evaluate` estimates over a day's sessions up to its own: of a whole day the last one's are read."""
POPULATION_EFFECTS = TableFile(
    "evaluate",
    "population.parquet",
    holds="what population attacks did to decoding",
    optional=True,  # where the day has none
    layout=population.POPULATION_EFFECTS,
)
OBJECTIVE_EFFECTS = TableFile(
    "evaluate",
    "objectives.parquet",
    holds="what sites answered to images of objectives",
    optional=True,  # where the session has none
    layout=objectives.OBJECTIVE_EFFECTS,
)
OBJECTIVE_ESTIMATES = TableFile(
    "evaluate",
    "objective_estimates.parquet",
    holds="how far sites followed each objective",
    optional=True,
    layout=objectives.OBJECTIVE_ESTIMATES,
)
EVALUATION = DocumentFile(
    "evaluate", "evaluation.json", holds="the day's other numbers", document=evaluation.EvaluationReport
)

USES = TableFile("queue", "uses.parquet", holds="which image was used when, and for what", layout=queue.USES)

REPORT = StudyFile(REPORT_PAGES, "index.html", holds="the study's page")
REPORT_DAY = StudyFile(REPORT_PAGES, "day-00.html", holds="a day's page")
REPORT_STIMULI = StudyFile(REPORT_PAGES, "day-00-stimuli.html", holds="a day's stimuli, to look at")
SENSITIVITY_CSV = StudyFile(REPORT_PAGES, "sensitivity.csv", holds="measured sensitivity of all days")
TRUTH_CSV = StudyFile(REPORT_PAGES, "truth.csv", holds="what the hidden cortex did (simulation only)", optional=True)
INTERVALS_CSV = StudyFile(
    REPORT_PAGES,
    "intervals.csv",
    holds="sensitivity of all days and sites, in all units",
    optional=True,  # versions before December 2026 wrote none
)
FIGURE_NUMBERS = StudyFile(
    REPORT_PAGES, "day-00-figures.csv", holds="numbers of its figures (of each page)", optional=True
)
REPORT_RECORD = DocumentFile(
    REPORT_PAGES,
    "report.json",
    holds="what the pages were drawn from, by hash",
    optional=True,  # versions before December 2026 wrote none
    document=PagesRecord,
)


def spikes(processor: int) -> ArrayFile:
    """Return the file with the spikes of the model's sites on a processor: each counts on a clock of its own.

    Parameters
    ----------
    processor
        Number of the recorder's processor, from 1.
    """
    first = processor == 1
    return ArrayFile(
        "ingest",
        "spikes.h5" if first else f"spikes-{processor}.h5",
        holds="spikes of the model's sites" if first else f"those on processor {processor}",
        optional=not first,
        layout=responses.SPIKES,
    )


def model_of_arms(name: str) -> StudyFile:
    """Return the file with the weights of a network that is fitted beside the day's model.

    Parameters
    ----------
    name
        The protocol's, of the section arms.
    """
    return StudyFile(
        "refit", f"model-{name}.safetensors", holds="weights of a network beside it", handed_on=True, optional=True
    )


CATALOG: tuple[StudyFile, ...] = (
    *(value for value in list(globals().values()) if isinstance(value, StudyFile)),
    *(spikes(processor) for processor in (1, 2)),
)
"""All of them, the stages in their order."""


def files_of(stage: str) -> tuple[StudyFile, ...]:
    """Return the files that a stage leaves."""
    return tuple(file for file in CATALOG if file.stage == stage)
