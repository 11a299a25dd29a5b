"""What a page asks before many radiographs are read: which model, and whose operating point."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import streamlit as st

from pulmoscan.models.registry import DEFAULT_MODEL, MODELS, get_spec
from pulmoscan.population import POPULATION_CHOICES, PopulationChoice

CHOICES: dict[PopulationChoice, str] = {"auto": "By age", "child": "Child", "adult": "Adult"}


def model_choice(key: str, more: Sequence[str] = (), persist_state: Literal["session"] | None = None) -> str:
    """The name of a model, ours or one of `more`; the champion at first."""
    name: str = st.selectbox(
        "Model",
        [*MODELS, *more],
        index=list(MODELS).index(DEFAULT_MODEL),
        format_func=lambda name: f"{get_spec(name).title} · {get_spec(name).role}",
        key=key,
        persist_state=persist_state,
        width=280,
    )
    return name


def population_choice(key: str, explanation: str | None = None) -> PopulationChoice:
    """Whose operating point applies to all of them; by age at first."""
    return st.segmented_control(
        "Patients",
        POPULATION_CHOICES,
        default="auto",
        required=True,
        format_func=CHOICES.__getitem__,
        key=key,
        help=explanation,
    )
