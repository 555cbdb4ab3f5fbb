"""Is what a person brings all there, and left alone? Nothing is sealed before it is.

- `names`: What a file is by its name: of a copy that is not finished, of a desktop, a list of checksums.
- `looks`: What lies in a folder, how long it has lain there unchanged, and the memory of earlier looks.
- `sums`, `checksum_lists`: Lists of checksums that came with the files, and what stands in one.
- `wanted`: Which files of the recorder a day has to have.
- `session`, `recording`: What is missing of a session's output, of a recording, seen from the files' names and ends.
- `other_makers`: Whether what a description of a recorder asks for is there, and whole.
- `watch`: All of that, for the loop and for the status.
"""
