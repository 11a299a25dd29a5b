"""Screening needs no PyTorch once the networks are compiled: a process that cannot import it gives the same results."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pulmoscan.cli import main
from pulmoscan.reading.radiograph import load_radiograph
from pulmoscan.screening import screen
from tests.conftest import REPOSITORY
from tests.pictures import encode, grey8

MODEL = "resnet18"
NEEDLESS = ("torch", "torchvision", "sklearn", "scipy", "matplotlib", "pandas", "albumentations", "highdicom")
"""Packages that take long to import, and that no screening needs."""

BLOCKED = "import sys; sys.modules.update(dict.fromkeys({needless!r})); "


@pytest.fixture
def file(models: Path, tmp_path: Path) -> Path:
    """A radiograph; what reads it with the models installed is compiled."""
    assert models.is_dir()
    path = tmp_path / "radiograph.png"
    path.write_bytes(encode(grey8(300, 280, seed=5), "PNG"))
    # In a process of its own: here the model may have been compiled long ago, and its file in the cache have given way.
    run(f"from pulmoscan.cli import main; sys.exit(main(['screen', {str(path)!r}, '--model', {MODEL!r}]))", needless=())
    return path


def run(code: str, needless: tuple[str, ...] = NEEDLESS) -> str:
    """What Python prints when those packages cannot be imported."""
    command = [sys.executable, "-c", BLOCKED.format(needless=needless) + code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=REPOSITORY)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_screening(file: Path) -> None:
    code = (
        "from pulmoscan.screening import screen; from pulmoscan.reading.radiograph import load_radiograph; "
        f"s = screen(load_radiograph({str(file)!r}), {MODEL!r}); r = s.reading; "
        "print(r.logit, r.probability, r.peak_heat, s.lung_attention, float(r.heatmap().sum()))"
    )
    found = [float(value) for value in run(code).split()]
    here = screen(load_radiograph(file), MODEL)
    reading = here.reading
    expected = [
        reading.logit, reading.probability, reading.peak_heat, here.lung_attention, float(reading.heatmap().sum())
    ]  # fmt: skip
    assert found == expected


def test_command(file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["screen", str(file), "--model", MODEL, "--format", "json"]
    out = run(f"from pulmoscan.cli import main; sys.exit(main({[*arguments, '--overlays', str(tmp_path / 'theirs')]}))")
    main([*arguments, "--overlays", str(tmp_path / "ours")])
    theirs, ours = (json.loads(line) for line in (out, capsys.readouterr().out))
    assert {**theirs, "milliseconds": 0} == {**ours, "milliseconds": 0}
    first, second = (sorted((tmp_path / name).iterdir()) for name in ("theirs", "ours"))
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second] != []


def test_page(file: Path) -> None:
    """The app's page shows the decision of an upload."""
    code = (
        "from streamlit.testing.v1 import AppTest; from tests.ui.app import text, upload; "
        f"app = AppTest.from_file({str(REPOSITORY / 'pages' / f'{MODEL}.py')!r}, default_timeout=120); "
        "app.session_state.navigated = True; "  # else it would go by the overview, which loads every model
        f"app = upload(app.run(), open({str(file)!r}, 'rb').read()); print(text(app))"
    )
    out = run(code)
    assert f"Score **{screen(load_radiograph(file), MODEL).reading.probability:.3f}**" in out
