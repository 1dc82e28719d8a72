"""Whom a client trusts: the certificate that was pinned, an authority of one's own, or whom the system trusts."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Final

import anyio
from anyio.streams.tls import TLSAttribute

from pvdify.client.address import endpoint
from pvdify.errors import SpecError, UnreachableError
from pvdify.errors.connection import behind, connection_words

if TYPE_CHECKING:
    from pvdify.client.address import RemoteHost

_PATIENCE: Final = 10.0
_DIGITS: Final = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """The certificate that a host shows, and why the system does not trust it; empty if it does."""

    certificate: str
    distrust: str = ""


def context(host: RemoteHost) -> ssl.SSLContext:
    """What a TLS connection to *host* is held to; raise `SpecError` for a certificate that is none."""
    try:
        if not host.certificate:
            return ssl.create_default_context(cadata=host.authority or None)
        pinned = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        pinned.check_hostname = False  # it is this very certificate, whoever it names
        pinned.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        pinned.load_verify_locations(cadata=host.certificate)
    except ssl.SSLError as error:
        raise SpecError(f"cannot read the certificate for {host.url}: it is no PEM") from error
    return pinned


async def shown(url: str) -> Shown:
    """The certificate that the host at *url* shows; raise `UnreachableError`."""
    try:
        return Shown(certificate=await _certificate(url, ssl.create_default_context()))
    except ssl.SSLCertVerificationError as error:
        distrust = error.verify_message
    careless = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    careless.check_hostname = False
    careless.verify_mode = ssl.CERT_NONE
    return Shown(certificate=await _certificate(url, careless), distrust=distrust)


def fingerprint(certificate: str) -> str:
    """The SHA-256 of a certificate (PEM), as `openssl x509 -fingerprint -sha256` writes it."""
    digest = sha256(ssl.PEM_cert_to_DER_cert(certificate)).hexdigest().upper()
    return ":".join(digest[at : at + 2] for at in range(0, len(digest), 2))


def read_fingerprint(text: str) -> str:
    """A fingerprint as a person gives it, as `fingerprint` writes it; raise `SpecError` for what is none.

    >>> read_fingerprint("sha256 Fingerprint=" + 32 * "ab:")[:8]
    'AB:AB:AB'
    """
    digits = text.strip().rpartition("=")[2].upper().removeprefix("SHA256:").replace(":", "").replace(" ", "")
    if len(digits) != _DIGITS or set(digits) - set("0123456789ABCDEF"):
        raise SpecError(
            f"cannot read {text[:200]!r} as a fingerprint: it has not the 64 hex digits of a SHA-256",
            hint="`openssl x509 -noout -fingerprint -sha256 -in /etc/pvdify/tls/cert.pem` on the host shows it",
        )
    return ":".join(digits[at : at + 2] for at in range(0, _DIGITS, 2))


def reason(error: BaseException) -> str:
    """Why a connection failed, in the words of whoever knows best."""
    words = (connection_words(error), *(str(one) for one in behind(error)))
    return next(filter(None, words), type(error).__name__)


def is_distrust(error: BaseException) -> bool:
    """Whether a connection failed because of the certificate: to try again would be no use."""
    return any(isinstance(one, ssl.SSLCertVerificationError) for one in behind(error))


async def _certificate(url: str, held_to: ssl.SSLContext) -> str:
    host, port = endpoint(url)
    try:
        with anyio.fail_after(_PATIENCE):
            stream = await anyio.connect_tcp(
                host, port, ssl_context=held_to, tls_standard_compatible=False, tls_hostname=host
            )
            async with stream:
                certificate: bytes = stream.extra_attributes[TLSAttribute.peer_certificate_binary]()
                return ssl.DER_cert_to_PEM_cert(certificate)
    except ssl.SSLCertVerificationError:
        raise
    except (OSError, ssl.SSLError, anyio.BrokenResourceError, anyio.EndOfStream) as error:
        raise UnreachableError(
            f"cannot reach {url}: {reason(error)}",
            hint="check the address, and on the host `systemctl status pvdifyd.socket`",
        ) from error
