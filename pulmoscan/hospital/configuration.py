"""The node's one TOML file -> `Configuration`, checked as a whole before anything starts."""

from __future__ import annotations

import sys
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from pulmoscan.errors import InvalidConfiguration
from pulmoscan.models.registry import DEFAULT_MODEL, MODELS
from pulmoscan.population import PopulationChoice

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ResultKind = Literal["sr", "seg", "sc", "gsps"]

AETitle = Annotated[str, StringConstraints(min_length=1, max_length=16, pattern=r"^[\x21-\x5b\x5d-\x7e]+$")]
"""PS3.5, VR AE: up to 16 characters, no backslash; spaces around it mean nothing and would only be mistyped."""
Port = Annotated[int, Field(ge=1, le=65535)]
Network = IPv4Network | IPv6Network


class _Table(BaseModel):
    """A table of the file: exactly these settings."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Tls(_Table):
    """Files in PEM.

    Attributes:
        certificate, key: by which this side shows who it is.
        authorities: who must have signed the other side's certificate; as a server, None asks for none.
    """

    certificate: Path | None = None
    key: Path | None = None
    authorities: Path | None = None


class Node(_Table):
    """What the node is called, where it listens and what it does.

    Attributes:
        ae_titles: that it may be called by.
        folder: of the queue and of what is waiting.
        quiet_seconds: a study counts as complete when nothing of it came for so long.
        longest_seconds: and at the latest so long after its first instance.
        least_free_mb: of the folder's disk; below, senders are told that it is out of resources.
        most_waiting: instances that may wait to be screened; the same.
        audit_key: of the audit log, which lies in the folder; made where there is none. By default `audit.key` there.
    """

    folder: Path
    ae_titles: tuple[AETitle, ...] = Field(default=("PULMOSCAN",), min_length=1)
    address: IPv4Address | IPv6Address = IPv4Address("127.0.0.1")
    port: Annotated[int, Field(ge=0, le=65535)] = 11112
    model: str = DEFAULT_MODEL
    population: PopulationChoice = "auto"
    results: tuple[ResultKind, ...] = Field(default=("sr", "seg", "sc"), min_length=1)
    quiet_seconds: Annotated[float, Field(gt=0)] = 60.0
    longest_seconds: Annotated[float, Field(gt=0)] = 1800.0
    most_associations: Annotated[int, Field(ge=1, le=200)] = 10
    least_free_mb: Annotated[float, Field(ge=0)] = 2048.0
    most_waiting: Annotated[int, Field(ge=1)] = 20_000
    tls: Tls | None = None
    audit_key: Path | None = None

    @model_validator(mode="after")
    def _check(self) -> Node:
        if self.model not in MODELS:
            raise ValueError(f"there is no model “{self.model}”; choose one of {', '.join(MODELS)}")
        if self.tls and not (self.tls.certificate and self.tls.key):
            raise ValueError("tls needs a certificate and a key")
        return self


class Peer(_Table):
    """Who may send.

    Attributes:
        networks: that it calls from; all by default, and with those an AE title alone lets in.
    """

    ae_title: AETitle
    networks: tuple[Network, ...] = (IPv4Network("0.0.0.0/0"), IPv6Network("::/0"))


class DimseDestination(_Table):
    """An archive that results are sent to by C-STORE.

    Attributes:
        commitment: ask for storage commitment where the archive offers it.
        commitment_seconds: how long its answer is waited for until it is asked again.
        retry_seconds: until it is tried again after a failure; twice as long after each further one.
    """

    kind: Literal["dimse"]
    name: str = Field(min_length=1)
    ae_title: AETitle
    host: str = Field(min_length=1)
    port: Port
    calling_ae_title: AETitle | None = None
    commitment: bool = True
    commitment_seconds: Annotated[float, Field(gt=0)] = 600.0
    retry_seconds: Annotated[float, Field(gt=0)] = 5.0
    tls: Tls | None = None


class Web(_Table):
    """A DICOMweb server.

    Attributes:
        token_file, user, password_file: a bearer token, or a user and password; neither is written into this file.
        authorities: who signed the server's certificate, in place of the system's.
    """

    name: str = Field(min_length=1)
    url: Annotated[str, StringConstraints(pattern=r"^https?://\S+$")]
    token_file: Path | None = None
    user: str | None = None
    password_file: Path | None = None
    authorities: Path | None = None


class WebDestination(Web):
    """An archive that results are sent to by STOW-RS."""

    kind: Literal["dicomweb"]
    retry_seconds: Annotated[float, Field(gt=0)] = 5.0


class WebSource(Web):
    """A server that is asked for new studies by QIDO-RS, which are fetched by WADO-RS.

    Attributes:
        every_seconds: how often.
        days: how far back the study date may lie.
    """

    every_seconds: Annotated[float, Field(gt=0)] = 60.0
    days: Annotated[int, Field(ge=0)] = 1
    modalities: tuple[Literal["CR", "DX"], ...] = Field(default=("CR", "DX"), min_length=1)


Destination = Annotated[DimseDestination | WebDestination, Field(discriminator="kind")]


class Retention(_Table):
    """What stays how long.

    Attributes:
        delivered_hours: files of a study, once all its results are delivered.
        give_up_hours: a delivery that fails for so long counts as failed, and waits for somebody to look at it.
        history_days: the queue's own record, without pixels, by which duplicates are known.
    """

    delivered_hours: Annotated[float, Field(ge=0)] = 24.0
    give_up_hours: Annotated[float, Field(gt=0)] = 168.0
    history_days: Annotated[float, Field(gt=0)] = 400.0


class Worklist(_Table):
    """The page of the app, which is off unless it is configured here and PULMOSCAN_NODE names this file.

    Attributes:
        login: by one passphrase of the department, or by the OpenID Connect provider of Streamlit's secrets.
        passphrase_file: with its hash, which `listen --passphrase` writes.
        longest_wait_minutes: after which a study goes before all others.
    """

    login: Literal["passphrase", "oidc"] = "passphrase"
    passphrase_file: Path | None = None
    longest_wait_minutes: Annotated[float, Field(gt=0)] = 60.0

    @model_validator(mode="after")
    def _check(self) -> Worklist:
        if self.login == "passphrase" and self.passphrase_file is None:
            raise ValueError("a login by passphrase needs a passphrase_file")
        return self


class Configuration(_Table):
    """The whole file."""

    node: Node
    worklist: Worklist | None = None
    peers: tuple[Peer, ...] = ()
    destinations: tuple[Destination, ...] = ()
    pull: tuple[WebSource, ...] = ()
    retention: Retention = Retention()

    @model_validator(mode="after")
    def _check(self) -> Configuration:
        if not self.peers and not self.pull:
            raise ValueError("nobody may send: name [[peers]], or servers to [[pull]] from")
        names = [one.name for one in self.destinations]
        if len(set(names)) < len(names):
            raise ValueError("two destinations have the same name")
        return self


def read_configuration(path: Path) -> Configuration:
    """The configuration in a file; paths in it are relative to it.

    Raises:
        InvalidConfiguration: it is missing, no TOML, or a setting is wrong; the message names each.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InvalidConfiguration(path, f"it cannot be read ({error.strerror})") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidConfiguration(path, f"it is no TOML: {error}") from error
    try:
        found = Configuration.model_validate(_rooted(content, path.resolve().parent))
    except ValidationError as error:
        raise InvalidConfiguration(path, "\n".join(_plain(e) for e in error.errors())) from None
    missing = [f"{where}: there is no file {file}" for where, file in _files(found) if not file.is_file()]
    if missing:
        raise InvalidConfiguration(path, "\n".join(missing))
    return found


