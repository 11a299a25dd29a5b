"""What an acceptance test found -> the site's profile."""

from __future__ import annotations

from collections.abc import Sequence

from pulmoscan import __version__
from pulmoscan.errors import NoProfile
from pulmoscan.models.card import Card
from pulmoscan.models.site_profile import Bounds, Calibration, Figure, Part, Region, SiteProfile, preprocessing_here
from pulmoscan.population import POPULATIONS
from pulmoscan.site.acceptance import Acceptance, independent_scores
from pulmoscan.site.cases import Case
from pulmoscan.site.subgroups import FEWEST, scores
from pulmoscan.statistics import clusters, operating_points, triage
from pulmoscan.statistics.metrics import Estimate
from pulmoscan.statistics.triage import Promise, Side


def make_profile(acceptance: Acceptance, cases: Sequence[Case], card: Card, name: str) -> SiteProfile:
    """A part for each population with enough cases of either class.

    The threshold is chosen for the sensitivity that was stated as a limit, else for the card's own. Its figures are of
    the very cases that it was chosen on: somewhat better than on others, which another acceptance test would show.

    Raises:
        NoProfile: no population has enough cases.
    """
    limits = {limit.name: limit.value for limit in acceptance.asked.limits}
    parts = {}
    for population in POPULATIONS:
        own = [c for c in cases if c.status == "ok" and not c.duplicate_of and c.population == population]
        if min(sum(c.label for c in own), sum(not c.label for c in own)) >= FEWEST:
            target = limits.get("sensitivity", card.target_sensitivity[population])
            parts[population] = _part(own, target, acceptance.asked.promise)
    if not parts:
        raise NoProfile(FEWEST)
    recalibration = acceptance.recalibration
    return SiteProfile(
        name=name,
        created=acceptance.created.isoformat(timespec="seconds"),
        software=f"PulmoScan {__version__}",
        model=acceptance.run.model,
        weights_sha256=acceptance.run.weights_sha256,
        precision=acceptance.run.precision,
        preprocessing=preprocessing_here(),
        labels_sha256=acceptance.run.labels_sha256,
        prevalence=acceptance.prevalence,
        accepted=acceptance.accepted,
        populations=parts,
        calibration=Calibration(
            kind=recalibration.kind, temperature=round(recalibration.temperature, 6), knots=recalibration.knots
        ),
    )


def _part(cases: Sequence[Case], target: float, promise: Promise) -> Part:
    threshold = operating_points.for_sensitivity(scores(cases), target)
    ill, well = [c for c in cases if c.label], [c for c in cases if not c.label]
    once = independent_scores(cases)
    chosen = triage.choose(once.pneumonia, once.normal, promise)
    return Part(
        threshold=threshold,
        target=target,
        sensitivity=_figure(clusters.share([c.score >= threshold for c in ill], [c.patient for c in ill]).figure),
        specificity=_figure(clusters.share([c.score < threshold for c in well], [c.patient for c in well]).figure),
        triage=Bounds(
            miss_rate=promise.miss_rate,
            false_alarm_rate=promise.false_alarm_rate,
            confidence=promise.confidence,
            rule_out=_region(chosen.rule_out),
            rule_in=_region(chosen.rule_in),
        ),
    )


def _figure(figure: Estimate) -> Figure:
    return Figure(estimate=round(figure.estimate, 6), low=round(figure.low, 6), high=round(figure.high, 6), n=figure.n)


def _region(side: Side) -> Region:
    return Region(threshold=side.threshold, n=side.n, errors=side.errors, needed=side.needed)
