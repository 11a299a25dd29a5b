"""The threshold lab's panels beside its charts: confusion matrix, figures, radiographs judged wrongly, downloads."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import pandas as pd
import streamlit as st

from pulmoscan.errors import PulmoScanError
from pulmoscan.export import lab as lab_export
from pulmoscan.population import Population
from pulmoscan.reading.radiograph import load_radiograph
from pulmoscan.settings import dataset_folders
from pulmoscan.statistics import lab
from pulmoscan.statistics.metrics import Confusion, Estimate, Scores
from pulmoscan.training.data.cases import CaseKey, find_cases
from pulmoscan.ui.frame import plain
from pulmoscan.ui.panels.hand_over import Export, deliver, export_buttons
from pulmoscan.ui.state import session
from pulmoscan.ui.state.session import Chosen

ERRORS = ("Missed pneumonias", "False alarms")
PICTURES = 12
"""Radiographs that are shown of a list at once."""


def confusion_panel(counts: Confusion) -> None:
    """The confusion matrix with counts and rates of the reference class."""
    found, cleared = counts.sensitivity, counts.specificity
    missed, alarms = counts.false_negatives, counts.false_positives
    st.html(
        '<table class="confusion"><caption>Confusion matrix</caption><thead><tr><th></th>'
        "<th>called pneumonia</th><th>called normal</th></tr></thead><tbody>"
        f"<tr><th>pneumonia<small>n = {found.n}</small></th>"
        f"{_count('right', counts.true_positives, found.n, 'found')}{_count('wrong', missed, found.n, 'missed')}</tr>"
        f"<tr><th>normal<small>n = {cleared.n}</small></th>"
        f"{_count('wrong', alarms, cleared.n, 'false positives')}"
        f"{_count('right', counts.true_negatives, cleared.n, 'cleared')}</tr></tbody></table>"
    )


def figures_panel(scores: Scores, threshold: float, prevalence: float) -> None:
    """Sensitivity, specificity, predictive values at the prevalence, and what they mean for a thousand patients."""
    counts = scores.at(threshold)
    values = lab.predictive_values(counts, prevalence)
    at = f"at {100 * prevalence:.1f} %"
    figures = (
        ("Sensitivity", counts.sensitivity),
        ("Specificity", counts.specificity),
        (f"PPV {at}", values.ppv),
        (f"NPV {at}", values.npv),
    )
    st.html(f'<div class="tiles">{"".join(_tile(name, figure) for name, figure in figures)}</div>')
    ill = 1000 * prevalence
    found, alarms = ill * counts.sensitivity.estimate, (1000 - ill) * (1 - counts.specificity.estimate)
    st.caption(
        f"Of 1,000 patients at this prevalence {ill:.0f} have pneumonia: {found:.0f} are found and {ill - found:.0f} "
        f"missed, and {alarms:.0f} of the {1000 - ill:.0f} others are false positives.",
        help="Intervals: Wilson for sensitivity and specificity, logit (Mercaldo et al. 2007) for predictive values.",
    )


def errors_panel(scores: Scores, threshold: float, population: Population | None, split: str, key: str) -> None:
    """What would be missed and who would be a false positive, by file name."""
    st.subheader("What would I miss at this threshold?", anchor=False)
    if not scores.has_files:
        st.caption(
            "The scores were stored without file names. `python -m pulmoscan evaluate --record` stores "
            "them with their names."
        )
        return
    missed, alarms = scores.missed(threshold), scores.false_alarms(threshold)
    # The counts stand beside, not in the labels: with other labels the choice would fall back at each drag.
    with st.container(horizontal=True, vertical_alignment="center", gap="medium"):
        kind = st.segmented_control(
            "Errors", ERRORS, default=ERRORS[0], required=True, label_visibility="collapsed", key="lab-errors"
        )
        st.markdown(f"**{len(missed)}** missed, **{len(alarms)}** false positives")
    cases = missed if kind == ERRORS[0] else alarms
    if not cases:
        return
    left, right = st.columns([4, 5], gap="large")
    with left:
        table = pd.DataFrame(cases, columns=["file", "probability"])
        event = st.dataframe(
            table,
            hide_index=True,
            height=min(38 + 35 * len(table), 318),
            on_select="rerun",
            selection_mode="single-row",
            column_config={"probability": st.column_config.NumberColumn(format="%.4f", width="small")},
            key=f"lab-cases-{key}-{kind}-{len(cases)}",
        )
    with right:
        _pictures(cases, event["selection"]["rows"], population, split)


def _pictures(cases: list[tuple[str, float]], selected: list[int], population: Population | None, split: str) -> None:
    """The selected radiograph, or the first of the list on request; where their dataset lies on this machine."""
    if population is None:
        return
    known = _known_cases()
    if not known:
        st.caption(
            "Their pictures are not on this machine.",
            help="To see them, name the folders of the datasets in the environment variable PULMOSCAN_DATA and start "
            "the app again.",
        )
        return
    if selected:
        file, probability = cases[selected[0]]
        path = known.get((population, split, file))
        if path is None:
            st.caption(f"{plain(file)} is not in the dataset folders.")
            return
        st.image(_picture(path, path.stat().st_mtime_ns), caption=f"{file}, probability {probability:.3f}", width=420)
        st.button("Open it on the models' pages", icon=":material/open_in_new:", on_click=_take, args=(path,))
        return
    if not st.toggle("Show pictures", key="lab-pictures", persist_state="session"):
        st.caption("Select a row to see its radiograph.")
        return
    with st.container(horizontal=True, gap="small"):
        for file, probability in cases[:PICTURES]:
            if path := known.get((population, split, file)):
                picture = _picture(path, path.stat().st_mtime_ns)
                st.image(picture, caption=f"{probability:.3f}", width=112, alt=file)
    if len(cases) > PICTURES:
        st.caption(f"The first {PICTURES} of {len(cases)}.")


def _take(path: Path) -> None:
    session.choose(lambda: Chosen(load_radiograph(path), "From a dataset on this machine."), path.name)


@st.cache_resource(show_spinner="Looking for the datasets …")
def _known_cases() -> Mapping[CaseKey, Path]:
    return find_cases(dataset_folders())


@st.cache_data(max_entries=200, show_spinner=False)
def _picture(path: Path, modified: int) -> bytes:  # noqa: ARG001 - renews it with its file
    """The file as it is; browsers show JPEG and PNG."""
    try:
        load_radiograph(path)  # refuses what is damaged, in words
    except PulmoScanError as error:
        raise PulmoScanError(f"{path.name} cannot be shown. {error}") from error
    return path.read_bytes()


def downloads(title: str, subjects: Mapping[str, Scores], chosen: str, threshold: float, prevalence: float) -> None:
    """Figures as PNG and SVG and data as CSV; each is made when it is asked for."""
    scores = subjects[chosen]
    stem = "".join(c if c.isalnum() else "-" for c in title.lower())[:60]
    st.subheader("Take it away", anchor=False)
    icon = ":material/download:"
    sheet = partial(lab_export.sheet, title, subjects, chosen, threshold, prevalence)
    curves = partial(lab_export.curves_csv, scores, prevalence)
    errors = partial(lab_export.errors_csv, scores, threshold)
    exports = [
        Export("png", "Figures (PNG)", f"pulmoscan-{stem}.png", "image/png", partial(sheet, "png"), icon),
        Export("svg", "Figures (SVG)", f"pulmoscan-{stem}.svg", "image/svg+xml", partial(sheet, "svg"), icon),
        Export("curves", "Curves (CSV)", f"pulmoscan-{stem}-curves.csv", "text/csv", curves, icon),
    ]
    if scores.has_files:
        exports.append(Export("errors", "Errors (CSV)", f"pulmoscan-{stem}-errors.csv", "text/csv", errors, icon))
    with st.container(horizontal=True, gap="small", key="lab-downloads"):
        export_buttons("lab-export", exports)
    deliver("lab-export", exports)


def _count(kind: str, count: int, n: int, words: str) -> str:
    share = f"{100 * count / n:.1f} %" if n else "n/a"
    return f'<td class="{kind}"><b>{count}</b><small>{share} {words}</small></td>'


def _tile(name: str, figure: Estimate) -> str:
    if figure.n == 0:
        return f"<div><span>{name}</span><b>n/a</b><small>nobody is called so</small></div>"
    return (
        f"<div><span>{name}</span><b>{100 * figure.estimate:.1f} %</b>"
        f"<small>{100 * figure.low:.1f} to {100 * figure.high:.1f}, n = {figure.n}</small></div>"
    )
