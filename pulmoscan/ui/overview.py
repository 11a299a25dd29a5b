"""The overview: what PulmoScan is, how to use it, and the models side by side."""

from __future__ import annotations

import streamlit as st

from pulmoscan.models.card import Card
from pulmoscan.models.registry import MODELS, ModelSpec
from pulmoscan.population import POPULATIONS, Population
from pulmoscan.screening import load_model
from pulmoscan.statistics.metrics import Estimate
from pulmoscan.ui.frame import page, told_in_words

SUBTITLE = (
    "Screens chest radiographs for pneumonia with three neural networks, at a threshold set for high sensitivity, and "
    "shows what raised the score."
)
AUDIENCE = """
- **Clinicians** upload a radiograph and see a decision, a probability and where it comes from.
- **Researchers** move the threshold and watch sensitivity and specificity follow.
- **Curious visitors** click a gallery picture and see it work at once.
"""
USE = """
1. Open a model's page, for a start the champion's.
2. Upload a radiograph (DICOM, PNG, JPEG, TIFF, BMP, WebP) or click one in the gallery.
3. Say whether the patient is a child or an adult: each has an operating point of its own.
4. Read the decision together with the figures measured at its threshold.
"""
PRIVACY = (
    "An upload lives in the memory of its browser session and is gone when that ends. No file, log or cache on disk "
    "holds pixels or patient data, and the app sends nothing to anyone."
)
SOURCES = """
- **Children, 1 to 5 years:** Kermany et al. 2018, *Labeled Optical Coherence Tomography and Chest X-Ray Images for
  Classification*, Mendeley Data, [doi 10.17632/rscbjbr9sj](https://doi.org/10.17632/rscbjbr9sj), CC BY 4.0.
- **Adults:** NIH ChestX-ray14, Wang et al. 2017, *ChestX-ray8: Hospital-scale Chest X-ray Database and Benchmarks on
  Weakly-Supervised Classification and Localization of Common Thorax Diseases*,
  [doi 10.1109/CVPR.2017.369](https://doi.org/10.1109/CVPR.2017.369).
"""
MEASURED_ON: dict[Population, str] = {
    "child": "Children, official test split",
    "adult": "Adults, held out, labelled by radiologists (RSNA)",
}


def overview() -> None:
    """The first page."""
    with page("PulmoScan", SUBTITLE):
        who, how = st.columns(2, gap="large")
        with who:
            st.subheader("For whom", anchor=False)
            st.markdown(AUDIENCE)
        with how:
            st.subheader("How to use it", anchor=False)
            st.markdown(USE)
        st.subheader("The models, as measured", anchor=False)
        st.caption("Each at its operating point, which was fixed on validation before the test radiographs were read.")
        for column, spec in zip(st.columns(len(MODELS)), MODELS.values(), strict=True):
            with column, st.container(border=True, height="stretch"), told_in_words():
                _model(spec)
        privacy, sources = st.columns(2, gap="large")
        with privacy:
            st.subheader("Privacy", anchor=False)
            st.markdown(PRIVACY)
        with sources:
            st.subheader("Data", anchor=False)
            st.markdown(SOURCES)


def _model(spec: ModelSpec) -> None:
    st.subheader(f"{spec.title} :small[:gray[{spec.role}]]", anchor=False)
    st.markdown(spec.summary)
    st.page_link(f"pages/{spec.name}.py", label=f"Open {spec.title}", icon=":material/arrow_forward:")
    with st.spinner("Loading the model …"):
        card = load_model(spec.name).card  # only figures of weights that are there and whole
    for population in POPULATIONS:
        st.html(_table(card, population))


def _table(card: Card, population: Population) -> str:
    caption = f"<caption>{MEASURED_ON[population]}</caption>"
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
        f'<table class="figures">{caption}<thead><tr><th>at threshold {threshold:.3f}</th><th></th>'
        f"<th>95 % interval</th><th>n</th></tr></thead><tbody>{''.join(rows)}</tbody></table>"
    )


def _row(name: str, figure: Estimate, estimate: str | None = None, interval: str | None = None) -> str:
    estimate = estimate or f"{100 * figure.estimate:.1f} %"
    interval = interval or f"{100 * figure.low:.1f} to {100 * figure.high:.1f}"
    return f"<tr><th>{name}</th><td><b>{estimate}</b></td><td>{interval}</td><td>{figure.n}</td></tr>"
