"""A PDF of a screening, for a hospital's record: one page, unless it has much to warn of."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from functools import cache
from typing import IO, Any
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from reportlab.lib.colors import Color, HexColor, white
from reportlab.lib.enums import TA_CENTER, TA_LEFT, TA_RIGHT
from reportlab.lib.pagesizes import A4, LETTER
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Flowable, Frame, Paragraph, Spacer, Table

from pulmoscan import DISCLAIMER
from pulmoscan.export.content import PageSize, Report, font_file
from pulmoscan.export.evidence import Measured
from pulmoscan.export.meaning import meaning
from pulmoscan.export.words import CALIBRATION, CAPTION, CLEARED_NOTE, LOOKS, NUMBER, probability_text
from pulmoscan.reading.dicom.facts import FRONTAL, age_text
from pulmoscan.statistics.metrics import Estimate

PAGE_SIZES: dict[PageSize, tuple[float, float]] = {"A4": A4, "Letter": LETTER}

INK, FAINT, LINE, TEAL, PALE = (HexColor(c) for c in ("#16262e", "#5b6b73", "#d5dee2", "#0b4d5e", "#e8f3f6"))
MARGIN = 42.0  # points, 1/72 inch, as all lengths here
FOOT = 44.0
GAP = 14.0
LABELS = 110.0
SMALLEST_PICTURE = 250.0
"""So high pictures stay, however much is to be said: what finds no room below them goes on to another page."""

JPEG_QUALITY = 92
NOT_KNOWN = "not given"
MOST_SIGNS = 80
PLAIN: list[tuple[Any, ...]] = [
    ("VALIGN", (0, 0), (-1, -1), "TOP"),
    *((f"{side}PADDING", (0, 0), (-1, -1), 0) for side in ("LEFT", "RIGHT", "TOP", "BOTTOM")),
]


def pdf(report: Report, page: PageSize = "A4") -> bytes:
    """The report as a PDF file: one page, and more where its warnings need them."""
    file = io.BytesIO()
    for _ in write_pages([report], file, page):
        pass
    return file.getvalue()


def write_pages(
    reports: Iterable[Report],
    target: IO[bytes],
    page: PageSize = "A4",
    cover: Callable[[Canvas, float, float], None] | None = None,
) -> Iterator[Report]:
    """Write one PDF that begins a page for each report; gives each report as it is drawn. The end writes the file.

    Args:
        cover: draws what comes before, pages of this width and height in points.
    """
    register_fonts()
    canvas = Canvas(target, pagesize=PAGE_SIZES[page], pageCompression=1, invariant=False)
    canvas.setTitle("PulmoScan: screening of a chest radiograph")
    canvas.setSubject(DISCLAIMER)
    if cover:
        cover(canvas, *PAGE_SIZES[page])
    for report in reports:
        canvas.setAuthor(report.software)
        canvas.setCreator(report.software)
        _draw(canvas, report, *PAGE_SIZES[page])
        yield report
    canvas.save()


@cache
def register_fonts() -> None:
    """Make the report's font known to ReportLab."""
    for name, file in (("Sans", "DejaVuSans"), ("Sans-Bold", "DejaVuSans-Bold")):
        pdfmetrics.registerFont(TTFont(name, str(font_file(file))))
    pdfmetrics.registerFontFamily("Sans", normal="Sans", bold="Sans-Bold", italic="Sans", boldItalic="Sans-Bold")


def _draw(canvas: Canvas, report: Report, width: float, height: float) -> None:
    """The pages of one report; each names the patient."""
    across, down = width - 2 * MARGIN, height - 2 * MARGIN - FOOT
    title = head(report.software, report.created, "Pneumonia screening of a chest radiograph", across)
    top = [title, Spacer(0, 8), _patient(report, across), Spacer(0, 8)]
    body, warnings = [_Decision(report), *_below_decision(report)], _warnings(report, across)
    details = [_details(report, across), Spacer(0, 6)]
    room = down - sum(_height(part, across) for part in (*top, *body, *details, *warnings))
    rest: list[Flowable] = [*body, _Pictures(report, across, max(SMALLEST_PICTURE, room)), *details, *warnings]
    first = True
    while rest:
        frame = Frame(MARGIN, MARGIN + FOOT, across, down, 0, 0, 0, 0)
        frame.addFromList(list(top), canvas)
        if not first:
            frame.add(paragraph("Continued from the page before", 8, FAINT), canvas)
        before = len(rest)
        frame.addFromList(rest, canvas)
        if len(rest) == before:
            raise ValueError("a part of the report is higher than a page")
        foot(canvas, width, "Continued on the next page" if rest else "")
        canvas.showPage()
        first = False


