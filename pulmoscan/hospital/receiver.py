"""The node's ear: a DICOM Storage and Verification SCP, which takes instances to disk and into the queue.

What a sender was told to be stored is on disk, synced, and in the queue. References are to PS3.4 annex B (storage),
PS3.7 annex C (status codes) and PS3.8 9.3.4 (rejection of associations).
"""

from __future__ import annotations

import errno
import logging
import socket
import sqlite3
import tempfile
import threading
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Any

import pydicom
from pydicom import uid
from pynetdicom import AE, evt
from pynetdicom import _config as pynetdicom_settings
from pynetdicom.sop_class import (
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    DigitalXRayImageStorageForProcessing,
    MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
    SecondaryCaptureImageStorage,
    StorageCommitmentPushModel,
    Verification,
)

from pulmoscan.errors import CannotListen
from pulmoscan.errors.traces import log_unforeseen
from pulmoscan.hospital.configuration import Configuration, DimseDestination, Node
from pulmoscan.hospital.queue import Arrival, Queue
from pulmoscan.hospital.spool import Spool
from pulmoscan.hospital.tls import server_context

TAKEN = (
    ComputedRadiographyImageStorage,
    DigitalXRayImageStorageForPresentation,
    DigitalXRayImageStorageForProcessing,
    SecondaryCaptureImageStorage,
    MultiFrameGrayscaleByteSecondaryCaptureImageStorage,
    MultiFrameGrayscaleWordSecondaryCaptureImageStorage,
)
"""What is taken. The gate refuses what of it cannot be screened, with the reason in the queue."""
SYNTAXES = [
    uid.ExplicitVRLittleEndian,
    uid.ImplicitVRLittleEndian,
    uid.DeflatedExplicitVRLittleEndian,
    uid.ExplicitVRBigEndian,
    uid.JPEGBaseline8Bit,
    uid.JPEGExtended12Bit,
    uid.JPEGLossless,
    uid.JPEGLosslessSV1,
    uid.JPEGLSLossless,
    uid.JPEGLSNearLossless,
    uid.JPEG2000Lossless,
    uid.JPEG2000,
    uid.HTJ2KLossless,
    uid.HTJ2K,
    uid.RLELossless,
]
SUCCESS, OUT_OF_RESOURCES, NOT_UNDERSTOOD = 0x0000, 0xA700, 0xC000
FULL = (errno.ENOSPC, errno.EDQUOT)
REJECTED, BY_USER, CALLING_UNKNOWN, CALLED_UNKNOWN = 0x01, 0x01, 0x03, 0x07
IDLE_SECONDS = 60.0
"""An association on which nothing is said for so long is ended."""

logger = logging.getLogger(__name__)
Address = IPv4Address | IPv6Address
Answer = Callable[[str, list[str], list[str]], None]


