"""Using the app in a test."""

from __future__ import annotations

import base64
import json
import re
import time
from pathlib import Path
from typing import Any

from streamlit.testing.v1 import AppTest

ROOT = Path(__file__).resolve().parents[2]
SUSPECTED, CLEARED = "Pneumonia suspected", "No sign of pneumonia found"


def start() -> AppTest:
    return AppTest.from_file(str(ROOT / "Home.py"), default_timeout=60).run()


def open_page(name: str) -> AppTest:
    """Start the app and open a page by its file's name."""
    return go_to(start(), name)


def go_to(app: AppTest, name: str) -> AppTest:
    return app.switch_page(f"pages/{name}.py").run()


def upload(app: AppTest, content: bytes, name: str = "upload.png", patient: str | None = "Child") -> AppTest:
    """Upload a file and, where the page asks, say whom it shows."""
    app.file_uploader[0].set_value((name, content, "image/png")).run()
    asked = any(str(button.key).startswith("ask-") for button in app.button)
    return click(app, patient) if patient and asked else app


def click(app: AppTest, label: str) -> AppTest:
    return next(button for button in app.button if button.label == label).click().run()


def finish_batch(app: AppTest, patience: float = 120.0) -> AppTest:
    """The page Batch once all is screened."""
    deadline = time.monotonic() + patience
    while app.session_state["batch"].running:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return app.run()


def drag(app: AppTest, threshold: float) -> AppTest:
    """Move the threshold of the page in view, as the slider's callback does."""
    scale = next(c for c in app.get("bidi_component") if "points" in json.loads(c.proto.json))
    key = re.search(r"(threshold-.+|lab-threshold-.+)-scale", scale.proto.id)
    assert key
    app.session_state[key[1]] = threshold
    return app.run()


def threshold(app: AppTest) -> float:
    value = next(data for data in _components(app) if "points" in data)["threshold"]
    assert isinstance(value, float)
    return value


def text(app: AppTest) -> str:
    """All that the page says."""
    kinds = (app.title, app.subheader, app.markdown, app.caption, app.html, app.info, app.warning, app.error)
    said = [str(element.value) for kind in kinds for element in kind]
    helps = [getattr(element.proto, "help", "") for kind in (app.title, app.markdown) for element in kind]
    return "\n".join([*said, *helps])


def decision(app: AppTest) -> str:
    """The decision in words; empty where there is none."""
    return next((words for words in (SUSPECTED, CLEARED) if words in text(app)), "")


def panes(app: AppTest) -> list[dict[str, Any]]:
    """What the viewer was given of each pane: source, title, alt and heats."""
    shown = viewer(app)
    return [{**pane, "source": shown["source"]} for pane in shown["panes"]]


def viewer(app: AppTest) -> dict[str, Any]:
    """All that the viewer was given."""
    (shown,) = [data for data in _components(app) if "panes" in data]
    return shown


def handed_over(app: AppTest) -> list[tuple[str, bytes]]:
    """The files that the browser is given to save: name and content."""
    return [(data["name"], base64.b64decode(data["content"])) for data in _components(app) if "content" in data]


def _components(app: AppTest) -> list[dict[str, Any]]:
    return [json.loads(component.proto.json) for component in app.get("bidi_component")]
