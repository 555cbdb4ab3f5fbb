"""The microcontroller at an address: shared by the ports on its wire, believed for what it says alone."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass

from closedloop.artifacts.rig.ports import device_at
from closedloop.errors import DeviceError
from rig.ports.microcontroller.frames import (
    PROTOCOL,
    REASONS,
    Frame,
    FrameReader,
    FrameType,
    ValveStatus,
    Version,
    encode,
)
from rig.ports.microcontroller.line import BAUD, SerialLine

_DAMAGED = 1  # a reason of the firmware's


@dataclass(frozen=True)
class AnswerTimes:
    """How long answers are waited for, in seconds.

    Attributes
    ----------
    first_s
        The first one: opening the port resets most boards, and their boot loader waits a second or two.
    hello_s
        Until it is greeted again meanwhile.
    answer_s
        Any later one; it takes two milliseconds, and a USB converter may keep it for sixteen.
    """

    first_s: float = 4.0
    hello_s: float = 0.1
    answer_s: float = 0.2


class Microcontroller:
    """The device. It fails once per fault, and from then on refuses whatever it is told until it is mended.

    Parameters
    ----------
    address
        Name of its port, such as ``/dev/ttyACM0``.
    baud
        Bits per second.
    patience
        How long answers are waited for.
    """

    def __init__(self, address: str, *, baud: int = BAUD, patience: AnswerTimes | None = None) -> None:
        self.address, self.patience = address, patience or AnswerTimes()
        self._baud = baud
        self._boxes: list[tuple[frozenset[int], deque[Frame]]] = []
        self._sequence = self._n_users = 0
        self._fault: DeviceError | None = None
        self._is_told = True
        self._open()

    @property
    def place(self) -> str:
        """What it is and where, for messages."""
        return self._line.place

    @property
    def is_shared(self) -> bool:
        """Whether a port uses it still."""
        return self._n_users > 0

    def share(self, *types: FrameType) -> deque[Frame]:
        """Use it until `close`, and return the box that frames of these types come into.

        A refusal comes into the box of whoever sends what was refused.
        """
        self._n_users += 1
        box: deque[Frame] = deque()
        self._boxes.append((frozenset(types), box))
        return box

    def _open(self) -> None:
        self._line = SerialLine(self.address, baud=self._baud)
        try:
            self._greet()
        except DeviceError:
            self._line.close()
            raise

    def _greet(self) -> None:
        self._reader = FrameReader()
        until_s = time.monotonic() + self.patience.first_s
        while time.monotonic() < until_s:
            self._write(FrameType.HELLO)
            answer = self._await(FrameType.VERSION, None, time.monotonic() + self.patience.hello_s)
            if answer is not None:
                self.version = Version.of(answer)
                self._reader.n_skipped = 0  # a boot loader's, or of a line that was opened in the middle of a frame
                if self.version.protocol != PROTOCOL:
                    raise DeviceError(
                        f"{self.place}: expected protocol {PROTOCOL}, found {self.version.protocol}. "
                        "Program it with this version's firmware: make firmware."
                    )
                return
        n = self._reader.n_heard
        found = f"{n} bytes that are no answer: another device, or another speed" if n else "no answer"
        raise DeviceError(
            f"{self.place}: expected the rig's firmware to say its version within {self.patience.first_s:g} s, "
            f"found {found}. Correct the address in rig.yaml (`rig devices`), or program it: make firmware."
        )

    def _await(self, wanted: FrameType, sequence: int | None, until_s: float) -> Frame | None:
        """Return the answer to an order, or to any where none is named; others on the way go into their boxes."""
        while self._line.wait(until_s):
            answers = [one for one in self._take() if one.type == wanted and sequence in (None, one.sequence)]
            if answers:
                return answers[0]
        return None

    def _take(self) -> list[Frame]:
        found = self._reader.take(self._line.read())
        for frame in found:
            kind = frame.payload[0] if frame.type == FrameType.REFUSED else frame.type
            for types, box in self._boxes:
                if kind in types:
                    box.append(frame)
        return found

    def _write(self, frame_type: FrameType, payload: bytes = b"") -> int:
        self._sequence = self._sequence % 255 + 1
        self._line.write(encode(frame_type, self._sequence, payload))
        return self._sequence

    def post(self, frame_type: FrameType, payload: bytes = b"") -> int:
        """Give an order, and return its sequence at once; its answer comes into a box.

        Raises
        ------
        DeviceError
            It is gone, takes nothing, or has failed before.
        """
        self._refuse_if_faulty()
        try:
            return self._write(frame_type, payload)
        except DeviceError as error:
            self.fail(error)
            raise

    def post_damaged(self, frame_type: FrameType, payload: bytes = b"") -> None:
        """Send an order with one bit wrong, on the bench: it has to be refused."""
        whole = encode(frame_type, self._sequence, payload)
        self._line.write(whole[:-1] + bytes([whole[-1] ^ 1]))

    def listen(self, until_s: float) -> bool:
        """Put what comes into the boxes without judging it; return whether it was before a monotonic time.

        Raises
        ------
        DeviceError
            It is gone.
        """
        is_in_time = self._line.wait(until_s)
        self._take()
        return is_in_time

    def collect(self) -> None:
        """Put what has come into the boxes.

        Raises
        ------
        DeviceError
            It is gone, it began anew, or what it or we received was damaged. Each is raised once.
        """
        if self._fault is not None:
            if not self._is_told:
                self._refuse_if_faulty()
            return
        try:
            found = self._take()
            self._judge(found)
        except DeviceError as error:
            self.fail(error)
            self._is_told = True
            raise

    def _judge(self, found: list[Frame]) -> None:
        for frame in found:
            if frame.type == FrameType.BOOTED:
                raise DeviceError(
                    f"{self.place}: expected it to run on, found that it began anew, by {Version.of(frame).reset}. "
                    "Its valve is closed. Check its supply, then continue."
                )
            if frame.type == FrameType.REFUSED and frame.payload[1] == _DAMAGED:
                raise self._damaged(REASONS[_DAMAGED])
        if self._reader.n_skipped:
            raise self._damaged(f"{self._reader.n_skipped} bytes of it that are no frame")

    def _damaged(self, found: str) -> DeviceError:
        return DeviceError(
            f"{self.place}: expected whole frames, found that {found}. "
            "Check its cable, and that nothing else is at its address; then continue."
        )

    def fail(self, fault: DeviceError) -> None:
        """Refuse everything from now on, by this fault; whoever asks next is told, if nobody was."""
        if self._fault is None:
            self._fault, self._is_told = fault, False

    def _refuse_if_faulty(self) -> None:
        if self._fault is not None:
            self._is_told = True
            raise DeviceError(str(self._fault))

    def ask(self, order: FrameType, answer: FrameType, payload: bytes = b"") -> Frame:
        """Give an order and wait for its answer.

        Parameters
        ----------
        order, answer
            Types of frame.
        payload
            Of the order.

        Raises
        ------
        DeviceError
            None came in time.
        """
        sequence = self.post(order, payload)
        found = self._await(answer, sequence, time.monotonic() + self.patience.answer_s)
        if found is None:
            raise self.silent(f"an answer to {order.name}")
        return found

    def silent(self, expected: str) -> DeviceError:
        """Return that it says nothing, as an error.

        Parameters
        ----------
        expected
            What it should have said.
        """
        return DeviceError(
            f"{self.place}: expected {expected} within {self.patience.answer_s:g} s, found none. "
            "Check its cable and its supply, then continue."
        )

    def valve(self) -> ValveStatus:
        """Ask for the valve.

        Raises
        ------
        DeviceError
            It does not answer.
        """
        return ValveStatus.of(self.ask(FrameType.STATUS, FrameType.STATUS_IS))

    def mend(self) -> None:
        """Open it again if it failed; what was under way is forgotten.

        Raises
        ------
        DeviceError
            It is not there, or is no microcontroller of ours.
        """
        if self._fault is None:
            return
        self._line.close()
        for _, box in self._boxes:
            box.clear()
        try:
            self._open()
        except DeviceError as error:
            self._fault, self._is_told = error, True
            raise
        self._fault = None

    def close(self) -> None:
        """Release one use; the last one closes the port."""
        self._n_users -= 1
        if self._n_users <= 0:
            self._line.close()


class Microcontrollers:
    """Those in use, by address: who asks for one that is open already shares it.

    Parameters
    ----------
    patience
        How long answers of each are waited for.
    """

    def __init__(self, patience: AnswerTimes | None = None) -> None:
        self._patience = patience
        self._known: dict[str | int, Microcontroller] = {}

    def at(self, address: str) -> Microcontroller:
        """Return the one at an address, opened.

        Raises
        ------
        DeviceError
            It cannot be opened.
        """
        known = self._known.get(device_at(address))
        if known is None or not known.is_shared:
            known = self._known[device_at(address)] = Microcontroller(address, patience=self._patience)
        return known