class Receiver:
    """Listens until it is stopped.

    Args:
        answered: is told of an archive's storage commitment: transaction, UIDs it keeps, UIDs it does not have.
        audit: is told what came in: an event's name and its particulars.

    Attributes:
        taking: held while one instance is taken into the queue.
    """

    def __init__(
        self, settings: Configuration, queue: Queue, spool: Spool, answered: Answer, audit: Callable[..., None]
    ) -> None:
        self._settings, self._queue, self._spool = settings, queue, spool
        self._answered, self._audit = answered, audit
        self.taking = threading.Lock()
        self._server: Any = None
        self._elsewhere: str | None = None

    @property
    def port(self) -> int:
        """That it listens on; where the configuration says 0, whichever was free."""
        return int(self._server.socket.getsockname()[1])

    def start(self) -> None:
        """Begin to listen, in threads of its own.

        Raises:
            CannotListen: the port is taken, or the certificate cannot be used.
        """
        node = self._settings.node
        pynetdicom_settings.STORE_RECV_CHUNKED_DATASET = True
        self._elsewhere, tempfile.tempdir = tempfile.tempdir, str(self._spool.partial)  # where pynetdicom receives to
        entity = AE(ae_title=node.ae_titles[0])
        entity.maximum_associations = node.most_associations
        entity.network_timeout = IDLE_SECONDS
        entity.add_supported_context(Verification)
        for sop_class in TAKEN:
            entity.add_supported_context(sop_class, SYNTAXES)
        entity.add_supported_context(StorageCommitmentPushModel, scu_role=False, scp_role=True)
        handlers = [
            (evt.EVT_REQUESTED, self._admit),
            (evt.EVT_C_STORE, self._store),
            (evt.EVT_C_ECHO, lambda _: SUCCESS),
            (evt.EVT_N_EVENT_REPORT, self._commitment),
        ]
        try:
            self._server = entity.start_server(
                (str(node.address), node.port),
                block=False,
                evt_handlers=handlers,
                ssl_context=server_context(node.tls) if node.tls else None,
            )
        except OSError as error:
            raise CannotListen(f"{node.address}:{node.port}", str(error.strerror or error)) from error

    def stop(self) -> None:
        """End all associations; what was not acknowledged will be sent again."""
        if self._server is not None:
            self._server.shutdown()
            self._server = None
            tempfile.tempdir = self._elsewhere

    def _admit(self, event: evt.Event) -> None:
        """Turn away who is not a peer, or calls somebody else. Whatever fails here lets nobody in."""
        try:
            self._check_caller(event)
        except Exception as error:
            log_unforeseen(logger, "while a caller was checked", error)
            event.assoc.abort()

    def _check_caller(self, event: evt.Event) -> None:
        request = event.assoc.requestor
        calling, called = request.primitive.calling_ae_title.strip(), request.primitive.called_ae_title.strip()
        address = ip_address(request.address)
        if isinstance(address, IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        if called not in self._settings.node.ae_titles:
            diagnostic, why = CALLED_UNKNOWN, "called a node that is not here"
        elif not (self._is_peer(calling, address) or self._is_archive(calling, address)):
            diagnostic, why = CALLING_UNKNOWN, "is no peer, or calls from another network"
        else:
            return
        event.assoc.acse.send_reject(REJECTED, BY_USER, diagnostic)  # before anything that may fail
        event.assoc.kill()
        logger.warning("Rejected: a caller %s", why)
        self._audit("association rejected", peer=calling, address=str(address), why=why)

    def _is_peer(self, calling: str, address: Address) -> bool:
        peers = (peer for peer in self._settings.peers if peer.ae_title == calling)
        return any(address in network for peer in peers for network in peer.networks)

    def _is_archive(self, calling: str, address: Address) -> bool:
        """Archives may call to say what they keep, from the host that results are sent to."""
        archives = (d for d in self._settings.destinations if isinstance(d, DimseDestination))
        return any(calling == archive.ae_title and address in _addresses(archive.host) for archive in archives)

    def _store(self, event: evt.Event) -> int:
        try:
            return self._take(event.dataset_path, str(event.request.AffectedSOPInstanceUID), _sender(event))
        except (OSError, sqlite3.Error) as error:
            full = isinstance(error, sqlite3.Error) or error.errno in FULL
            logger.error("An instance could not be stored: %s", "out of resources" if full else "not written")
            return OUT_OF_RESOURCES
        except Exception as error:
            log_unforeseen(logger, "while an instance was received", error)
            return NOT_UNDERSTOOD

    def _take(self, part: Path, sop_uid: str, sender: str) -> int:
        if not has_room(self._settings.node, self._queue, self._spool):
            return OUT_OF_RESOURCES
        known = take(part, sop_uid, sender, self._queue, self._spool, self.taking, self._audit)
        return SUCCESS if known else NOT_UNDERSTOOD

    def _commitment(self, event: evt.Event) -> tuple[int, None]:
        """An archive's answer: N-EVENT-REPORT of the storage commitment push model (PS3.4 J.3.3)."""
        answer_of(event, self._answered)
        return SUCCESS, None


def has_room(node: Node, queue: Queue, spool: Spool) -> bool:
    """Whether more may come in."""
    if spool.free_bytes() >= node.least_free_mb * 2**20 and queue.waiting() < node.most_waiting:
        return True
    logger.error("Out of resources: the disk is nearly full, or too much is waiting")
    return False


def take(
    part: Path, sop_uid: str, sender: str, queue: Queue, spool: Spool, lock: threading.Lock, audit: Callable[..., None]
) -> bool:
    """Put a received file into the queue, synced; False where it is not what its envelope says.

    An instance that is there already stays as it is.

    Raises:
        OSError, sqlite3.Error: it cannot be written; the queue does not know of it.
    """
    header = pydicom.dcmread(
        part, stop_before_pixels=True, specific_tags=["SOPInstanceUID", "StudyInstanceUID", "SOPClassUID"]
    )
    stated, study = str(header.get("SOPInstanceUID", "")), str(header.get("StudyInstanceUID", ""))
    if stated != sop_uid or not uid.UID(stated).is_valid or not uid.UID(study).is_valid:
        logger.warning("Refused: an instance without a valid UID or study, or another than was announced")
        return False
    arrival = Arrival(sop_uid, study, str(header.get("SOPClassUID", "")), sender, part.stat().st_size)
    with lock:  # two associations may bring the same
        if queue.knows(sop_uid):
            audit("received again", instance=sop_uid, study=study, peer=sender)
            return True
        spool.take(part, sop_uid)
        queue.receive(arrival)
    audit("received", instance=sop_uid, study=study, peer=sender)
    return True


def answer_of(event: evt.Event, answered: Answer) -> None:
    """Hand on what an archive says that it keeps."""
    answer = event.event_information
    kept = [str(item.ReferencedSOPInstanceUID) for item in answer.get("ReferencedSOPSequence") or ()]
    lost = [str(item.ReferencedSOPInstanceUID) for item in answer.get("FailedSOPSequence") or ()]
    answered(str(answer.get("TransactionUID", "")), kept, lost)


def _addresses(host: str) -> set[Address]:
    try:
        return {ip_address(found[4][0]) for found in socket.getaddrinfo(host, None)}
    except OSError:
        return set()


def _sender(event: evt.Event) -> str:
    return str(event.assoc.requestor.ae_title).strip()
