"""What the node asks of servers over DICOMweb: STOW-RS, QIDO-RS, WADO-RS (PS3.18)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pydicom
import requests
from dicomweb_client.api import DICOMwebClient
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError

from pulmoscan.errors import PeerError
from pulmoscan.hospital.configuration import Web, WebSource
from pulmoscan.hospital.dimse import Sent

SECONDS = (10.0, 60.0)
"""For a connection, and for each answer."""
STUDY, SERIES, INSTANCE, MODALITY = "0020000D", "0020000E", "00080018", "00080060"


class WebServer:
    """A DICOMweb server by its configuration."""

    def __init__(self, settings: Web) -> None:
        self.settings = settings

    def echo(self) -> None:
        """Whether it is there and lets us in: it is asked for one study.

        Raises:
            PeerError: it is not, or does not.
        """
        self._ask(lambda client: client.search_for_studies(limit=1))

    def send(self, instances: Mapping[str, Path], transaction: str, each: Callable[[Sent, bool], None]) -> None:  # noqa: ARG002
        """Store instances in one request; as `DimseArchive.send`. STOW-RS knows no commitment.

        Raises:
            PeerError: it cannot be reached, or refuses the request.
            OSError: a file cannot be read.
        """
        datasets = [pydicom.dcmread(path) for path in instances.values()]
        answer: Dataset = self._ask(lambda client: client.store_instances(datasets))
        failed = {
            str(item.ReferencedSOPInstanceUID): int(item.get("FailureReason", 0))
            for item in answer.get("FailedSOPSequence") or ()
        }
        for name in instances:
            if name in failed:
                # PS3.18 10.5.3: A7xx is out of resources; the others will not change.
                for_good = not 0xA700 <= failed[name] <= 0xA7FF
                each(Sent(name, f"{self._name} refused it with status {failed[name]:04X}.", for_good), False)
            else:
                each(Sent(name), False)

    def _ask(self, question: Callable[[DICOMwebClient], Any]) -> Any:
        try:
            return question(self._client())
        except requests.HTTPError as error:
            code = error.response.status_code if error.response is not None else "?"
            raise PeerError(self._name, f"answers with HTTP status {code}") from error
        except InvalidDicomError as error:
            raise PeerError(self._name, "gives something that is no DICOM file") from error
        except requests.RequestException as error:
            raise PeerError(self._name, f"cannot be reached ({type(error).__name__})") from error
        except OSError as error:
            raise PeerError(
                self._name, f"cannot be asked: its token or password cannot be read ({error.strerror})"
            ) from error

    def _client(self) -> DICOMwebClient:
        session = requests.Session()
        session.trust_env = False  # no proxy and no .netrc that the configuration does not name
        if self.settings.authorities:
            session.verify = str(self.settings.authorities)
        if self.settings.token_file:
            session.headers["Authorization"] = f"Bearer {self.settings.token_file.read_text().strip()}"
        elif self.settings.user and self.settings.password_file:
            session.auth = (self.settings.user, self.settings.password_file.read_text().strip())
        return DICOMwebClient(self.settings.url, session=session, timeout=SECONDS)

    @property
    def _name(self) -> str:
        return f"The server “{self.settings.name}”"


class Source(WebServer):
    """A server that is asked for new studies."""

    settings: WebSource

    def instances(self, today: date) -> Iterator[tuple[str, str, str]]:
        """UIDs of study, series and instance of all radiographs of the last days.

        Raises:
            PeerError: it cannot be reached.
        """
        span = f"{today - timedelta(days=self.settings.days):%Y%m%d}-{today:%Y%m%d}"
        for modality in self.settings.modalities:
            filters = {"StudyDate": span, "Modality": modality}
            for series in self._ask(partial(_search, "search_for_series", search_filters=filters)):
                study, number = _value(series, STUDY), _value(series, SERIES)
                asked = partial(_search, "search_for_instances", study_instance_uid=study, series_instance_uid=number)
                for instance in self._ask(asked):
                    yield study, number, _value(instance, INSTANCE)

    def fetch(self, study: str, series: str, instance: str) -> Dataset:
        """One instance, in the transfer syntax that it is stored in.

        Raises:
            PeerError: it cannot be had.
        """
        found: Dataset = self._ask(
            lambda client: client.retrieve_instance(study, series, instance, media_types=(("application/dicom", "*"),))
        )
        return found


def _search(what: str, client: DICOMwebClient, **options: Any) -> Any:
    return getattr(client, what)(get_remaining=True, **options)


def _value(item: Mapping[str, Any], tag: str) -> str:
    return str((item.get(tag) or {}).get("Value", [""])[0])
