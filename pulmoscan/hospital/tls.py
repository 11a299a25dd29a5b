"""TLS of the node's associations: 1.2 or newer, as PS3.15 annex B asks for."""

from __future__ import annotations

import ssl
from typing import Any

from pulmoscan.errors import CannotListen
from pulmoscan.hospital.configuration import Tls


class _Server(ssl.SSLContext):
    """Shakes hands when the first byte is read, in the association's own thread: whoever connects and then says nothing
    would else keep everybody out.
    """

    def wrap_socket(self, *arguments: Any, **options: Any) -> ssl.SSLSocket:
        return super().wrap_socket(*arguments, **{**options, "do_handshake_on_connect": False})


def server_context(tls: Tls) -> ssl.SSLContext:
    """TLS 1.2 or newer, as PS3.15 B.12 asks for.

    Raises:
        CannotListen: the certificate or its key cannot be used.
    """
    context = _Server(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    load_certificates(context, tls)
    if tls.authorities:
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def client_context(tls: Tls) -> ssl.SSLContext:
    """The other side must show a certificate of the authorities, by default the system's, in its host's name."""
    context = ssl.create_default_context(cafile=tls.authorities)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    load_certificates(context, Tls(certificate=tls.certificate, key=tls.key))
    return context


def load_certificates(context: ssl.SSLContext, tls: Tls) -> None:
    """What this side shows, and whom it trusts.

    Raises:
        CannotListen: a file is none, or certificate and key do not belong together.
    """
    try:
        if tls.certificate:
            context.load_cert_chain(tls.certificate, tls.key)
        if tls.authorities:
            context.load_verify_locations(tls.authorities)
    except (OSError, ssl.SSLError) as error:
        raise CannotListen("TLS", f"the certificate or its key cannot be used: {error.strerror or error}") from error
