from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pulmoscan.gallery.samples import gallery
from pulmoscan.training.data.datasets import load_dataset
from tests.training.made_up import make_kermany
from tools import embeddings
from tools.embeddings import nearest_others, standardised


def test_no_channel_outweighs_the_others() -> None:
    rng = np.random.default_rng(0)
    plain = (rng.normal(size=(50, 4)) * [1, 10, 100, 1000] + [5, 0, -5, 0]).astype(np.float32)
    alike = standardised(plain, plain.mean(axis=0), plain.std(axis=0))
    np.testing.assert_allclose(np.linalg.norm(alike, axis=1), 1, rtol=1e-5)
    assert np.ptp((alike**2).mean(axis=0)) < 0.1


def test_the_same_patient_is_nobodys_neighbour() -> None:
    vectors = np.array([[1, 0], [1, 0], [0.6, 0.8]], dtype=np.float32)
    np.testing.assert_allclose(nearest_others(vectors, ["a", "a", "b"]), [0.6, 0.6, 0.6])


@pytest.mark.usefixtures("models")
def test_the_command_finds_a_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data = make_kermany(tmp_path, 3)
    copied = next(e.path for e in load_dataset(data) if e.split == "train" and e.label)
    sample = next(s for s in gallery() if s.label == "pneumonia")
    changed = type(sample)(copied, sample.title, sample.label, sample.caption, sample.origin)
    monkeypatch.setattr(embeddings, "gallery", lambda: [changed])
    monkeypatch.setattr("sys.argv", ["embeddings", "--data", str(data)])
    embeddings.main()
    out = capsys.readouterr().out
    assert "a radiograph and the nearest of another patient: median" in out
    assert f"{copied.stem}: 1.000, {copied.name}" in out
