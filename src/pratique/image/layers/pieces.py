"""The bytes of a layer in pieces, read and unpacked by another thread, so that whoever works on them need not wait."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from typing import Final

from ...spec.digest import Digest
from ...stores.base import Content
from ...stores.compression import EXPANSION, PIECE_BYTES, Expansion, Unpacked
from ...values import frozen

AHEAD: Final = 4  # pieces that wait to be worked on
LAYERS_AT_ONCE: Final = 2  # that are read: each keeps a thread busy that unpacks, and one that works on the pieces


@frozen
class Packed:
    """The content of a layer, which may be opened more than once; `what` names it for errors, `digest` is its own if known."""

    content: Content
    what: str = "the layer"
    expansion: Expansion = EXPANSION
    digest: Digest | None = None

    @contextmanager
    def pieces(self) -> Iterator[Iterator[bytes]]:
        """Its bytes without their compression, in pieces of at most PIECE_BYTES.

        Raises what opening raises; the iterator raises what reading raises, and InvalidInput for what is damaged or grows
        too much.
        """
        with (
            self.content() as stream,
            closing(Unpacked(stream, self.what, self.expansion)) as plain,
            _ahead(plain) as pieces,
        ):
            yield pieces


@contextmanager
def _ahead(stream: Unpacked) -> Iterator[Iterator[bytes]]:
    waiting: queue.Queue[bytes | BaseException] = queue.Queue(AHEAD)
    unwanted = threading.Event()

    def read() -> None:
        try:
            while not unwanted.is_set() and (piece := stream.read(PIECE_BYTES)):
                waiting.put(piece)
            waiting.put(b"")
        except BaseException as error:  # raised where the pieces are wanted
            waiting.put(error)

    reader = threading.Thread(target=read, name="pratique-layer", daemon=True)
    reader.start()
    try:
        yield _pieces(waiting)
    finally:
        unwanted.set()
        while reader.is_alive():  # it may wait for a place
            with suppress(queue.Empty):
                waiting.get(timeout=0.05)
        reader.join()


def _pieces(waiting: queue.Queue[bytes | BaseException]) -> Iterator[bytes]:
    while piece := waiting.get():
        if isinstance(piece, BaseException):
            raise piece
        yield piece
