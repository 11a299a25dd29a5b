"""The threshold lab: what each threshold costs and gains, from stored scores. Nothing here runs a model."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
import streamlit as st
from numpy.typing import NDArray

from pulmoscan.errors import PulmoScanError, ScoreTableError
from pulmoscan.models import measured
from pulmoscan.models.card import read_card
from pulmoscan.models.measured import Measured
from pulmoscan.models.registry import MODELS
from pulmoscan.population import GROUPS, POPULATIONS, Population
from pulmoscan.statistics import lab
from pulmoscan.statistics.bands import bands
from pulmoscan.statistics.metrics import THRESHOLD_STEP, Scores
from pulmoscan.statistics.operating_points import threshold_for_sensitivity
from pulmoscan.statistics.score_table import read_score_table
from pulmoscan.ui.compare import STYLE
from pulmoscan.ui.frame import page, plain, told_in_words
from pulmoscan.ui.panels import lab_charts
from pulmoscan.ui.panels.lab import confusion_panel, downloads, errors_panel, figures_panel
from pulmoscan.ui.panels.threshold import threshold_slider
from pulmoscan.ui.state import links

SUBTITLE = (
    "What does a threshold cost, and what does it gain? Everything follows from stored scores at once; no model runs."
)
OWN, READER = "own", "reader"
SPLITS = ("validation", "test")
PREVALENCES = (0.1, 99.9)  # per cent
TEST_NOTE = (
    "These are test radiographs. Presets stay those of the validation split: a threshold chosen on the test split "
    "would look better than it is."
)


@dataclass(frozen=True, eq=False)
class Study:
    """What the lab shows.

    Attributes:
        key: identifies it among the session's widgets.
        subject: whose scores they are: a model's title, the consensus or the user's file.
        scores: at which thresholds are tried.
        basis: on which presets are computed: validation, or the user's own table.
        default: the operating point, where there is one.
        others: the scores of all subjects on the same radiographs, by title, for overlaying.
    """

    key: str
    subject: str
    title: str
    scores: Scores
    basis: Scores
    default: float | None
    others: Mapping[str, Scores]
    population: Population | None = None
    split: str = ""


def threshold_lab_page() -> None:
    """The page."""
    with page("Threshold lab", SUBTITLE):
        st.html(STYLE)
        study = _choose()
        if study is not None:
            _lab(study)


def subjects() -> dict[str, Measured]:
    """Every installed model that was measured, and their consensus; a card that cannot be read says so."""
    members = {}
    for spec in MODELS.values():
        try:
            members[spec.name] = measured.of_model(spec, read_card(spec))
        except PulmoScanError as error:
            st.warning(str(error), icon=":material/info:")
    members = {name: member for name, member in members.items() if member.scores}
    if consensus := measured.of_consensus(list(members.values())):
        members[measured.CONSENSUS] = consensus
    return members


def _choose() -> Study | None:
    known = subjects()
    titles = {name: subject.title for name, subject in known.items()}
    if "reader_scores" in st.session_state:
        titles[READER] = "My labels of the batch"
    titles[OWN] = "My own scores (CSV)"
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        name: str = st.selectbox(
            "Scores of",
            list(titles),
            format_func=titles.__getitem__,
            key="lab-subject",
            bind="query-params",
            width=260,
        )
        if name == OWN:
            return _own()
        if name == READER:
            return _reader(st.session_state.reader_scores)
        population = st.segmented_control(
            "Population",
            POPULATIONS,
            default="child",
            required=True,
            format_func=lambda p: GROUPS[p].capitalize(),
            key="lab-population",
            bind="query-params",
        )
        split = st.segmented_control(
            "Split", SPLITS, default="validation", required=True, key="lab-split", bind="query-params"
        )
    subject = known[name]
    scores = subject.scores.get((population, split))
    if scores is None or not len(scores.normal) or not len(scores.pneumonia):
        st.info(
            f"{subject.title} was not measured on the {split} split of {GROUPS[population]}. "
            f"`python -m pulmoscan evaluate --model {name} --split {split} --record` measures and records it.",
            icon=":material/query_stats:",
        )
        return None
    if split == "test":
        st.caption(TEST_NOTE)
    return Study(
        key=f"{name}-{population}",
        subject=subject.title,
        title=f"{subject.title}, {GROUPS[population]}, {split}",
        scores=scores,
        basis=subject.scores.get((population, "validation"), scores),
        default=subject.thresholds.get(population),
        others={s.title: s.scores[population, split] for s in known.values() if (population, split) in s.scores},
        population=population,
        split=split,
    )


def _reader(scores: Scores) -> Study:
    """The rows of the batch that the reader has labelled."""
    st.caption("Your labels are the reference here, of the rows that you chose to label.")
    return Study(
        f"reader-{hash(_content(scores))}", "My labels of the batch", "My labels of the batch", scores, scores, None, {}
    )


def _own() -> Study | None:
    file = st.file_uploader(
        "Scores and labels", type=["csv", "tsv", "txt"], key="lab-own", help=ScoreTableError.mend, max_upload_size=20
    )
    if file is None:
        st.info(f"{ScoreTableError.mend} It is held in memory for this session only.", icon=":material/upload_file:")
        return None
    scores = read_score_table(file.getvalue())
    st.caption(
        "Presets are computed on this very table, so the figures at them are somewhat better than they would be on "
        "other radiographs."
    )
    title = plain(file.name)
    return Study(f"own-{file.file_id}", title, title, scores, scores, None, {title: scores})


@st.fragment
def _lab(study: Study) -> None:
    """All that a drag of the threshold draws anew."""
    with told_in_words():
        key = f"lab-threshold-{study.key}"
        default = study.default if study.default is not None else lab.youden(study.basis)
        if key not in st.session_state:
            linked = links.number_opened_with("threshold", 0, 1)
            st.session_state[key] = round(default if linked is None else linked, 3)
        moved = abs(st.session_state[key] - default) >= THRESHOLD_STEP / 2
        links.show(threshold=f"{st.session_state[key]:.3f}" if moved and study.split else None)
        controls, result = st.columns([4, 5], gap="large")
        with controls:
            threshold = float(st.session_state[key])
            threshold_slider(key, [] if study.default is None else [study.default])
            _presets(study, key)
            prevalence = _prevalence(study)
        with result:
            confusion_panel(study.scores.at(threshold))
        figures_panel(study.scores, threshold, prevalence)
        overlaid = len(study.others) > 1 and st.toggle(
            "Overlay the curves of all models", key="lab-overlaid", persist_state="session"
        )
        # The chosen one comes first and keeps its colour.
        shown = {study.subject: study.scores}
        if overlaid:
            shown |= study.others
            shown[study.subject] = study.scores
        _charts(study, shown, threshold, prevalence, key)
        errors_panel(study.scores, threshold, study.population, study.split, study.key)
        downloads(study.title, shown, study.subject, threshold, prevalence)


def _presets(study: Study, key: str) -> None:
    def to(threshold: float) -> Callable[[], None]:
        return lambda: st.session_state.update({key: round(threshold, 3)})

    with st.container(horizontal=True, gap="small", key="lab-presets"):
        if study.default is not None:
            st.button(
                "High sensitivity",
                on_click=to(study.default),
                help=f"The operating point, {study.default:.3f}: the one that the pages start with.",
            )
        st.button(
            "Balanced",
            on_click=lambda: to(lab.balanced(study.basis))(),
            help="Where the smaller of sensitivity and specificity is greatest.",
        )
        st.button(
            "Youden",
            on_click=lambda: to(lab.youden(study.basis))(),
            help="Where sensitivity + specificity is greatest.",
        )
    for name, finds, explanation in (
        ("Sensitivity", threshold_for_sensitivity, "The highest threshold that still finds that share of pneumonias."),
        ("Specificity", lab.threshold_for_specificity, "The lowest threshold that clears that share of the others."),
    ):
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            wanted = f"lab-wanted-{name}"
            st.number_input(f"{name} at least (%)", 50.0, 100.0, 95.0, 0.5, format="%.1f", key=wanted, width=190)
            st.button(
                "Set",
                key=f"lab-set-{name}",
                on_click=lambda find, at: to(find(study.basis, st.session_state[at] / 100))(),
                args=(finds, wanted),
                help=explanation,
            )


def _prevalence(study: Study) -> float:
    own = 100 * lab.prevalence(study.scores)
    with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
        key = f"lab-prevalence-{study.key}-{study.split}"
        if key not in st.session_state:
            linked = links.number_opened_with("prevalence", *PREVALENCES)
            st.session_state[key] = round(own if linked is None else linked, 1)
        value: float = st.number_input(
            "Prevalence (%)", *PREVALENCES, step=1.0, format="%.1f", key=key, persist_state="session", width=190,
            help="How many of the patients in question have pneumonia. Predictive values and net benefit follow it.",
        )  # fmt: skip
        st.button(f"As in this set ({own:.1f} %)", on_click=lambda: st.session_state.update({key: round(own, 1)}))
    is_own = math.isclose(value, round(own, 1))
    links.show(prevalence=f"{value:.1f}" if study.split and not is_own else None)
    # The set's own prevalence exactly, where it is the one that is shown.
    return lab.prevalence(study.scores) if is_own else value / 100


@st.cache_data(max_entries=60, show_spinner="Drawing the bands …")
def _bands(
    normal: NDArray[np.float64], pneumonia: NDArray[np.float64], prevalence: float
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Of ROC, precision-recall and decision curve; they take half a second, and a drag of the threshold none."""
    found = bands(Scores(normal, pneumonia), prevalence)
    return tuple(lab_charts.band_data(band) for band in (found.roc, found.recall, found.benefit))


