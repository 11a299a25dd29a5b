"""What a triage must hold, and whose operating points apply: arguments that `screen`, `triage` and `accept` share."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from pulmoscan.models import registry

if TYPE_CHECKING:
    from pulmoscan.screening import Model
    from pulmoscan.statistics.triage import Promise


def add_promise(parser: argparse.ArgumentParser, miss_rate: float | None) -> None:
    """Args:
    miss_rate: the default; None where there is no triage unless it is given.
    """
    group = parser.add_argument_group("triage in three ways: rule out, a reader decides, rule in")
    group.add_argument(
        "--miss-rate", type=share, default=miss_rate, metavar="SHARE", help="of pneumonias that may be ruled out: 2%%"
    )
    group.add_argument(
        "--false-alarm-rate", type=share, default=0.05, metavar="SHARE", help="of others that may be ruled in: 5%%"
    )
    group.add_argument(
        "--confidence", type=share, default=0.95, metavar="SHARE", help="that each of the two holds: 95%%"
    )


def promise_of(options: argparse.Namespace) -> Promise | None:
    """What was asked for; None without a miss rate.

    Raises:
        InvalidPromise: it cannot be kept by anything.
    """
    if options.miss_rate is None:
        return None
    from pulmoscan.statistics.triage import Promise

    return Promise(options.miss_rate, options.false_alarm_rate, options.confidence)


def share(text: str) -> float:
    """“2%” or 0.02."""
    number = float(text.removesuffix("%").strip())
    return number / 100 if text.strip().endswith("%") else number


def add_site(parser: argparse.ArgumentParser) -> None:
    """The site's profile, which brings its model along."""
    parser.add_argument(
        "--site", type=Path, metavar="FILE", help="a site profile that `accept --profile` wrote; else PULMOSCAN_SITE"
    )


def model_of(options: argparse.Namespace) -> Model:
    """The model that was named, else the site profile's, else the default; by the profile.

    Raises:
        ModelError, InvalidSetting, RuntimeNotInstalled: as `screening.load_model`.
        SiteProfileDamaged, SiteProfileMismatch: the profile cannot be used, or not with this model.
    """
    from pulmoscan.models import site_profile
    from pulmoscan.screening import load_model

    if options.site:
        site = site_profile.read_profile(options.site)
        return load_model(options.model or site.model, site)
    in_force = site_profile.in_force()
    return load_model(options.model or (in_force.model if in_force else registry.DEFAULT_MODEL))
