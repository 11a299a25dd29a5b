"""Runs over whole archives."""

from __future__ import annotations

from pulmoscan.errors.base import PulmoScanError
from pulmoscan.errors.files import RadiographError


class ArchiveRunError(PulmoScanError):
    """A run over an archive that cannot begin or go on."""


class ClusterPackageMissing(ArchiveRunError):
    def __init__(self, package: str) -> None:
        super().__init__(
            f"This needs the package {package}, which is not installed. Install it with `python -m pip install "
            f'"{package}"`, in the environment that runs PulmoScan, or all that archives can use with '
            "`pip install -r requirements-cluster.txt`."
        )


class PlaceRefused(ArchiveRunError):
    def __init__(self, place: str, why: str) -> None:
        super().__init__(f"The place {place} is not used. {why}")


class SourceNotListed(ArchiveRunError):
    def __init__(self, source: str, why: str) -> None:
        super().__init__(
            f"The source {source} cannot be listed: {why}. Give a folder, a zip or tar file, a URL of one, or a CSV or "
            "Parquet file with a column path."
        )


class OtherRun(ArchiveRunError):
    def __init__(self, out: str, what: str) -> None:
        super().__init__(
            f"{out} holds a run that was begun otherwise: {what}. Go on with it as it was begun, or name another --out."
        )


class NotARun(ArchiveRunError):
    def __init__(self, out: str, why: str) -> None:
        super().__init__(f"{out} holds no run of `archive` that can be read ({why}). Give the --out of one.")


class OutNotWritable(ArchiveRunError):
    def __init__(self, out: str, why: str) -> None:
        super().__init__(
            f"Nothing can be written to {out} ({why}). Free space there, or mend the permissions; the same command "
            "then goes on where it stopped."
        )


class WorkersFail(ArchiveRunError):
    def __init__(self, why: str) -> None:
        super().__init__(
            f"The workers cannot work: {why}. What is done is kept; the same command goes on once that is mended."
        )


class MemberGone(RadiographError):
    def __init__(self) -> None:
        super().__init__("It is no longer in its zip or tar file. List the source anew, for another --out.")


class ReadingEndsWorkers(RadiographError):
    """A file that ended two processes, each of which was reading it alone."""

    def __init__(self) -> None:
        super().__init__(
            "Its reading crashed, or took too much time or memory, twice, with nothing beside it. Export it anew from "
            "the viewer, as DICOM or PNG."
        )
