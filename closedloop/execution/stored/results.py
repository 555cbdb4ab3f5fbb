"""A result in a store: its bytes behind a line with their hash, by which one that is cut or damaged is noticed."""

from __future__ import annotations

from closedloop.storage import sha256_bytes

_BEGIN = b"closedloop result 1 sha256 "


def seal(content: bytes) -> bytes:
    """Return bytes with a line before them that says their hash."""
    return _line(content) + content


def unseal(sealed: bytes | None) -> bytes | None:
    """Return the bytes of a result; None of what is none, or not all of one."""
    if sealed is None or not sealed.startswith(_BEGIN):
        return None
    content = sealed[sealed.find(b"\n") + 1 :]
    return content if sealed == seal(content) else None


def _line(content: bytes) -> bytes:
    return _BEGIN + sha256_bytes(content).encode() + b"\n"
