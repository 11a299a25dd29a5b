"""Parts of a site's cases by age, sex, view and manufacturer: figures with intervals, and no claim where few are."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pulmoscan.site.cases import Case
from pulmoscan.statistics.metrics import Confusion, Estimate, Scores

FEWEST = 10
"""Cases of a class; below, a figure's interval spans half the scale and says nothing."""
MOST_GROUPS = 8
AGES = ((0, 6, "under 6 years"), (6, 18, "6 to 17 years"), (18, 40, "18 to 39 years"), (40, 65, "40 to 64 years"))
OLDEST_GROUP = "65 years and older"
NOT_TOLD = "not told"


@dataclass(frozen=True)
class Subgroup:
    """A part of the cases.

    Attributes:
        by: what tells the parts apart.
        sensitivity, specificity, auc: at the operating points that applied; n is 0 where there is no claim.
    """

    by: str
    name: str
    pneumonia: int
    normal: int
    sensitivity: Estimate
    specificity: Estimate
    auc: Estimate

    @property
    def is_claim(self) -> bool:
        """Whether any figure rests on enough cases."""
        return bool(self.sensitivity.n or self.specificity.n)


def subgroups(cases: Sequence[Case]) -> list[Subgroup]:
    """All parts of screened cases; what is the same for all, or told of none, makes no parts."""
    by: dict[str, Callable[[Case], str]] = {
        "population": lambda case: {"child": "children", "adult": "adults"}.get(case.population, NOT_TOLD),
        "age": lambda case: age_group(case.age),
        "sex": lambda case: case.sex or NOT_TOLD,
        "view": lambda case: case.view or NOT_TOLD,
        "manufacturer": lambda case: case.manufacturer or NOT_TOLD,
    }
    found = []
    for what, of in by.items():
        names = Counter(of(case) for case in cases)
        if len(names) < 2:
            continue
        kept = [name for name, _ in names.most_common(MOST_GROUPS)]
        order = [name for *_, name in AGES] + [OLDEST_GROUP] if what == "age" else sorted(kept)
        kept.sort(key=lambda n: (n == NOT_TOLD, order.index(n) if n in order else 0))
        found += [_subgroup(what, name, [case for case in cases if of(case) == name]) for name in kept]
        if others := [case for case in cases if of(case) not in kept]:
            found.append(_subgroup(what, "all others", others))
    return found


def age_group(age: float | None) -> str:
    """The part that an age in years belongs to."""
    if age is None:
        return NOT_TOLD
    return next((name for low, high, name in AGES if low <= age < high), OLDEST_GROUP)


def confusion(cases: Sequence[Case]) -> Confusion:
    """Of screened cases, each at the operating point that applied to it."""
    ill, well = [c.called for c in cases if c.label], [c.called for c in cases if not c.label]
    return Confusion(sum(ill), len(ill) - sum(ill), len(well) - sum(well), sum(well))


def scores(cases: Sequence[Case]) -> Scores:
    """Of screened cases, with their files."""
    return Scores.of([c.label for c in cases], [c.score for c in cases], [c.file for c in cases])


def _subgroup(by: str, name: str, cases: Sequence[Case]) -> Subgroup:
    counts, no_claim = confusion(cases), Estimate(float("nan"), float("nan"), float("nan"), 0)
    enough_ill, enough_well = counts.positives >= FEWEST, counts.negatives >= FEWEST
    return Subgroup(
        by=by,
        name=name,
        pneumonia=counts.positives,
        normal=counts.negatives,
        sensitivity=counts.sensitivity if enough_ill else no_claim,
        specificity=counts.specificity if enough_well else no_claim,
        auc=scores(cases).auc if enough_ill and enough_well else no_claim,
    )
