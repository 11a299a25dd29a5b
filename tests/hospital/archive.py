"""An archive made for tests: keeps what it is sent, answers as it is told, and offers storage commitment."""

from __future__ import annotations

import ssl
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import ComprehensiveSRStorage, SecondaryCaptureImageStorage, SegmentationStorage
from pynetdicom import AE, DEFAULT_TRANSFER_SYNTAXES, build_role, evt
from pynetdicom.sop_class import StorageCommitmentPushModel, StorageCommitmentPushModelInstance, Verification


class TestArchive:
    """Listens from its making to `stop`.

    Attributes:
        came: how often each SOP instance was taken.
        associations: those that brought something; one that asks for commitment again on a busy machine does not.
        datasets: what was taken last, by SOP instance.
        status: answers each C-STORE, given how many came before it.
        knows: of a commitment that is asked for, whether an instance is kept.
    """

    __test__ = False

    def __init__(
        self,
        port: int = 0,
        node_port: int = 0,
        context: ssl.SSLContext | None = None,
        syntaxes: Sequence[str] = DEFAULT_TRANSFER_SYNTAXES,
    ) -> None:
        self.datasets: dict[str, Dataset] = {}
        self.came: Counter[str] = Counter()
        self.associations: set[int] = set()
        self.status: Callable[[int], int] = lambda _: 0
        self.knows: Callable[[str], bool] = lambda uid: uid in self.came
        self._node_port = node_port
        entity = AE(ae_title="ARCHIVE")
        for sop_class in (Verification, ComprehensiveSRStorage, SecondaryCaptureImageStorage, SegmentationStorage):
            entity.add_supported_context(sop_class, list(syntaxes))
        if node_port:
            entity.add_supported_context(StorageCommitmentPushModel, scu_role=True, scp_role=False)
        handlers = [
            (evt.EVT_C_STORE, self._store),
            (evt.EVT_N_ACTION, self._commit),
        ]
        self._server: Any = entity.start_server(
            ("127.0.0.1", port), block=False, evt_handlers=handlers, ssl_context=context
        )
        self.port = int(self._server.socket.getsockname()[1])

    def stop(self) -> None:
        self._server.shutdown()

    def destination(self, **more: Any) -> dict[str, Any]:
        """It, in the node's configuration."""
        return {
            "kind": "dimse", "name": "archive", "ae_title": "ARCHIVE", "host": "127.0.0.1", "port": self.port,
            "retry_seconds": 0.1, "commitment_seconds": 0.5, **more,
        }  # fmt: skip

    def _store(self, event: Any) -> int:
        self.associations.add(id(event.assoc))
        status = self.status(self.came.total())
        if status == 0:
            self.came[str(event.request.AffectedSOPInstanceUID)] += 1
            self.datasets[str(event.request.AffectedSOPInstanceUID)] = event.dataset
        return status

    def _commit(self, event: Any) -> tuple[int, None]:
        asked = event.action_information
        answer = Dataset()
        answer.TransactionUID = asked.TransactionUID
        kept = [item for item in asked.ReferencedSOPSequence if self.knows(item.ReferencedSOPInstanceUID)]
        lost = [item for item in asked.ReferencedSOPSequence if item not in kept]
        for item in lost:
            item.FailureReason = 0x0112
        if kept:
            answer.ReferencedSOPSequence = kept
        if lost:
            answer.FailedSOPSequence = lost

        def call_back() -> None:
            entity = AE(ae_title="ARCHIVE")
            entity.add_requested_context(StorageCommitmentPushModel)
            role = build_role(StorageCommitmentPushModel, scp_role=True)
            association = entity.associate("127.0.0.1", self._node_port, ae_title="PULMOSCAN", ext_neg=[role])
            if association.is_established:
                with suppress(RuntimeError, ValueError):
                    association.send_n_event_report(
                        answer, 2 if lost else 1, StorageCommitmentPushModel, StorageCommitmentPushModelInstance
                    )
                association.release()

        import threading

        threading.Thread(target=call_back, daemon=True).start()
        return 0, None
