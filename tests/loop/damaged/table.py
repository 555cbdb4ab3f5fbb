"""Ways to damage what people bring, each with the answer it deserves."""

from __future__ import annotations

from tests.loop.damaged import inputs, journals, recordings
from tests.loop.damaged.answers import Damage
from tests.loop.damaged.journals import edited, lines_damaged, rows_damaged, summary_damaged
from tests.loop.damaged.recordings import (
    copied_as,
    file_damaged,
    packets_damaged,
    part_of,
    removed,
    with_bytes,
    yesterdays_files,
    zeros_from,
)

DAMAGES: tuple[Damage, ...] = (
    # the journal's lines
    Damage("half a journal", lines_damaged(lambda lines: lines[: len(lines) // 2]), "waits", "journal"),
    Damage("ten lines missing", lines_damaged(lambda lines: [*lines[:50], *lines[60:]]), "refused", "line 51.*missing"),
    Damage(
        "a line doubled", lines_damaged(lambda lines: [*lines[:51], *lines[50:]]), "refused", "line 52.*second time"
    ),
    Damage(
        "a line moved",
        lines_damaged(lambda lines: [*lines[:30], lines[40], *lines[30:40], *lines[41:]]),
        "refused",
        "line 31",
    ),
    Damage(
        "a line edited",
        lines_damaged(lambda lines: [*lines[:30], lines[30].replace(b"e", b"x", 1), *lines[31:]]),
        "refused",
        "line 31",
    ),
    Damage(
        "lines of another order",
        lines_damaged(lambda lines: lines[::-1]),
        "waits",
        "does not go on to the session's end",
    ),
    Damage("an empty journal", lines_damaged(lambda lines: []), "waits", "journal"),
    Damage("a journal that is no text", lines_damaged(lambda lines: [b"\x89PNG\r\n", *lines[1:]]), "refused", "line 1"),
    Damage(
        "line ends of Windows",
        lines_damaged(lambda lines: [line[:-1] + b"\r\n" for line in lines]),
        "refused",
        "line 1.*Windows",
    ),
    Damage("a journal without its end", lines_damaged(lambda lines: lines[:-1]), "waits", "journal"),
    # what the journal says, by lines that are whole
    Damage(
        "an onset shifted by 3 s",
        rows_damaged(edited(20, onset_s=lambda s: s + 3, offset_s=lambda s: s + 3)),
        "refused",
        "line",
    ),
    Damage("two images exchanged", rows_damaged(journals.two_images_exchanged, summary_too=True), "refused", "line"),
    Damage(
        "two images exchanged, without checks",
        rows_damaged(journals.two_images_exchanged, chained=False),
        "refused",
        "line",
    ),
    Damage("an unknown stimulus", rows_damaged(edited(20, stimulus_id="0" * 16), summary_too=True), "refused", "line"),
    Damage(
        "an image beyond the last", rows_damaged(edited(20, image_index=100_000), summary_too=True), "refused", "line"
    ),
    Damage(
        "another repetition", rows_damaged(edited(20, repetition=lambda n: n + 1), summary_too=True), "refused", "line"
    ),
    Damage("a presentation counted twice", rows_damaged(journals.shown_twice, summary_too=True), "refused", "line"),
    Damage("ordinals that go back", rows_damaged(edited(20, ordinal=3), summary_too=True), "refused", "line"),
    Damage(
        "a code that was not planned",
        rows_damaged(edited(20, code=lambda code: code % 199 + 1), summary_too=True),
        "refused",
        "line",
    ),
    Damage("a rejection by hand", rows_damaged(journals.one_rejected_by_hand, summary_too=True), "refused", "journal"),
    Damage(
        "presentations sorted by image",
        rows_damaged(journals.presentations_sorted_by_image, summary_too=True),
        "refused",
        "line",
    ),
    Damage(
        "a row that nobody knows",
        rows_damaged(lambda rows: [*rows[:9], {"event": "lunch"}, *rows[9:]]),
        "refused",
        "line 10",
    ),
    Damage("a value that is no number", rows_damaged(edited(20, onset_s="soon")), "refused", "line"),
    # the summary
    Damage("a summary of other counts", summary_damaged(n_accepted=lambda n: n - 1), "refused", "n_accepted"),
    Damage("a summary of another session", summary_damaged(session_id="0a1b2c3d-day-00"), "refused", "0a1b2c3d-day-00"),
    Damage("a summary of a simulation", summary_damaged(simulated=True), "refused", "simulated"),
    Damage("a summary of a newer version", summary_damaged(format_version=9), "refused", "newer closedloop"),
    Damage("a stopped session", summary_damaged(outcome="stopped", n_remaining=3), "refused", "stopped|outcome"),
    Damage("no summary", journals.summary_lost, "waits", "summary"),
    Damage("half a summary", journals.summary_cut, "waits", "summary"),
    Damage("no journal", journals.journal_lost, "waits", "journal"),
    # the .nev
    Damage("no .nev", removed("array1.nev"), "waits", "nev"),
    Damage("an empty .nev", file_damaged("array1.nev", part_of(0)), "waits", "array1.nev"),
    Damage("the header of a .nev", file_damaged("array1.nev", lambda content: content[:300]), "waits", "array1.nev"),
    Damage("a .nev cut to 80 %", file_damaged("array1.nev", part_of(0.8)), "waits", "array1.nev"),
    Damage(
        "a .nev cut within a packet", file_damaged("array1.nev", lambda content: content[:-7]), "waits", "array1.nev"
    ),
    Damage("a .nev whose last third is zeros", file_damaged("array1.nev", zeros_from(0.66, 1)), "waits", "array1.nev"),
    Damage(
        "a .nev with zeros in its middle", file_damaged("array1.nev", zeros_from(0.48, 0.52)), "right", "array1.nev"
    ),
    Damage(
        "a .nev that lost its middle",
        file_damaged("array1.nev", packets_damaged(recordings.middle_lost)),
        "right",
        "array1",
    ),
    Damage(
        "a .nev without its last codes",
        file_damaged("array1.nev", packets_damaged(recordings.without_last_codes)),
        "right",
        "digital codes are not in the recording",
    ),
    Damage(
        "a .nev without codes", file_damaged("array1.nev", packets_damaged(recordings.without_codes)), "refused", "code"
    ),
    Damage(
        "a .nev with its middle twice",
        file_damaged("array1.nev", packets_damaged(recordings.middle_doubled)),
        "waits",
        "none of the session's digital codes",
    ),
    Damage(
        "codes of another session",
        file_damaged("array1.nev", packets_damaged(recordings.codes_of_another_session)),
        "waits",
        "none of the session's digital codes",
    ),
    Damage(
        "a .nev that is a photograph",
        file_damaged("array1.nev", lambda content: b"\xff\xd8\xff\xe0" + content[4:]),
        "waits",
        "array1.nev: expected",
    ),
    Damage(
        "a .nev of version 9", file_damaged("array1.nev", with_bytes(8, b"\x09\x09")), "waits", "array1.nev: expected"
    ),
    Damage(
        "a .nev of a clock of 0 Hz",
        file_damaged("array1.nev", with_bytes(20, bytes(4))),
        "waits",
        "array1.nev: expected",
    ),
    Damage("a simulated .nev", recordings.simulated_again, "refused", "simulated"),
    Damage("a .nev a second time", copied_as("array1.nev", "array1 (1).nev"), "waits", "array1 \\(1\\)"),
    Damage("a .nev of an array that nobody has", copied_as("array1.nev", "array3.nev"), "waits", "array3"),
    Damage("a .nev under way", copied_as("array1.nev", ".array1.nev.Xy12Zz"), "waits", "Xy12Zz"),
    # the .ns6
    Damage("no .ns6", removed("array1.ns6"), "waits", "ns6"),
    Damage("an empty .ns6", file_damaged("array1.ns6", part_of(0)), "waits", "array1.ns6"),
    Damage("a .ns6 cut to 60 %", file_damaged("array1.ns6", part_of(0.6)), "waits", "array1.ns6"),
    Damage("a .ns6 whose end is zeros", file_damaged("array1.ns6", zeros_from(0.6, 1)), "waits", "array1.ns6"),
    Damage(
        "a .ns6 that is no such file",
        file_damaged("array1.ns6", with_bytes(0, b"NEURALXX")),
        "waits",
        "array1.ns6: expected",
    ),
    Damage(
        "a .ns6 of no channels", file_damaged("array1.ns6", with_bytes(310, bytes(4))), "waits", "array1.ns6: expected"
    ),
    # two arrays
    Damage("one array of two", removed("array2.nev", "array2.ns6"), "waits", "array2", "two arrays"),
    Damage("one .nev of two", removed("array2.nev"), "waits", "array2", "two arrays"),
    Damage(
        "the second array's .nev cut", file_damaged("array2.nev", part_of(0.7)), "waits", "array2.nev", "two arrays"
    ),
    Damage("two .nev exchanged", recordings.arrays_exchanged_in_part, "refused", "array", "two arrays"),
    Damage("one array's files as both", recordings.one_array_twice, "refused", "array2", "two arrays"),
    # of another day
    Damage("yesterday's session", journals.yesterdays_session, "refused", "day-01", "second day"),
    Damage("yesterday's .nev", yesterdays_files("array1.nev"), "refused", "array1", "second day"),
    Damage("yesterday's .ns6", yesterdays_files("array1.ns6"), "refused", "array1", "second day"),
    Damage("yesterday's recording", yesterdays_files("array1.nev", "array1.ns6"), "refused", "array1", "second day"),
    # array maps
    Damage("a map that is no map", inputs.array_map("hello\n"), "refused", "array1.cmp"),
    Damage("a map of one electrode", inputs.array_map("// map\nArray\n0 0 A 1 elec1\n"), "refused", "array map"),
    # images, weights, what was sealed
    Damage("every photograph another one", inputs.a_photograph_overwritten, "refused", "photographs", "new"),
    Damage("photographs cut", inputs.a_photograph_cut, "refused", "photographs", "new"),
    Damage("photographs gone", inputs.photographs_lost, "refused", "photographs", "new"),
    Damage("photographs renamed", inputs.photographs_renamed, "refused", "photographs", "new"),
    Damage("photographs added", inputs.photographs_added, "waits", "session is ready", "new"),
    Damage("other weights", inputs.started_with_other_weights, "refused", "model"),
    Damage("the session's images edited", inputs.session_folder_edited, "refused", "images.npy"),
    Damage("the session's settings edited", inputs.plan_edited, "refused", "session.json"),
    Damage("the protocol edited", inputs.protocol_edited, "refused", "protocol"),
    Damage("the subject edited", inputs.subject_edited, "refused", "study"),
)
