"""A certificate made on the spot, and the authority that signed it: for tests."""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from ...values import frozen
from ..storage.disk import write

DAYS: Final = 30  # that certificates made on the spot are good for; they are made anew at each start
AGE: Final = timedelta(hours=1)  # of a certificate at its birth, for clocks that are behind
LOCAL: Final = ("localhost", "127.0.0.1", "::1")


@frozen
class Issued:
    """The files of a certificate with its key, and of the authority to trust (PEM); SHA-256 of the certificate, in hex."""

    certificate: Path
    authority: Path
    fingerprint: str


def issue(folder: Path, hosts: Iterable[str]) -> Issued:
    """A certificate for the names and addresses `hosts` and for this machine, written into a folder with its authority."""
    signer = ec.generate_private_key(ec.SECP256R1())
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = _name("pratique's own authority")
    authority = _builder(issuer, issuer, signer.public_key()).add_extension(
        x509.BasicConstraints(True, 0), critical=True
    )
    authority = authority.add_extension(_usage(signs_certificates=True), critical=True)
    names = x509.SubjectAlternativeName([_san(host) for host in dict.fromkeys((*hosts, *LOCAL))])
    subject = _builder(_name("pratique"), issuer, key.public_key()).add_extension(names, critical=False)
    subject = subject.add_extension(x509.BasicConstraints(False, None), critical=True)
    subject = subject.add_extension(_usage(signs_certificates=False), critical=True)
    subject = subject.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    whose = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key())
    certificate = subject.add_extension(whose, critical=False).sign(signer, hashes.SHA256())
    return _kept(folder, certificate, key, authority.sign(signer, hashes.SHA256()))


def _kept(
    folder: Path, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey, authority: x509.Certificate
) -> Issued:
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    issued = Issued(
        folder / "certificate.pem",
        folder / "authority.pem",
        hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest(),
    )
    write(issued.certificate, secret + certificate.public_bytes(pem), mode=0o600)
    write(issued.authority, authority.public_bytes(pem), mode=0o644)
    return issued


def _builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    begins = datetime.now(UTC) - AGE
    builder = x509.CertificateBuilder(issuer, subject, key, x509.random_serial_number())
    builder = builder.not_valid_before(begins).not_valid_after(begins + timedelta(days=DAYS))
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _san(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)
