"""Finds LSL streams: on this computer by asking at its own ports alone, on the network by LSL's own means.

LSL's library finds streams by datagrams, for which it listens at every address of the computer (0.0.0.0), as it does to
compare clocks with another computer. A rig whose description says nothing of a network has neither: outlets of this
computer answer `LSL:fullinfo` on the TCP ports that LSL gives them, 16572 to 16603, and stamp their samples with this
computer's own monotonic clock.
"""

from __future__ import annotations

import ctypes
import socket
import struct
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from closedloop.errors import DeviceError, SessionError
from closedloop.plain_text.installing import install_command
from rig.ports.trackers.tracker import said

_PORTS: Final = range(16572, 16604)  # ports.BasePort and ports.PortRange of liblsl's configuration, as they are unset
_CONNECT_S, _ANSWER_S, _AGAIN_S = 0.1, 0.5, 0.2
_MOST_BYTES: Final = 1 << 20
_HERE_S, _NETWORK_S = 2.0, 4.0
_CONFIGURATION: Final = "[log]\nlevel = -3\n"  # it writes into the terminal else
KEYS: Final = ("name", "type", "source_id", "hostname")
StreamReach = Literal["loopback", "network"]


@dataclass(frozen=True)
class LslStream:
    """A stream that was found.

    Attributes
    ----------
    info
        The library's own description of it, by which an inlet finds it.
    name, type, hostname
        As its outlet calls it, and its computer.
    labels, units
        Of its channels; None where its outlet says none.
    rate_hz
        Samples per second by its outlet's word; 0 where they come irregularly.
    """

    info: Any
    name: str
    type: str
    hostname: str
    labels: tuple[str, ...] | None
    units: tuple[str, ...] | None
    rate_hz: float


def library() -> Any:
    """Return pylsl, told once to keep still.

    Raises
    ------
    SessionError
        It is not installed.
    """
    try:
        import pylsl  # noqa: PLC0415 - of the lsl extra
    except (ImportError, RuntimeError) as error:  # RuntimeError: it is there without its own library
        raise SessionError(
            f"lsl: expected the library pylsl, found none. Install it: {install_command('lsl')}"
        ) from error
    global _is_told  # noqa: PLW0603 - as the library's own configuration is: once a process, before anything else
    if not _is_told:
        pylsl.set_config_content(_CONFIGURATION)
        _is_told = True
    return pylsl


_is_told = False


def find_stream(address: str, reach: StreamReach) -> LslStream:
    """Return the one stream at an address: its name, or `key=value` with one of `KEYS`.

    Parameters
    ----------
    address
        Which stream.
    reach
        Whether it may be on another computer.

    Raises
    ------
    DeviceError
        There is none, or more than one.
    """
    key, value = selector(address)
    end_s = time.monotonic() + (_HERE_S if reach == "loopback" else _NETWORK_S)
    while True:
        known = streams_here() if reach == "loopback" else _streams_of_network(key, value)
        found = [one for one in known if _says(one, key) == value]
        if found or time.monotonic() > end_s:
            break
        time.sleep(_AGAIN_S)
    if len(found) == 1:
        return found[0]
    others = ", ".join(f"{one.name} ({one.type or 'no type'}, on {one.hostname})" for one in known) or "none"
    where = "this computer" if reach == "loopback" else "the network"
    if found:
        raise DeviceError(
            f"lsl stream {address}: expected one on {where}, found {len(found)}: {others}. "
            "Name the one you mean in gaze.address, by name=..., source_id=... or hostname=..."
        )
    elsewhere = "; if it is on another computer, set gaze.reach to network" if reach == "loopback" else ""
    raise DeviceError(
        f"lsl stream {address}: expected it on {where}, found {others}. Start the tracker's LSL program, "
        f"or correct gaze.address in rig.yaml (`rig devices` lists streams){elsewhere}."
    )


def selector(address: str) -> tuple[str, str]:
    """Return what an address asks for: a property of the stream, and its value."""
    key, equals, value = address.partition("=")
    return (key.strip(), value.strip()) if equals and key.strip() in KEYS else ("name", address)


def _says(stream: LslStream, key: str) -> str:
    return str(getattr(stream.info, key)())


def streams_here() -> list[LslStream]:
    """Return the streams of this computer, by name; none is waited for.

    Raises
    ------
    SessionError
        The library is not installed.
    """
    pylsl = library()
    found: dict[str, LslStream] = {}
    for xml in _answers():
        handle = _from_xml(pylsl, xml)
        if handle:
            info = pylsl.StreamInfo(handle=handle)
            found[str(info.uid())] = _described(info, info)
    return sorted(found.values(), key=lambda one: one.name)


def _from_xml(pylsl: Any, xml: bytes) -> int | None:
    read = pylsl.lib.lib.lsl_streaminfo_from_xml
    read.restype, read.argtypes = ctypes.c_void_p, [ctypes.c_char_p]
    for empty in (b"<v4address></v4address>", b"<v4address />"):
        xml = xml.replace(empty, b"<v4address>127.0.0.1</v4address>")  # an outlet does not know by which it is reached
    handle: int | None = read(xml)
    return handle


def _answers() -> Iterator[bytes]:
    for port in _PORTS:
        try:
            answer = _ask(port)
        except OSError:
            continue
        if answer.startswith(b"<?xml") and b"<info>" in answer:
            yield answer


def _ask(port: int) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=_CONNECT_S) as line:
        line.settimeout(_ANSWER_S)
        # Reset as it is closed: the outlet closes first, and its port would be taken for a minute after it has ended.
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        line.sendall(b"LSL:fullinfo\r\n")
        answer = b""
        while len(answer) < _MOST_BYTES and (heard := line.recv(65_536)):
            answer += heard
    return answer


def _streams_of_network(key: str, value: str) -> list[LslStream]:
    pylsl = library()
    found = []
    for info in pylsl.resolve_byprop(key, value, 1, _AGAIN_S):
        inlet = pylsl.StreamInlet(info, recover=False)
        try:
            found.append(_described(info, inlet.info(_NETWORK_S)))
        except Exception as error:
            raise DeviceError(
                f"lsl stream {value}: expected it to describe itself, found: {said(error)}. "
                "Look at its computer, and at the firewall between."
            ) from error
    return found


def _described(info: Any, full: Any) -> LslStream:
    """Return a stream: `info` knows where it is, `full` what its channels are."""
    return LslStream(
        info,
        str(info.name()),
        str(info.type()),
        str(info.hostname()),
        _texts(full.get_channel_labels()),
        _texts(full.get_channel_units()),
        float(info.nominal_srate()),
    )


def _texts(words: Sequence[str | None] | None) -> tuple[str, ...] | None:
    return None if words is None else tuple(word or "" for word in words)
