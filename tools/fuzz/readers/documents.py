"""Documents: the protocol and what else people write in YAML, our own JSON, amendments, lists of checksums."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from closedloop.artifacts.day.session import SessionDocument
from closedloop.artifacts.manifest import FileEntry, Manifest
from closedloop.artifacts.protocol.protocol import read_protocol
from closedloop.artifacts.recorder import read_recorder
from closedloop.artifacts.records.amendments import Amendment, append_amendment, read_amendments
from closedloop.artifacts.records.inputs import PoolDescription
from closedloop.artifacts.study import StudyDocument
from closedloop.execution.slurm_file import read_slurm_file
from closedloop.stages.from_protocol.session import codes, screen_of, trial_of
from closedloop.storage import sha256_bytes
from tools.fuzz.reader import Reader
from tools.fuzz.readers.journals import spoil_journal
from tools.fuzz.text_mutations import spoil_json, spoil_text

_PROTOCOLS = Path(__file__).parents[3] / "protocols"
_RECORDER = """maker: neo
devices:
  - name: probe
    format: SpikeGLXRawIO
    raw: {stream: imec0.ap, channels: ["CH*"]}
    codes: &codes {stream: nidq, channels: [XD0], lines: [0, 1, 2, 3], strobe: 4, settle_ms: 0.05}
    sync: {raw: {stream: imec0.ap, channel: SY0, line: 6}, codes: {stream: nidq, channel: XD0, line: 7}}
  - {name: second, files: "second*", spikes: {channels: ["unit*"]}, codes: *codes}
"""
_SLURM = """jobs: 4
queue: short
account: it
cores: 2
memory: 8GB
walltime: 12:00:00
job_extra_directives: ["--gres=gpu:1"]
"""


def make_protocols(folder: Path) -> None:
    """Copy the shipped protocols."""
    for path in sorted(_PROTOCOLS.glob("*.yaml")):
        (folder / path.name).write_bytes(path.read_bytes())


def make_descriptions(folder: Path) -> None:
    """Write a recorder's description and one of Slurm jobs."""
    (folder / "recorder.yaml").write_text(_RECORDER)
    (folder / "slurm.yaml").write_text(_SLURM)


def read_description(path: Path) -> object:
    """Read either."""
    return read_slurm_file(path) if path.name == "slurm.yaml" else read_recorder(path)


def make_documents(folder: Path) -> None:
    """Write a study's identity, a session and a manifest."""
    protocol = read_protocol(_PROTOCOLS / "guo2022.yaml")
    StudyDocument(
        simulated=False,
        study_id="0123abcd",
        subject="Bert",
        protocol_name="guo2022",
        protocol_sha256=sha256_bytes(b"protocol"),
        code_version="0.1.0",
        arrays=("array1",),
        pool=PoolDescription(kind="flat_folder", folder="/images", side_px=224),
        base_model="resnet50",
    ).write(folder / "study.json")
    SessionDocument(
        simulated=False,
        session_id="0123abcd-day-00",
        study_id="0123abcd",
        subject="Bert",
        day=0,
        seed=1,
        n_presentations=10,
        n_images=5,
        image_side_px=protocol.images.side_px,
        screen=screen_of(protocol.presentation),
        trial=trial_of(protocol.presentation, protocol.trial),
        codes=codes(),
        monkey=None,
    ).write(folder / "session.json")
    _manifest({"plan.json": FileEntry(sha256=sha256_bytes(b"1"), n_bytes=1)}).write(folder / "manifest.json")


def _manifest(outputs: dict[str, FileEntry]) -> Manifest:
    return Manifest(
        simulated=False,
        stage="plan",
        day=0,
        seed=1,
        code_version="0.1.0",
        protocol_sha256=sha256_bytes(b"protocol"),
        input_hash=sha256_bytes(b"inputs"),
        inputs={"start/queue.parquet": sha256_bytes(b"queue")},
        outputs=outputs,
        seconds=1,
        peak_memory_mb=1,
    )


def read_document(path: Path) -> object:
    """Read a document by its name."""
    kinds: dict[str, Callable[[Path], object]] = {
        "study.json": StudyDocument.read,
        "session.json": SessionDocument.read,
        "manifest.json": Manifest.read,
    }
    return kinds[path.name](path)


def make_amendments(folder: Path) -> None:
    """Write decisions, chained, with what says where they end."""
    (folder / "decisions").mkdir()
    for number in range(3):
        amendment = Amendment(
            kind="accept_recording",
            simulated=False,
            day=number,
            utc="2026-11-28T12:00:00+00:00",
            who="Bert's keeper",
            why="the recorder was stopped early",
            subject=("array1.nev",),
            after={"array1.nev": sha256_bytes(b"nev")},
        )
        append_amendment(folder / "decisions" / "amendments.jsonl", amendment)


def read_decisions(path: Path) -> object:
    """Read decisions: a folder of them, or the lines alone, as older studies have them."""
    return read_amendments(path / "amendments.jsonl" if path.is_dir() else path)


READERS = (
    Reader("protocol", make_protocols, read_protocol, {"*": spoil_text}),
    Reader("description", make_descriptions, read_description, {"*": spoil_text}),
    Reader("document", make_documents, read_document, {"*": spoil_json}),
    Reader("amendments", make_amendments, read_decisions, {"*": spoil_journal}),
)
