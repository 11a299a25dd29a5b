"""The bill of materials: valid, with every locked package of this machine and every weights file."""

from __future__ import annotations

import hashlib
import json
import sys
from pathlib import Path

import pytest

from tools import sbom
from tools.lock import ROOT, pins


@pytest.mark.weights
def test_bill_of_materials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "dist" / "bill.json"
    monkeypatch.setattr(sys, "argv", ["sbom", "--out", str(out)])
    sbom.main()  # stops where the schema does not hold
    bill = json.loads(out.read_text())
    assert bill["metadata"]["component"]["name"] == "pulmoscan"
    libraries = {part["name"]: part for part in bill["components"] if part["type"] == "library"}
    assert set(libraries) == {pin.name for pin in pins() if pin.holds_here}
    assert libraries["numpy"]["purl"].startswith("pkg:pypi/numpy@")
    assert libraries["numpy"]["externalReferences"][0]["hashes"]
    models = {part["name"]: part for part in bill["components"] if part["type"] == "machine-learning-model"}
    files = {path.name: path for path in (ROOT / "weights").glob("*.safetensors")}
    assert set(models) == set(files)
    for name, path in files.items():
        assert models[name]["hashes"] == [{"alg": "SHA-256", "content": hashlib.sha256(path.read_bytes()).hexdigest()}]