def _height(part: Flowable, across: float) -> float:
    return float(part.wrap(across, 10_000)[1]) + float(part.getSpaceBefore()) + float(part.getSpaceAfter())


def head(software: str, made: datetime, about: str, across: float) -> Flowable:
    """Over a page `across` points wide: the program, what the page is about, when it was made and by what."""
    when = made.strftime("%d %B %Y, %H:%M %Z").lstrip("0")
    left = [paragraph("<b>PulmoScan</b>", 17, TEAL, markup=True), paragraph(about, 9, FAINT)]
    right = [paragraph(f"Report of {when}", 9, INK, TA_RIGHT), paragraph(software, 8, FAINT, TA_RIGHT)]
    style = [*PLAIN, ("LINEBELOW", (0, 0), (-1, -1), 1.4, TEAL), ("BOTTOMPADDING", (0, 0), (-1, -1), 5)]
    return Table([[left, right]], [across * 0.55, across * 0.45], style=style)


def _patient(report: Report, across: float) -> Flowable:
    cells = [
        [paragraph(label, 7, FAINT), paragraph(_shortened(value), 9, INK)] for label, value in _patient_cells(report)
    ]
    rows = [[*cells[n : n + 4], *[""] * (4 - len(cells[n : n + 4]))] for n in range(0, len(cells), 4)]
    style = [*PLAIN, ("RIGHTPADDING", (0, 0), (-1, -1), 8), ("BOTTOMPADDING", (0, 0), (-1, -1), 5)]
    return Table(rows, [across / 4] * 4, style=style)


class _Decision(Flowable):
    """The decision in its colour, and the number on a scale with the threshold."""

    def __init__(self, report: Report) -> None:
        super().__init__()
        self._report = report
        self._look = LOOKS[report.screening.label]
        self.spaceAfter = 8

    def wrap(self, across: float, _: float) -> tuple[float, float]:
        report = self._report
        number = probability_text(report.screening.reading.probability)
        said = f"{NUMBER} {number}, {self._look.relation} the threshold of {report.threshold_text}"
        self._parts = [paragraph(f"<b>{report.headline}</b>", 15, HexColor(self._look.strong), markup=True)]
        self._parts.append(paragraph(said, 9, INK))
        self._heights = [float(part.wrap(across - 32, 400)[1]) for part in self._parts]
        self.width, self.height = across, sum(self._heights) + 46
        return self.width, self.height

    def draw(self) -> None:
        self.canv.setFillColor(HexColor(self._look.weak))
        self.canv.roundRect(0, 0, self.width, self.height, 6, stroke=0, fill=1)
        self.canv.setFillColor(HexColor(self._look.strong))
        self.canv.rect(0, 0, 4, self.height, stroke=0, fill=1)
        y = self.height - 7
        for part, height in zip(self._parts, self._heights, strict=True):
            y -= height
            part.drawOn(self.canv, 16, y)
        self._scale(16, 20, self.width - 32)

    def _scale(self, x: float, y: float, width: float) -> None:
        outcome = self._report.screening
        threshold, probability = outcome.threshold, outcome.reading.probability
        for start, end, look in ((0.0, threshold, LOOKS["normal"]), (threshold, 1.0, LOOKS["pneumonia"])):
            self.canv.setFillColor(HexColor(look.side))
            self.canv.rect(x + width * start, y, width * (end - start), 8, stroke=0, fill=1)
        self.canv.setStrokeColor(INK)
        self.canv.setLineWidth(1.2)
        self.canv.line(x + width * threshold, y - 3, x + width * threshold, y + 11)
        self.canv.setFillColor(INK)
        self.canv.setStrokeColor(white)
        self.canv.setLineWidth(1.6)
        self.canv.circle(x + width * probability, y + 4, 5.5, stroke=1, fill=1)
        self.canv.setFillColor(FAINT)
        self.canv.setFont("Sans", 7)
        self.canv.drawString(x, y - 12, "0")
        self.canv.drawCentredString(x + width / 2, y - 12, "0.5")
        self.canv.drawRightString(x + width, y - 12, "1")


