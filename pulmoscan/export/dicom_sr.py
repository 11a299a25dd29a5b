"""A DICOM structured report of a screening: TID 1500, measurement report (PS3.16)."""

from __future__ import annotations

import math
from collections.abc import Mapping

from highdicom.sr import (
    AlgorithmIdentification,
    CodedConcept,
    ComprehensiveSR,
    DeviceObserverIdentifyingAttributes,
    FindingSite,
    ImageRegion,
    Measurement,
    MeasurementReport,
    MeasurementsAndQualitativeEvaluations,
    ObservationContext,
    ObserverContext,
    PlanarROIMeasurementsAndQualitativeEvaluations,
    QualitativeEvaluation,
    RelationshipTypeValues,
    SourceImageForMeasurementGroup,
    SourceImageForRegion,
    TextContentItem,
    TrackingIdentifier,
)
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code
from pydicom.uid import SecondaryCaptureImageStorage

from pulmoscan import DISCLAIMER, __version__
from pulmoscan.export.content import Report
from pulmoscan.export.deidentify import new_uid
from pulmoscan.export.dicom_regions import Region, regions
from pulmoscan.export.evidence import Measured
from pulmoscan.export.study import (
    MANUFACTURER,
    file_of,
    instance_uid,
    made_by,
    own_code,
    study,
    unnamed,
)
from pulmoscan.export.words import NUMBER, TRIAGE_WORDS
from pulmoscan.statistics.triage import TriageCall


def _code(value: str, scheme: str, meaning: str) -> CodedConcept:
    return CodedConcept(value=value, scheme_designator=scheme, meaning=meaning)


# pydicom knows the codes that the standard lists; these are of SNOMED CT at large.
PNEUMONIA = _code("233604007", "SCT", "Pneumonia")
CHEST_RADIOGRAPHY = _code("399208008", "SCT", "Plain chest X-ray")
DETECTED = _code("260373001", "SCT", "Detected")
NOT_DETECTED = _code("260415000", "SCT", "Not detected")
PRIORITY = _code("260870009", "SCT", "Priority")
HIGH_PRIORITY = _code("394849002", "SCT", "High priority")
NORMAL_PRIORITY = _code("394848005", "SCT", "Normal priority")
PER_CENT = codes.UCUM.Percent
RATIO = codes.UCUM.NoUnits
THRESHOLD = own_code("THRESHOLD", "Probability threshold of the decision")
LUNG_ATTENTION = own_code("LUNGATTENTION", "Share of the heatmap inside the lungs")
LIKELIHOOD_RATIO = own_code("LIKELIHOODRATIO", "Likelihood ratio of the decision, as measured at the threshold")
HEAT = own_code("HEAT", "Region that raised the score")
TRIAGE = own_code("TRIAGE", "Triage in three ways")
TRIAGE_CALLS: Mapping[TriageCall, Code] = {
    "rule out": own_code("RULEOUT", TRIAGE_WORDS["rule out"]),
    "uncertain": own_code("UNCERTAIN", TRIAGE_WORDS["uncertain"]),
    "rule in": own_code("RULEIN", TRIAGE_WORDS["rule in"]),
}


def structured_report(report: Report) -> bytes:
    """The report as a DICOM file, in the source's study and a new series."""
    owner = study(report)
    document = ComprehensiveSR(
        evidence=[unnamed(owner)],
        content=MeasurementReport(
            observation_context=ObservationContext(_observer()),
            procedure_reported=CHEST_RADIOGRAPHY,
            imaging_measurements=[
                _finding(report, owner.SOPClassUID, owner.SOPInstanceUID),
                *(group for region in regions(report) for group in _outlines(report, region, owner.SOPInstanceUID)),
            ],
            title=codes.DCM.ImagingMeasurementReport,
        )[0],
        **made_by(report, "sr"),
        device_serial_number=report.weights_sha256[:16],
        series_description="PulmoScan: pneumonia screening",
        is_complete=True,
    )
    return file_of(document, owner)


def _observer() -> ObserverContext:
    return ObserverContext(
        observer_type=codes.DCM.Device,
        observer_identifying_attributes=DeviceObserverIdentifyingAttributes(
            uid=new_uid("device"), name="PulmoScan", manufacturer_name=MANUFACTURER, model_name=f"version {__version__}"
        ),
    )


