"""The acceptance report as PDF, for the file of who has to sign it."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from reportlab.lib.colors import HexColor
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, Image, KeepTogether, PageBreak, SimpleDocTemplate, Spacer, Table

from pulmoscan import DISCLAIMER, __version__
from pulmoscan.export.pdf import FAINT, INK, LINE, MARGIN, TEAL, foot, paragraph, register_fonts
from pulmoscan.population import GROUPS
from pulmoscan.site import words
from pulmoscan.site.acceptance import Acceptance
from pulmoscan.site.charts import sheet
from pulmoscan.site.subgroups import FEWEST

PICTURES_A_ROW = 4
MOST_LISTED = 60
"""Of misses, false alarms, unread files and faults each; the JSON has all."""
WIDTH = A4[0] - 2 * MARGIN
PADDING = 6  # that ReportLab's template has within its margins
GOOD, OPEN, BAD = (HexColor(c) for c in ("#1b7f5c", "#8a6d1a", "#b3261e"))
COLOURS = {"met": GOOD, "not shown": OPEN, "missed": BAD}
Row = Sequence[str]


def report_pdf(acceptance: Acceptance, pictures: Mapping[str, bytes] = MappingProxyType({})) -> bytes:
    """All of it; long lists of files are cut, and say so.

    Args:
        pictures: of misses and false alarms, as `pictures.of_errors` gives them.
    """
    register_fonts()
    file = io.BytesIO()
    document = SimpleDocTemplate(
        file,
        pagesize=A4,
        leftMargin=MARGIN - PADDING,
        rightMargin=MARGIN - PADDING,
        topMargin=MARGIN,
        bottomMargin=MARGIN + 40,
    )
    document.title, document.subject = "PulmoScan: acceptance test", DISCLAIMER
    document.author = document.creator = f"PulmoScan {__version__}"
    document.build(list(_story(acceptance, pictures)), onFirstPage=_page, onLaterPages=_page)
    return file.getvalue()


def _page(canvas: Canvas, document: SimpleDocTemplate) -> None:
    foot(canvas, A4[0], f"Page {document.page}")


def _story(a: Acceptance, pictures: Mapping[str, bytes]) -> Iterable[Flowable]:
    yield from _head(a)
    yield from _verdict(a)
    yield from _section("What was tested", [("Radiographs", words.taken_text(a)), *_made_with(a)])
    yield from _section("Figures at the operating points", [*_confusion(a), *words.figure_rows(a)])
    yield paragraph(words.METHODS, 7.5, FAINT)
    yield PageBreak()
    yield Image(io.BytesIO(sheet(a)), WIDTH, WIDTH * 9.6 / 10)
    for here in a.triage:
        yield from _section(f"Triage in three ways: {GROUPS[here.population]}", words.triage_rows(here))
    yield from _section(
        "Calibration and how many cases",
        [("Recalibration", words.recalibration_text(a)), ("Sample size", " ".join(words.sample_size_text(a)))],
    )
    if a.shifts:
        yield from _section("Scores here against validation", words.shift_rows(a))
    if a.parity:
        yield from _section(words.parity_title(a.parity), words.parity_rows(a.parity))
        for title, files in zip(words.flip_titles(a.parity), a.parity.flips, strict=True):
            yield from _files(title, [(a.shown(f), "") for f in files])
    if a.subgroups:
        yield from _subgroups(a)
    for title, wrong in (
        ("Missed pneumonias, the least suspected first", a.misses),
        ("False alarms, the most suspected first", a.false_alarms),
    ):
        yield from _files(title, [(a.shown(f), f"{p:.3f}") for f, p in wrong])
        yield from _pictures([(a.shown(f), p, pictures[f]) for f, p in wrong if f in pictures])
    yield from _files(
        "Refused and failed files",
        [(a.shown(f), "refused" if s == "refused" else "failed", why) for f, s, why in a.unread],
    )
    yield from _files("Rows of the table that were left out", [(f"row {f.row}", f.message) for f in a.faults])


def _head(a: Acceptance) -> list[Flowable]:
    made = a.created.strftime("%d %B %Y, %H:%M %Z").lstrip("0")
    left = [paragraph("<b>PulmoScan</b>", 17, TEAL, markup=True), paragraph("Acceptance test of a site", 9, FAINT)]
    right = [paragraph(f"Report of {made}", 9, INK), paragraph(f"PulmoScan {__version__}, {a.run.precision}", 8, FAINT)]
    style = [("LINEBELOW", (0, 0), (-1, -1), 1.4, TEAL), ("BOTTOMPADDING", (0, 0), (-1, -1), 5), *_PLAIN]
    return [Table([[left, right]], [WIDTH * 0.6, WIDTH * 0.4], style=style), Spacer(0, 10)]


def _verdict(a: Acceptance) -> list[Flowable]:
    colour = INK if a.accepted is None else GOOD if a.accepted else BAD
    parts: list[Flowable] = [paragraph(f"<b>{a.verdict}</b>", 13, colour, markup=True), Spacer(0, 4)]
    for verdict in a.verdicts:
        parts += [paragraph(verdict.sentence, 9, COLOURS[verdict.state]), Spacer(0, 2)]
    return [*parts, Spacer(0, 8)]


def _made_with(a: Acceptance) -> list[Row]:
    stated = "the site's, as stated" if a.asked.prevalence is not None else "the share in this set"
    return [
        ("Model", f"{a.title}, weights SHA-256 {a.run.weights_sha256}"),
        ("Precision", a.run.precision),
        ("Site profile", a.run.site or "none"),
        ("Operating points", words.points_text(a)),
        ("Prevalence", f"{100 * a.prevalence:.1f} % ({stated})"),
        ("Table of labels", f"SHA-256 {a.run.labels_sha256}"),
    ]


def _confusion(a: Acceptance) -> list[Row]:
    c = a.confusion
    return [
        (
            "Confusion matrix",
            f"{c.true_positives:,} found, {c.false_negatives:,} missed; {c.true_negatives:,} cleared, "
            f"{c.false_positives:,} false alarms",
        )
    ]


def _subgroups(a: Acceptance) -> Iterable[Flowable]:
    yield _title(f"Subgroups (no claim below {FEWEST} of a class)")
    head = ("", "with / without", "sensitivity", "specificity", "AUC")
    rows = [
        (
            f"{g.by}: {g.name}",
            f"{g.pneumonia:,} / {g.normal:,}",
            g.sensitivity.percent if g.sensitivity.n else "no claim",
            g.specificity.percent if g.specificity.n else "no claim",
            g.auc.decimal if g.auc.n else "no claim",
        )
        for g in a.subgroups
    ]
    widths = [WIDTH * share for share in (0.22, 0.13, 0.23, 0.23, 0.19)]
    yield _table([head, *rows], widths, heading=True)
    yield paragraph(
        "Many parts are looked at: one of twenty lies outside its interval by chance alone, and different parts hold "
        "different patients.",
        7.5,
        FAINT,
    )


def _section(title: str, rows: Sequence[Row]) -> list[Flowable]:
    return [KeepTogether([_title(title), _table(rows, [WIDTH * 0.3, WIDTH * 0.7])])]


def _files(title: str, rows: Sequence[Row]) -> list[Flowable]:
    if not rows:
        return []
    cut = f" (the first {MOST_LISTED}; the JSON file has all)" if len(rows) > MOST_LISTED else ""
    shares = (0.5, 0.1, 0.4) if len(rows[0]) > 2 else (0.6, 0.4)
    return [
        _title(f"{title}: {len(rows):,}{cut}"),
        _table(rows[:MOST_LISTED], [WIDTH * share for share in shares]),
    ]


def _pictures(shown: Sequence[tuple[str, float, bytes]]) -> Iterable[Flowable]:
    """Rows of radiographs with name and probability below each; a row never breaks between pages."""
    side = WIDTH / PICTURES_A_ROW - PADDING
    cells = [
        [Image(io.BytesIO(jpeg), side, side, kind="proportional"), paragraph(f"{name[-60:]}, {p:.3f}", 7, FAINT)]
        for name, p, jpeg in shown
    ]
    for begin in range(0, len(cells), PICTURES_A_ROW):
        row = cells[begin : begin + PICTURES_A_ROW]
        row += [[]] * (PICTURES_A_ROW - len(row))
        yield Table(
            [row], [WIDTH / PICTURES_A_ROW] * PICTURES_A_ROW, style=[*_PLAIN, ("TOPPADDING", (0, 0), (-1, -1), 5)]
        )


def _title(words_: str) -> Flowable:
    return Table(
        [[paragraph(f"<b>{words_}</b>", 10.5, TEAL, markup=True)]],
        [WIDTH],
        style=[*_PLAIN, ("TOPPADDING", (0, 0), (-1, -1), 9)],
    )


_PLAIN: list[tuple[Any, ...]] = [
    ("VALIGN", (0, 0), (-1, -1), "TOP"),
    ("LEFTPADDING", (0, 0), (-1, -1), 0),
    ("RIGHTPADDING", (0, 0), (-1, -1), 6),
]


def _table(rows: Sequence[Row], widths: Sequence[float], heading: bool = False) -> Table:
    cells = [
        [
            paragraph(text, 8, FAINT if column == 0 or (heading and number == 0) else INK)
            for column, text in enumerate(row)
        ]
        for number, row in enumerate(rows)
    ]
    style = [
        *_PLAIN,
        ("LINEBELOW", (0, 0), (-1, -1), 0.4, LINE),
        ("TOPPADDING", (0, 0), (-1, -1), 2),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 3),
    ]
    return Table(cells, list(widths), style=style, repeatRows=1 if heading else 0)
