"""Write what a set-up on this machine consists of, as a CycloneDX bill of materials: `make sbom`.

Packages are the lock's, with the SHA-256 of their files and the licence that they state; the weights are components of
their own, with the SHA-256 of their cards. The file names this Python's and this system's versions.
"""

from __future__ import annotations

import argparse
import json
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from cyclonedx.contrib.license.factories import LicenseFactory
from cyclonedx.model import ExternalReference, ExternalReferenceType, HashAlgorithm, HashType, XsUri
from cyclonedx.model.bom import Bom
from cyclonedx.model.component import Component, ComponentType
from cyclonedx.output.json import JsonV1Dot6
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from packageurl import PackageURL

from pulmoscan import DISCLAIMER, __version__
from tools.licences import home_page, licence
from tools.lock import ROOT, Pin, pins


def bill_of_materials(root: Path = ROOT) -> Bom:
    """PulmoScan, the packages that it is installed with here, and its weights."""
    bom = Bom()
    program = Component(
        name="pulmoscan",
        version=__version__,
        type=ComponentType.APPLICATION,
        description=DISCLAIMER,
        licenses=[LicenseFactory().make_from_string("Apache-2.0")],
        purl=PackageURL("pypi", None, "pulmoscan", __version__),
        bom_ref="pulmoscan",
    )
    bom.metadata.component = program
    parts = [_package(pin) for pin in pins() if pin.holds_here]
    parts += [_weights(card) for card in sorted((root / "weights").glob("*.json"))]
    for part in parts:
        bom.components.add(part)
    bom.register_dependency(program, parts)
    return bom


def _package(pin: Pin) -> Component:
    """A package; the files of all systems have the same right to be it."""
    purl = PackageURL("pypi", None, pin.name, pin.version)
    part = Component(name=pin.name, version=pin.version, type=ComponentType.LIBRARY, purl=purl, bom_ref=str(purl))
    part.external_references.add(
        ExternalReference(
            type=ExternalReferenceType.DISTRIBUTION,
            url=XsUri(f"https://pypi.org/project/{pin.name}/{pin.version}/"),
            hashes=[HashType(alg=HashAlgorithm.SHA_256, content=sha256) for sha256 in pin.sha256],
        )
    )
    try:
        installed = distribution(pin.name)
    except PackageNotFoundError:
        return part
    if installed.version.split("+")[0] == pin.version:
        part.licenses.add(LicenseFactory().make_from_string(licence(installed)))
        if url := home_page(installed):
            part.external_references.add(ExternalReference(type=ExternalReferenceType.WEBSITE, url=XsUri(url)))
    return part


def _weights(card_path: Path) -> Component:
    card = json.loads(card_path.read_text(encoding="utf-8"))
    file, sha256 = card_path.with_suffix(".safetensors").name, str(card["weights_sha256"])
    return Component(
        name=file,
        version=sha256[:12],
        type=ComponentType.MACHINE_LEARNING_MODEL,
        description=f"Weights of {card['model']}. What they were trained on: {card_path.name} and NOTICE.",
        licenses=[LicenseFactory().make_from_string("Apache-2.0")],
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=sha256)],
        bom_ref=f"weights/{file}",
    )


def main() -> None:
    """Write the file and hold it against the format's schema."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "dist" / "pulmoscan.cdx.json", metavar="FILE")
    out = parser.parse_args().out
    text = JsonV1Dot6(bill_of_materials()).output_as_string(indent=2)
    if error := JsonStrictValidator(SchemaVersion.V1_6).validate_str(text):
        raise SystemExit(f"Not a valid bill of materials: {error}")
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text, encoding="utf-8")
    print(f"wrote {out}")


if __name__ == "__main__":
    main()
