"""The page of the external models: install, fetch the weights, read a radiograph, see every finding."""

from __future__ import annotations

import streamlit as st

from pulmoscan.errors import INSTALL_XRV
from pulmoscan.models.card import Card
from pulmoscan.models.external import package_is_installed
from pulmoscan.models.external.weights import PUBLISHED_MEGABYTES, download
from pulmoscan.models.external.xrv import SCALED_THRESHOLD, XrvClassifier, load_external
from pulmoscan.models.registry import EXTERNAL_MODELS, ExternalSpec
from pulmoscan.population import POPULATIONS, Population
from pulmoscan.screening import Reading
from pulmoscan.ui.frame import page, told_in_words
from pulmoscan.ui.model_page import reading_of_choice
from pulmoscan.ui.panels.picker import picker

SUBTITLE = (
    "Models that others trained, used as they are: a generalist for comparison beside ours, with its own "
    "preprocessing, its own operating point and 18 findings."
)
ABOUT = """
Cohen et al. 2022, *TorchXRayVision: A library of chest X-ray datasets and models*, MIDL,
[arXiv 2111.00595](https://arxiv.org/abs/2111.00595); Apache License 2.0. It learned mostly from adults; PulmoScan's
makers trained none of it.
"""
FIRST = {"Pneumonia": 0, "Lung Opacity": 1}
"""Findings that stand above the others, which follow by score."""
GROUPS: dict[Population, str] = {"child": "Children, test split", "adult": "Adults, test split"}


def external_page() -> None:
    """One page for all of them: which one is a choice on it."""
    with page("torchxrayvision :small[:gray[external]]", SUBTITLE):
        spec = _choice()
        st.markdown(spec.summary)
        if not package_is_installed():
            _not_installed()
        elif not spec.weights_path.is_file():
            _no_weights(spec)
        else:
            _ready(spec)


def _choice() -> ExternalSpec:
    names = list(EXTERNAL_MODELS)
    name: str = st.segmented_control(
        "Trained on",
        names,
        default=names[0],
        required=True,
        format_func=lambda n: n.rsplit("-", 1)[-1],
        key="external-model",
        persist_state="session",
    )
    return EXTERNAL_MODELS[name]


def _not_installed() -> None:
    st.info("The package torchxrayvision is not installed.", icon=":material/extension:")
    st.markdown("Run this in the environment that runs PulmoScan, and restart it:")
    st.code(INSTALL_XRV, language="shell", wrap_lines=True)
    st.caption("It is optional, since it brings a dozen packages along. All other pages work without it.")
    st.markdown(ABOUT)


def _no_weights(spec: ExternalSpec) -> None:
    st.info("Its weights are not on this machine yet.", icon=":material/download:")
    st.markdown(
        f"One file of about {PUBLISHED_MEGABYTES} MB from github.com.",
        help="Nothing of yours is sent. "
        + (
            "The file is used only if its SHA-256 is the published one."
            if spec.sha256
            else "No published checksum is known: the SHA-256 of what comes is kept, and compared from then on."
        ),
    )
    if st.button("Download the weights", icon=":material/download:", type="primary", key=f"download-{spec.name}"):
        _download(spec)
    with st.expander("Offline, or the download is blocked?"):
        st.markdown("On a machine that can reach it, download")
        st.code(spec.url, language=None, wrap_lines=True)
        st.markdown("and save it on this machine as")
        st.code(str(spec.weights_path), language=None, wrap_lines=True)
        st.markdown("Then reload this page.")
    st.markdown(ABOUT)


def _download(spec: ExternalSpec) -> None:
    bar = st.progress(0.0, "Connecting …")

    def progress(come: int, expected: int | None) -> None:
        text = f"{come / 1e6:.1f} MB"
        bar.progress(
            min(1.0, come / expected) if expected else 0.0, f"{text} of {expected / 1e6:.1f} MB" if expected else text
        )

    with told_in_words():
        try:
            download(spec, progress)
        finally:
            bar.empty()
        st.rerun()


def _ready(spec: ExternalSpec) -> None:
    with st.spinner("Loading torchxrayvision; the first time takes a while …"):
        classifier = load_external(spec)
    _which_weights(classifier)
    picker()
    reading = reading_of_choice(classifier)
    if reading is not None:
        _findings(reading)
    _measured(spec, classifier.card)
    st.markdown(ABOUT)


def _which_weights(classifier: XrvClassifier) -> None:
    weights = classifier.weights
    if weights.is_published is False:
        st.error(
            "**Not the published weights: a test file, or someone else's.** Its checksum was put beside it on purpose, "
            "so it is used; what it says means nothing for the published model.",
            icon=":material/science:",
        )
    kind = {
        True: "the published file",
        False: "not the published file",
        None: "as kept at first use; no published checksum is known",
    }[weights.is_published]
    st.caption(f"Weights: SHA-256 `{weights.sha256[:16]}…`, {kind}.")


def _findings(reading: Reading) -> None:
    st.subheader("All findings", anchor=False)
    rows = [
        {
            "Finding": f.name,
            "Score": f.score,
            "At or above its operating point": "yes" if f.is_positive else "",
            "Before scaling": f.probability,
            "Operating point": f.threshold,
        }
        for f in sorted(reading.findings, key=lambda f: (FIRST.get(f.name, len(FIRST)), -f.score))
    ]
    score = st.column_config.ProgressColumn(format="%.2f", min_value=0.0, max_value=1.0)
    number = st.column_config.NumberColumn(format="%.4f")
    st.dataframe(
        rows,
        hide_index=True,
        height="content",
        column_config={"Score": score, "Before scaling": number, "Operating point": number},
    )
    st.caption(
        f"Scores are scaled by torchxrayvision so that {SCALED_THRESHOLD} is each finding's operating point. The "
        "decision and the heatmap above go by Pneumonia alone. Lung Opacity is what the RSNA's radiologists marked."
    )


def _measured(spec: ExternalSpec, card: Card) -> None:
    st.subheader("What was measured", anchor=False)
    for population in POPULATIONS:
        scores = card.scores.get((population, "test"))
        if scores is None:
            st.markdown(f"**{GROUPS[population]}**: nothing was measured with these weights on this machine.")
            continue
        at = scores.at(card.thresholds[population])
        st.markdown(
            f"**{GROUPS[population]}**, at threshold {card.thresholds[population]:.3f}: AUC {scores.auc.decimal}, "
            f"sensitivity {at.sensitivity.percent}, specificity {at.specificity.percent}; 95 % intervals."
        )
    if spec.has_seen:
        st.warning(
            "Figures on the adults are no independent test: this model was trained on a part of the very set that "
            "those radiographs come from.",
            icon=":material/info:",
        )
    st.markdown("One line measures it on your copy of the data (docs/weights.md says where to get it):")
    st.code(
        f"python -m pulmoscan evaluate --model {spec.name} --data DATA/kermany --data DATA/nih_adult --record",
        language="shell",
        wrap_lines=True,
    )
