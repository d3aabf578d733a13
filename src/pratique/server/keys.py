"""The key that signs tokens, and the certificate by which other registries trust it (distribution's jwt.md)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from jwt.types import Options

from ..errors import InvalidInput
from .storage import write

ALGORITHM: Final = "ES256"
DAYS: Final = 3650  # that the certificate is good for
MOST_CHECKED: Final = 1024  # tokens whose signature is remembered as good
FILE: Final = "token.pem"

# What depends on the time and on who reads the token is not the key's to say.
_ONLY_THE_SIGNATURE: Final[Options] = {
    "verify_exp": False,
    "verify_nbf": False,
    "verify_iat": False,
    "verify_aud": False,
}


class SigningKey:
    """A private key of the curve P-256 with a certificate that it signed itself."""

    def __init__(self, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
        self._key = key
        self._certificate = certificate
        self._public = key.public_key()
        der = certificate.public_bytes(serialization.Encoding.DER)
        self._headers = {"kid": _fingerprint(self._public), "x5c": [base64.b64encode(der).decode()]}
        self._seal = hashlib.sha256(b"seal" + _private_bytes(key, serialization.Encoding.DER)).digest()
        # The check of a signature takes longer than most requests; claims of time are not part of it.
        self.read = lru_cache(MOST_CHECKED)(self._read)

    @classmethod
    def make(cls, name: str) -> SigningKey:
        """A new key; `name` is the subject of its certificate."""
        key = ec.generate_private_key(ec.SECP256R1())
        return cls(key, _certify(key, name))

    @classmethod
    def kept(cls, folder: Path, name: str) -> SigningKey:
        """The key in a folder, where only its owner can read it; made at the first time. Raises InvalidInput."""
        path = folder / FILE
        try:
            pem = path.read_bytes()
        except FileNotFoundError:
            made = cls.make(name)
            write(path, _private_bytes(made._key, serialization.Encoding.PEM) + made.certificates, mode=0o600)
            return made
        try:
            return cls(_private_key(pem), x509.load_pem_x509_certificate(pem))
        except (ValueError, TypeError) as error:
            raise InvalidInput(f"{path}: not a key and its certificate ({error})") from None

    @property
    def certificates(self) -> bytes:
        """The PEM that a registry is given to trust the tokens: the `rootcertbundle` of distribution's `auth.token`."""
        return self._certificate.public_bytes(serialization.Encoding.PEM)

    def sign(self, claims: Mapping[str, Any]) -> str:
        """A JSON Web Token (RFC 7519) with the certificate in its head."""
        return jwt.encode(dict(claims), self._key, ALGORITHM, headers=self._headers)

    def seal(self, text: str) -> str:
        """A fingerprint of a text that nobody without the key can make or test guesses against."""
        return hmac.new(self._seal, text.encode(), hashlib.sha256).hexdigest()

    def _read(self, token: str) -> Mapping[str, Any]:
        """The claims of a token that this key signed; nothing is said about its time. Raises ValueError."""
        try:
            claims: Mapping[str, Any] = jwt.decode(
                token, self._public, algorithms=[ALGORITHM], options=_ONLY_THE_SIGNATURE
            )
        except jwt.PyJWTError as error:
            raise ValueError(str(error)) from None
        return claims


def _certify(key: ec.EllipticCurvePrivateKey, name: str) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(hours=1)).not_valid_after(now + timedelta(days=DAYS))
    return builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True).sign(
        key, hashes.SHA256()
    )


def _private_key(pem: bytes) -> ec.EllipticCurvePrivateKey:
    key = serialization.load_pem_private_key(pem, None)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise ValueError("a key of another kind")
    return key


def _private_bytes(key: ec.EllipticCurvePrivateKey, encoding: serialization.Encoding) -> bytes:
    return key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


def _fingerprint(key: ec.EllipticCurvePublicKey) -> str:
    """The name of a key in distribution's form: 240 bits of its hash in twelve groups of base32."""
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    text = base64.b32encode(hashlib.sha256(der).digest()[:30]).decode()
    return ":".join(text[start : start + 4] for start in range(0, len(text), 4))
