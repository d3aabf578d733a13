"""A key, its certificate, its name, and what is no token of it."""

from __future__ import annotations

import base64
import hmac
import json
import time
from typing import Any

import jwt
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from pratique.server.access.keys import MOST_TOKEN_CHARACTERS, SigningKey, _thumbprint, key_of
from pratique.server.access.rules import EDDSA, ES256

BEGINS = 1_700_000_000
CLAIMS = {"sub": "alice", "exp": 1, "nbf": 2**40, "aud": ["x"]}
KEYS = {algorithm: SigningKey.make("tests", BEGINS, algorithm) for algorithm in (ES256, EDDSA)}


@pytest.fixture(params=[ES256, EDDSA])
def key(request: pytest.FixtureRequest) -> SigningKey:
    return KEYS[request.param]


def head(token: str) -> dict[str, Any]:
    return dict(jwt.get_unverified_header(token))


def encode(content: object) -> str:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def test_what_it_signs_it_reads(key: SigningKey) -> None:
    token = key.sign(CLAIMS)
    assert key.read(token) == CLAIMS
    assert head(token) == {"typ": "JWT", "alg": key.algorithm, "kid": key.id}
    assert key_of(token) == key.id


def test_the_certificate_in_a_token_is_the_key_s_own(key: SigningKey) -> None:
    certificate = x509.load_pem_x509_certificate(key.certificate)
    certificate.verify_directly_issued_by(certificate)
    sent = base64.b64decode(head(key.sign(CLAIMS, with_certificate=True))["x5c"][0])
    assert sent == certificate.public_bytes(Encoding.DER)
    assert certificate.not_valid_before_utc.timestamp() == key.begins == BEGINS
    assert (certificate.not_valid_after_utc - certificate.not_valid_before_utc).days == 3650


def test_a_key_comes_back_from_its_pem(key: SigningKey) -> None:
    again = SigningKey.parse(key.pem)
    assert (again.id, again.algorithm, again.begins) == (key.id, key.algorithm, key.begins)
    assert again.read(key.sign(CLAIMS)) == CLAIMS
    assert again.seal("x") == key.seal("x") != key.seal("y")


def test_the_public_key_is_enough_to_check_a_token(key: SigningKey) -> None:
    found = jwt.PyJWKSet.from_dict({"keys": [dict(key.public)]})[key.id]
    options: Any = {"verify_exp": False, "verify_nbf": False, "verify_aud": False}
    assert jwt.decode(key.sign(CLAIMS), found.key, algorithms=[key.algorithm], options=options) == CLAIMS
    assert "d" not in key.public
    assert key.public["use"] == "sig"


def test_the_thumbprint_is_the_one_of_the_specification() -> None:
    """RFC 8037 appendix A.3: an Ed25519 key and its thumbprint."""
    key = {"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo", "kid": "not counted"}
    assert _thumbprint(key) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_different_keys_have_different_names() -> None:
    assert len({SigningKey.make("tests", BEGINS).id for _ in range(3)}) == 3


# --- What is no token


def forgeries(key: SigningKey) -> dict[str, str]:
    """Tokens that somebody made who has all that is public."""
    good = key.sign(CLAIMS)
    start, claims, signature = good.split(".")
    public = x509.load_pem_x509_certificate(key.certificate).public_key()
    pem = public.public_bytes(Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    other = SigningKey.make("tests", BEGINS, key.algorithm)
    kid = {"kid": key.id, "typ": "JWT"}

    def hmac_signed(secret: bytes) -> str:
        signed = f"{encode(kid | {'alg': 'HS256'})}.{encode(CLAIMS)}"
        return f"{signed}.{encode(hmac.digest(secret, signed.encode(), 'sha256'))}"

    own = kid | {"jwk": other.public, "x5c": head(other.sign({}, with_certificate=True))["x5c"]}
    return {
        "no algorithm": f"{encode(kid | {'alg': 'none'})}.{claims}.",
        "no algorithm, signed": f"{encode(kid | {'alg': 'none'})}.{claims}.{signature}",
        "no name of an algorithm": f"{encode(kid)}.{claims}.{signature}",
        "the public key as a secret": hmac_signed(pem),
        "the certificate as a secret": hmac_signed(key.certificate),
        "no signature": f"{start}.{claims}.",
        "other claims": f"{start}.{encode(CLAIMS | {'sub': 'mallory'})}.{signature}",
        "another key": f"{encode(head(good))}.{claims}.{other.sign(CLAIMS).rpartition('.')[2]}",
        "another key that brings itself": jwt.encode(CLAIMS, other._key, other.algorithm, headers=own),
        "signature of zeros": f"{start}.{claims}.{encode(bytes(64))}",
        "claims that are a list": f"{start}.{encode([1])}.{signature}",
        "deep claims": f"{start}.{encode(b'[' * 9000)}.{signature}",
        "critical": f"{encode(kid | {'alg': key.algorithm, 'crit': ['b64'], 'b64': False})}..{signature}",
    }


@pytest.mark.parametrize("name", forgeries(KEYS[ES256]))
def test_what_somebody_else_made_is_not_read(key: SigningKey, name: str) -> None:
    with pytest.raises(ValueError, match="signature"):
        key.read(forgeries(key)[name])


HEADS = [
    "",
    "{}",
    "null",
    "[]",
    "[" * 9000,
    '["kid"]',
    '{"kid":7}',
    '{"kid":' + "9" * 9000 + "}",
    "{}" + "\0" * 9,
    "\udcff",
]
TEXTS = ["", ".", "..", "...", "x.y.z", "a" * (MOST_TOKEN_CHARACTERS + 1), "ä.ö.ü", "\udcff.x.y"]


@pytest.mark.parametrize("token", [*TEXTS, *(f"{encode(text.encode(errors='surrogatepass'))}.e30.x" for text in HEADS)])
def test_what_is_no_token_at_all(key: SigningKey, token: str) -> None:
    assert named(token) != key.id
    with pytest.raises(ValueError, match="signature"):
        key.read(token)


def test_how_long_a_token_may_be(key: SigningKey) -> None:
    with pytest.raises(ValueError, match="at most 16384 characters"):
        key_of(key.sign({"a": "x" * MOST_TOKEN_CHARACTERS}))


def named(token: str) -> str:
    """The name of the key in a token, if any."""
    try:
        return key_of(token)
    except ValueError:
        return ""


@given(st.text() | st.builds("{}.{}.{}".format, *[st.binary().map(encode)] * 3))
def test_any_text(text: str) -> None:
    for key in KEYS.values():
        with pytest.raises(ValueError, match="signature"):
            key.read(text)
    named(text)


# --- What is no key


def test_what_is_no_key_and_its_certificate() -> None:
    private = serialization.PrivateFormat.PKCS8
    first, second = KEYS[ES256], SigningKey.make("tests", time.time())
    bare = first.pem.replace(first.certificate, b"")
    large = rsa.generate_private_key(65537, 2048).private_bytes(Encoding.PEM, private, serialization.NoEncryption())
    curve = ec.generate_private_key(ec.SECP384R1()).private_bytes(Encoding.PEM, private, serialization.NoEncryption())
    secret = second._key.private_bytes(Encoding.PEM, private, serialization.BestAvailableEncryption(b"x"))
    for pem in (b"", b"nothing", bare, first.certificate, bare + second.certificate, secret + second.certificate):
        with pytest.raises(ValueError, match=r"."):
            SigningKey.parse(pem)
    for pem in (large, curve):
        with pytest.raises(ValueError, match="another kind"):
            SigningKey.parse(pem + first.certificate)
