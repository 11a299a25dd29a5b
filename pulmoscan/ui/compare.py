"""One radiograph through all installed models, side by side, and what they make of it together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from pathlib import Path
from statistics import fmean

import streamlit as st

from pulmoscan import screening
from pulmoscan.export.words import METHODS, probability_text
from pulmoscan.models import external, measured
from pulmoscan.models.measured import Measured
from pulmoscan.models.registry import MODELS, ModelSpec
from pulmoscan.population import GROUPS, OperatingPoint, PopulationChoice, has_figures
from pulmoscan.screening import Reading, Screening, load_model
from pulmoscan.statistics.metrics import Estimate, Scores
from pulmoscan.statistics.triage import Promise
from pulmoscan.ui.frame import page, plain, told_in_words
from pulmoscan.ui.panels.gallery import answer, awaits_guess, question
from pulmoscan.ui.panels.heatmap import colour_bar, radiograph_alone
from pulmoscan.ui.panels.patient import ask_patient, patient_control
from pulmoscan.ui.panels.picker import picker
from pulmoscan.ui.panels.refusal import let_through
from pulmoscan.ui.panels.viewer import Pane, grid_of, viewer
from pulmoscan.ui.state import session
from pulmoscan.ui.state.session import Chosen

SUBTITLE = "One radiograph through every installed model: where they agree, where they do not, and what each looked at."
STYLE = Path(__file__).with_name("workbench.css")


@dataclass(frozen=True, eq=False)
class Answer:
    """What one model says of the radiograph."""

    spec: ModelSpec
    reading: Reading
    screening: Screening


def compare_page() -> None:
    """The page."""
    with page("Compare the models", SUBTITLE):
        st.html(STYLE)
        picker()
        chosen = session.chosen()
        if chosen is None:
            st.info("Choose a radiograph for all models.", icon=":material/arrow_upward:")
            return
        if not let_through(chosen):
            return
        guessed = not awaits_guess(chosen)
        if not guessed or chosen.population_choice() is None:
            picture, ask = st.columns([13, 7], gap="medium")
            with picture:
                radiograph_alone(chosen.radiograph, chosen.examination(), "Radiograph")
            with ask:
                if chosen.sample and not guessed:
                    question(chosen.sample)
                else:
                    ask_patient()
            return
        if readings := _read(chosen):
            if chosen.sample:
                answer(chosen.sample)
            _answers(chosen, readings)
            _pictures(chosen, readings)


def _read(chosen: Chosen) -> list[tuple[ModelSpec, Reading]]:
    """Every installed model's reading; one that cannot be used says so, and the others go on."""
    readings = []
    for spec in (*MODELS.values(), *external.installed()):
        with told_in_words(), st.spinner(f"{spec.title} is reading the radiograph …"):
            readings.append((spec, chosen.reading(load_model(spec.name))))
    return readings


# Two fragments, as on a model's page: another population draws no picture, another opacity no figures.


@st.fragment
def _answers(chosen: Chosen, readings: Sequence[tuple[ModelSpec, Reading]]) -> None:
    with told_in_words():
        population = patient_control(chosen, "compare")
        answers = [
            Answer(spec, reading, screening.decide(reading, population, None, Promise())) for spec, reading in readings
        ]
        subjects = [measured.of_model(answer.spec, answer.reading.card) for answer in answers]
        # A score is no probability: it has no part in the mean.
        members = [s for s, answer in zip(subjects, answers, strict=True) if answer.spec.measure == "probability"]
        consensus = measured.of_consensus(members)
        point = consensus.operating_point(population, answers[0].reading.age) if consensus else None
        _agreement(answers)
        st.html(_table(answers, point))
        calls = [f"{a.spec.title} {a.screening.triage_call}" for a in answers if a.screening.triage_call]
        if calls:
            st.caption(f"Triage in three ways: {', '.join(calls)}.")
        for warning in dict.fromkeys(w for answer in answers for w in answer.screening.warnings):
            st.warning(plain(warning), icon=":material/info:")
        with st.expander("How good each of them is, as measured", icon=":material/query_stats:", expanded=True):
            age = answers[0].reading.age
            if not has_figures(age):
                st.info("Nothing was measured on patients of 6 to 17 years.", icon=":material/query_stats:")
                return
            _figures([*subjects, *([consensus] if consensus else [])], population, age)
            if consensus is None and len(members) > 1:
                st.caption(
                    "The consensus has no figures: the models' cards share no radiographs with known file names. "
                    "`python -m pulmoscan evaluate --record` measures them again."
                )


def agreement(labels: Sequence[str]) -> tuple[bool, str]:
    """Whether the models' decisions are all the same, and in words how they stand."""
    suspecting, n = labels.count("pneumonia"), len(labels)
    if suspecting == n:
        return True, f"{n} of {n} suspect pneumonia"
    if suspecting == 0:
        return True, f"{n} of {n} find no sign of pneumonia"
    return False, f"The models disagree: {suspecting} of {n} suspect pneumonia. Look twice."


def _agreement(answers: Sequence[Answer]) -> None:
    labels = [answer.screening.label for answer in answers]
    agreed, words = agreement(labels)
    tone, icon, colour = ("normal", "check_circle", "green")
    if not agreed:
        tone, icon, colour = ("pneumonia", "call_split", "orange")
    elif labels[0] == "pneumonia":
        tone, icon, colour = ("pneumonia", "warning", "orange")
    with st.container(key=f"decision-{tone}", gap="xsmall"):
        st.subheader(f":{colour}[:material/{icon}: {words}]", anchor=False)
        st.markdown("Each at its own operating point. Networks that learned from the same data also err alike.")


