"""What a triage must hold, and whose operating points apply: arguments that `screen`, `triage` and `accept` share."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pulmoscan.models import registry

if TYPE_CHECKING:
    from pulmoscan.models.site_profile import SiteProfile
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
        "--site",
        type=Path,
        metavar="FILE",
        help="a site profile that `accept --profile` wrote, or a folder of them, one a model; else PULMOSCAN_SITE",
    )


def put_in_force(options: argparse.Namespace) -> None:
    """What --site names holds for this process and those that it starts, as if PULMOSCAN_SITE named it.

    Raises:
        SiteProfileDamaged, SiteProfilesClash: it cannot be used.
    """
    if options.site:
        from pulmoscan.models import site_profile

        site_profile.read_profiles([options.site])
        os.environ["PULMOSCAN_SITE"] = str(options.site.resolve())


def tell_profile(*models: str) -> None:
    """Say on standard error which profile each of the models goes by, or that what is in force is for another one.

    Raises:
        ModelError, SiteProfileDamaged, SiteProfileMismatch, SiteProfilesClash: as `screening.load_model`.
    """
    from pulmoscan.models import site_profile
    from pulmoscan.screening import load_model

    if profiles := site_profile.in_force():
        for model in map(load_model, models):
            name = model.spec.name
            said = f"{name} goes by the site profile {model.site.label}." if model.site else None
            print(said or site_profile.not_for(profiles.values(), name), file=sys.stderr)


def default_model(profiles: Mapping[str, SiteProfile] | None = None) -> str:
    """The model that is taken where none is named: the default, unless there are profiles and none is for it.

    Args:
        profiles: by their models; those in force by default.
    """
    from pulmoscan.models import site_profile

    found = site_profile.in_force() if profiles is None else profiles
    return registry.DEFAULT_MODEL if registry.DEFAULT_MODEL in found or not found else next(iter(found))


def model_of(options: argparse.Namespace) -> Model:
    """The model that was named, else the site profile's, else the default; by the profile.

    Raises:
        ModelError, InvalidSetting, RuntimeNotInstalled: as `screening.load_model`.
        SiteProfileDamaged, SiteProfileMismatch, SiteProfilesClash: a profile cannot be used, or not with this model.
    """
    from pulmoscan.models import site_profile
    from pulmoscan.screening import load_model

    profiles = site_profile.read_profiles([options.site]) if options.site else site_profile.in_force()
    name = options.model or default_model(profiles)
    if not options.site:
        return load_model(name)
    return load_model(name, profiles.get(name) or next(iter(profiles.values())))
