"""CHAI's applied model card: its layout, and figures that are the card's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from pulmoscan import cli
from pulmoscan.models.card import add_evidence, read_card
from pulmoscan.models.registry import MODELS
from pulmoscan.statistics.metrics import Estimate
from pulmoscan.training.evaluation.chai import NAMESPACE, chai_card

SPEC = MODELS["resnet18"]
# The elements that https://mc.chai.org/v0.2/schema.xsd asks for, in its order.
LAYOUT = {
    ".": [
        "BasicInfo",
        "ReleaseInfo",
        "ModelSummary",
        "UsesAndDirections",
        "Warnings",
        "TrustIngredients",
        "KeyMetrics",
        "Resources",
        "Bibliography",
    ],
    "BasicInfo": ["ModelName", "ModelDeveloper", "DeveloperContact"],
    "ReleaseInfo": ["ReleaseStage", "ReleaseDate", "ReleaseVersion", "GlobalAvailability", "RegulatoryApproval"],
    "ModelSummary": ["Summary", "Keywords"],
    "UsesAndDirections": [
        "IntendedUseAndWorkflow",
        "PrimaryIntendedUsers",
        "HowToUse",
        "TargetedPatientPopulation",
        "CautionedOutOfScopeSettings",
    ],
    "Warnings": ["KnownRisksAndLimitations", "KnownBiasesOrEthicalConsiderations", "ClinicalRiskLevel"],
    "TrustIngredients": ["AISystemFacts", "TransparencyInformation"],
    "KeyMetrics": ["UsefulnessUsabilityEfficacy", "FairnessEquity", "SafetyReliability"],
    "KeyMetrics/FairnessEquity": [
        "MetricGoal",
        "Results",
        "Interpretation",
        "TestType",
        "TestingDataDescription",
        "ValidationProcessAndJustification",
    ],
    "Resources": ["EvaluationReferences", "PeerReviewedPublications", "PatientConsentOrDisclosure"],
}


@pytest.fixture
def document(models: Path) -> ElementTree.Element:  # noqa: ARG001 - installs them
    before = SPEC.card_path.read_bytes()
    try:
        add_evidence(SPEC, "subgroups, adult, test", {"sensitivity, AP": Estimate(0.9, 0.8, 0.95, 40)})
        add_evidence(SPEC, "shortcuts, test", {"lungs blanked: AUC": Estimate(0.6, 0.5, 0.7, 90)})
        return ElementTree.fromstring(chai_card(SPEC, read_card(SPEC)))
    finally:
        SPEC.card_path.write_bytes(before)


def _results(document: ElementTree.Element, metric: str) -> dict[str, dict[str, Any]]:
    found = document.iterfind(f"{{*}}KeyMetrics/{{*}}{metric}/{{*}}Results/{{*}}MetricResult")
    return {r.findtext("{*}Label", ""): json.loads(r.findtext("{*}ValueJson", "")) for r in found}


@pytest.mark.parametrize("place", LAYOUT)
def test_layout(document: ElementTree.Element, place: str) -> None:
    element = document if place == "." else document.find("/".join(f"{{*}}{part}" for part in place.split("/")))
    assert element is not None
    assert document.tag == f"{{{NAMESPACE}}}AppliedModelCard"
    assert [child.tag.removeprefix(f"{{{NAMESPACE}}}") for child in element] == LAYOUT[place]


def test_figures_are_the_cards(document: ElementTree.Element) -> None:
    card = read_card(SPEC)
    test = card.scores["child", "test"]
    efficacy = _results(document, "UsefulnessUsabilityEfficacy")
    sensitivity = test.at(card.thresholds["child"]).sensitivity
    assert efficacy["Sensitivity at the operating point, children, test"] == {
        "kind": "estimate_ci",
        "estimate": round(100 * sensitivity.estimate, 4),
        "lower": round(100 * sensitivity.low, 4),
        "upper": round(100 * sensitivity.high, 4),
        "level": 95,
        "unit": "%",
    }
    assert efficacy["AUC, adults, test"]["estimate"] == round(card.scores["adult", "test"].auc.estimate, 4)
    assert _results(document, "FairnessEquity")["subgroups, adult, test: sensitivity, AP"]["lower"] == 80
    safety = _results(document, "SafetyReliability")
    assert safety["shortcuts, test: lungs blanked: AUC"]["estimate"] == 0.6
    assert safety["Brier score, children"]["kind"] == "single"


def test_what_was_not_measured_says_so(models: Path) -> None:  # noqa: ARG001
    document = ElementTree.fromstring(chai_card(SPEC, read_card(SPEC)))
    assert list(_results(document, "FairnessEquity")) == ["Not measured with these weights"]


def test_command(models: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:  # noqa: ARG001
    assert cli.main(["cards", "--chai", "--out", str(tmp_path)]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"{name}.chai.xml" for name in MODELS)
    assert capsys.readouterr().out.count("wrote ") == len(MODELS)
