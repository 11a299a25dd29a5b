"""The page with what runs here: versions, model cards, data, privacy, licence, and how to cite it."""

from __future__ import annotations

import platform
from importlib.metadata import version

import streamlit as st

from pulmoscan import __version__
from pulmoscan.errors import PulmoScanError
from pulmoscan.models.card import read_card
from pulmoscan.models.registry import MODELS
from pulmoscan.ui.frame import page, told_in_words

SUBTITLE = "What runs here, what it was made from, and how to cite it."
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
LICENCE = (
    "Apache-2.0. NOTICE names what the data behind the weights ask for, THIRD_PARTY.md the licences of all libraries. "
    "The documents are in `docs/` of the source: weights, lungs and gate, DICOM and reports, performance, security."
)


def about_page() -> None:
    """The page."""
    with page("About", SUBTITLE):
        left, right = st.columns(2, gap="large")
        with left:
            st.subheader("Versions", anchor=False)
            st.html(_versions())
            st.subheader("How to cite", anchor=False)
            st.code(citation(), language=None, wrap_lines=True)
            st.subheader("Licence and documents", anchor=False)
            st.markdown(LICENCE)
        with right:
            st.subheader("Privacy", anchor=False)
            st.markdown(PRIVACY)
            st.subheader("Data", anchor=False)
            st.markdown(SOURCES)
        st.subheader("Model cards", anchor=False)
        name = st.segmented_control(
            "Card of",
            list(MODELS),
            format_func=lambda model: MODELS[model].title,
            key="about-card",
            bind="query-params",
        )
        if name:
            with told_in_words():
                st.markdown(_card(name))


def citation() -> str:
    """One line for a list of references."""
    return (
        f"The PulmoScan contributors. PulmoScan: high-sensitivity pneumonia screening of chest radiographs. "
        f"Version {__version__}. Apache-2.0."
    )


def _card(name: str) -> str:
    from pulmoscan.training.evaluation.model_cards import model_card  # only who asks for a card waits for it

    spec = MODELS[name]
    lines = model_card(spec, read_card(spec)).splitlines()
    # The headings go below the page's own; its curves lie in files that an installed package lacks.
    return "\n".join(f"##{line}" if line.startswith("#") else line for line in lines if not line.startswith("!["))


def _versions() -> str:
    rows = [("PulmoScan", __version__), ("Python", platform.python_version()), ("Streamlit", version("streamlit"))]
    for spec in MODELS.values():
        try:
            rows.append((f"{spec.title}, SHA-256 of the weights", read_card(spec).weights_sha256[:16] + " …"))
        except PulmoScanError as error:
            rows.append((spec.title, str(error)))
    body = "".join(f'<tr><th scope="row">{name}</th><td>{value}</td></tr>' for name, value in rows)
    return f'<table class="facts"><caption>Installed here</caption><tbody>{body}</tbody></table>'
