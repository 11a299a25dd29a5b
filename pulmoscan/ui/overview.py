"""The overview: a case to begin with, and the models side by side."""

from __future__ import annotations

from collections.abc import Mapping

import streamlit as st

from pulmoscan.errors import PulmoScanError
from pulmoscan.export.evidence import PATIENTS
from pulmoscan.models.card import Card
from pulmoscan.models.recommended import RULE, recommended
from pulmoscan.models.registry import DEFAULT_MODEL, MODELS, ModelSpec
from pulmoscan.population import GROUPS, POPULATIONS, Population, of_patient
from pulmoscan.screening import load_model
from pulmoscan.statistics.metrics import Estimate
from pulmoscan.ui.frame import page, told_in_words
from pulmoscan.ui.panels.picker import picker
from pulmoscan.ui.state import session
from pulmoscan.ui.state.session import Chosen

SUBTITLE = (
    "Screens chest radiographs for pneumonia with three neural networks, at a threshold set for high sensitivity, and "
    "shows what raised the score."
)
REFERENCE: Mapping[Population, str] = {"child": "", "adult": ", read by radiologists (RSNA)"}


def overview() -> None:
    """The first page."""
    with page("PulmoScan", SUBTITLE):
        picker(bare=True)
        if chosen := session.just_chosen():  # what was chosen here is read on a model's page
            st.switch_page(f"pages/{_first(chosen)}.py")
        st.subheader("The models, as measured", anchor=False)
        for column, spec in zip(st.columns(len(MODELS)), MODELS.values(), strict=True):
            with column, st.container(border=True, height="stretch"), told_in_words():
                _model(spec)


def _cards() -> dict[str, Card]:
    """Of all models whose weights are there and whole."""
    cards = {}
    for name in MODELS:
        try:
            cards[name] = load_model(name).card
        except PulmoScanError:
            continue  # its own box says so
    return cards


def _first(chosen: Chosen) -> str:
    """The model that is recommended for the patient; where that is not known yet the one to begin with."""
    choice = chosen.population_choice()
    population = of_patient(choice, chosen.radiograph.source.age) if choice else None
    return (recommended(_cards(), population) if population else None) or DEFAULT_MODEL


def _model(spec: ModelSpec) -> None:
    st.subheader(f"{spec.title} :small[{spec.role}]", anchor=False, help=spec.summary)
    st.page_link(f"pages/{spec.name}.py", label=f"Open {spec.title}", icon=":material/arrow_forward:")
    with st.spinner("Loading the model …"):
        card = load_model(spec.name).card  # only figures of weights that are there and whole
    for_whom = [GROUPS[p] for p in POPULATIONS if recommended(_cards(), p) == spec.name]
    if for_whom:
        st.markdown(f":green[:material/check: **Recommended for {' and '.join(for_whom)}**]", help=RULE)
    for population in POPULATIONS:
        st.html(_table(card, population))


def _table(card: Card, population: Population) -> str:
    caption = f"<caption>Test radiographs of {PATIENTS[population]}{REFERENCE[population]}</caption>"
    scores = card.scores.get((population, "test"))
    if scores is None:
        return f'<table class="figures">{caption}<tr><td>Not measured yet with these weights.</td></tr></table>'
    threshold = card.thresholds[population]
    confusion = scores.at(threshold)
    rows = (
        _row("AUC", scores.auc, f"{scores.auc.estimate:.3f}", f"{scores.auc.low:.3f} to {scores.auc.high:.3f}"),
        _row("Sensitivity", confusion.sensitivity),
        _row("Specificity", confusion.specificity),
    )
    return (
        f'<table class="figures">{caption}<thead><tr><th scope="col">at {threshold:.3f}</th>'
        '<th scope="col">estimate</th><th scope="col">95 % interval</th><th scope="col">n</th></tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table>"
    )


def _row(name: str, figure: Estimate, estimate: str | None = None, interval: str | None = None) -> str:
    estimate = estimate or f"{100 * figure.estimate:.1f} %"
    interval = interval or f"{100 * figure.low:.1f} to {100 * figure.high:.1f}"
    return f'<tr><th scope="row">{name}</th><td><b>{estimate}</b></td><td>{interval}</td><td>{figure.n}</td></tr>'
