"""Workers in the test's own process that do not see the client's files."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from closedloop.execution.stored.packing import PieceOrder
from closedloop.execution.stored.there import do_order


class BlindWorkers:
    """Two workers one after the other, in this process, which hide the client's folder while they work."""

    def __init__(self, client: Path, own: Path) -> None:
        self.client, self.own, self.orders = client, own, list[PieceOrder]()
        self.before: Callable[[PieceOrder], None] = lambda _: None
        self.after: Callable[[PieceOrder], None] = lambda _: None

    def __call__(self, orders: Iterable[PieceOrder], on_report: Callable[[int, Any], None]) -> None:
        for place, order in enumerate(orders):
            self.orders.append(order)
            self.before(order)
            hidden = self.client.with_name("hidden")
            self.client.rename(hidden)
            try:
                report = do_order(order, self.own / f"worker-{place % 2}", place=f"worker {place % 2}")
            finally:
                hidden.rename(self.client)
            self.after(order)
            on_report(place, report)
