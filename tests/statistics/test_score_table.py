from __future__ import annotations

import io
from pathlib import Path

import pytest

from pulmoscan.batch.outcomes import Outcome
from pulmoscan.batch.output import Csv
from pulmoscan.errors import ScoreTableError
from pulmoscan.statistics.score_table import MAX_BYTES, read_score_table

GOOD = "id,score,label\na,0.9,1\nb,0.2,0\nc,0.4,1\n"


def named(text: str, encoding: str = "utf-8") -> dict[str, tuple[int, float]]:
    scores = read_score_table(text.encode(encoding))
    found = {f: (0, p) for f, p in zip(scores.normal_files, scores.normal.tolist(), strict=True)}
    return found | {f: (1, p) for f, p in zip(scores.pneumonia_files, scores.pneumonia.tolist(), strict=True)}


EXPECTED = {"a": (1, 0.9), "b": (0, 0.2), "c": (1, 0.4)}


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        GOOD.replace(",", ";"),
        GOOD.replace(",", "\t"),
        GOOD.replace("\n", "\r\n"),
        "\ufeff" + GOOD,
        "Label , FILE,other,Probability\npneumonia,a,x,0.9\nNormal,b,y, 0.2\n\n1.0,c,z,0.4",
    ],
    ids=["plain", "semicolons", "tabs", "Windows line ends", "byte order mark", "other names, order and words"],
)
def test_tables_as_people_have_them(text: str) -> None:
    assert named(text) == EXPECTED


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no column “id”; it holds: nothing"),
        ("id,score\na,0.5", "no column “label”"),
        ("id,score,label\na,1.5,1", "Row 2: the score “1.5”"),
        ("id,score,label\na,0.5,1\nb,nan,0", "Row 3: the score “nan”"),
        ("id,score,label\na,high,1", "Row 2: the score “high”"),
        ("id,score,label\na,0.5,maybe", "Row 2: the label “maybe”"),
        ("id,score,label\na,0.5", "Row 2 has too few columns"),
        ("id,score,label\na,0.5,1", "only rows with the label 1"),
        ("id,score,label\n", "no rows"),
    ],
)
def test_what_is_wrong_is_said_with_its_row(text: str, words: str) -> None:
    with pytest.raises(ScoreTableError) as refused:
        read_score_table(text.encode())
    assert words in str(refused.value)
    assert "id, score (0 to 1) and label" in str(refused.value)


@pytest.mark.parametrize("data", [b"\xff\xfe\x00", b"id,score,label\n" + b"x" * MAX_BYTES], ids=["binary", "too large"])
def test_files_that_are_no_table(data: bytes) -> None:
    with pytest.raises(ScoreTableError):
        read_score_table(data)


def test_own_decisions_are_no_reference_standard(tmp_path: Path) -> None:
    stream = io.StringIO()
    Csv(stream).write(Outcome(str(tmp_path / "a.png"), "ok", "resnet18"))
    with pytest.raises(ScoreTableError, match="the model's own decision"):
        read_score_table(stream.getvalue().encode())
