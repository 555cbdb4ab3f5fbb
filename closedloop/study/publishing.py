"""From half-done work to a published folder with its manifest, and the check that a published one is as it was."""

from __future__ import annotations

import resource
import shutil
from dataclasses import dataclass
from pathlib import Path

from closedloop import __version__
from closedloop.artifacts.manifest import MANIFEST_NAME, FileEntry, Manifest, relative_files, way_back
from closedloop.artifacts.naming import derive_seed
from closedloop.artifacts.protocol.protocol import Protocol, protocol_sha256
from closedloop.artifacts.study import START_DAY, StudyDocument, StudyPaths
from closedloop.errors import ManifestError
from closedloop.storage import publish_folder
from closedloop.study.ledger import Ledger
from closedloop.study.steps import Step

_INPUT_HASH_NAME = ".input_hash"


@dataclass(frozen=True)
class Publisher:
    """Publishes the folders of a study; the ledger remembers the digests of files that it has read."""

    paths: StudyPaths
    study: StudyDocument
    protocol: Protocol
    ledger: Ledger

    def prepare(self, step: Step) -> None:
        """Make the working folder: keep half-done work that began with the same inputs, throw away any other.

        What a version began that declared fewer sections is kept in a real study alone, whose protocol cannot change.
        In a simulated one nobody knows which values the undeclared sections had then: its work begins again.
        """
        mark = step.working / _INPUT_HASH_NAME
        kept = {step.input_hash} if self.study.simulated else {step.input_hash, step.older_input_hash}
        if not (mark.is_file() and mark.read_text() in kept):
            shutil.rmtree(step.working, ignore_errors=True)
            step.working.mkdir(parents=True)
            mark.write_text(step.input_hash)

    def publish(self, step: Step, *, seconds: float) -> None:
        """Give the working folder its manifest and its published name."""
        shutil.rmtree(step.working / ".scratch", ignore_errors=True)
        (step.working / _INPUT_HASH_NAME).unlink()
        self.write_manifest(step, step.working, seconds=seconds)
        publish_folder(step.working, step.folder)

    def write_manifest(self, step: Step, folder: Path, *, seconds: float) -> None:
        """Write the manifest of a step's files.

        Parameters
        ----------
        step
            What was done.
        folder
            Where its files are now: the working folder, or the published one that a person filled.
        seconds
            How long it took.
        """
        outputs = {}
        for name in relative_files(folder):
            path = folder / name
            digest = self.ledger.checked_sha256(path, self.paths.relative(step.folder / name))
            outputs[name] = FileEntry(sha256=digest, n_bytes=path.stat().st_size)
        Manifest(
            simulated=self.study.simulated,
            stage=step.stage.name,
            day=None if step.day == START_DAY else step.day,
            seed=derive_seed(self.protocol.seed, self.study.subject, step.day, step.stage.name),
            code_version=__version__,
            protocol_sha256=protocol_sha256(self.protocol),
            input_hash=step.input_hash,
            inputs=step.inputs,
            outputs=outputs,
            seconds=round(seconds, 3),
            peak_memory_mb=round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        ).write(folder / MANIFEST_NAME)

    def verify(self, step: Step, manifest: Manifest) -> None:
        """Compare a published folder's files with its manifest.

        Raises
        ------
        ManifestError
            A file is missing or differs.
        """
        for name, entry in manifest.outputs.items():
            path = step.folder / name
            if not path.is_file() or self.ledger.checked_sha256(path, self.paths.relative(path)) != entry.sha256:
                found = "other bytes" if path.is_file() else "no file"
                raise ManifestError(
                    f"{path}: expected the bytes that {MANIFEST_NAME} beside it promises, found {found}. "
                    f"{way_back(step.folder, simulated=self.study.simulated)}"
                )