def _below_decision(report: Report) -> list[Flowable]:
    return [] if report.screening.label == "pneumonia" else [paragraph(CLEARED_NOTE, 8, FAINT), Spacer(0, 6)]


class _Pictures(Flowable):
    """The radiograph and its overlay at one scale, side by side, in the given height with their titles and caption."""

    TITLE, CAPTION = 14.0, 18.0

    def __init__(self, report: Report, across: float, room: float) -> None:
        super().__init__()
        self._report = report
        height, width = report.picture.shape
        self._half = (across - GAP) / 2
        scale = min(self._half / width, (room - self.TITLE - self.CAPTION) / height)
        self._size = width * scale, height * scale
        self.width, self.height = across, self._size[1] + self.TITLE + self.CAPTION

    def wrap(self, *_: float) -> tuple[float, float]:
        return self.width, self.height

    def draw(self) -> None:
        report, (w, h) = self._report, self._size
        grey = (np.clip(report.picture, 0, 1) * 255).astype(np.uint8)
        pictures = ((grey, "Radiograph"), (report.overlay, f"What raised the score ({report.heat_method})"))
        for number, (pixels, title) in enumerate(pictures):
            x = number * (self._half + GAP)
            self.canv.setFillColor(INK)
            self.canv.setFont("Sans-Bold", 8)
            self.canv.drawString(x, self.height - 9, title)
            self.canv.drawImage(_jpeg(pixels), x + (self._half - w) / 2, self.CAPTION, w, h)
        faint = "Hardly anything in the picture raised the score. " if report.screening.reading.is_faint else ""
        self.canv.setFillColor(FAINT)
        self.canv.setFont("Sans", 7.5)
        self.canv.drawString(0, 8, faint + CAPTION)


def _facts(report: Report) -> list[tuple[str, str]]:
    outcome = report.screening
    measured = report.measured
    rows = [
        ("Model", f"{report.spec.title} ({report.spec.role}), weights SHA-256 {report.weights_sha256}"),
        ("Threshold", report.threshold_text),
    ]
    if report.site_text:
        rows.append(("Site profile", report.site_text))
    if report.triage_text:
        rows.append(("Triage", report.triage_text))
    if isinstance(measured, Measured):
        rows += [
            ("Sensitivity there", f"{_spelt(measured.sensitivity)} of {measured.basis}"),
            ("Specificity there", f"{_spelt(measured.specificity)} of {measured.basis}"),
            ("What it means", " ".join((*meaning(measured, report.screening.label), CALIBRATION))),
        ]
    else:
        rows.append(("Figures", measured.reason))
    source = report.radiograph.source
    rows += [
        ("Population", report.population[0].upper() + report.population[1:]),
        ("Lung attention", report.lung_attention_text[0].upper() + report.lung_attention_text[1:]),
        (
            "Picture",
            f"{report.radiograph.width} × {report.radiograph.height} pixels, {source.bits} bits, {source.format}; "
            f"read in {outcome.reading.milliseconds:.0f} ms",
        ),
    ]
    return rows


def _details(report: Report, across: float) -> Flowable:
    rows = [[paragraph(label, 8, FAINT), paragraph(value, 8, INK)] for label, value in _facts(report)]
    style = [
        *PLAIN,
        ("LINEABOVE", (0, 0), (-1, 0), 0.6, LINE),
        ("LINEBELOW", (0, -1), (-1, -1), 0.6, LINE),
        ("TOPPADDING", (0, 0), (-1, 0), 3),
        ("BOTTOMPADDING", (0, 0), (-1, -1), 3.5),
    ]
    return Table(rows, [LABELS, across - LABELS], style=style)


