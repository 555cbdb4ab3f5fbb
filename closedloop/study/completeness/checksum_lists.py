"""What stands in a list of checksums: of sha256sum and its kin, BSD, PowerShell (tables, lists, CSV) and certutil."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

_DIGEST = re.compile(
    r"(?<![\w-])(?:[0-9a-f]{128}|[0-9a-f]{96}|[0-9a-f]{64}|[0-9a-f]{56}|[0-9a-f]{40}|[0-9a-f]{32})(?!\w)"
)
_ALGORITHM = r"(?:md5|sha-?(?:1|224|256|384|512))"
_BEFORE = re.compile(rf"\\?|{_ALGORITHM}|hash\s*:")  # a digest, where the name follows it or stood in a line before
_BSD = re.compile(rf"{_ALGORITHM}\s?\((.+)\)\s?=", re.IGNORECASE)
_CERTUTIL = re.compile(rf"{_ALGORITHM} hash of (?:file )?(.+?):?", re.IGNORECASE)
_PATH = re.compile(r"path\s*:\s*(.+)", re.IGNORECASE)
_NO_FILE = re.compile(r"[#;].*|certutil:.*|[-\s]+|algorithm\s*:.*|\W*algorithm\W+hash\W+path\W*", re.IGNORECASE)
_SPACED = re.compile(r"(?:[0-9a-f]{2} ){15,}[0-9a-f]{2}", re.IGNORECASE)  # certutil before Windows 10
_HALF_A_DIGEST = re.compile(r"\\?[0-9a-f]{1,127}", re.IGNORECASE)


@dataclass(frozen=True)
class ChecksumList:
    """The (name, digest) that a list has, how many of its lines say nothing known, and whether its last one is cut."""

    lines: tuple[tuple[str, str], ...]
    n_unread: int
    is_torn: bool


def parse_list(content: bytes, *, of: str) -> ChecksumList:
    """Read a list.

    Parameters
    ----------
    content
        Its bytes.
    of
        Whose checksum it is where it names no file, as array1.nev.sha256 does.

    Examples
    --------
    >>> parse_list(b"d41d8cd98f00b204e9800998ecf8427e *array1.nev", of="").lines
    (('array1.nev', 'd41d8cd98f00b204e9800998ecf8427e'),)
    """
    text = _decode(content)
    found: list[tuple[str, str]] = []
    n_unread, named, digest_of_next, line = 0, "", "", ""
    for line in (line.strip() for line in text.splitlines()):
        if not line or _NO_FILE.fullmatch(line):
            continue
        heading, path = _CERTUTIL.fullmatch(line), _PATH.fullmatch(line)
        if heading:
            named = heading[1]
            continue
        if path and digest_of_next:
            found.append((_clean(path[1]), digest_of_next))
            digest_of_next = ""
            continue
        name, digest = _split(line)
        if digest and not name and line.lower().startswith("hash"):
            digest_of_next = digest
        elif digest and (name or named or of):
            found.append((_clean(name or named or of), digest))
            named = ""
        else:
            n_unread += 1
    is_torn = bool(line) and not text.endswith(("\n", "\r")) and bool(_HALF_A_DIGEST.fullmatch(line)) and n_unread > 0
    return ChecksumList(tuple(found), n_unread + bool(digest_of_next), is_torn)


def _split(line: str) -> tuple[str, str]:
    """Return the name and digest of a line; no digest where it has none, no name where that is elsewhere."""
    plain = line.replace(" ", "") if _SPACED.fullmatch(line) else line
    digest = _DIGEST.search(plain.lower())
    if digest is None or len(plain.lower()) != len(plain):
        return "", ""
    before, after = plain[: digest.start()].strip(' \t",'), plain[digest.end() :]
    bsd = _BSD.fullmatch(before)
    if bsd:
        return ("", "") if after.strip() else (bsd[1], digest[0])
    return (after, digest[0]) if _BEFORE.fullmatch(before.lower()) else ("", "")


def _clean(name: str) -> str:
    return name.strip(" \t,").removeprefix("*").strip("\"'")


def _decode(content: bytes) -> str:
    """Decode what PowerShell writes (UTF-16) and what all others do; other bytes are of names in Latin letters."""
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return content.decode("utf-16", "replace")
    if content[1:2] == b"\0":
        return content.decode("utf-16-le", "replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("latin-1")
