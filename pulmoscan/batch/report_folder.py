"""Reports as files in a folder, for the command line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pulmoscan.batch.outcomes import Outcome, UniqueNames
from pulmoscan.errors import PulmoScanError
from pulmoscan.export.content import Report
from pulmoscan.export.formats import FORMATS, FormatName, write_report


class FolderNotWritable(PulmoScanError):
    def __init__(self, path: object, why: str | None) -> None:
        super().__init__(f"{path} cannot be written ({why}). Choose another folder with --out.")


class ReportFolder:
    """Writes the reports of outcomes into a folder, each under a name of its own."""

    def __init__(self, folder: Path, formats: Sequence[FormatName], anonymous: bool = False) -> None:
        self.folder = folder
        self.formats = formats
        self.anonymous = anonymous
        self._names = UniqueNames()
        if formats:
            try:
                folder.mkdir(parents=True, exist_ok=True)
            except OSError as error:
                raise FolderNotWritable(folder, error.strerror) from error

    def write(self, outcome: Outcome) -> None:
        """All formats of one outcome; nothing for a file that was refused or failed."""
        if not self.formats or outcome.screening is None or outcome.radiograph is None:
            return
        report = Report(outcome.radiograph, outcome.screening, self.anonymous)
        stem = self._names.take(report.stem)
        for name in self.formats:
            path = self.folder / f"{stem}{FORMATS[name].ending}"
            try:
                path.write_bytes(write_report(report, name))
            except OSError as error:
                raise FolderNotWritable(path, error.strerror) from error
