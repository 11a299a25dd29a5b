"""`models`: what is installed."""

from __future__ import annotations

import argparse

from pulmoscan import DISCLAIMER
from pulmoscan.cli.arguments import Commands
from pulmoscan.errors import INSTALL_XRV, PulmoScanError
from pulmoscan.models import registry


def add(commands: Commands) -> None:
    """Its arguments."""
    parser = commands.add_parser("models", help="list what is installed, with checksums and figures")
    parser.add_argument("--markdown", action="store_true", help="only the test figures, as a Markdown table")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from pulmoscan.examination.lungs import load_reader
    from pulmoscan.export.figures import describe_lungs, markdown_table
    from pulmoscan.screening import load_model

    if options.markdown:
        print(markdown_table(registry.MODELS.values()))
        return 0
    usable = True
    for spec in registry.MODELS.values():
        print(f"{spec.name}  {spec.title} ({spec.role})")
        try:
            card = load_model(spec.name).card
        except PulmoScanError as error:
            print(f"  {error}")
            usable = False
            continue
        print(f"  weights   {spec.weights_path}\n  SHA-256   {card.weights_sha256}")
        for (population, split), scores in card.scores.items():
            threshold = card.thresholds[population]
            at = scores.at(threshold)
            print(f"  {population}, {split} (operating point {threshold:.3f})")
            print(f"    AUC          {scores.auc.decimal}")
            print(f"    sensitivity  {at.sensitivity.percent}")
            print(f"    specificity  {at.specificity.percent}")
    try:
        print(describe_lungs(load_reader().card))
    except PulmoScanError as error:
        print(f"lungs  the lung network\n  {error}")
        usable = False
    print("\nExternal, optional (docs/external-models.md)")
    for external in registry.EXTERNAL_MODELS.values():
        print(f"{external.name}  {_external_state(external)}")
    print(DISCLAIMER)
    return 0 if usable else 1


def _external_state(spec: registry.ExternalSpec) -> str:
    """One line, told from the files alone."""
    from pulmoscan.models.external import package_is_installed

    if not package_is_installed():
        return f"not installed: {INSTALL_XRV}"
    if not spec.weights_path.is_file():
        return f"no weights: python -m pulmoscan fetch --model {spec.name}"
    measured = "measured" if spec.card_path.is_file() else "not measured here"
    return f"{spec.weights_path} ({measured})"
