"""A model's card as CHAI's applied model card, version 0.2: XML that registries and hospitals' programs read.

The layout is that of https://mc.chai.org/v0.2/schema.xsd (Coalition for Health AI). Every figure comes from the card of
the weights: the scores of the test splits, subgroups, heatmaps, parity and shortcut tests, none is written here.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from xml.etree.ElementTree import Element, ElementTree, SubElement, indent

from pulmoscan import DISCLAIMER, __version__
from pulmoscan.models import bounds
from pulmoscan.models.card import Card, read_card
from pulmoscan.models.registry import MODELS, ModelSpec
from pulmoscan.population import GROUPS, POPULATIONS
from pulmoscan.reading.records import write_whole
from pulmoscan.statistics.calibration import brier, expected_calibration_error
from pulmoscan.statistics.exact import clopper_pearson
from pulmoscan.statistics.metrics import Estimate
from pulmoscan.statistics.triage import Promise, counts

NAMESPACE = "https://mc.chai.org/v0.2/schema.xsd"
Result = tuple[str, Estimate, bool]
"""Label, figure, and whether it is a share, for per cent."""
NOT_SHARES = ("AUC", "mean difference", "threshold")


def write_chai_cards(folder: Path) -> list[Path]:
    """`MODEL.chai.xml` for every model; the files that were written.

    Raises:
        WeightsMissing, WeightsDamaged: a card cannot be read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for spec in MODELS.values():
        path = folder / f"{spec.name}.chai.xml"
        write_whole(path, chai_card(spec, read_card(spec)))
        written.append(path)
    return written


def chai_card(spec: ModelSpec, card: Card) -> bytes:
    """The document, UTF-8."""
    root = Element("AppliedModelCard", xmlns=NAMESPACE)
    _fill(root, _basics(spec, card))
    metrics = SubElement(root, "KeyMetrics")
    _metric(metrics, "UsefulnessUsabilityEfficacy", list(_efficacy(card)), _EFFICACY)
    _metric(metrics, "FairnessEquity", list(_of_evidence(card, "subgroups")), _FAIRNESS)
    _metric(metrics, "SafetyReliability", list(_safety(card)), _SAFETY)
    _fill(root, _RESOURCES)
    indent(root, " ")
    stream = io.BytesIO()
    ElementTree(root).write(stream, encoding="utf-8", xml_declaration=True)
    return stream.getvalue() + b"\n"


Content = Mapping[str, "str | Content"]


def _fill(parent: Element, content: Content) -> None:
    for name, value in content.items():
        child = SubElement(parent, name)
        if isinstance(value, str):
            child.text = value
        else:
            _fill(child, value)


def _metric(parent: Element, name: str, results: list[Result], words: Mapping[str, str]) -> None:
    """A key metric; the layout wants at least one result, so where nothing was measured that is the result."""
    metric = SubElement(parent, name)
    SubElement(metric, "MetricGoal").text = words["MetricGoal"]
    listed = SubElement(metric, "Results")
    for label, figure, is_share in results or [("Not measured with these weights", Estimate(0.0, 0.0, 0.0, 0), False)]:
        result = SubElement(listed, "MetricResult")
        SubElement(result, "Label").text = label
        SubElement(result, "ValueJson").text = _value(figure, is_share)
    for part in ("Interpretation", "TestType", "TestingDataDescription", "ValidationProcessAndJustification"):
        SubElement(metric, part).text = words[part]


def _value(figure: Estimate, is_share: bool) -> str:
    factor = 100 if is_share else 1
    if figure.n == 0 or not math.isfinite(figure.low + figure.high):
        return json.dumps({"kind": "single", "value": round(factor * figure.estimate, 4)})
    value = {
        "kind": "estimate_ci",
        "estimate": round(factor * figure.estimate, 4),
        "lower": round(factor * figure.low, 4),
        "upper": round(factor * figure.high, 4),
        "level": 95,
    }
    return json.dumps({**value, "unit": "%"} if is_share else value)


def _efficacy(card: Card) -> Iterator[Result]:
    for population in POPULATIONS:
        test = card.scores.get((population, "test"))
        if test is None:
            continue
        at, of = test.at(card.thresholds[population]), f"{GROUPS[population]}, test"
        yield f"AUC, {of}", test.auc, False
        yield f"Sensitivity at the operating point, {of}", at.sensitivity, True
        yield f"Specificity at the operating point, {of}", at.specificity, True
        chosen = bounds.of_validation(card, population, Promise())
        if chosen is not None and chosen.rule_out.threshold is not None:
            ruled_out = counts(chosen, test).pneumonia["rule out"]
            missed = clopper_pearson(ruled_out, len(test.pneumonia))
            yield f"Pneumonias ruled out by the triage in three ways, {of}", missed, True
    yield from _of_evidence(card, "heatmaps")


def _safety(card: Card) -> Iterator[Result]:
    for population in POPULATIONS:
        if (test := card.scores.get((population, "test"))) is not None:
            nothing = math.nan
            error = expected_calibration_error(test)
            yield f"Expected calibration error, {GROUPS[population]}", Estimate(error, nothing, nothing, 1), False
            yield f"Brier score, {GROUPS[population]}", Estimate(brier(test), nothing, nothing, 1), False
    for what in ("shortcuts", "resampling", "parity", "bfloat16"):
        yield from _of_evidence(card, what)


