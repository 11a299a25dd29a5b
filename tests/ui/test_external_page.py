"""The page of the external models in its three states: not installed, no weights, ready."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from pulmoscan.errors import INSTALL_XRV, DownloadFailed
from pulmoscan.models.card import write_card
from pulmoscan.models.external.weights import checksum_path
from pulmoscan.models.external.xrv import blank_card
from pulmoscan.models.registry import EXTERNAL_MODELS
from pulmoscan.statistics.metrics import Scores
from tests.models.external.published import package, published_format, random_module
from tests.ui.app import click, decision, drag, go_to, open_page, panes, text, threshold

ALL = EXTERNAL_MODELS["xrv-densenet121-all"]
CHEX = EXTERNAL_MODELS["xrv-densenet121-chex"]
package()


@pytest.fixture(scope="module")
def weights_file() -> bytes:
    return published_format(random_module())


def place(weights_file: bytes) -> None:
    ALL.weights_path.parent.mkdir(parents=True)
    ALL.weights_path.write_bytes(weights_file)
    checksum_path(ALL).write_text(f"{hashlib.sha256(weights_file).hexdigest()}  {ALL.file}\n")


def open_external() -> AppTest:
    return open_page("torchxrayvision")


def test_not_installed_says_how(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pulmoscan.ui.external_page.package_is_installed", lambda: False)
    app = open_external()
    assert not app.exception
    assert "not installed" in app.info[0].value
    assert INSTALL_XRV in app.code[0].value
    assert not app.error
    assert not app.get("file_uploader")


def test_no_weights_asks_before_it_downloads_and_says_where_to_put_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pulmoscan.models.external.weights._body", lambda *_: pytest.fail("nobody has clicked"))
    app = open_external()
    assert not app.exception
    assert [code.value for code in app.code] == [ALL.url, str(ALL.weights_path)]
    assert "SHA-256 is the published one" in text(app)
    app.segmented_control[0].set_value(CHEX.name).run()
    assert CHEX.url in app.code[0].value
    assert "No published checksum" in text(app)


def test_download_makes_the_page_ready(weights_file: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pulmoscan.models.external.weights._body", lambda *_: weights_file)
    app = open_external()
    app.segmented_control[0].set_value(CHEX.name).run()
    click(app, "Download the weights")
    assert not app.exception
    assert not app.error
    assert "as kept at first use" in text(app)
    assert decision(click(app, "First"))


def test_failed_download_is_told_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise DownloadFailed(ALL.url, ALL.weights_path, "the server answers 403 (Forbidden)")

    monkeypatch.setattr("pulmoscan.ui.external_page.download", fail)
    app = click(open_external(), "Download the weights")
    assert not app.exception
    assert "403" in app.error[0].value
    assert str(ALL.weights_path) in app.error[0].value


def test_ready_with_a_test_file_is_marked_as_such(weights_file: bytes) -> None:
    place(weights_file)
    app = click(open_external(), "First")
    assert not app.exception
    assert "Not the published weights" in app.error[0].value
    assert any("NOT THE PUBLISHED WEIGHTS" in warning.value for warning in app.warning)
    assert decision(app)
    assert "Score **" in text(app)
    assert "Probability **" not in text(app)
    assert threshold(app) == 0.5
    assert len(panes(app)) == 2
    (table,) = app.dataframe
    assert list(table.value["Finding"][:2]) == ["Pneumonia", "Lung Opacity"]
    assert len(table.value) == 18
    assert text(app).count("nothing was measured with these weights") == 2
    assert f"evaluate --model {ALL.name}" in app.code[0].value
    drag(app, 0.9)
    assert threshold(app) == 0.9
    assert threshold(click(app, "Authors' point")) == 0.5


def test_readings_go_along_between_ours_and_theirs(weights_file: bytes) -> None:
    place(weights_file)
    app = click(open_page("resnet18"), "Second")
    shown = panes(app)[0]["source"]
    go_to(app, "torchxrayvision")
    assert panes(app)[0]["source"] == shown
    assert decision(app)


def test_figures_are_shown_once_measured_and_said_to_be_no_independent_test(
    weights_file: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place(weights_file)
    (tmp_path / "cards").mkdir()
    monkeypatch.setenv("PULMOSCAN_WEIGHTS", str(tmp_path / "cards"))
    blank = blank_card(hashlib.sha256(weights_file).hexdigest())
    scores = Scores(np.linspace(0.1, 0.6, 40), np.linspace(0.4, 0.9, 30))
    blank.scores["adult", "test"] = scores  # type: ignore[index]
    write_card(ALL, blank)
    page = text(open_external())
    assert scores.at(0.5).sensitivity.percent in page
    assert scores.auc.decimal in page
    assert "no independent test" in page


def test_compare_and_batch_take_it_once_its_weights_are_there(weights_file: bytes) -> None:
    model = f"{ALL.title} · external"
    assert model not in open_page("batch").selectbox[0].options
    assert len(panes(click(open_page("compare"), "First"))) == 4
    place(weights_file)
    assert model in open_page("batch").selectbox[0].options
    app = click(open_page("compare"), "First")
    assert not app.exception
    assert not app.error
    assert "of 4" in text(app)
    assert panes(app)[-1]["title"].startswith(f"{ALL.title} · score")
    assert any("NOT THE PUBLISHED WEIGHTS" in warning.value for warning in app.warning)


def test_damaged_weights_give_no_answer(weights_file: bytes) -> None:
    place(weights_file)
    ALL.weights_path.write_bytes(weights_file[:-1])
    app = open_external()
    assert not app.exception
    assert "damaged" in app.error[0].value
    assert not decision(app)