def _table(answers: Sequence[Answer], consensus: OperatingPoint | None) -> str:
    """HTML: a row for each model on one shared scale, and one for the consensus."""
    rows = [
        _row(
            answer.spec.title,
            answer.reading.probability,
            answer.screening.threshold,
            f"{answer.reading.milliseconds:.0f} ms",
        )
        for answer in answers
    ]
    ours = [answer.reading.probability for answer in answers if answer.spec.measure == "probability"]
    if len(ours) > 1:
        mean = fmean(ours)
        rows.append(_row("Consensus (mean)", mean, consensus.threshold if consensus else None, "", "joint"))
    heads = "".join(
        f'<div class="head {kind}">{words}</div>'
        for kind, words in (
            ("", ""),
            ("ends", "<span>0</span><span>probability, and the line of each operating point</span><span>1</span>"),
            ("number", "probability"),
            ("", "decision"),
            ("number", "time"),
        )
    )
    return f'<div class="compare">{heads}{"".join(rows)}</div>'


def _row(title: str, probability: float, threshold: float | None, time: str, kind: str = "") -> str:
    text = probability_text(probability)
    suspected = threshold is not None and probability >= threshold
    if threshold is None:
        decision, tone, described, line = "no operating point", "", f"{title}: probability {text}.", ""
        background = "background:light-dark(#d3dee3,#33454d)"
    else:
        decision = f"{'suspected' if suspected else 'no sign'} (at threshold {threshold:.3f})"
        tone = "suspected" if suspected else "cleared"
        described = f"{title}: probability {text}, operating point {threshold:.3f}, {decision}."
        line = '<div class="scale-threshold"></div>'
        background = f"--threshold:{100 * threshold:.2f}%"
    return (
        f'<div class="model {kind}">{escape(title)}</div>'
        f'<div class="track {kind}" role="img" aria-label="{escape(described)}"><div class="scale-bar" '
        f'style="{background};width:100%">{line}<div class="scale-pin" style="left:{100 * probability:.2f}%"></div>'
        "</div></div>"
        f'<div class="probability number {kind}"><b>{text}</b></div>'
        f'<div class="{tone} {kind}">{decision}</div><div class="time number {kind}">{time}</div>'
    )


def _figures(subjects: Sequence[Measured], population: PopulationChoice, age: float | None) -> None:
    """A table of the measured figures at the operating points that apply."""
    points = [(subject, subject.operating_point(population, age)) for subject in subjects]
    known = [(subject, point) for subject, point in points if point is not None]
    for split in ("validation", "test"):
        rows = "".join(
            _figure_row(subject, point, subject.scores[point.measured_on, split])
            for subject, point in known
            if (point.measured_on, split) in subject.scores
        )
        if rows:
            st.html(
                f'<div class="scroll" tabindex="0" role="region" aria-label="Figures on the {split} split">'
                f'<table class="measured"><caption>On the {split} split</caption><thead><tr>'
                "<th></th><th>radiographs of</th><th>at</th><th>AUC</th><th>sensitivity</th><th>specificity</th></tr>"
                f"</thead><tbody>{rows}</tbody></table></div>"
            )
    st.caption(
        "Operating points were fixed on validation, the consensus' too, before the test radiographs were read. Below "
        "each figure: 95 % interval (DeLong for AUC, Wilson otherwise) and n."
    )


def _figure_row(subject: Measured, point: OperatingPoint, scores: Scores) -> str:
    at = scores.at(point.threshold)
    return (
        f"<tr><th><b>{escape(subject.title)}</b></th><td>{GROUPS[point.measured_on]}</td><td>{point.threshold:.3f}</td>"
        f"{_cell(scores.auc, percent=False)}{_cell(at.sensitivity)}{_cell(at.specificity)}</tr>"
    )


def _cell(figure: Estimate, percent: bool = True) -> str:
    if figure.n == 0:
        return "<td>not measured</td>"
    factor, digits, unit = (100, 1, " %") if percent else (1, 3, "")
    low, high = factor * figure.low, factor * figure.high
    return (
        f"<td><b>{factor * figure.estimate:.{digits}f}{unit}</b>"
        f"<small>{low:.{digits}f} to {high:.{digits}f}, n = {figure.n}</small></td>"
    )


@st.fragment
def _pictures(chosen: Chosen, readings: Sequence[tuple[ModelSpec, Reading]]) -> None:
    with told_in_words():
        st.subheader("What raised each score", anchor=False)
        # One reference for all: the largest, so that no map saturates earlier than on its model's own page.
        reference = max(reading.card.heat_reference for _, reading in readings)
        shared = [(s, replace(r, card=replace(r.card, heat_reference=reference))) for s, r in readings]
        radiograph, examination = chosen.radiograph, chosen.examination()
        grid = grid_of(radiograph.height, radiograph.width)
        panes = [Pane("Radiograph", f"Radiograph {radiograph.source.name}")]
        for spec, reading in shared:
            heats = {METHODS[method]: reading.heatmap(*grid, method) for method in METHODS}
            panes.append(
                Pane(
                    f"{spec.title} · score {probability_text(reading.probability)}",
                    f"What raised the score of {spec.title}: heat up to "
                    f"{100 * heats[METHODS[reading.card.heat_method]].max():.0f} % of full strength",
                    heats,
                    outlined=True,
                )
            )
        viewer(radiograph.pixels, panes, radiograph.key, examination.view.mask_at(*grid), smallest="13rem")
        st.html(colour_bar("0", f"≥ {reference:.2f} log-odds per cell"))
        st.caption(
            "One colour scale for all models, so a map can look weaker than on its model's own page.",
            help="In log-odds that a field of its map added to the score. A hint where to look, and no outline of "
            "disease.",
        )