def _of_evidence(card: Card, kind: str) -> Iterator[Result]:
    for what, figures in card.evidence.items():
        if what.startswith(kind):
            for name, figure in figures.items():
                yield f"{what}: {name}", figure, not any(word in name for word in NOT_SHARES)


def _basics(spec: ModelSpec, card: Card) -> Content:
    examples = card.training.get("examples", {})
    return {
        "BasicInfo": {
            "ModelName": f"PulmoScan {spec.title}",
            "ModelDeveloper": "The PulmoScan contributors",
            "DeveloperContact": "By the issues of the repository that it was installed from",
        },
        "ReleaseInfo": {
            "ReleaseStage": "Research and education; not a medical device",
            "ReleaseDate": date.today().isoformat(),  # noqa: DTZ011 - the day where the card is written
            "ReleaseVersion": f"{__version__}, weights SHA-256 {card.weights_sha256}",
            "GlobalAvailability": "Everywhere, as source code and weights",
            "RegulatoryApproval": "None",
        },
        "ModelSummary": {
            "Summary": f"Screening of frontal chest radiographs for pneumonia. {spec.summary}",
            "Keywords": {"Keyword": "pneumonia"},
        },
        "UsesAndDirections": {
            "IntendedUseAndWorkflow": "A second look that raises suspicion, in research and teaching. " + DISCLAIMER,
            "PrimaryIntendedUsers": "People who can read the radiograph themselves, and researchers.",
            "HowToUse": "Test it on your own labelled radiographs first: `pulmoscan accept FOLDER --labels CSV`.",
            "TargetedPatientPopulation": "Children of 1 to 5 years and adults; nothing was measured between 6 and 17.",
            "CautionedOutOfScopeSettings": "Side views, CT, photographs of films, any decision about a patient. What "
            "does not look like a frontal chest radiograph is refused.",
        },
        "Warnings": {
            "KnownRisksAndLimitations": "Children and adults come from one hospital each; the reference standards are "
            "readings, not cultures or follow-up; anything opaque may be called pneumonia. Figures do not travel.",
            "KnownBiasesOrEthicalConsiderations": "Views, sizes and makers of radiographs differ between classes in "
            "the public sets; shortcut and resampling tests are among the results. Ethnicity was not studied.",
            "ClinicalRiskLevel": "Not assessed: not for clinical use",
        },
        "TrustIngredients": {
            "AISystemFacts": {
                "OutcomesAndOutputs": "A calibrated probability, a decision at a threshold, a triage in three ways "
                "with bounds, and a heatmap of what raised the score.",
                "ModelType": f"Convolutional network, {spec.title}",
                "InputDataSource": "Chest radiographs as DICOM or picture files",
                "OutputAndInputDataTypes": "One radiograph in; JSON, PDF, PNG, DICOM SR and SC out",
                "DevelopmentDataCharacterization": f"{examples.get('train', 'unknown')} radiographs in training and "
                f"{examples.get('validation', 'unknown')} in validation: Kermany et al. 2018, NIH ChestX-ray14 with "
                "the RSNA's labels; split by patient.",
                "BiasMitigationApproaches": "Guidance by lung masks and boxes, resampling and low-pass of all sizes "
                "alike, separate operating points for children and adults.",
                "OngoingMaintenance": "Releases with new weights name them as such; a site profile is bound to one "
                "version and refuses another.",
                "Security": "Runs on the site's own machine and network. See docs/security.md.",
            },
            "TransparencyInformation": {
                "FundingSource": "None told",
                "StakeholdersConsulted": "None told",
            },
        },
    }


_TESTED = "Public test splits, read once for each set of weights; see docs/weights.md"
_EFFICACY = {
    "MetricGoal": "Few pneumonias missed at an operating point that was fixed on validation",
    "Interpretation": "Intervals are of 95 %. They hold for these hospitals' patients and for no other.",
    "TestType": "Retrospective, on labelled public radiographs",
    "TestingDataDescription": _TESTED,
    "ValidationProcessAndJustification": "Thresholds and bounds by validation, figures by test; Wilson and DeLong.",
}
_FAIRNESS = {
    **_EFFICACY,
    "MetricGoal": "Like figures in the parts of the test sets that their tables tell apart",
    "Interpretation": "Parts are small and differ in their patients: intervals, not differences, are to be read.",
}
_SAFETY = {
    **_EFFICACY,
    "MetricGoal": "Calibrated, the same for copies of any size, and not resting on what lies outside the lungs",
    "Interpretation": "Shortcut and resampling tests compare the same radiographs after a change that should not "
    "matter, or should matter altogether.",
}
_RESOURCES: Content = {
    "Resources": {
        "EvaluationReferences": "docs/weights.md, docs/model-cards/, docs/acceptance.md",
        "PeerReviewedPublications": "None",
        "PatientConsentOrDisclosure": "Public, de-identified data under their own licences; see NOTICE",
    },
    "Bibliography": "@article{kermany2018, doi={10.1016/j.cell.2018.02.010}} @article{shih2019, "
    "doi={10.1148/ryai.2019180041}} @inproceedings{wang2017, doi={10.1109/CVPR.2017.369}}",
}
