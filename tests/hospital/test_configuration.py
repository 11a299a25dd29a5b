"""The one file: what is right is taken, and what is wrong is said in words."""

from __future__ import annotations

from pathlib import Path

import pytest

from pulmoscan.cli import main
from pulmoscan.errors import InvalidConfiguration
from pulmoscan.hospital.configuration import read_configuration
from tests.conftest import REPOSITORY
from tests.hospital.archive import TestArchive
from tests.hospital.conftest import Orthanc, free_port

LEAST = """
[node]
folder = "waiting"
[[peers]]
ae_title = "CT1"
networks = ["10.1.0.0/16"]
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "node.toml"
    path.write_text(text)
    return path


def test_the_least_and_where_its_paths_lead(tmp_path: Path) -> None:
    found = read_configuration(written(tmp_path, LEAST))
    assert found.node.folder == tmp_path / "waiting"
    assert (found.node.port, str(found.node.address)) == (11112, "127.0.0.1"), "open to others only if so configured"


def test_the_example_is_valid() -> None:
    found = read_configuration(REPOSITORY / "examples" / "hospital" / "node.toml")
    assert found.destinations


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("node = 3", "node: "),
        ("[node", "it is no TOML"),
        ('[[peers]]\nae_title = "CT1"', "node: it is missing"),
        (LEAST + "colour = 1", "peers, 1, colour: there is no such setting"),
        (LEAST.replace("CT1", "A NAME OF MANY CHARACTERS"), "peers, 1, ae_title: "),
        (LEAST.replace("10.1.0.0/16", "10.1.0.0/99"), "peers, 1, networks, 1"),
        (
            LEAST.replace('"waiting"', '"waiting"\nport = 99999'),
            "node, port: input should be less than or equal to 65535",
        ),
        (LEAST.replace('"waiting"', '"waiting"\nmodel = "gpt"'), "there is no model “gpt”"),
        (LEAST.replace('"waiting"', '"waiting"\ntls = {certificate = "a.pem"}'), "tls needs a certificate and a key"),
        ('[node]\nfolder = "a"', "nobody may send"),
        (LEAST + '[[destinations]]\nkind = "fax"\n', "destinations, 1"),
        (
            LEAST + '[[destinations]]\nkind = "dicomweb"\nname = "a"\nurl = "http://b"\ntoken_file = "none"\n',
            "there is no file",
        ),
    ],
)
def test_what_is_wrong_is_said_in_words(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidConfiguration) as error:
        read_configuration(written(tmp_path, text))
    assert said in str(error.value)
    assert "pydantic" not in str(error.value)


def test_a_missing_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["listen", str(tmp_path / "none.toml")]) == 1
    assert "cannot be read" in capsys.readouterr().err


def test_check_asks_each_peer(orthanc: Orthanc, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archive = TestArchive()
    text = LEAST + "".join(
        f'[[destinations]]\nkind = "dimse"\nname = "{name}"\nae_title = "ARCHIVE"\nhost = "127.0.0.1"\nport = {port}\n'
        for name, port in (("here", archive.port), ("nobody", free_port()))
    )
    web = f'[[destinations]]\nkind = "dicomweb"\nname = "web"\nurl = "{orthanc.url}/dicom-web"\n'
    wrong = f'[[pull]]\nname = "wrong"\nurl = "{orthanc.url}/elsewhere"\n'
    path = written(tmp_path, text + web + wrong)
    assert main(["listen", str(path), "--check"]) == 1
    lines = capsys.readouterr().out.splitlines()
    archive.stop()
    assert lines[0] == "The settings are in order."
    assert lines[1] == "here: answers."
    assert "cannot be reached" in lines[2]
    assert lines[3] == "web: answers."
    assert "HTTP status 404" in lines[4]


def test_status_and_retry(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "waiting").mkdir()
    path = written(tmp_path, LEAST)
    assert main(["listen", str(path), "--status"]) == 0
    assert "instances: 0 received, 0 screened, 0 refused, 0 failed" in capsys.readouterr().out
    assert main(["listen", str(path), "--retry"]) == 0
    assert capsys.readouterr().out.startswith("0 are tried again.")
    assert main(["listen", str(path), "--drift"]) == 0
    assert "Nothing to compare yet" in capsys.readouterr().out