def _finding(report: Report, sop_class: str, sop_instance: str) -> MeasurementsAndQualitativeEvaluations:
    outcome = report.screening
    measurements = [
        Measurement(name=codes.DCM.CertaintyOfFinding, value=_per_cent(outcome.reading.probability), unit=PER_CENT),
        Measurement(name=THRESHOLD, value=_per_cent(outcome.threshold), unit=PER_CENT),
    ]
    if outcome.lung_attention is not None:
        measurements.append(Measurement(name=LUNG_ATTENTION, value=_per_cent(outcome.lung_attention), unit=PER_CENT))
    measured = report.measured
    if isinstance(measured, Measured) and math.isfinite(ratio := measured.likelihood_ratio(outcome.label).estimate):
        measurements.append(Measurement(name=LIKELIHOOD_RATIO, value=float(f"{ratio:.4g}"), unit=RATIO))
    detected, priority = (DETECTED, HIGH_PRIORITY) if outcome.label == "pneumonia" else (NOT_DETECTED, NORMAL_PRIORITY)
    evaluations = [
        QualitativeEvaluation(name=PNEUMONIA, value=detected),
        QualitativeEvaluation(name=PRIORITY, value=priority),  # in a reader's worklist
    ]
    if outcome.triage_call:
        evaluations.append(QualitativeEvaluation(name=TRIAGE, value=TRIAGE_CALLS[outcome.triage_call]))
    group = MeasurementsAndQualitativeEvaluations(
        tracking_identifier=TrackingIdentifier(
            uid=instance_uid(report, "finding"), identifier="Pneumonia on this radiograph"
        ),
        finding_type=PNEUMONIA,
        finding_sites=[FindingSite(anatomic_location=codes.SCT.Lung)],
        algorithm_id=_algorithm(report),
        measurements=measurements,
        qualitative_evaluations=evaluations,
        source_images=[
            SourceImageForMeasurementGroup(referenced_sop_class_uid=sop_class, referenced_sop_instance_uid=sop_instance)
        ],
    )
    for comment in _comments(report):
        group[0].ContentSequence.append(
            TextContentItem(name=codes.DCM.Comment, value=comment, relationship_type=RelationshipTypeValues.CONTAINS)
        )
    return group


def _algorithm(report: Report) -> AlgorithmIdentification:
    """TID 4019."""
    return AlgorithmIdentification(
        name=f"PulmoScan {report.spec.title}",
        version=f"{__version__}, weights SHA-256 {report.weights_sha256}",
        parameters=[
            f"threshold {report.threshold_text}",
            f"population: {report.population}",
            *([f"site profile {report.screening.reading.site.label}"] if report.screening.reading.site else []),
        ],
    )


def _outlines(
    report: Report, region: Region, sop_instance: str
) -> list[PlanarROIMeasurementsAndQualitativeEvaluations]:
    """A planar region of interest (TID 1410) for each contour."""
    image = SourceImageForRegion(
        # the class is put right afterwards, as in `unnamed`
        referenced_sop_class_uid=SecondaryCaptureImageStorage,
        referenced_sop_instance_uid=sop_instance,
    )
    return [
        PlanarROIMeasurementsAndQualitativeEvaluations(
            tracking_identifier=TrackingIdentifier(
                uid=instance_uid(report, f"{region.kind} {number}"), identifier=f"{region.label}, {number}"
            ),
            referenced_region=ImageRegion(graphic_type="POLYLINE", graphic_data=contour, source_image=image),
            finding_type=codes.SCT.Lung if region.kind == "lungs" else HEAT,
            finding_sites=[FindingSite(anatomic_location=codes.SCT.Lung)] if region.kind == "lungs" else None,
        )
        for number, contour in enumerate(region.contours, start=1)
    ]


def _comments(report: Report) -> list[str]:
    comments = [f"{report.headline}. {NUMBER} {report.screening.reading.probability:.3f}."]
    if report.triage_text:
        comments.append(f"Triage: {report.triage_text}")
    if report.site_text:
        comments.append(f"Site profile {report.site_text}.")
    measured = report.measured
    if isinstance(measured, Measured):
        comments.append(f"Measured at the threshold: {measured.sentence}.")
        ratio = measured.likelihood_ratio(report.screening.label)
        if math.isfinite(ratio.estimate):
            comments.append(
                f"Likelihood ratio of this decision: {ratio.estimate:.3g} ({ratio.low:.3g} to {ratio.high:.3g}, "
                f"n = {ratio.n})."
            )
    else:
        comments.append(measured.reason)
    return [*comments, *report.screening.warnings, *report.left_empty, DISCLAIMER]


def _per_cent(share: float) -> float:
    """To a hundredth: a decimal string has at most 16 characters (PS3.5, VR DS)."""
    return round(100 * share, 2)
