"""Faults for servers: what a network and a server in trouble do, at random and again for the same seed."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace

from pratique.http.message import Body, Request, Response, Stream, Transport


class Broken(ConnectionError):
    """The connection is gone."""


class Faulty:
    """A server's handler, now and then in trouble: `rate` of its answers come late, cut, as an error or not at all."""

    def __init__(self, handle: Transport, seed: int, rate: float) -> None:
        self._handle = handle
        self._random = random.Random(seed)  # noqa: S311
        self._lock = threading.Lock()
        self.rate = rate
        self.count = 0

    def __call__(self, request: Request) -> Response:
        with self._lock:
            fault = self._random.choice(FAULTS) if self._random.random() < self.rate else None
            after = self._random.randrange(4000)
        if fault is None:
            return self._handle(request)
        self.count += 1
        return fault(self._handle, request, after)


def _troubled(status: int) -> Callable[[Transport, Request, int], Response]:
    def answer(_: Transport, __: Request, ___: int) -> Response:
        return Response.of(status, b'{"errors":[{"code":"UNAVAILABLE"}]}')

    return answer


def _limited(_: Transport, __: Request, ___: int) -> Response:
    return Response.of(429, b"", ("Retry-After", "1"))


def _gone(_: Transport, __: Request, ___: int) -> Response:
    raise Broken("before the request was looked at")


def _gone_after_the_work(handle: Transport, request: Request, _: int) -> Response:
    handle(request).close()
    raise Broken("before the answer was sent")


def _cut_answer(handle: Transport, request: Request, after: int) -> Response:
    response = handle(request)
    response.stream = _Cut(response.stream, after)
    return response


def _cut_request(handle: Transport, request: Request, after: int) -> Response:
    body = request.body
    if body is None:
        return handle(request)
    return handle(replace(request, body=Body(lambda: _opened(body.open(), after), body.size)))


def _opened(opened: AbstractContextManager[Stream], after: int) -> AbstractContextManager[Stream]:
    class Opened(AbstractContextManager[Stream]):
        def __enter__(self) -> Stream:
            return _Cut(opened.__enter__(), after)

        def __exit__(self, *failure: object) -> None:
            opened.__exit__(None, None, None)

    return Opened()


class _Cut:
    """A stream that breaks after some bytes."""

    def __init__(self, stream: Stream, after: int) -> None:
        self._stream = stream
        self._left = after

    def read(self, size: int = -1, /) -> bytes:
        data = self._stream.read(size if size < 0 else min(size, self._left))
        return self._passed(data)

    def readinto(self, buffer: bytearray | memoryview, /) -> int:
        count = self._stream.readinto(memoryview(buffer)[: self._left])
        self._passed(bytes(count))
        return count

    def close(self) -> None:
        self._stream.close()

    def _passed(self, data: bytes) -> bytes:
        if self._left <= 0:
            raise Broken("in the middle")
        self._left -= len(data)
        return data


FAULTS = (
    *map(_troubled, (500, 502, 503, 504)),
    _limited,
    _gone,
    _gone_after_the_work,
    _cut_answer,
    _cut_answer,
    _cut_request,
)
