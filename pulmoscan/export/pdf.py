"""A one-page PDF of a screening, for a hospital's record."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from typing import IO, Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from reportlab.lib.colors import Color, HexColor, white
from reportlab.lib.pagesizes import A4, LETTER
from reportlab.lib.styles import ParagraphStyle
from reportlab.lib.utils import ImageReader
from reportlab.pdfbase import pdfmetrics
from reportlab.pdfbase.ttfonts import TTFont
from reportlab.pdfgen.canvas import Canvas
from reportlab.platypus import Paragraph

from pulmoscan import DISCLAIMER
from pulmoscan.export.content import CAPTION, Report, font_file, probability_text
from pulmoscan.reading.dicom.facts import FRONTAL, age_text
from pulmoscan.statistics.metrics import Figure

PageSize = Literal["A4", "Letter"]
PAGE_SIZES: dict[PageSize, tuple[float, float]] = {"A4": A4, "Letter": LETTER}

INK, FAINT, LINE, TEAL = HexColor("#16262e"), HexColor("#5b6b73"), HexColor("#d5dee2"), HexColor("#0b4d5e")
WARM, WARM_BACK, CALM, CALM_BACK = (
    HexColor("#c2570c"),
    HexColor("#fff4ea"),
    HexColor("#1b7f5c"),
    HexColor("#ebf7f2"),
)
MARGIN = 42.0  # points, 1/72 inch, as all lengths here
GAP = 14.0
JPEG_QUALITY = 92
NOT_KNOWN = "not given"


def pdf(report: Report, page: PageSize = "A4") -> bytes:
    """The report as a PDF file of one page."""
    file = io.BytesIO()
    for _ in write_pages([report], file, page):
        pass
    return file.getvalue()


def write_pages(reports: Iterable[Report], target: IO[bytes], page: PageSize = "A4") -> Iterator[Report]:
    """Write one PDF with a page for each report; gives each report as its page is drawn. The end writes the file."""
    _register_fonts()
    canvas = Canvas(target, pagesize=PAGE_SIZES[page], pageCompression=1, invariant=False)
    canvas.setTitle("PulmoScan: screening of a chest radiograph")
    canvas.setSubject(DISCLAIMER)
    for report in reports:
        canvas.setAuthor(report.software)
        canvas.setCreator(report.software)
        _Page(canvas, report, *PAGE_SIZES[page]).draw()
        canvas.showPage()
        yield report
    canvas.save()


@cache
def _register_fonts() -> None:
    for name, file in (("Sans", "DejaVuSans"), ("Sans-Bold", "DejaVuSans-Bold")):
        pdfmetrics.registerFont(TTFont(name, str(font_file(file))))
    pdfmetrics.registerFontFamily("Sans", normal="Sans", bold="Sans-Bold", italic="Sans", boldItalic="Sans-Bold")


@dataclass
class _Page:
    """Draws from the top downwards; `y` is where the next part begins."""

    canvas: Canvas
    report: Report
    width: float
    height: float
    y: float = 0.0

    @property
    def inner(self) -> float:
        return self.width - 2 * MARGIN

    def draw(self) -> None:
        self.y = self.height - MARGIN
        self._head()
        self._patient()
        self._decision()
        below = self._height_of(self._details()) + self._height_of_warnings() + 2 * GAP + 46
        self._pictures(self.y - MARGIN - below)
        self._rows(self._details())
        self._warnings()
        self._foot()

    # Parts

    def _head(self) -> None:
        self._text(MARGIN, self.y - 16, "PulmoScan", 17, TEAL, bold=True)
        self._text(MARGIN, self.y - 30, "Pneumonia screening of a chest radiograph", 9, FAINT)
        made = self.report.created.strftime("%d %B %Y, %H:%M %Z").lstrip("0")
        self._text(self.width - MARGIN, self.y - 14, f"Report of {made}", 9, INK, right=True)
        self._text(self.width - MARGIN, self.y - 27, self.report.software, 8, FAINT, right=True)
        self.y -= 38
        self._rule(self.y, TEAL, 1.4)
        self.y -= 10

    def _patient(self) -> None:
        cells = _patient_cells(self.report)
        column = self.inner / 4
        for number, (label, value) in enumerate(cells):
            x, y = MARGIN + column * (number % 4), self.y - 8 - 27 * (number // 4)
            self._text(x, y, label, 7, FAINT)
            self._text(x, y - 11, _shortened(value, column - 8, 9), 9, INK)
        self.y -= 27 * (-(-len(cells) // 4)) + 6

    def _decision(self) -> None:
        outcome = self.report.screening
        suspected = outcome.label == "pneumonia"
        colour, back = (WARM, WARM_BACK) if suspected else (CALM, CALM_BACK)
        height = 82.0
        top = self.y
        self.canvas.setFillColor(back)
        self.canvas.roundRect(MARGIN, top - height, self.inner, height, 6, stroke=0, fill=1)
        self.canvas.setFillColor(colour)
        self.canvas.rect(MARGIN, top - height, 4, height, stroke=0, fill=1)
        self._text(MARGIN + 16, top - 23, self.report.headline, 15, colour, bold=True)
        relation = "at or above" if suspected else "below"
        self._text(
            MARGIN + 16,
            top - 38,
            f"{self.report.number_name} {probability_text(outcome.reading.probability)}, {relation} the threshold of "
            f"{self.report.threshold_text}",
            9,
            INK,
        )
        self._scale(MARGIN + 16, top - 62, self.inner - 32)
        self.y -= height + 8
        if not suspected:
            note = "A radiograph below the threshold can still show pneumonia: see the sensitivity measured there."
            self._text(MARGIN, self.y - 4, note, 8, FAINT)
            self.y -= 12
        self.y -= 4

    def _scale(self, x: float, y: float, width: float) -> None:
        outcome = self.report.screening
        threshold, probability = outcome.threshold, outcome.reading.probability
        for start, end, colour in ((0.0, threshold, "#8fcdb6"), (threshold, 1.0, "#f0b083")):
            self.canvas.setFillColor(HexColor(colour))
            self.canvas.rect(x + width * start, y, width * (end - start), 8, stroke=0, fill=1)
        self.canvas.setStrokeColor(INK)
        self.canvas.setLineWidth(1.2)
        self.canvas.line(x + width * threshold, y - 3, x + width * threshold, y + 11)
        self.canvas.setFillColor(INK)
        self.canvas.setStrokeColor(white)
        self.canvas.setLineWidth(1.6)
        self.canvas.circle(x + width * probability, y + 4, 5.5, stroke=1, fill=1)
        for at, word in ((0.0, "0"), (0.5, "0.5"), (1.0, "1")):
            self._text(x + width * at, y - 12, word, 7, FAINT, centre=0 < at < 1, right=at == 1)

    def _pictures(self, room: float) -> None:
        """Both at one scale, as large as the page allows."""
        height, width = self.report.picture.shape
        half = (self.inner - GAP) / 2
        scale = min(half / width, (room - 24) / height)
        w, h = width * scale, height * scale
        left = MARGIN + (half - w) / 2
        grey = (np.clip(self.report.picture, 0, 1) * 255).astype(np.uint8)
        pictures = (
            (grey, left, "Radiograph"),
            (self.report.overlay, left + half + GAP, f"What raised the score ({self.report.heat_method})"),
        )
        for pixels, x, title in pictures:
            self._text(x, self.y - 9, title, 8, INK, bold=True)
            self.canvas.drawImage(_jpeg(pixels), x, self.y - 14 - h, w, h)
        self.y -= 14 + h + 12
        faint = "Hardly anything in the picture raised the score. " if self.report.screening.reading.is_faint else ""
        self._text(MARGIN, self.y, faint + CAPTION, 7.5, FAINT)
        self.y -= 12

    def _details(self) -> list[tuple[str, str]]:
        report, outcome = self.report, self.report.screening
        measured = report.measured
        rows = [
            ("Model", f"{report.spec.title} ({report.spec.role}), weights SHA-256 {report.weights_sha256}"),
            ("Threshold", report.threshold_text),
        ]
        if measured:
            rows += [
                ("Sensitivity there", f"{_spelt(measured.sensitivity)} on {measured.group}, {measured.split} split"),
                ("Specificity there", f"{_spelt(measured.specificity)} on {measured.group}, {measured.split} split"),
            ]
        else:
            rows.append(("Sensitivity there", "not measured with these weights"))
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

    def _rows(self, rows: list[tuple[str, str]]) -> None:
        self._rule(self.y + 2)
        for label, value in rows:
            paragraph = _paragraph(value, 8, INK)
            _, height = paragraph.wrap(self.inner - 110, 200)
            self._text(MARGIN, self.y - 8.3, label, 8, FAINT)
            paragraph.drawOn(self.canvas, MARGIN + 110, self.y - height)
            self.y -= height + 3.5
        self._rule(self.y)
        self.y -= 6

    def _height_of(self, rows: list[tuple[str, str]]) -> float:
        return sum(float(_paragraph(value, 8, INK).wrap(self.inner - 110, 200)[1]) + 3.5 for _, value in rows) + 8

    def _warnings(self) -> None:
        for paragraph in self._warning_paragraphs():
            _, height = paragraph.wrap(self.inner - 12, 400)
            self.canvas.setFillColor(WARM)
            self.canvas.rect(MARGIN, self.y - height, 2, height - 1, stroke=0, fill=1)
            paragraph.drawOn(self.canvas, MARGIN + 9, self.y - height)
            self.y -= height + 3

    def _height_of_warnings(self) -> float:
        return sum(float(p.wrap(self.inner - 12, 400)[1]) + 3 for p in self._warning_paragraphs())

    def _warning_paragraphs(self) -> list[Paragraph]:
        return [_paragraph(warning, 8, INK) for warning in self.report.screening.warnings]

    def _foot(self) -> None:
        self.canvas.setFillColor(HexColor("#e8f3f6"))
        self.canvas.roundRect(MARGIN, MARGIN - 8, self.inner, 30, 5, stroke=0, fill=1)
        paragraph = _paragraph(f"<b>{DISCLAIMER}</b>", 8.5, TEAL, centred=True, markup=True)
        _, height = paragraph.wrap(self.inner - 16, 60)
        paragraph.drawOn(self.canvas, MARGIN + 8, MARGIN + 7 - height / 2)

    # Strokes

    def _text(
        self,
        x: float,
        y: float,
        words: str,
        size: float,
        colour: Color,
        bold: bool = False,
        right: bool = False,
        centre: bool = False,
    ) -> None:
        self.canvas.setFillColor(colour)
        self.canvas.setFont("Sans-Bold" if bold else "Sans", size)
        draw = self.canvas.drawRightString if right else self.canvas.drawString
        (self.canvas.drawCentredString if centre else draw)(x, y, _printable(words))

    def _rule(self, y: float, colour: Color = LINE, thickness: float = 0.6) -> None:
        self.canvas.setStrokeColor(colour)
        self.canvas.setLineWidth(thickness)
        self.canvas.line(MARGIN, y, self.width - MARGIN, y)


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


def _spelt(figure: Figure) -> str:
    if figure.n == 0:
        return "not measured"
    return (
        f"{100 * figure.estimate:.1f} % (95 % interval {100 * figure.low:.1f} to {100 * figure.high:.1f} %, "
        f"n = {figure.n})"
    )


def _paragraph(words: str, size: float, colour: Color, centred: bool = False, markup: bool = False) -> Paragraph:
    style = ParagraphStyle(
        "text", fontName="Sans", fontSize=size, leading=size * 1.3, textColor=colour, alignment=1 if centred else 0
    )
    safe = words if markup else words.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return Paragraph(_printable(safe), style)


def _printable(words: str) -> str:
    """Signs that the font lacks, such as Chinese ones, as a box each: nothing is dropped unseen."""
    known: Any = pdfmetrics.getFont("Sans").face.charToGlyph
    return "".join(c if ord(c) in known else "□" for c in words)


def _shortened(words: str, width: float, size: float) -> str:
    if pdfmetrics.stringWidth(_printable(words), "Sans", size) <= width:
        return words
    while words and pdfmetrics.stringWidth(_printable(words) + "…", "Sans", size) > width:
        words = words[:-1]
    return words + "…"


def _jpeg(pixels: NDArray[np.uint8]) -> ImageReader:
    """JPEG keeps the file below a megabyte; reportlab passes it on as it is."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", quality=JPEG_QUALITY)
    file.seek(0)
    return ImageReader(file)
