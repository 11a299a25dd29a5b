"""A screening as FHIR R4: a DiagnosticReport with its Observation, in codes of LOINC and SNOMED CT."""

from __future__ import annotations

import json
from typing import Any

from pulmoscan import DISCLAIMER, __version__
from pulmoscan.export.content import Report
from pulmoscan.export.evidence import Measured
from pulmoscan.export.words import NUMBER

LOINC, SNOMED, UCUM = "http://loinc.org", "http://snomed.info/sct", "http://unitsofmeasure.org"
TERMS = "http://terminology.hl7.org/CodeSystem"
OWN = "urn:pulmoscan:codes"


def resource(report: Report) -> dict[str, Any]:
    """The DiagnosticReport, preliminary, with all that it refers to contained in it.

    A report on a DICOM file names its study, and the instance that `dicom_sr` writes of this very screening: an archive
    knows it where the report is repeatable.
    """
    found: dict[str, Any] = {
        "resourceType": "DiagnosticReport",
        "language": "en",
        "contained": [_device(report), _observation(report)],
        "status": "preliminary",
        "category": [_concept(f"{TERMS}/v2-0074", "RAD", "Radiology")],
        "code": _concept(LOINC, "36554-4", "XR Chest Single view"),
        "issued": report.created.isoformat(timespec="milliseconds"),
        "result": [{"reference": "#finding"}],
        "conclusion": " ".join([report.headline + ".", *report.screening.warnings, DISCLAIMER]),
    }
    if subject := _subject(report):
        found["subject"] = subject
        found["contained"][1]["subject"] = subject
    if study := _study(report):
        found["contained"].append(study)
        found["imagingStudy"] = [{"reference": "#study"}]
    return found


def fhir(report: Report) -> bytes:
    """`resource` as a JSON file."""
    return (json.dumps(resource(report), ensure_ascii=False, indent=1) + "\n").encode()


def _device(report: Report) -> dict[str, Any]:
    return {
        "resourceType": "Device",
        "id": "device",
        "manufacturer": "PulmoScan",
        "deviceName": [{"name": f"PulmoScan {report.spec.title}", "type": "model-name"}],
        "version": [
            {"value": report.software},
            {"type": {"text": "weights SHA-256"}, "value": report.weights_sha256},
        ],
        "note": [{"text": DISCLAIMER}],
    }


def _observation(report: Report) -> dict[str, Any]:
    outcome = report.screening
    detected = outcome.label == "pneumonia"
    components = [
        _component("probability", NUMBER, _quantity(100 * outcome.reading.probability, "%", "%")),
        _component("threshold", "Threshold of the decision", _quantity(100 * outcome.threshold, "%", "%")),
    ]
    if outcome.lung_attention is not None:
        share = _quantity(100 * outcome.lung_attention, "%", "%")
        components.append(_component("lung-attention", "Share of the heatmap inside the lungs", share))
    components.append({"code": {"text": "Operating point"}, "valueString": report.threshold_text})
    components.append({"code": {"text": "Population"}, "valueString": report.population})
    measured = report.measured
    said = measured.sentence if isinstance(measured, Measured) else measured.reason
    components.append({"code": {"text": "Measured at the threshold"}, "valueString": said})
    return {
        "resourceType": "Observation",
        "id": "finding",
        "status": "preliminary",
        "category": [_concept(f"{TERMS}/observation-category", "imaging", "Imaging")],
        "code": _concept(SNOMED, "233604007", "Pneumonia"),
        "issued": report.created.isoformat(timespec="milliseconds"),
        "valueCodeableConcept": _concept(SNOMED, "260373001", "Detected")
        if detected
        else _concept(SNOMED, "260415000", "Not detected"),
        "interpretation": [
            _concept(
                f"{TERMS}/v3-ObservationInterpretation", *(("POS", "Positive") if detected else ("NEG", "Negative"))
            )
        ],
        "bodySite": _concept(SNOMED, "39607008", "Lung structure"),
        "method": {"text": f"PulmoScan {__version__}, {report.spec.title}"},
        "device": {"reference": "#device"},
        "note": [{"text": text} for text in (*outcome.warnings, DISCLAIMER)],
        "component": components,
    }


def _study(report: Report) -> dict[str, Any] | None:
    if report.radiograph.dicom is None:
        return None
    from pydicom.uid import ComprehensiveSRStorage

    from pulmoscan.export.study import instance_uid, series_uid, study

    owner = study(report)
    return {
        "resourceType": "ImagingStudy",
        "id": "study",
        "identifier": [{"system": "urn:dicom:uid", "value": f"urn:oid:{owner.StudyInstanceUID}"}],
        "status": "available",
        "subject": _subject(report) or {"display": "Not named"},
        "series": [
            _series(owner.SeriesInstanceUID, "DX", owner.SOPInstanceUID, owner.SOPClassUID, "Source"),
            _series(
                series_uid(report, "sr"), "SR", instance_uid(report, "sr"), ComprehensiveSRStorage, "Structured report"
            ),
        ],
    }


def _series(uid: str, modality: str, instance: str, sop_class: str, title: str) -> dict[str, Any]:
    return {
        "uid": str(uid),
        "modality": {"system": "http://dicom.nema.org/resources/ontology/DCM", "code": modality},
        "instance": [
            {
                "uid": str(instance),
                "sopClass": {"system": "urn:ietf:rfc:3986", "code": f"urn:oid:{sop_class}"},
                "title": title,
            }
        ],
    }


def _subject(report: Report) -> dict[str, Any] | None:
    if report.anonymous or report.radiograph.dicom is None:
        return None
    from pulmoscan.export.identifiers import handed_on

    number = str(handed_on(report.radiograph.dicom.header, "PatientID"))
    return {"type": "Patient", "identifier": {"value": number}} if number else None


def _component(code: str, text: str, quantity: dict[str, Any]) -> dict[str, Any]:
    return {
        "code": {"coding": [{"system": OWN, "code": code, "display": text}], "text": text},
        "valueQuantity": quantity,
    }


def _quantity(value: float, unit: str, code: str) -> dict[str, Any]:
    return {"value": round(value, 2), "unit": unit, "system": UCUM, "code": code}


def _concept(system: str, code: str, display: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code, "display": display}], "text": display}
