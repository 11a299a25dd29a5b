"""Who is let in, by which name, from where and how; what is not what its envelope says."""

from __future__ import annotations

import socket
import ssl
import subprocess
from pathlib import Path

import pytest
from pydicom.uid import generate_uid
from pynetdicom import AE
from pynetdicom.sop_class import Verification

from pulmoscan.hospital.configuration import Configuration
from pulmoscan.hospital.node import nothing
from pulmoscan.hospital.queue import Queue
from pulmoscan.hospital.receiver import NOT_UNDERSTOOD, Receiver
from pulmoscan.hospital.spool import Spool
from tests.dicoms import save
from tests.hospital.conftest import configuration, send, study


class Ear:
    """A receiver alone, as the configuration has it."""

    def __init__(self, settings: Configuration) -> None:
        self.spool = Spool(settings.node.folder)
        self.queue = Queue(settings.node.folder / "queue.sqlite")
        self.receiver = Receiver(settings, self.queue, self.spool, lambda *_: None, nothing)
        self.receiver.start()

    def __enter__(self) -> Ear:
        return self

    def __exit__(self, *_: object) -> None:
        self.receiver.stop()


def echo(port: int, called: str = "PULMOSCAN", calling: str = "MODALITY", context: ssl.SSLContext | None = None) -> str:
    """Status of C-ECHO, or how the association was turned away."""
    entity = AE(ae_title=calling)
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 5
    entity.add_requested_context(Verification)
    association = entity.associate(
        "127.0.0.1", port, ae_title=called, tls_args=(context, "localhost") if context else None
    )
    if association.is_rejected:
        return str(association.acceptor.primitive.reason_str)
    if not association.is_established:
        return "no association"
    status = association.send_c_echo().Status
    association.release()
    return f"{status:04X}"


def test_only_peers_that_call_us_by_our_name_are_let_in(tmp_path: Path) -> None:
    settings = configuration(tmp_path, ae_titles=["PULMOSCAN", "SECOND"])
    with Ear(settings) as ear:
        assert tmp_path.stat().st_mode & 0o077 == 0, "nobody else may look into its folder"
        port = ear.receiver.port
        assert echo(port) == "0000"
        assert echo(port, called="SECOND") == "0000"
        assert "Called AE title not recognised" in echo(port, called="OTHER")
        assert "Calling AE title not recognised" in echo(port, calling="STRANGER")
        assert send(port, *study(), calling="STRANGER") == []
        assert ear.queue.waiting() == 0


def test_peers_call_from_their_own_network(tmp_path: Path) -> None:
    settings = configuration(tmp_path)
    content = settings.model_dump() | {"peers": [{"ae_title": "MODALITY", "networks": ["10.0.0.0/8"]}]}
    with Ear(Configuration.model_validate(content)) as ear:
        assert "Calling AE title not recognised" in echo(ear.receiver.port)


def test_archives_call_back_from_their_own_host(tmp_path: Path) -> None:
    archive = {"kind": "dimse", "name": "a", "ae_title": "ARCHIVE", "host": "127.0.0.1", "port": 4242}
    elsewhere = {**archive, "name": "b", "ae_title": "FAR", "host": "192.0.2.1"}
    with Ear(configuration(tmp_path, archive, elsewhere)) as ear:
        assert echo(ear.receiver.port, calling="ARCHIVE") == "0000"
        assert "Calling AE title not recognised" in echo(ear.receiver.port, calling="FAR")


def test_an_envelope_that_lies_is_not_understood(tmp_path: Path) -> None:
    (source,) = study()
    path = tmp_path / "lies.dcm"
    path.write_bytes(save(source))
    entity = AE(ae_title="MODALITY")
    entity.add_requested_context(source.SOPClassUID)
    with Ear(configuration(tmp_path / "node")) as ear:
        association = entity.associate("127.0.0.1", ear.receiver.port, ae_title="PULMOSCAN")
        source.SOPInstanceUID = generate_uid()
        encoded = save(source)
        assert encoded
        del source.StudyInstanceUID
        assert association.send_c_store(source).Status == NOT_UNDERSTOOD
        association.release()
        assert ear.queue.waiting() == 0
        assert not any((tmp_path / "node" / "received").iterdir())


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """`ours` and `other`, each with its key and for localhost, signed by nobody but themselves."""
    folder = tmp_path_factory.mktemp("tls")
    for name in ("ours", "other"):
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days",
             "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
             "-keyout", str(folder / f"{name}.key"), "-out", str(folder / f"{name}.pem")],
            check=True, capture_output=True,
        )  # fmt: skip
    return {path.name: path for path in folder.iterdir()}


def client(certificates: dict[str, Path], trusts: str, shows: str = "") -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=certificates[f"{trusts}.pem"])
    if shows:
        context.load_cert_chain(certificates[f"{shows}.pem"], certificates[f"{shows}.key"])
    return context


def test_tls(certificates: dict[str, Path], tmp_path: Path) -> None:
    files = {"certificate": str(certificates["ours.pem"]), "key": str(certificates["ours.key"])}
    with Ear(configuration(tmp_path, tls=files)) as ear:
        port = ear.receiver.port
        with socket.create_connection(("127.0.0.1", port)):  # who connects and says nothing keeps nobody out
            assert echo(port, context=client(certificates, "ours")) == "0000"
        assert echo(port) == "no association", "not without TLS"
        with pytest.raises(ssl.SSLError):
            ssl.create_default_context().wrap_socket(
                socket.create_connection(("127.0.0.1", port)), server_hostname="localhost"
            )
        assert echo(port, context=client(certificates, "ours")) == "0000"
        sources = study(2)
        assert send(port, *sources, tls_args=(client(certificates, "ours"), "localhost")) == [0, 0]
        for source in sources:
            assert ear.spool.received(source.SOPInstanceUID).is_file()


def test_tls_of_both_sides(certificates: dict[str, Path], tmp_path: Path) -> None:
    files = {"certificate": str(certificates["ours.pem"]), "key": str(certificates["ours.key"])}
    with Ear(configuration(tmp_path, tls={**files, "authorities": str(certificates["ours.pem"])})) as ear:
        port = ear.receiver.port
        assert echo(port, context=client(certificates, "ours", shows="ours")) == "0000"
        assert echo(port, context=client(certificates, "ours")) == "no association"
        assert echo(port, context=client(certificates, "ours", shows="other")) == "no association"
