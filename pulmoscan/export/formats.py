"""The formats that a screening can be exported in, by the names that the command line knows them by."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from pulmoscan import DISCLAIMER, __version__
from pulmoscan.export.caption import caption_lines, captioned
from pulmoscan.export.content import Report
from pulmoscan.export.evidence import Measured, Unmeasured
from pulmoscan.export.words import CAPTION
from pulmoscan.statistics.metrics import Estimate
from pulmoscan.statistics.triage import Triage

FormatName = Literal["pdf", "dicom-sr", "dicom-sc", "png", "json"]


@dataclass(frozen=True)
class ReportFormat:
    """How a format is called and written.

    Attributes:
        ending: of the file's name, behind the radiograph's.
    """

    title: str
    ending: str
    mime: str
    write: Callable[[Report], bytes]


def png(report: Report) -> bytes:
    """The overlay with the decision and the colour bar below; the file's text chunks say the same."""
    return png_file(captioned(report), report)


def png_file(picture: NDArray[np.uint8], report: Report) -> bytes:
    """A picture, RGB [H, W, 3], as PNG, with what it is and is not in the file's text chunks."""
    info = PngInfo()
    chunks = {"Software": report.software, "Description": CAPTION, "Disclaimer": DISCLAIMER, "Refusal": report.mark}
    chunks["Comment"] = " ".join(caption_lines(report))
    for name, words in chunks.items():
        if words:
            info.add_itxt(name, words)
    file = io.BytesIO()
    Image.fromarray(picture).save(file, "PNG", pnginfo=info)
    return file.getvalue()


def as_dict(report: Report) -> dict[str, Any]:
    """The result and what it rests on; names no patient, and in an anonymous report no file."""
    outcome, reading, measured = report.screening, report.screening.reading, report.measured
    return {
        "software": "PulmoScan",
        "version": __version__,
        "created": report.created.isoformat(timespec="seconds"),
        "disclaimer": DISCLAIMER,
        "file": report.file_name or None,
        "model": reading.model.name,
        "weights_sha256": report.weights_sha256,
        "precision": reading.precision,
        "probability": round(reading.probability, 6),
        "threshold": outcome.threshold,
        "label": outcome.label,
        "screened_although_refused": report.mark or None,
        "population": outcome.population,
        "operating_point": {"population": report.point.measured_on, "threshold": report.point.threshold},
        "measured_at_threshold": {
            "split": measured.split,
            "patients": measured.patients,
            "sensitivity": _figure(measured.sensitivity),
            "specificity": _figure(measured.specificity),
        }
        if isinstance(measured, Measured)
        else None,
        "not_measured": measured.reason if isinstance(measured, Unmeasured) else None,
        "triage": _triage(outcome.triage, reading.probability) if outcome.triage else None,
        "site": {"profile": reading.site.name, "sha256": reading.site.sha256, "probability": reading.site_probability}
        if reading.site
        else None,
        "lung_attention": outcome.lung_attention,
        "peak_heat": round(reading.peak_heat, 4),
        "warnings": list(outcome.warnings),
        "milliseconds": round(reading.milliseconds, 1),
    }


def _triage(found: Triage, probability: float) -> dict[str, Any]:
    return {
        "call": found.call(probability),
        "rule_out_below": found.rule_out.threshold,
        "rule_in_from": found.rule_in.threshold,
        "miss_rate": found.promise.miss_rate,
        "false_alarm_rate": found.promise.false_alarm_rate,
        "confidence": found.promise.confidence,
        "reasons": list(found.reasons),
    }


def _figure(figure: Estimate) -> dict[str, float | int | None]:
    if figure.n == 0:
        return {"estimate": None, "low": None, "high": None, "n": 0}
    return {
        "estimate": round(figure.estimate, 4),
        "low": round(figure.low, 4),
        "high": round(figure.high, 4),
        "n": figure.n,
    }


def json_report(report: Report) -> bytes:
    """`as_dict` as a JSON file; in ASCII where the file's name is no text."""
    try:
        return (json.dumps(as_dict(report), ensure_ascii=False, indent=1) + "\n").encode()
    except UnicodeEncodeError:
        return (json.dumps(as_dict(report), indent=1) + "\n").encode()


# What writes PDF and DICOM takes a second to import: not before someone asks for it.


def _pdf(report: Report) -> bytes:
    from pulmoscan.export.pdf import pdf

    return pdf(report)


def _structured_report(report: Report) -> bytes:
    from pulmoscan.export.dicom_sr import structured_report

    return structured_report(report)


def _secondary_capture(report: Report) -> bytes:
    from pulmoscan.export.dicom_sc import secondary_capture

    return secondary_capture(report)


FORMATS: Mapping[FormatName, ReportFormat] = {
    "pdf": ReportFormat("PDF", ".pdf", "application/pdf", _pdf),
    "dicom-sr": ReportFormat("DICOM report", "-report.dcm", "application/dicom", _structured_report),
    "dicom-sc": ReportFormat("DICOM overlay", "-overlay.dcm", "application/dicom", _secondary_capture),
    "png": ReportFormat("PNG overlay", "-overlay.png", "image/png", png),
    "json": ReportFormat("JSON", ".json", "application/json", json_report),
}


def write_report(report: Report, name: FormatName) -> bytes:
    """The report in a format, as a file's bytes."""
    return FORMATS[name].write(report)