def _warnings(report: Report, across: float) -> list[Flowable]:
    """Each with a bar at its left, in the colour that suspicion has."""
    style = [
        *PLAIN,
        ("LINEBEFORE", (0, 0), (0, -1), 2, HexColor(LOOKS["pneumonia"].strong)),
        ("LEFTPADDING", (0, 0), (-1, -1), 8),
    ]
    rows = [Table([[paragraph(text, 8, INK)]], [across], style=style) for text in report.screening.warnings]
    return [part for row in rows for part in (row, Spacer(0, 3))]


def foot(canvas: Canvas, width: float, note: str) -> None:
    across = width - 2 * MARGIN
    canvas.setFillColor(PALE)
    canvas.roundRect(MARGIN, MARGIN - 8, across, 30, 5, stroke=0, fill=1)
    words = paragraph(f"<b>{DISCLAIMER}</b>", 8.5, TEAL, TA_CENTER, markup=True)
    _, height = words.wrap(across - 16, 60)
    words.drawOn(canvas, MARGIN + 8, MARGIN + 7 - height / 2)
    if note:
        canvas.setFillColor(FAINT)
        canvas.setFont("Sans", 8)
        canvas.drawRightString(width - MARGIN, MARGIN + 28, note)


def _patient_cells(report: Report) -> list[tuple[str, str]]:
    source = report.radiograph.dicom
    if report.anonymous:
        view = source.facts.view if source else ""
        return [("Patient", "anonymous"), ("View", view if view in FRONTAL else NOT_KNOWN)]  # no free text
    if source is None:
        return [("File", report.file_name), ("Patient", "not named in the file")]
    facts, identity = source.facts, source.facts.identity
    return [
        ("Patient", identity.name or NOT_KNOWN),
        ("Patient ID", identity.patient_id or NOT_KNOWN),
        ("Born", identity.birth_date or NOT_KNOWN),
        ("Sex and age", ", ".join(filter(None, (facts.sex, age_text(facts.age)))) or NOT_KNOWN),
        ("Study date", facts.study_date or NOT_KNOWN),
        ("Accession number", identity.accession or NOT_KNOWN),
        ("Modality and view", " ".join(filter(None, (facts.modality, facts.view))) or NOT_KNOWN),
        ("File", report.file_name or NOT_KNOWN),
    ]


def _spelt(figure: Estimate) -> str:
    if figure.n == 0:
        return "not measured"
    return (
        f"{100 * figure.estimate:.1f} % (95 % interval {100 * figure.low:.1f} to {100 * figure.high:.1f} %, "
        f"n = {figure.n})"
    )


def paragraph(words: str, size: float, colour: Color, align: int = TA_LEFT, markup: bool = False) -> Paragraph:
    """A paragraph in the report's font; `markup` takes the words as ReportLab's markup, else they mean themselves."""
    style = ParagraphStyle(
        "text", fontName="Sans", fontSize=size, leading=size * 1.3, textColor=colour, alignment=align, splitLongWords=1
    )
    return Paragraph(printable(words if markup else escape(words)), style)


def printable(words: str) -> str:
    """Signs that the font lacks, such as Chinese ones, as a box each: nothing is dropped unseen."""
    known: Any = pdfmetrics.getFont("Sans").face.charToGlyph
    return "".join(c if ord(c) in known else "□" for c in words)


def _shortened(words: str) -> str:
    """Names and identifiers have no end in a damaged header; a page has one."""
    return words if len(words) <= MOST_SIGNS else f"{words[: MOST_SIGNS - 1]}…"


def _jpeg(pixels: NDArray[np.uint8]) -> ImageReader:
    """JPEG keeps the file below a megabyte; reportlab passes it on as it is."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=JPEG_QUALITY)
    file.seek(0)
    return ImageReader(file)
