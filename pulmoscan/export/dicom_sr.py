"""A DICOM structured report of a screening: TID 1500, measurement report (PS3.16)."""

from __future__ import annotations

import io

from highdicom.sr import (
    AlgorithmIdentification,
    CodedConcept,
    ComprehensiveSR,
    DeviceObserverIdentifyingAttributes,
    FindingSite,
    Measurement,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    ObservationContext,
    ObserverContext,
    QualitativeEvaluation,
    RelationshipTypeValues,
    SourceImageForMeasurementGroup,
    TextContentItem,
    TrackingIdentifier,
)
from pydicom.sr.codedict import codes

from pulmoscan import DISCLAIMER, __version__
from pulmoscan.export.content import Report
from pulmoscan.export.deidentify import new_uid
from pulmoscan.export.study import MANUFACTURER, SERIES_NUMBERS, instance_uid, put_names, series_uid, study, unnamed


def _code(value: str, scheme: str, meaning: str) -> CodedConcept:
    return CodedConcept(value=value, scheme_designator=scheme, meaning=meaning)


# pydicom knows the codes that the standard lists; these are of SNOMED CT at large.
PNEUMONIA = _code("233604007", "SCT", "Pneumonia")
CHEST_RADIOGRAPHY = _code("399208008", "SCT", "Plain chest X-ray")
DETECTED = _code("260373001", "SCT", "Detected")
NOT_DETECTED = _code("260415000", "SCT", "Not detected")
PER_CENT = codes.UCUM.Percent
# There is no standard code for these; PS3.16 section 8.2 has a scheme of one's own begin with 99.
THRESHOLD = _code("THRESHOLD", "99PULMOSCAN", "Probability threshold of the decision")
LUNG_ATTENTION = _code("LUNGATTENTION", "99PULMOSCAN", "Share of the heatmap inside the lungs")


def structured_report(report: Report) -> bytes:
    """The report as a DICOM file, in the source's study and a new series."""
    owner = study(report)
    document = ComprehensiveSR(
        evidence=[unnamed(owner)],
        content=MeasurementReport(
            observation_context=ObservationContext(_observer()),
            procedure_reported=CHEST_RADIOGRAPHY,
            imaging_measurements=[_finding(report, owner.SOPClassUID, owner.SOPInstanceUID)],
            title=codes.DCM.ImagingMeasurementReport,
        )[0],
        series_instance_uid=series_uid(report, "sr"),
        series_number=SERIES_NUMBERS["sr"],
        sop_instance_uid=instance_uid(report, "sr"),
        instance_number=1,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=report.spec.title,
        software_versions=(__version__, report.screening.reading.precision),
        device_serial_number=report.weights_sha256[:16],
        series_description="PulmoScan: pneumonia screening",
        is_complete=True,
    )
    put_names(document, owner)
    for study_item in document.CurrentRequestedProcedureEvidenceSequence:
        for series in study_item.ReferencedSeriesSequence:
            for instance in series.ReferencedSOPSequence:
                instance.ReferencedSOPClassUID = owner.SOPClassUID
    file = io.BytesIO()
    document.save_as(file, enforce_file_format=True)
    return file.getvalue()


def _observer() -> ObserverContext:
    return ObserverContext(
        observer_type=codes.DCM.Device,
        observer_identifying_attributes=DeviceObserverIdentifyingAttributes(
            uid=new_uid("device"), name="PulmoScan", manufacturer_name=MANUFACTURER, model_name=f"version {__version__}"
        ),
    )


def _finding(report: Report, sop_class: str, sop_instance: str) -> MeasurementsAndQualitativeEvaluations:
    outcome = report.screening
    algorithm = AlgorithmIdentification(
        name=f"PulmoScan {report.spec.title}",
        version=f"{__version__}, weights SHA-256 {report.weights_sha256}",
        parameters=[f"threshold {outcome.threshold:.3f}", f"population: {report.population}"],
    )
    measurements = [
        Measurement(name=codes.DCM.CertaintyOfFinding, value=_per_cent(outcome.reading.probability), unit=PER_CENT),
        Measurement(name=THRESHOLD, value=_per_cent(outcome.threshold), unit=PER_CENT),
    ]
    if outcome.lung_attention is not None:
        measurements.append(Measurement(name=LUNG_ATTENTION, value=_per_cent(outcome.lung_attention), unit=PER_CENT))
    detected = DETECTED if outcome.label == "pneumonia" else NOT_DETECTED
    group = MeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(
            uid=instance_uid(report, "finding"), identifier="Pneumonia on this radiograph"
        ),
        finding_type=PNEUMONIA,
        finding_sites=[FindingSite(anatomic_location=codes.SCT.Lung)],
        algorithm_id=algorithm,
        measurements=measurements,
        qualitative_evaluations=[QualitativeEvaluation(name=PNEUMONIA, value=detected)],
        source_images=[
            SourceImageForMeasurementGroup(referenced_sop_class_uid=sop_class, referenced_sop_instance_uid=sop_instance)
        ],
    )
    for comment in _comments(report):
        group[0].ContentSequence.append(
            TextContentItem(name=codes.DCM.Comment, value=comment, relationship_type=RelationshipTypeValues.CONTAINS)
        )
    return group


def _comments(report: Report) -> list[str]:
    comments = [f"{report.headline}. {report.number_name} {report.screening.reading.probability:.3f}."]
    if report.measured:
        comments.append(f"Measured at the threshold: {report.measured.sentence}.")
    return [*comments, *report.screening.warnings, *report.left_empty, DISCLAIMER]


def _per_cent(share: float) -> float:
    """To a hundredth: a decimal string has at most 16 characters (PS3.5, VR DS)."""
    return round(100 * share, 2)
