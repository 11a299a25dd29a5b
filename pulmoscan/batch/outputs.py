"""What is written for each outcome of a run: heatmaps, overlays and reports, under one name, after the one rule.

See `pulmoscan.export.files`: no run replaces what is there, and what is on disk matches the recorded results.
"""

from __future__ import annotations

import io
import itertools
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

from pulmoscan.batch.outcomes import Outcome
from pulmoscan.errors.traces import log_unforeseen
from pulmoscan.export.caption import marked
from pulmoscan.export.content import Report
from pulmoscan.export.files import OutputFolder, key_of, stem_of
from pulmoscan.export.formats import FORMATS, FormatName, png_file, write_report
from pulmoscan.export.words import OPACITY
from pulmoscan.models import gradcam

MAP, OVERLAY = ".npy", ".png"

logger = logging.getLogger(__name__)


@dataclass(eq=False)
class Outputs:
    """Writes what a run was asked for.

    Attributes:
        maps: folder of the heatmaps, `NAME.npy`: float32 [H, W] in [0, 1] at the radiograph's size.
        overlays: folder of the overlays at that size, `NAME.png`.
        reports: folder of the reports.
        formats: of the reports.
        results: device and inode of the file that the results are written to, where they are.
    """

    maps: Path | None = None
    overlays: Path | None = None
    reports: Path | None = None
    formats: Sequence[FormatName] = ()
    anonymous: bool = False
    results: tuple[int, int] | None = None
    _folders: dict[Path, OutputFolder] = field(default_factory=dict)
    _numbers: dict[str, int] = field(default_factory=dict)  # that the next file of a name may get

    def __post_init__(self) -> None:
        endings: dict[Path, tuple[list[str], str]] = {}
        for folder, kinds, option in (
            (self.maps, [MAP], "--maps"),
            (self.overlays, [OVERLAY], "--overlays"),
            (self.reports if self.formats else None, [f.ending for f in FORMATS.values()], "--out"),
        ):
            if folder is not None:
                endings.setdefault(folder.resolve(), ([], option))[0].extend(kinds)
        for folder, (kinds, option) in endings.items():
            self._folders[folder] = OutputFolder(folder, kinds, option)

    def take_back(self, is_recorded: Callable[[str], bool], results: tuple[int, int] | None) -> None:
        """Remove what a killed run has written and not recorded; see `OutputFolder.take_back`."""
        for folder in self._folders.values():
            folder.take_back(is_recorded, results)

    def write(self, outcome: Outcome) -> Outcome:
        """Write all of one outcome; what cannot be written makes it an error that says so.

        The files count as unrecorded until `settle` is called.

        Raises:
            FolderNotWritable: nothing can be written any more, whatever the file.
        """
        if not self._folders or outcome.screening is None or outcome.radiograph is None:
            return outcome
        made: dict[Path, dict[str, bytes]] = {}
        failures = []
        for folder, ending, what, make in self._parts(outcome):
            try:
                made.setdefault(folder, {})[ending] = make()
            except Exception as error:  # MemoryError and RecursionError are among them
                log_unforeseen(logger, f"while making the {what}", error)
                failures.append(f"its {what} could not be made ({type(error).__name__})")
        try:
            self._publish(stem_of(outcome.file), {f: files for f, files in made.items() if files}, outcome.file)
        except OSError as error:
            failures.append(f"its files could not be written ({error.strerror or type(error).__name__})")
        if failures:
            return replace(outcome, status="error", reason=f"It was screened, but {' and '.join(failures)}.")
        return self._with_warnings(outcome)

    def settle(self) -> None:
        """The outcome that was written last is recorded."""
        for folder in self._folders.values():
            folder.settle()

    def close(self) -> None:
        """At the end of a run, however it ends."""
        for folder in self._folders.values():
            folder.close()

    def _parts(self, outcome: Outcome) -> Iterator[tuple[Path, str, str, Callable[[], bytes]]]:
        """Folder, ending, what it is and how it is made."""
        radiograph, screening = outcome.radiograph, outcome.screening
        if radiograph is None or screening is None:
            return
        report = Report(radiograph, screening, self.anonymous)
        if self.maps:
            yield self.maps.resolve(), MAP, "heatmap", partial(_npy, report)
        if self.overlays:
            yield self.overlays.resolve(), OVERLAY, "overlay", partial(_overlay, report)
        if self.reports:
            for name in self.formats:
                kind = FORMATS[name]
                yield self.reports.resolve(), kind.ending, kind.title, partial(write_report, report, name)

    def _with_warnings(self, outcome: Outcome) -> Outcome:
        """What its DICOM reports had to leave empty, the results say too."""
        if outcome.radiograph is None or outcome.screening is None:
            return outcome
        if not (self.reports and any(FORMATS[name].mime == "application/dicom" for name in self.formats)):
            return outcome
        left_empty = Report(outcome.radiograph, outcome.screening, self.anonymous).left_empty
        screening = replace(outcome.screening, warnings=(*outcome.screening.warnings, *left_empty))
        return replace(outcome, screening=screening)

    def _publish(self, stem: str, made: dict[Path, dict[str, bytes]], owner: str) -> None:
        """All under one name that is free in every folder: `NAME`, else `NAME-2` and so on."""
        folders = list(self._folders.values())
        stem = min((folder.shortened(stem) for folder in folders), key=len)
        for number in itertools.count(self._numbers.get(key_of(stem), 1)):
            self._numbers[key_of(stem)] = number + 1
            name = stem if number == 1 else f"{stem}-{number}"
            if not all(folder.is_free(name) for folder in folders):
                continue
            try:
                for path, files in made.items():
                    self._folders[path].publish(name, files, owner, self.results)
            except BaseException as error:
                for folder in folders:
                    folder.withdraw()
                if not isinstance(error, FileExistsError):
                    raise
            else:
                return


def _npy(report: Report) -> bytes:
    stream = io.BytesIO()
    np.save(stream, report.screening.reading.heatmap())
    return stream.getvalue()


def _overlay(report: Report) -> bytes:
    """At the radiograph's own size, with nothing beside it, for programs; its text chunks say what it is."""
    heat = report.screening.reading.heatmap()
    return png_file(marked(gradcam.overlay(report.radiograph.pixels, heat, OPACITY), report.mark), report)
