"""What the node asks of archives over DIMSE: C-ECHO, C-STORE, storage commitment (PS3.4 annexes A, B and J)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pydicom
from pydicom import uid
from pydicom.dataset import Dataset
from pynetdicom import AE, build_context, build_role, evt
from pynetdicom import _config as pynetdicom_settings
from pynetdicom.association import Association
from pynetdicom.dsutils import split_dataset
from pynetdicom.presentation import PresentationContext
from pynetdicom.sop_class import StorageCommitmentPushModel, StorageCommitmentPushModelInstance, Verification

from pulmoscan.errors import PeerError
from pulmoscan.hospital.configuration import DimseDestination
from pulmoscan.hospital.receiver import Answer, answer_of
from pulmoscan.hospital.tls import client_context

SECONDS = 30.0
"""For a connection, and for each answer."""
PLAIN = [uid.ExplicitVRLittleEndian, uid.ImplicitVRLittleEndian]
REFUSED_FOR_GOOD = ((0xA900, 0xA9FF), (0xC000, 0xCFFF), (0x0122, 0x0122), (0x0106, 0x0106), (0x0117, 0x0117))
"""Status of C-STORE that no repetition will change: data set does not match or is not understood, no such class,
invalid attribute or instance (PS3.4 B.2.3, PS3.7 C)."""


@dataclass(frozen=True)
class Sent:
    """What became of one instance: taken where `error` is empty."""

    uid: str
    error: str = ""
    for_good: bool = False


class DimseArchive:
    """An archive by its configuration.

    Args:
        calling: the AE title that we call by, unless the configuration names another for this archive.
        answered: is told of a commitment that comes over the association that asked for it; most archives call back.
    """

    def __init__(self, settings: DimseDestination, calling: str, answered: Answer) -> None:
        self.settings = settings
        self._calling = settings.calling_ae_title or calling
        self._answered = answered
        pynetdicom_settings.STORE_SEND_CHUNKED_DATASET = True  # what a path names is sent without being parsed

    def echo(self) -> None:
        """Whether it is there and knows us (C-ECHO).

        Raises:
            PeerError: it is not, or does not.
        """
        with self._association([build_context(Verification, PLAIN)]) as association:
            status = association.send_c_echo()
            if not status or status.Status != 0:
                raise PeerError(self._name, "does not answer C-ECHO")

    def send(self, instances: Mapping[str, Path], transaction: str, each: Callable[[Sent, bool], None]) -> None:
        """Send instances over one association, and ask for commitment where it is offered.

        Args:
            instances: DICOM files, by their UIDs.
            transaction: the UID of the commitment that is asked for.
            each: is told of each as soon as it is answered, and whether commitment will be asked for.

        Raises:
            PeerError: there is no association, or it broke; `each` knows what was sent before.
            OSError: a file cannot be read.
        """
        heads = {name: split_dataset(path)[0] for name, path in instances.items()}
        contexts = _contexts({(head.MediaStorageSOPClassUID, head.TransferSyntaxUID) for head in heads.values()})
        if self.settings.commitment:
            contexts.append(build_context(StorageCommitmentPushModel, PLAIN))
        taken: dict[str, str] = {}
        with self._association(contexts) as association:
            offered = {context.abstract_syntax for context in association.accepted_contexts}
            asks = StorageCommitmentPushModel in offered
            for name, head in heads.items():
                sop_class = head.MediaStorageSOPClassUID
                if sop_class not in offered:
                    each(Sent(name, f"{self._name} does not take {uid.UID(sop_class).name}."), asks)
                    continue
                sent = self._store(association, name, instances[name], head)
                each(sent, asks)
                if not sent.error:
                    taken[name] = sop_class
            if asks and taken:
                self._ask(association, taken, transaction)

    def commit(self, instances: Mapping[str, str], transaction: str) -> None:
        """Ask again for commitment of what was sent before: SOP classes by UID.

        Raises:
            PeerError: there is no association.
        """
        with self._association([build_context(StorageCommitmentPushModel, PLAIN)]) as association:
            self._ask(association, instances, transaction)

    @property
    def _name(self) -> str:
        return f"The archive “{self.settings.name}”"

    def _store(self, association: Association, name: str, path: Path, head: Dataset) -> Sent:
        """Send the file as it lies there; where the archive took its class in another encoding only, in that one."""
        as_it_is = any(
            context.abstract_syntax == head.MediaStorageSOPClassUID
            and head.TransferSyntaxUID in context.transfer_syntax
            for context in association.accepted_contexts
        )
        try:
            status = association.send_c_store(path if as_it_is else pydicom.dcmread(path))
        except (RuntimeError, ValueError) as error:
            raise PeerError(self._name, "ended the association") from error
        code = status.get("Status")
        if code is None:
            raise PeerError(self._name, "stopped answering")
        if code == 0 or 0xB000 <= code <= 0xBFFF:  # with a warning, such as that it coerced an element
            return Sent(name)
        comment = f": {status.ErrorComment}" if "ErrorComment" in status else ""
        for_good = any(low <= code <= high for low, high in REFUSED_FOR_GOOD)
        return Sent(name, f"{self._name} refused it with status {code:04X}{comment}.", for_good)

    def _ask(self, association: Association, instances: Mapping[str, str], transaction: str) -> None:
        """N-ACTION of the storage commitment push model (PS3.4 J.3.2). Where it fails, it will be asked again."""
        request = Dataset()
        request.TransactionUID = transaction
        request.ReferencedSOPSequence = [_reference(name, sop_class) for name, sop_class in instances.items()]
        with suppress(RuntimeError, ValueError):
            association.send_n_action(request, 1, StorageCommitmentPushModel, StorageCommitmentPushModelInstance)

    @contextmanager
    def _association(self, contexts: list[PresentationContext]) -> Iterator[Association]:
        entity = AE(ae_title=self._calling)
        entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = entity.connection_timeout = SECONDS
        entity.requested_contexts = contexts

        def report(event: evt.Event) -> tuple[int, None]:
            answer_of(event, self._answered)
            return 0, None

        tls = self.settings.tls
        association = entity.associate(
            self.settings.host,
            self.settings.port,
            ae_title=self.settings.ae_title,
            evt_handlers=[(evt.EVT_N_EVENT_REPORT, report)],
            ext_neg=[build_role(StorageCommitmentPushModel, scu_role=True)]
            if any(context.abstract_syntax == StorageCommitmentPushModel for context in contexts)
            else None,
            tls_args=(client_context(tls), self.settings.host) if tls else None,
        )
        if not association.is_established:
            raise PeerError(self._name, f"cannot be reached: {_why(association)}")
        try:
            yield association
        finally:
            if association.is_established:
                association.release()


def _contexts(wanted: Iterable[tuple[uid.UID, uid.UID]]) -> list[PresentationContext]:
    """What is asked for, for SOP classes and encodings: each class in its own encoding and, apart from it, in the plain
    ones. An archive takes one encoding of a context, and of several offered together seldom the one that needs no work.
    """
    contexts = []
    for sop_class, own in sorted(wanted):
        contexts += [build_context(sop_class, [own]), build_context(sop_class, [s for s in PLAIN if s != own])]
    return contexts


def _why(association: Association) -> str:
    if association.is_rejected:
        return f"it rejects the association ({association.acceptor.primitive.reason_str.lower()})"
    if association.is_aborted:
        return "nobody listens at its address, or the connection broke"
    return "it accepts nothing of what we send"


def _reference(name: str, sop_class: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = sop_class, name
    return item