def _content(scores: Scores) -> tuple[bytes, bytes]:
    return scores.normal.tobytes(), scores.pneumonia.tobytes()


@st.cache_data(max_entries=60, show_spinner=False, hash_funcs={Scores: _content})
def _curves(shown: Mapping[str, Scores], prevalence: float) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """ROC, precision-recall and decision curves, which do not follow the threshold."""
    return (
        lab_charts.roc_data(shown),
        lab_charts.recall_data(shown, prevalence),
        lab_charts.benefit_data(shown, prevalence),
    )


def _pick(chart: str, key: str) -> None:
    """Take the threshold of the point that was clicked."""
    picked = st.session_state[chart]["selection"].get(lab_charts.PICK) or []
    if picked:
        st.session_state[key] = round(float(picked[0]["threshold"]), 3)


def _charts(study: Study, shown: Mapping[str, Scores], threshold: float, prevalence: float, key: str) -> None:
    point = lab_charts.point_data(study.scores, threshold, prevalence)
    roc, recall, benefit = _bands(study.scores.normal, study.scores.pneumonia, prevalence)
    curves, precisions, lines = _curves(shown, prevalence)
    charts = (
        ("ROC curve", lab_charts.roc_chart(curves, roc, point)),
        (
            f"Precision and recall at a prevalence of {100 * prevalence:.1f} %",
            lab_charts.recall_chart(precisions, recall, point),
        ),
        ("Scores by class", lab_charts.histogram_chart(lab_charts.histogram_data(study.scores), point)),
        ("Decision curve", lab_charts.benefit_chart(lines, benefit, point, prevalence)),
    )
    for row in (charts[:2], charts[2:]):
        for column, (title, spec) in zip(st.columns(2, gap="large"), row, strict=True):
            with column:
                st.markdown(f"**{title}**")
                chart = f"lab-chart-{title.split()[0]}"
                if title == "ROC curve":
                    st.vega_lite_chart(
                        spec, key=chart, width="stretch", alt=title, on_select=partial(_pick, chart, key)
                    )
                else:
                    st.vega_lite_chart(spec, key=chart, width="stretch", alt=title)
    areas = " · ".join(
        f"{name}: AUC {scores.auc.decimal}, average precision {lab.average_precision(scores, prevalence).decimal}"
        for name, scores in shown.items()
    )
    st.caption(
        f"{areas}. The red point is the threshold.",
        help="Its arms are the 95 % intervals. Net benefit takes the threshold as the probability above which "
        "treatment is worthwhile.",
    )
