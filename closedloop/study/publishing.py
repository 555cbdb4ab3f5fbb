"""From half-done work to a published folder with its manifest, and the check that a published one is as it was."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from closedloop import __version__
from closedloop.artifacts.amended.kept import kept_folders, next_kept
from closedloop.artifacts.manifest import (
    MANIFEST_NAME,
    FileEntry,
    Manifest,
    check_names,
    read_manifest,
    refuse_link_out,
    relative_files,
    unlisted_files,
    verify_files,
    way_back,
)
from closedloop.artifacts.naming import derive_seed
from closedloop.artifacts.protocol.protocol import protocol_sha256
from closedloop.artifacts.study import START_DAY, StudyDocument, StudyPaths
from closedloop.errors import DocumentError, ManifestError
from closedloop.execution.progress import ProgressCallback
from closedloop.storage import (
    copy_file,
    make_folder,
    publish_folder,
    read_bytes,
    remove_file,
    remove_folder,
    storage_errors,
    sweep,
    sync_folder,
    sync_tree,
    write_bytes,
)
from closedloop.study.ledger import Ledger
from closedloop.study.steps import Step

_INPUT_HASH_NAME = ".input_hash"


@dataclass(frozen=True)
class Publisher:
    """Publishes the folders of a study; the ledger remembers the digests of files that it has read.

    What is promised (`seal`, `write_manifest`) and what a stage is about to use (`read_inputs`) is read to its end.
    What is looked at alone, on every run (`verify`), is remembered as long as size and modification time stay.
    """

    paths: StudyPaths
    study: StudyDocument
    ledger: Ledger

    def prepare(self, step: Step) -> None:
        """Make the working folder: keep half-done work that began with the same inputs, throw away any other.

        What a version began that declared fewer sections is kept in a real study alone, whose protocol cannot change.
        In a simulated one nobody knows which values the undeclared sections had then: its work begins again.
        """
        mark = step.working / _INPUT_HASH_NAME
        if not (mark.is_file() and read_bytes(mark).decode(errors="replace") in self._kept(step)):
            remove_file(mark)  # first: what is half removed must not be taken for half-done work
            remove_folder(step.working)
            make_folder(step.working)
            write_bytes(mark, step.input_hash.encode())

    def is_ready(self, step: Step) -> bool:
        """Return whether the working folder holds finished work of the same inputs: a kill came before its new name.

        Its manifest was written when its files were durable. Something else under their names (a disk that fails) is
        not taken for the work: it begins again.
        """
        if not (step.working / MANIFEST_NAME).is_file():
            return False
        try:
            manifest = read_manifest(step.working)
            verify_files(step.working, manifest)
        except DocumentError:
            return False
        return manifest.input_hash in self._kept(step) and _finished_files(step.working) == sorted(manifest.outputs)

    def _kept(self, step: Step) -> set[str | None]:
        return {step.input_hash} if self.study.simulated else {step.input_hash, step.older_input_hash}

    def keep(self, step: Step) -> None:
        """Copy a published folder aside before it is made again: what was shown follows from it."""
        manifest = read_manifest(step.folder)
        verify_files(step.folder, manifest)
        if any(read_manifest(kept) == manifest for kept in kept_folders(step.folder)):
            return
        place = next_kept(step.folder)
        with storage_errors(place):
            copying = place.with_name(f".{place.name}.partial")
            remove_folder(copying)
            _copy_folder(step.folder, copying, manifest)
            publish_folder(copying, place)

    def bring_back(self, step: Step) -> None:
        """Copy what was kept of the same inputs into the working folder, ready to be published: nothing is computed."""
        for kept in kept_folders(step.folder):
            manifest = read_manifest(kept)
            if manifest.input_hash == step.input_hash and manifest.inputs == step.inputs:
                verify_files(kept, manifest)
                remove_folder(step.working)
                with storage_errors(step.working):
                    _copy_folder(kept, step.working, manifest)
                    sync_tree(step.working)
                return

    def finish(self, step: Step, *, seconds: float, peak_memory_mb: float) -> None:
        """Give the finished work of a stage its manifest, and publish it.

        The mark of its inputs and what is half done go only when the manifest stands for them: killed at any point in
        between, nothing has to be computed again.

        Parameters
        ----------
        step
            What was done.
        seconds, peak_memory_mb
            What it took.
        """
        sync_tree(step.working)
        self.write_manifest(step, step.working, seconds=seconds, peak_memory_mb=peak_memory_mb)
        self.publish(step)

    def publish(self, step: Step) -> None:
        """Give the working folder, which has its manifest, its published name; nothing hidden travels with it."""
        sweep(step.working)
        sync_folder(step.working)
        publish_folder(step.working, step.folder, is_durable=True)

    def seal(self, step: Step) -> None:
        """Give the folder that a person filled its manifest, its files durable first: they were copied, not published.

        What was read of a file before, while it was looked at, is not taken for its bytes now.
        """
        sync_tree(step.folder)
        for half_written in step.folder.glob(f".{MANIFEST_NAME}.*.tmp"):
            remove_file(half_written)  # of a loop that was killed as it sealed
        self.write_manifest(step, step.folder, seconds=0.0, peak_memory_mb=0.0)
        for above in (step.folder.parent, step.folder.parent.parent):
            sync_folder(above)

    def write_manifest(self, step: Step, folder: Path, *, seconds: float, peak_memory_mb: float) -> None:
        """Write the manifest of a step's files, each read to its end.

        Parameters
        ----------
        step
            What was done.
        folder
            Where its files are now: the working folder, or the published one that a person filled.
        seconds, peak_memory_mb
            What it took; 0 of what a person did.
        """
        outputs = {}
        names = list(_finished_files(folder) if folder == step.working else relative_files(folder))
        check_names(folder, names)
        for name in names:
            path = folder / name
            digest = self.ledger.read_sha256(path, self.paths.relative(step.folder / name))
            outputs[name] = FileEntry(sha256=digest, n_bytes=path.stat().st_size)
        Manifest(
            simulated=self.study.simulated,
            stage=step.stage.name,
            day=None if step.day == START_DAY else step.day,
            block=step.block.number,
            seed=derive_seed(step.protocol.seed, self.study.subject, step.block.seed_name, step.stage.name),
            code_version=__version__,
            protocol_sha256=protocol_sha256(step.protocol),
            input_hash=step.input_hash,
            inputs=step.inputs,
            decisions=step.decisions,
            outputs=outputs,
            seconds=round(seconds, 3),
            peak_memory_mb=peak_memory_mb,
        ).write(folder / MANIFEST_NAME)

    def verify(self, step: Step, manifest: Manifest) -> None:
        """Compare a published folder's files with its manifest, as far as the ledger remembers what they are.

        Raises
        ------
        ManifestError
            A file is missing or differs, or one lies there that the manifest does not name.
        """
        for name, entry in manifest.outputs.items():
            path = step.folder / name
            refuse_link_out(step.folder, name)
            if not path.is_file() or self.ledger.checked_sha256(path, self.paths.relative(path)) != entry.sha256:
                raise self._differs(path, step.folder)
        for name in unlisted_files(step.folder, manifest):
            raise ManifestError(
                f"{step.folder / name}: expected only the files that {MANIFEST_NAME} beside it names, found one more. "
                f"Move it out of {step.folder}; what was published stands without it."
            )

    def read_inputs(self, step: Step, progress: ProgressCallback) -> None:
        """Read every file that a stage is about to use to its end, and compare it with its manifest.

        A file may change and keep its size and its time (a disk that fails, a copy that restores the time): what the
        ledger remembers is no reason to compute from it.

        Parameters
        ----------
        step
            The stage.
        progress
            Called with (bytes read, all bytes).

        Raises
        ------
        ManifestError
            A file is missing or differs.
        """
        folders = step.reads()
        files = [(folder, name, entry) for folder in folders for name, entry in read_manifest(folder).outputs.items()]
        n_read, n_bytes = 0, sum(entry.n_bytes for _, _, entry in files)

        def advance(n: int) -> None:
            nonlocal n_read
            n_read += n
            progress(n_read, n_bytes)

        for folder, name, entry in files:
            path = folder / name
            if not path.is_file():
                raise self._differs(path, folder)
            if self.ledger.read_sha256(path, self.paths.relative(path), progress=advance) != entry.sha256:
                raise self._differs(path, folder)

    def _differs(self, path: Path, folder: Path) -> ManifestError:
        found = "other bytes" if path.is_file() else "no file"
        return ManifestError(
            f"{path}: expected the bytes that {MANIFEST_NAME} beside it promises, found {found}. "
            f"{way_back(folder, simulated=self.study.simulated)}"
        )


def _finished_files(working: Path) -> list[str]:
    """List the files of a working folder that will be published: nothing hidden, nor what is in a hidden folder."""
    return [name for name in relative_files(working) if not any(part.startswith(".") for part in name.split("/"))]


def _copy_folder(source: Path, target: Path, manifest: Manifest) -> None:
    """Copy a published folder's files, its manifest last: by then all others are there."""
    make_folder(target)
    for name in (*manifest.outputs, MANIFEST_NAME):
        make_folder((target / name).parent)
        copy_file(source / name, target / name)