PATHS = ("folder", "certificate", "key", "authorities", "token_file", "password_file", "audit_key", "passphrase_file")


def _rooted(content: Any, base: Path) -> Any:
    """The same with its paths made absolute."""
    if isinstance(content, dict):
        return {
            key: str(base / Path(value).expanduser())
            if key in PATHS and isinstance(value, str)
            else _rooted(value, base)
            for key, value in content.items()
        }
    return [_rooted(item, base) for item in content] if isinstance(content, list) else content


def _files(table: _Table, where: str = "") -> list[tuple[str, Path]]:
    found: list[tuple[str, Path]] = []
    for name in type(table).model_fields:
        value = getattr(table, name)
        for number, part in enumerate(value if isinstance(value, tuple) else (value,), start=1):
            place = f"{where}{name}" + (f" {number}" if isinstance(value, tuple) else "")
            if isinstance(part, _Table):
                found += _files(part, f"{place}, ")
            elif isinstance(part, Path) and name not in ("folder", "audit_key", "passphrase_file"):
                found.append((place, part))
    return found


def _plain(error: Any) -> str:
    """What pydantic says of one setting, in words: `destinations 2, port: …`."""
    place = ", ".join(str(part + 1) if isinstance(part, int) else part for part in error["loc"])
    words = {"missing": "it is missing", "extra_forbidden": "there is no such setting"}
    message = words.get(error["type"]) or str(error["msg"]).removeprefix("Value error, ")
    return f"{place}: {message[0].lower()}{message[1:]}" if place else message
