"""Figures of an acceptance test from made-up cases: no model runs here."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import numpy as np
import pypdfium2
import pytest
from msgspec import structs

from pulmoscan.errors import FileNotReadable, NothingInCommon, NothingToMeasure
from pulmoscan.models.card import Card
from pulmoscan.reading.intake import Item
from pulmoscan.site import words
from pulmoscan.site.acceptance import Acceptance, Asked, accept, as_json
from pulmoscan.site.cases import Case, Run
from pulmoscan.site.labels import Fault
from pulmoscan.site.limits import parse
from pulmoscan.site.parity import check_in_common, compare
from pulmoscan.site.pictures import MOST_OF_A_KIND, of_errors
from pulmoscan.site.report_pdf import report_pdf
from pulmoscan.site.subgroups import age_group
from pulmoscan.statistics.metrics import Scores
from pulmoscan.statistics.triage import Promise
from tests.pictures import encode, grey8

RUN = Run(
    model="densenet121",
    weights_sha256="ab" * 32,
    lungs_sha256="cd" * 32,
    precision="float32",
    population="auto",
    labels_sha256="ef" * 32,
    version="1.0",
)
CARD = Card(
    weights_sha256="ab" * 32,
    thresholds={"child": 0.3, "adult": 0.4},
    target_sensitivity={"child": 0.99, "adult": 0.95},
    heat_method="gradcam",
    heat_reference=1.0,
    scores={("adult", "validation"): Scores(np.random.default_rng(9).beta(2, 6, 300), np.linspace(0.9, 1, 300))},
    training={},
)


def made_up(n: int = 300, seed: int = 0) -> list[Case]:
    """Adults: every third with pneumonia, two makers, ages 20 to 90."""
    rng = np.random.default_rng(seed)
    cases = []
    for number in range(n):
        ill = int(number % 3 == 0)
        cases.append(
            Case(
                row=number + 2,
                file=f"/site/ward/{number:05}.dcm",
                label=ill,
                status="ok",
                probability=round(float(rng.beta(6, 2) if ill else rng.beta(2, 6)), 6),
                threshold=0.4,
                population="adult",
                patient=f"p{number // 2}",
                age=float(20 + number % 70),
                sex="female" if number % 2 else "male",
                view="PA",
                manufacturer="Acme" if number < n - 6 else "Rare",
                lung_attention=0.9,
                in_boxes=0.5 if ill else None,
                milliseconds=20.0,
            )
        )
    return cases


@pytest.fixture
def make() -> Callable[..., Acceptance]:
    def accepted(cases: list[Case] | None = None, asked: Asked | None = None, **options: object) -> Acceptance:
        return accept(RUN, "DenseNet-121", CARD, cases or made_up(), asked or Asked(), **options)  # type: ignore[arg-type]

    return accepted


def test_figures_are_those_of_the_cases(make: Callable[..., Acceptance]) -> None:
    cases = made_up()
    found = make(cases)
    ill = [c for c in cases if c.label]
    assert found.figures["sensitivity"].estimate == pytest.approx(np.mean([c.called for c in ill]))
    assert found.figures["auc"].estimate == pytest.approx(found.scores.auc.estimate)
    assert found.prevalence == pytest.approx(1 / 3)
    assert found.figures["heat inside boxes"].estimate == pytest.approx(0.5)
    assert [file for file, _ in found.misses] == [
        c.file for c in sorted((c for c in ill if not c.called), key=lambda c: (c.score, c.file))
    ]
    assert found.taken.patients == 150
    assert found.figures["calibration error"].low <= found.figures["calibration error"].estimate


def test_prevalence_moves_predictive_values_alone(make: Callable[..., Acceptance]) -> None:
    here, rare = make(), make(asked=Asked(prevalence=0.02))
    assert rare.figures["ppv"].estimate < 0.3 * here.figures["ppv"].estimate
    assert rare.figures["sensitivity"] == here.figures["sensitivity"]


def test_refused_failed_and_repeated_files(make: Callable[..., Acceptance]) -> None:
    cases = made_up(60)
    cases += [
        Case(row=100, file="/site/hand.png", label=1, status="refused", reason="It shows a hand."),
        Case(row=101, file="/site/bad.dcm", label=0, status="error", reason="It is damaged."),
        structs.replace(cases[0], file="/site/again.dcm", duplicate_of=cases[0].file),
    ]
    found = make(cases, faults=[Fault(5, "the label is empty.")], unlabelled=4)
    t = found.taken
    assert (t.labelled, t.screened, t.refused, t.refused_ill, t.failed, t.failed_ill) == (63, 60, 1, 1, 1, 0)
    assert (t.duplicates, t.unlabelled) == (1, 4)
    assert [u[0] for u in found.unread] == ["/site/hand.png", "/site/bad.dcm"]
    said = words.taken_text(found)
    assert "1 refused, 1 of them with pneumonia" in said
    assert "1 rows of the table were left out" in said


def test_no_claim_where_few_are(make: Callable[..., Acceptance]) -> None:
    groups = {(g.by, g.name): g for g in make().subgroups}
    assert ("view", "PA") not in groups  # the same for all
    assert groups["sex", "female"].is_claim
    assert not groups["manufacturer", "Rare"].is_claim
    assert groups["manufacturer", "Rare"].pneumonia + groups["manufacturer", "Rare"].normal == 6
    assert words.subgroup_text(groups["manufacturer", "Rare"]).startswith("no claim")
    assert [age_group(a) for a in (None, 0.5, 17.9, 18, 64.9, 90)] == [
        "not told",
        "under 6 years",
        "6 to 17 years",
        "18 to 39 years",
        "40 to 64 years",
        "65 years and older",
    ]


def test_verdict_sees_independent_radiographs_only() -> None:
    cases = [structs.replace(c, probability=0.9 if c.label else 0.1, patient=f"p{c.row // 6}") for c in made_up(180)]
    asked = Asked((parse("sensitivity>=95%"),))
    found = accept(RUN, "DenseNet-121", CARD, cases, asked)
    assert found.figures["sensitivity"].n == 60  # without a miss, but of 31 patients
    assert found.verdicts[0].state == "not shown"
    assert found.accepted is False
    alone = accept(RUN, "DenseNet-121", CARD, [structs.replace(c, patient="") for c in cases], asked)
    assert alone.accepted is True
    assert alone.verdict == "Every limit that was stated beforehand is met."


def test_who_is_neither_child_nor_adult_is_said(make: Callable[..., Acceptance]) -> None:
    found = make([structs.replace(c, population="unknown", age=None) for c in made_up(60)])
    assert "Of 60 neither table, header nor the choice tells child or adult" in words.taken_text(found)
    assert words.points_text(found) == "age unknown 0.400"
    assert "neither table" not in words.taken_text(make())


def test_two_that_rank_alike_differ_by_nothing_that_was_seen() -> None:
    cases = made_up(60)
    assert dict(words.parity_rows(compare(RUN, cases, RUN, cases)))["AUC, now less before"].startswith("none")


def test_no_limits_no_verdict(make: Callable[..., Acceptance]) -> None:
    found = make()
    assert found.accepted is None
    assert "not a verdict" in found.verdict


def test_a_shift_from_validation_is_said(make: Callable[..., Acceptance]) -> None:
    found = make()
    assert found.shifts["adult, pneumonia"].alarm
    assert not found.shifts["adult, without"].alarm
    assert "need not hold here" in dict(words.shift_rows(found))["adult, pneumonia"]
    assert dict(words.shift_rows(make(made_up(45))))["adult, pneumonia"] == "15 are too few to tell"


def test_triage_of_the_site(make: Callable[..., Acceptance]) -> None:
    few, many = make(made_up(300)), make(made_up(1200), Asked(promise=Promise(0.05, 0.1)))
    assert "more are needed" in dict(words.triage_rows(few.triage[0]))["Rule out below"]
    [here] = many.triage
    assert here.population == "adult"
    assert here.triage.rule_out.threshold is not None
    assert sum(here.counts.pneumonia.values()) == 400


def test_nothing_to_measure() -> None:
    with pytest.raises(NothingToMeasure, match="0 radiographs with pneumonia and 2 without"):
        accept(RUN, "DenseNet-121", CARD, [c for c in made_up(3) if not c.label], Asked())


def test_parity_with_an_earlier_run(make: Callable[..., Acceptance]) -> None:
    before = made_up()
    now = [structs.replace(c, probability=min(1.0, c.score + 0.2)) for c in before]
    other = structs.replace(RUN, weights_sha256="99" * 32)
    parity = compare(other, before, RUN, now)
    assert parity.changed == ("weights_sha256",)
    assert parity.n == 300
    assert parity.missed.first == 0  # a higher score misses none that were found
    assert parity.missed.second == len([c for c in before if c.label and not c.called and c.score >= 0.2])
    assert parity.false_alarms.second == 0
    assert len(parity.flips[0]) == parity.missed.second + parity.false_alarms.first
    said = dict(words.parity_rows(parity))
    assert "McNemar" in said["Pneumonias decided rightly"]
    assert "weights sha256" in said["Changed"]
    assert words.parity_title(parity) == "Against the earlier run"
    assert make(now, parity=parity).parity is parity
    # In another folder the files are the same ones.
    moved = [structs.replace(c, file=c.file.replace("/site/ward", "D:/other")) for c in before]
    assert compare(other, moved, RUN, now).n == 300
    check_in_common(moved, [c.file for c in now])
    against = compare(structs.replace(other, model="resnet18"), before, RUN, now)
    assert words.parity_title(against) == "Against resnet18"
    assert "only resnet18: 0" in dict(words.parity_rows(against))["Pneumonias decided rightly"]
    assert words.flip_titles(against)[0] == "Called pneumonia by densenet121, and not by resnet18"
    with pytest.raises(NothingInCommon):
        check_in_common(before, ["hand.png", "foot.png"])
    with pytest.raises(NothingInCommon):
        compare(other, [structs.replace(c, file=c.file + "x") for c in before], RUN, now)


def test_json_has_all_and_is_strict(make: Callable[..., Acceptance]) -> None:
    content = json.loads(as_json(make(asked=Asked((parse("auc>=0.5"),)))), parse_constant=pytest.fail)
    assert content["accepted"] is True
    assert content["figures"]["sensitivity"]["n"] == 100
    assert len(content["bands"]["roc"]["x"]) == 101
    assert content["run"]["weights_sha256"] == RUN.weights_sha256
    assert content["sample_size"][0]["pneumonias_without_a_miss"] == 59
    assert content["asked"]["limits"] == [{"name": "auc", "at_least": 0.5}]


def test_pdf_says_it(make: Callable[..., Acceptance]) -> None:
    before = made_up(150)
    parity = compare(RUN, before, RUN, before)
    cases = [*before, Case(row=999, file="/site/<b>&.png", label=1, status="refused", reason="It shows a hand & more.")]
    found = make(cases, asked=Asked((parse("specificity>=99%"),)), faults=[Fault(7, "names no file.")], parity=parity)
    document = pypdfium2.PdfDocument(report_pdf(found))
    text = re.sub(r"\s+", " ", " ".join(page.get_textpage().get_text_bounded() for page in document))
    for said in (
        "Not accepted: 1 of 1 limits missed.",
        "Specificity at least 99 %: missed",
        "False alarms, the most suspected first",
        "ward/00",
        "<b>&.png",
        "It shows a hand & more.",
        "row 7",
        "manufacturer: Rare",
        "no claim",
        "Against the earlier run",
        "Not a medical device",
    ):
        assert said in text, said


def test_pdf_shows_what_was_judged_wrongly(make: Callable[..., Acceptance]) -> None:
    found = make([structs.replace(c, threshold=0.7) for c in made_up(90)])
    files = {f: encode(grey8(400, 300 + n, seed=n), "PNG") for n, (f, _) in enumerate(found.misses)}
    gone = next(iter(files))

    def vanished() -> bytes:
        raise FileNotReadable(gone, "it is gone")

    items = {f: Item(f, partial(bytes, data)) for f, data in files.items()}
    items |= {gone: Item(gone, vanished)}
    items |= {f: Item(f, partial(bytes, encode(grey8(300, 300), "PNG"))) for f, _ in found.false_alarms}
    shown = of_errors(found, items)
    expected = [*list(files)[1:MOST_OF_A_KIND], *(f for f, _ in found.false_alarms[:MOST_OF_A_KIND])]
    assert list(shown) == expected
    document = pypdfium2.PdfDocument(report_pdf(found, shown))
    pictures = [o for page in document for o in page.get_objects() if o.type == pypdfium2.raw.FPDF_PAGEOBJ_IMAGE]
    assert len(pictures) == 1 + len(expected)  # and the curves


def test_summary_has_every_part(make: Callable[..., Acceptance]) -> None:
    said = words.summary(make(asked=Asked((parse("sensitivity>=50%"),))))
    for part in ("AUC", "Recalibration", "Triage, adults", "Subgroups", "against validation", "59 pneumonias", "met"):
        assert part in said


def test_fifty_thousand_cases_take_seconds(make: Callable[..., Acceptance]) -> None:
    import time

    cases = made_up(50_000)
    began = time.process_time()
    found = make(cases)
    report_pdf(found)
    assert time.process_time() - began < 40
    assert replace(found, prevalence=0.1).prevalence == 0.1
