"""A site's profile: bound to what it was measured with, whole or refused, and applied to readings."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.special import expit, logit

from pulmoscan.errors import SiteProfileDamaged, SiteProfileMismatch, SiteProfilesClash
from pulmoscan.models import preprocessing, site_profile
from pulmoscan.models.site_profile import Calibration
from pulmoscan.reading.radiograph import Radiograph
from pulmoscan.screening import decide, load_model, read
from pulmoscan.statistics.triage import Promise
from tests.site_profiles import MODEL, profile, write


@pytest.fixture
def weights(models: Path) -> str:  # noqa: ARG001 - installs them
    return load_model(MODEL).card.weights_sha256


def test_fingerprint_is_the_same_everywhere_and_changes_with_the_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    preprocessing.fingerprint.cache_clear()
    assert preprocessing.fingerprint() == "74fb2381fd851e3b"  # profiles of other machines hold it
    steps = preprocessing.probe() / preprocessing.PROBE_STEP
    assert np.abs(steps - np.floor(steps) - 0.5).min() * preprocessing.PROBE_STEP > 5e-5  # far above rounding errors
    for name, value in (("LOW_PASS_SIGMA", 1.1), ("STRETCH_PERCENTILES", (2.0, 99.0))):
        with monkeypatch.context() as patch:
            patch.setattr(preprocessing, name, value)
            preprocessing.fingerprint.cache_clear()
            assert preprocessing.fingerprint() != "74fb2381fd851e3b"
    preprocessing.fingerprint.cache_clear()


def test_written_and_read_again(weights: str, tmp_path: Path) -> None:
    path = tmp_path / "site.json"
    written = profile(weights)
    site_profile.write_profile(path, written)
    assert site_profile.read_profile(path) == written
    assert written.label == f"St Elsewhere ({written.sha256[:12]})"


@pytest.mark.parametrize("damage", ["threshold", "no json", "gone", "field"])
def test_a_changed_file_is_refused(weights: str, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "site.json"
    site_profile.write_profile(path, profile(weights))
    if damage == "threshold":
        path.write_text(path.read_text().replace('"threshold": 0.6', '"threshold": 0.9'))
    elif damage == "field":
        path.write_text(json.dumps({**json.loads(path.read_text()), "more": 1}))
    elif damage == "gone":
        path.unlink()
    else:
        path.write_text("{")
    with pytest.raises(SiteProfileDamaged, match="cannot be used"):
        site_profile.read_profile(path)


@pytest.mark.parametrize(
    ("changed", "mend"),
    [
        ({"weights_sha256": "99" * 32}, "Put those weights back"),
        ({"precision": "bfloat16"}, "Set PULMOSCAN_PRECISION=bfloat16"),
        ({"preprocessing": "0" * 16}, "Go back to the version of PulmoScan"),
        ({"model": "resnet50"}, "Choose it with --model resnet50"),
    ],
)
def test_another_version_refuses_it_with_the_mend(weights: str, changed: dict[str, Any], mend: str) -> None:
    with pytest.raises(SiteProfileMismatch, match=mend) as caught:
        load_model(MODEL, profile(weights, **changed))
    assert "accept --profile` again" in str(caught.value)


def test_readings_go_by_it(weights: str, radiographs: list[Radiograph]) -> None:
    plain, here = load_model(MODEL), load_model(MODEL, profile(weights))
    assert plain.site is None  # the shared one is not touched
    before, reading = read(radiographs[0], plain), read(radiographs[0], here)
    assert reading.probability == before.probability
    assert before.site_probability is None
    expected = expit(logit(reading.probability) / 2 + logit(0.1))
    assert reading.site_probability == pytest.approx(expected)
    child, adult = decide(reading, "child"), decide(reading, "adult")
    assert child.threshold == 0.6
    assert adult.threshold == before.card.thresholds["adult"]
    assert child.triage_call == ("rule out" if reading.probability < 0.2 else child.triage_call)
    assert child.triage is not None
    assert child.triage.rule_in.threshold == 0.8
    assert adult.triage is None  # the site has none for adults, and validation's would not be its own
    assert decide(reading).triage is None


def test_triage_by_validation_where_it_is_asked_for(weights: str, radiographs: list[Radiograph]) -> None:  # noqa: ARG001
    reading = read(radiographs[0], load_model(MODEL))
    assert decide(reading, "child").triage_call is None
    found = decide(reading, "child", promise=Promise(0.05, 0.05))
    assert found.triage is not None
    assert found.triage.rule_out.n == 350
    assert found.triage_call == found.triage.call(reading.probability)


def test_isotonic_calibration(weights: str) -> None:
    knots = ((0.0, 0.01), (0.5, 0.3), (1.0, 0.99))
    found = profile(weights, calibration=Calibration(kind="isotonic", knots=knots), prevalence=0.5)
    assert found.probability(0.25) == pytest.approx(0.155, abs=1e-6)


def test_the_environment_names_it(
    weights: str, radiographs: list[Radiograph], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "site.json"
    site_profile.write_profile(path, profile(weights))
    monkeypatch.setenv("PULMOSCAN_SITE", str(path))
    assert load_model(MODEL).site == profile(weights)
    assert not decide(read(radiographs[0], MODEL)).reading.notes
    other = decide(read(radiographs[0], "resnet50"))
    assert other.reading.site is None  # another model than the profile's goes by its own, and says so
    (said,) = [warning for warning in other.warnings if "site profile" in warning]
    assert said.startswith(
        f"The site profile in force is for ResNet-18 ({profile(weights).label}) and not for ResNet-50"
    )
    assert "accept --model resnet50 --profile FILE" in said
    monkeypatch.setenv("PULMOSCAN_SITE", str(tmp_path / "nowhere.json"))
    with pytest.raises(SiteProfileDamaged):
        load_model(MODEL)


def test_several_profiles_one_a_model(weights: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: ARG001
    folder = tmp_path / "sites"
    folder.mkdir()
    with pytest.raises(SiteProfileDamaged, match="holds no profile"):
        site_profile.read_profiles([folder])
    first, second = write(folder / "a.json"), write(folder / "b.json", "resnet50")
    monkeypatch.setenv("PULMOSCAN_SITE", str(folder))
    assert [load_model(name).site for name in (MODEL, "resnet50")] == [first, second]
    said = site_profile.not_for(load_model("densenet121").profiles_of_others, "densenet121")
    assert f"for ResNet-18 ({first.label}) and ResNet-50 ({second.label}) and not for DenseNet-121" in said
    monkeypatch.setenv("PULMOSCAN_SITE", os.pathsep.join(str(folder / name) for name in ("a.json", "b.json")))
    assert load_model("resnet50").site == second
    write(folder / "c.json", name="Elsewhere again")
    monkeypatch.setenv("PULMOSCAN_SITE", str(folder))
    with pytest.raises(SiteProfilesClash, match="Two site profiles are for resnet18"):
        load_model("densenet121")
    # What is replaced holds from the next reading on.
    (folder / "c.json").unlink()
    newer = write(folder / "a.json", name="St Elsewhere, second year")
    assert load_model(MODEL).site == newer
