"""The page before a batch's reports: how many were called what, by which model, at which operating point."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone

from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, Frame, Spacer, Table

from pulmoscan import __version__
from pulmoscan.export.pdf import FAINT, FOOT, INK, LABELS, LINE, MARGIN, PLAIN, TEAL, foot, head, paragraph
from pulmoscan.export.words import CALIBRATION, CLEARED_NOTE, LOOKS, population_text, threshold_text
from pulmoscan.screening import Screening

MOST_GROUPS, MOST_REASONS, MOST_SIGNS = 12, 8, 200
"""So many are listed; what is left out is counted."""
SHARES = (0.19, 0.21, 0.33, 0.09, 0.09, 0.09)
"""Of the page's width, of the table's columns."""


@dataclass(frozen=True)
class Summary:
    """What became of many files.

    Attributes:
        screenings: of those that were screened.
        refused, failed: why there is none, of the others; a sentence each, which names nobody where that is asked for.
        duplicates: how many of the screened are files of the same bytes as one before.
    """

    screenings: Sequence[Screening]
    refused: Sequence[str]
    failed: Sequence[str]
    duplicates: int


def draw_summary(summary: Summary, canvas: Canvas, width: float, height: float) -> None:
    """A page, or more where there is much to say; `width` by `height` points."""
    across = width - 2 * MARGIN
    made = datetime.now(timezone.utc).astimezone()
    parts: list[Flowable] = [
        head(f"PulmoScan {__version__}", made, "Pneumonia screening of many chest radiographs", across),
        Spacer(0, 12),
        paragraph("<b>Summary</b>", 15, INK, markup=True),
        Spacer(0, 6),
        _counts(summary, across),
        Spacer(0, 14),
        _groups(summary.screenings, across),
        Spacer(0, 14),
        *_reasons("Refused", summary.refused),
        *_reasons("Failed", summary.failed),
        paragraph(f"{CLEARED_NOTE} {CALIBRATION}", 8, FAINT),
        paragraph("The reports of the radiographs that were screened follow, in the order of the list.", 8, FAINT),
    ]
    while parts:
        frame = Frame(MARGIN, MARGIN + FOOT, across, height - 2 * MARGIN - FOOT, 0, 0, 0, 0)
        frame.addFromList(parts, canvas)
        foot(canvas, width, "Continued on the next page" if parts else "")
        canvas.showPage()


def _counts(summary: Summary, across: float) -> Table:
    positive = sum(s.label == "pneumonia" for s in summary.screenings)
    screened, refused, failed = len(summary.screenings), len(summary.refused), len(summary.failed)
    rows = [
        ("Files", str(screened + refused + failed)),
        (LOOKS["pneumonia"].headline, str(positive)),
        (LOOKS["normal"].headline, str(screened - positive)),
        ("Refused: not screened", str(refused)),
        ("Failed: not read", str(failed)),
    ]
    if warned := sum(bool(s.warnings) for s in summary.screenings):
        rows.append(("Screened with warnings", str(warned)))
    if summary.duplicates:
        rows.append(("Screened twice: files of the same content", str(summary.duplicates)))
    cells = [[paragraph(label, 10, INK), paragraph(f"<b>{count}</b>", 10, INK, markup=True)] for label, count in rows]
    return Table(cells, [across - LABELS, LABELS], style=[*PLAIN, *_ruled(3)])


def _groups(screenings: Sequence[Screening], across: float) -> Table:
    """A row for each model, population and operating point."""
    positives, totals = Counter[tuple[str, str, str]](), Counter[tuple[str, str, str]]()
    for s in screenings:
        group = (s.reading.model.title, population_text(s), threshold_text(s))
        totals[group] += 1
        positives[group] += s.label == "pneumonia"
    heads = ("Model", "Patients", "Threshold", "Screened", "Suspected", "No sign")
    rows = [[paragraph(title, 8, FAINT) for title in heads]]
    for group, total in totals.most_common(MOST_GROUPS):
        numbers = (total, positives[group], total - positives[group])
        texts = (group[0], group[1][:1].upper() + group[1][1:], group[2], *map(str, numbers))
        rows.append([paragraph(text, 9, INK) for text in texts])
    if len(totals) > MOST_GROUPS:
        rows.append([paragraph(f"and {len(totals) - MOST_GROUPS} more", 9, FAINT), *[""] * (len(heads) - 1)])
    style = [*PLAIN, *_ruled(4), ("RIGHTPADDING", (0, 0), (-1, -1), 8)]
    return Table(rows, [share * across for share in SHARES], style=style)


def _reasons(title: str, sentences: Sequence[str]) -> Iterable[Flowable]:
    if not sentences:
        return
    yield paragraph(f"<b>{title}</b>", 10, TEAL, markup=True)
    reasons = Counter(sentences).most_common()
    for reason, count in reasons[:MOST_REASONS]:
        yield paragraph(f"{count} ×  {reason[:MOST_SIGNS]}", 8, INK)
    if left_out := sum(count for _, count in reasons[MOST_REASONS:]):
        yield paragraph(f"and {left_out} for other reasons", 8, FAINT)
    yield Spacer(0, 10)


def _ruled(padding: float) -> list[tuple[object, ...]]:
    return [
        ("LINEBELOW", (0, 0), (-1, -1), 0.6, LINE),
        ("TOPPADDING", (0, 0), (-1, -1), padding),
        ("BOTTOMPADDING", (0, 0), (-1, -1), padding),
    ]
