"""What a person sees of a copy: a line a blob on a terminal, a line an image in a pipe, an event a line as JSON."""

from __future__ import annotations

import json
import signal
import sys
import threading
from collections.abc import Container, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Final

from ..http.events import Event, Observer, ignore
from ..spec.digest import Digest
from ..stores.events import Advanced
from ..text import printable
from ..transfer.events import Arrival, Copied, Done, Moved, Planned, Started
from .output import Output, size

STYLES: Final = ("auto", "plain", "tty", "json", "none")
REFRESHED_A_SECOND: Final = 8
SHOWN_CHARACTERS: Final = 12  # of a digest
UNFINISHED: Final = "being packed"  # what has no digest yet
ABOUT_THE_COPY: Final = (Advanced, Planned, Started, Moved, Done, Copied)


@contextmanager
def shown(style: str, output: Output, otherwise: Observer) -> Iterator[Observer]:
    """An observer for a copy, which SIGTERM ends as Ctrl-C does; what is not about the copy goes to `otherwise`."""
    with _ended_by_signal(), _observer(style, output, otherwise) as tell:
        yield tell


@contextmanager
def _ended_by_signal() -> Iterator[None]:
    """Let SIGTERM, by which whoever runs jobs ends them, leave nothing half made behind."""
    is_default = signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    if not is_default or threading.current_thread() is not threading.main_thread():
        yield
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _observer(style: str, output: Output, otherwise: Observer) -> AbstractContextManager[Observer]:
    if style == "auto":
        style = "none" if output.quiet else "tty" if sys.stderr.isatty() and not output.debug else "plain"
    if style == "json":
        return nullcontext(_either(_as_json, otherwise))
    if style == "plain":
        return nullcontext(_either(_as_lines(output), otherwise))
    if style == "tty":
        return _on_terminal(otherwise)
    return nullcontext(_either(ignore, otherwise))


def _either(about_the_copy: Observer, otherwise: Observer) -> Observer:
    def tell(event: Event) -> None:
        (about_the_copy if isinstance(event, ABOUT_THE_COPY) else otherwise)(event)

    return tell


def _as_json(event: Event) -> None:
    document = _document(event)
    if document is not None:
        sys.stderr.write(json.dumps(document, ensure_ascii=False) + "\n")  # in one piece: several threads tell
        sys.stderr.flush()


def _document(event: Event) -> dict[str, Any] | None:
    if isinstance(event, Advanced):
        return {"event": event.kind, "bytes": event.count}
    if isinstance(event, Planned):
        return {"event": event.kind, "name": event.name, "bytes": event.plan.size, "blobs": len(event.plan.blobs)}
    if isinstance(event, Started):
        return {"event": event.kind, "digest": str(event.descriptor.digest), "size": event.descriptor.size}
    if isinstance(event, Moved):
        return {"event": event.kind, "digest": str(event.descriptor.digest), "bytes": event.count}
    if isinstance(event, Done):
        return {"event": event.kind, "digest": str(event.descriptor.digest), "how": event.how.value}
    if isinstance(event, Copied):
        digest = str(event.descriptor.digest)
        return {
            "event": event.kind,
            "name": event.name,
            "digest": digest,
            "tags": list(event.tags),
            "changed": event.changed,
        }
    return None


def _as_lines(output: Output) -> Observer:
    """One line an image."""
    planned: dict[str, Planned] = {}
    sent: set[Digest] = set()

    def tell(event: Event) -> None:
        if isinstance(event, Planned):
            planned[event.name] = event
        elif isinstance(event, Done) and event.how is Arrival.MOVED:
            sent.add(event.descriptor.digest)
        elif isinstance(event, Copied):
            output.note(f"{event.name or event.descriptor.digest}: {_outcome(event, planned.get(event.name), sent)}")

    return tell


def _outcome(event: Copied, planned: Planned | None, sent: Container[Digest]) -> str:
    """What came of a copy: what was to be mounted may have been sent all the same."""
    if not event.changed:
        return "unchanged"
    if planned is None:
        return "copied"
    refused = sum(blob.size for blob in planned.plan.mounts if blob.digest in sent)
    saved = planned.plan.saved - refused
    there = f", {size(saved)} were there or mounted" if saved else ""
    return f"copied, {size(planned.plan.size + refused)} sent{there}"


@contextmanager
def _on_terminal(otherwise: Observer) -> Iterator[Observer]:
    """Bars that move; those of finished blobs make room."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(
        *columns, console=Console(stderr=True), refresh_per_second=REFRESHED_A_SECOND, transient=True
    ) as bars:
        yield _either(Bars(bars), otherwise)


class Bars:
    """A total, a bar for each blob that moves, and one for all that is sent while it is still being made."""

    def __init__(self, bars: Any) -> None:
        self._bars = bars
        self._lock = threading.Lock()
        self._total = bars.add_task("total", total=0)
        self._tasks: dict[Digest, Any] = {}
        self._unfinished: Any = None
        self._advanced = 0

    def __call__(self, event: Event) -> None:
        with self._lock:
            if isinstance(event, Planned):
                known = self._bars.tasks[self._total].total or 0
                self._bars.update(self._total, total=known + sum(blob.size for blob in event.plan.blobs))
            elif isinstance(event, Advanced):
                self._advance(event.count)
            elif isinstance(event, Started):
                name = event.descriptor.digest.encoded[:SHOWN_CHARACTERS]
                self._tasks[event.descriptor.digest] = self._bars.add_task(name, total=event.descriptor.size)
            elif isinstance(event, Moved):
                self._bars.advance(self._tasks.get(event.descriptor.digest, self._total), event.count)
                self._bars.advance(self._total, event.count)
            elif isinstance(event, Done):
                self._finish(event)
            elif isinstance(event, Copied):
                outcome = "copied" if event.changed else "unchanged"
                line = printable(f"{event.name or event.descriptor.digest}: {outcome}")
                self._bars.console.print(line, highlight=False, markup=False)

    def _advance(self, count: int) -> None:
        self._advanced += count
        if self._unfinished is None:
            self._unfinished = self._bars.add_task(UNFINISHED, total=None)
        self._bars.advance(self._unfinished, count)
        if not self._advanced:
            self._bars.remove_task(self._unfinished)
            self._unfinished = None

    def _finish(self, event: Done) -> None:
        task = self._tasks.pop(event.descriptor.digest, None)
        if task is not None:
            self._bars.remove_task(task)
