"""The worklist's page: closed without a passphrase, and a study opens on the model's page."""

from __future__ import annotations

from pathlib import Path

import pytest
from streamlit.testing.v1 import AppTest

from pulmoscan.hospital.drift import BASELINE
from pulmoscan.hospital.queue import Arrival, Queue
from pulmoscan.hospital.spool import Spool
from pulmoscan.hospital.worklist import MARKS, entries, write_passphrase
from pulmoscan.ui.panels.drift import DRIFTED
from tests.dicoms import dicom, save
from tests.hospital.test_drift import fill
from tests.site_profiles import write
from tests.ui.app import click, decision, open_page, start, text

pytestmark = pytest.mark.usefixtures("models")


@pytest.fixture
def queue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Queue:
    """A node's, with one suspected study and one that was refused."""
    write_passphrase(tmp_path / "passphrase", "correct horse battery")
    (tmp_path / "node.toml").write_text(
        '[node]\nfolder = "node"\nmodel = "resnet18"\n[[peers]]\nae_title = "CT"\n'
        '[worklist]\npassphrase_file = "passphrase"\n'
    )
    monkeypatch.setenv("PULMOSCAN_NODE", str(tmp_path / "node.toml"))
    spool, found = Spool(tmp_path / "node"), Queue(tmp_path / "node" / "queue.sqlite")
    for uid, study in (("1.1", "1.0.1"), ("2.1", "2.0.1")):
        found.receive(Arrival(uid, study, "", "CT", 1))
    spool.received("1.1").write_bytes(save(dicom(12, 260, 240)))
    found.finish("1.1", "screened", found={"probability": 0.8, "threshold": 0.4, "label": "pneumonia"})
    found.finish("2.1", "refused", "It shows no chest.")
    return found


def logged_in(name: str = "AB", passphrase: str = "correct horse battery") -> AppTest:
    app = open_page("worklist")
    by_name, secret = app.text_input
    by_name.set_value(name)
    secret.set_value(passphrase)
    return click(app, "Log in")


def test_there_is_no_such_page_unless_it_is_configured() -> None:
    app = start()
    assert not app.exception
    assert "Worklist" not in text(app)


def test_nothing_is_seen_without_the_passphrase(queue: Queue) -> None:
    assert entries(queue)
    app = open_page("worklist")
    assert "suspected" not in text(app)
    app = logged_in(passphrase="wrong")
    assert "not the passphrase" in text(app)
    assert "came 20" not in text(app)


def test_a_study_is_listed_marked_and_opened(queue: Queue) -> None:
    app = logged_in()
    said = text(app)
    assert "Pneumonia suspected" in said
    assert "It shows no chest." in said
    app = app.selectbox[0].select(MARKS[0]).run()
    first = entries(queue)[0]
    assert (first.mark, first.reader) == (MARKS[0], "AB")
    assert "score 0.800" not in text(app), "read, and no longer among what is to be read"
    app = next(c for c in app.segmented_control if c.label == "Show").set_value("all").run()
    next(button for button in app.button if button.key == "open-1.0.1").click()
    app = app.run()
    assert decision(app)


def test_drift_is_shown_beside_the_studies(queue: Queue) -> None:
    app = next(c for c in logged_in().segmented_control if c.label == "View").set_value("Drift").run()
    assert f"the first {BASELINE} screened radiographs are the baseline" in text(app)
    with pytest.MonkeyPatch.context() as clock:
        for week in range(11):
            fill(queue, clock, week, 0.0 if week < 10 else 2.0, "Maker" if week < 10 else "Another maker")
    app = app.run()
    assert not app.exception
    assert "“manufacturer” has drifted" in text(app)
    table = app.dataframe[0].value
    assert str(table["manufacturer"].iloc[0]).endswith(DRIFTED)
    assert not str(table["manufacturer"].iloc[-1]).endswith(DRIFTED)


@pytest.mark.parametrize(
    ("model", "said"), [("resnet18", "judged by the site profile "), ("resnet50", "and not for ResNet")]
)
def test_whose_profile_is_in_force(
    queue: Queue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str, said: str
) -> None:
    assert entries(queue)
    write(tmp_path / "site.json", model)
    monkeypatch.setenv("PULMOSCAN_SITE", str(tmp_path / "site.json"))
    app = logged_in()
    assert not app.exception
    assert said in text(app).replace("\\", "")


OTHERWISE = "by another site profile than this app's"


def test_the_profile_that_the_node_screened_by(queue: Queue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    profile = write(tmp_path / "site.json", "resnet18")
    queue.receive(Arrival("3.1", "3.0.1", "", "CT", 1))
    by_it = {"probability": 0.1, "threshold": 0.3, "label": "normal", "site_profile": profile.label}
    queue.finish("3.1", "screened", found=by_it)
    said = text(logged_in()).replace("\\", "")
    assert f"threshold 0.300, site profile {profile.label}" in said
    assert f"The node screened 1 of these studies {OTHERWISE}" in said
    monkeypatch.setenv("PULMOSCAN_SITE", str(tmp_path / "site.json"))
    queue.finish("1.1", "screened", found={**by_it, "label": "pneumonia"})
    assert OTHERWISE not in text(logged_in())
