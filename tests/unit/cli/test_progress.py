"""What a terminal shows of what moves."""

from __future__ import annotations

import io

from rich.console import Console
from rich.progress import Progress

from pratique.cli.progress import UNFINISHED, Bars
from pratique.spec.descriptor import Descriptor
from pratique.spec.digest import Digest
from pratique.stores.events import Advanced
from pratique.transfer.events import Arrival, Done, Moved, Started

BLOB = Descriptor("application/octet-stream", Digest.of(b"x"), 12)


def test_what_is_sent_before_it_is_known_what_has_a_bar_until_then() -> None:
    bars = Progress(console=Console(file=io.StringIO()), auto_refresh=False)
    tell = Bars(bars)

    def shown() -> list[tuple[str, float, float | None]]:
        return [(task.description, task.completed, task.total) for task in bars.tasks]

    tell(Advanced(5))
    tell(Advanced(7))
    assert shown() == [("total", 0, 0), (UNFINISHED, 12, None)]
    tell(Started(BLOB))
    tell(Advanced(-12))
    tell(Moved(BLOB, 12))
    assert shown() == [("total", 12, 0), (BLOB.digest.encoded[:12], 12, 12)]
    tell(Done(BLOB, Arrival.MOVED))
    tell(Advanced(3))
    assert shown() == [("total", 12, 0), (UNFINISHED, 3, None)]
