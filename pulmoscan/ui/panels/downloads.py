"""Reports of the screening in view, made when they are asked for."""

from __future__ import annotations

from functools import partial
from typing import get_args

import streamlit as st

from pulmoscan.export import FORMATS, Report, write_report
from pulmoscan.export.content import PageSize
from pulmoscan.reading.radiograph import Radiograph
from pulmoscan.screening import Screening
from pulmoscan.ui.panels.hand_over import Export, deliver, export_buttons

ANONYMOUS_HELP = (
    "Leaves out the patient's name and identifiers, dates and the file's name, and replaces the DICOM identifiers "
    "(PS3.15, basic profile). What is burnt into the picture stays."
)
IDENTIFIED = "The PDF and the DICOM files name the patient as the DICOM file does, so that they fit the record."
UNNAMED = "The picture names no patient: the DICOM files go to a new study of an anonymous one."


def downloads(radiograph: Radiograph, outcome: Screening) -> None:
    """A button for each format."""
    with st.expander("Export a report", icon=":material/download:"):
        with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
            page: PageSize = st.segmented_control(
                "Page size", get_args(PageSize), default="A4", required=True, key="report-page", persist_state="session"
            )
            anonymous = st.toggle("Anonymous", key="report-anonymous", help=ANONYMOUS_HELP, persist_state="session")
        report = Report(radiograph, outcome, anonymous)
        exports = [
            Export(
                name,
                chosen.title,
                f"{report.stem}{chosen.ending}",
                chosen.mime,
                partial(_pdf, report, page) if name == "pdf" else partial(write_report, report, name),
            )
            for name, chosen in FORMATS.items()
        ]
        with st.container(horizontal=True, gap="small", key="report-buttons"):
            export_buttons("report", exports)
        deliver("report", exports)
        if not anonymous:
            st.caption(IDENTIFIED if radiograph.dicom else UNNAMED)
            for warning in report.left_empty:
                st.warning(warning, icon=":material/info:")


def _pdf(report: Report, page: PageSize) -> bytes:
    from pulmoscan.export.pdf import pdf  # what writes PDF takes long to import

    return pdf(report, page)
