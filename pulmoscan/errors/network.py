"""A hospital's network: the node's settings, and whom it talks to."""

from __future__ import annotations

from pulmoscan.errors.base import PulmoScanError


class InvalidConfiguration(PulmoScanError):
    """Settings that are wrong.

    Args:
        wrong: a line on each.
    """

    def __init__(self, path: object, wrong: str) -> None:
        listed = "".join(f"\n  {line}" for line in wrong.splitlines())
        super().__init__(f"{path} cannot be used:{listed}\nMend this. Every setting is explained in docs/hospital.md.")


class CannotListen(PulmoScanError):
    def __init__(self, where: str, why: str) -> None:
        super().__init__(f"Listening on {where} failed: {why}. Mend the address, the port or the certificate.")


class PortTaken(PulmoScanError):
    def __init__(self, port: int, why: str | None) -> None:
        super().__init__(
            f"Port {port} cannot be used ({why}). PulmoScan may be running there already; else choose another one with "
            "--port."
        )


class InvalidServerSetting(PulmoScanError):
    def __init__(self, what: str) -> None:
        super().__init__(f"A variable STREAMLIT_… cannot be used: {what} Change it, or unset it.")


class PeerError(PulmoScanError):
    """A peer that does not do what it is asked.

    Args:
        who: in words, at the beginning of a sentence.
        what: it does, or does not.
    """

    def __init__(self, who: str, what: str) -> None:
        super().__init__(f"{who} {what}. It is tried again; `pulmoscan listen FILE --check` asks every peer at once.")


class TokenMissing(PulmoScanError):
    def __init__(self, address: str) -> None:
        super().__init__(
            f"The service would answer everybody at {address}. Give it a token with --token-file or PULMOSCAN_TOKEN; "
            "without one it listens on 127.0.0.1 alone."
        )


class TokenUnusable(PulmoScanError):
    def __init__(self, where: str, why: str) -> None:
        super().__init__(f"The token in {where} cannot be used: {why}. Make one with `openssl rand -hex 32`.")


class AuditKeyMissing(PulmoScanError):
    def __init__(self, path: object, why: str) -> None:
        super().__init__(
            f"The audit log's key {path} cannot be used: {why}. Mend it, or name another with node.audit_key."
        )
