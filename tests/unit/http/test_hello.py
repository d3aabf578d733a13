"""The beginning of a handshake, as a TLS library takes it."""

from __future__ import annotations

import ssl

import pytest
import trustme

from pratique.http.hello import client_hello


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("host", ["r.test", "127.0.0.1", "::1"])
def test_a_server_answers_it(version: ssl.TLSVersion, host: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = context.maximum_version = version
    trustme.CA().issue_cert(host).configure_cert(context)
    names: list[str | None] = []
    context.sni_callback = lambda _, name, __: names.append(name)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    incoming.write(client_hello(host))
    with pytest.raises(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing, server_side=True).do_handshake()
    assert outgoing.read(1) == b"\x16"
    assert names == ["r.test" if host == "r.test" else None]
