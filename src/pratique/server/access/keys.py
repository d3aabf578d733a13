"""A key that signs tokens, and the certificate by which other registries trust it (distribution's jwt.md)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509.oid import NameOID
from jwt.algorithms import ECAlgorithm, OKPAlgorithm
from jwt.types import Options

from .rules import EDDSA, ES256

PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey

DAYS: Final = 3650  # that a certificate is good for
MOST_TOKEN_CHARACTERS: Final = 16 << 10  # of a token that is looked at

# What depends on the time and on who reads the token is not the key's to say.
_ONLY_THE_SIGNATURE: Final[Options] = {
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
}
# PyJWT lets some through of what JSON and text can do wrong.
_UNREADABLE: Final = (jwt.PyJWTError, ValueError, RecursionError)
# The members of a key from which RFC 7638 §3.2 makes its thumbprint.
_REQUIRED: Final = frozenset({"crv", "kty", "x", "y"})


class SigningKey:
    """A private key of the curve P-256 or Ed25519, with a certificate that it signed itself.

    `begins` is when the certificate begins to be good, in seconds since the epoch.
    """

    def __init__(self, key: PrivateKey, certificate: x509.Certificate) -> None:
        self._key = key
        self._certificate = certificate
        self._public = key.public_key()
        self.algorithm = ES256 if isinstance(key, ec.EllipticCurvePrivateKey) else EDDSA
        self.begins = certificate.not_valid_before_utc.timestamp()
        self.id = _thumbprint(self._members())
        self._seal = hashlib.sha256(b"seal" + _private_bytes(key, serialization.Encoding.DER)).digest()

    @classmethod
    def make(cls, name: str, begins: float, algorithm: str = ES256) -> SigningKey:
        """A new key; `name` is the subject of its certificate."""
        key = ec.generate_private_key(ec.SECP256R1()) if algorithm == ES256 else ed25519.Ed25519PrivateKey.generate()
        return cls(key, _certify(key, name, datetime.fromtimestamp(int(begins), UTC)))

    @classmethod
    def parse(cls, pem: bytes) -> SigningKey:
        """The key and the certificate in a PEM. Raises ValueError."""
        try:
            key = serialization.load_pem_private_key(pem, None)
            certificate = x509.load_pem_x509_certificate(pem)
        except TypeError as error:  # for a key behind a password
            raise ValueError(str(error)) from None
        if not isinstance(key, PrivateKey) or getattr(key, "curve", ec.SECP256R1()).name != ec.SECP256R1.name:
            raise ValueError("a key of another kind than P-256 and Ed25519")
        if certificate.public_key() != key.public_key():
            raise ValueError("the certificate is for another key")
        return cls(key, certificate)

    @property
    def pem(self) -> bytes:
        """The private key and the certificate."""
        return _private_bytes(self._key, serialization.Encoding.PEM) + self.certificate

    @property
    def certificate(self) -> bytes:
        """The certificate as PEM."""
        return self._certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def public(self) -> Mapping[str, Any]:
        """The public key as a JSON Web Key (RFC 7517)."""
        return {**self._members(), "kid": self.id, "alg": self.algorithm, "use": "sig"}

    def sign(self, claims: Mapping[str, Any], *, with_certificate: bool = False) -> str:
        """A JSON Web Token (RFC 7519), its head with the key's id, and the certificate where wanted (RFC 7515 §4.1.6)."""
        head: dict[str, Any] = {"kid": self.id}
        if with_certificate:
            head["x5c"] = [base64.b64encode(self._certificate.public_bytes(serialization.Encoding.DER)).decode()]
        return jwt.encode(dict(claims), self._key, self.algorithm, headers=head)

    def read(self, token: str) -> Mapping[str, Any]:
        """The claims of a token that this key signed; nothing is said about its time. Raises ValueError."""
        try:
            claims: Mapping[str, Any] = jwt.decode(
                token, self._public, algorithms=[self.algorithm], options=_ONLY_THE_SIGNATURE
            )
        except _UNREADABLE:
            raise ValueError("the token has no good signature") from None
        return claims

    def seal(self, text: str) -> str:
        """A fingerprint of a text that nobody without the key can make or test guesses against."""
        return hmac.new(self._seal, text.encode(), hashlib.sha256).hexdigest()

    def _members(self) -> dict[str, Any]:
        if isinstance(self._public, ec.EllipticCurvePublicKey):
            return dict(ECAlgorithm.to_jwk(self._public, as_dict=True))
        return dict(OKPAlgorithm.to_jwk(self._public, as_dict=True))


def key_of(token: str) -> str:
    """The id of the key that a token says it was signed by; nothing of it is checked. Raises ValueError."""
    if len(token) > MOST_TOKEN_CHARACTERS:
        raise ValueError(f"a token has at most {MOST_TOKEN_CHARACTERS} characters")
    try:
        return str(jwt.get_unverified_header(token).get("kid", ""))
    except _UNREADABLE:
        raise ValueError("not a token") from None


def _certify(key: PrivateKey, name: str, begins: datetime) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(begins).not_valid_after(begins + timedelta(days=DAYS))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
    return builder.sign(key, hashes.SHA256() if isinstance(key, ec.EllipticCurvePrivateKey) else None)


def _private_bytes(key: PrivateKey, encoding: serialization.Encoding) -> bytes:
    return key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _thumbprint(members: Mapping[str, Any]) -> str:
    """The name of a key: a hash of what it needs to have (RFC 7638)."""
    needed = {name: value for name, value in members.items() if name in _REQUIRED}
    content = json.dumps(needed, separators=(",", ":"), sort_keys=True).encode()
    return base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
