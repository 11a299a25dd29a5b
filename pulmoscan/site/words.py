"""The acceptance report in words: for the terminal, and for the tables of page and PDF."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from pulmoscan import DISCLAIMER
from pulmoscan.population import GROUPS
from pulmoscan.site.acceptance import Acceptance, TriageHere
from pulmoscan.site.parity import Parity
from pulmoscan.site.subgroups import FEWEST, Subgroup
from pulmoscan.statistics.exact import upper_bound
from pulmoscan.statistics.metrics import Estimate
from pulmoscan.statistics.shift import FEWEST as FEWEST_TO_COMPARE
from pulmoscan.statistics.triage import CALLS

FIGURES: Mapping[str, str] = {
    "auc": "AUC",
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "ppv": "Positive predictive value",
    "npv": "Negative predictive value",
    "positive likelihood ratio": "Positive likelihood ratio",
    "negative likelihood ratio": "Negative likelihood ratio",
    "average precision": "Average precision",
    "calibration error": "Calibration error",
    "brier": "Brier score",
    "heat inside boxes": "Heat inside boxes",
    "heat inside lungs": "Heat inside lungs",
    "refused": "Refused by the gate",
    "failed": "Failed to be read",
}
"""Titles, in the order of the report."""

DECIMALS = ("auc", "average precision", "calibration error", "brier")
RATIOS = ("positive likelihood ratio", "negative likelihood ratio")
AT_PREVALENCE = ("ppv", "npv", "average precision")
METHODS = (
    "Intervals are of 95 %: DeLong for the AUC (Obuchowski where patients have several radiographs), Wilson for "
    "sensitivity and specificity (at the effective number of independent radiographs), logit for predictive values, "
    "logarithmic for likelihood ratios, resampling for calibration. Limits on sensitivity and specificity are judged "
    "by the exact one-sided bound. Calibration takes both classes alike. Bands are pointwise, by resampling."
)


def figure_text(name: str, figure: Estimate) -> str:
    """A figure with interval and number."""
    if name in DECIMALS:
        return figure.decimal
    if name in RATIOS:
        if figure.n == 0:
            return "not measured"
        return f"{figure.estimate:.2f} ({figure.low:.2f} to {figure.high:.2f})"
    return figure.percent


def figure_rows(acceptance: Acceptance) -> list[tuple[str, str]]:
    """Title and text of every figure that was measured."""
    rows = []
    for name, title in FIGURES.items():
        figure = acceptance.figures.get(name)
        if figure is None or figure.n == 0:
            continue
        text = figure_text(name, figure)
        if name in acceptance.effective:
            text += f"; counts as {acceptance.effective[name]} independent radiographs"
        at = f" at a prevalence of {100 * acceptance.prevalence:.1f} %" if name in AT_PREVALENCE else ""
        rows.append((title + at, text))
    return rows


def points_text(acceptance: Acceptance) -> str:
    """The operating points that applied, and to whom."""
    groups = {str(p): words for p, words in GROUPS.items()} | {"unknown": "age unknown"}
    return ", ".join(f"{groups[p]} {t:.3f}" for p, t in acceptance.thresholds.items())


def taken_text(acceptance: Acceptance) -> str:
    """What was measured and what was not, in sentences."""
    t = acceptance.taken
    parts = [f"{t.labelled:,} labelled files, {t.screened:,} of them screened"]
    parts[0] += f" ({acceptance.confusion.positives:,} with pneumonia, {acceptance.confusion.negatives:,} without)."
    if t.patients:
        parts.append(f"{t.patients:,} different patients are told.")
    for count, ill, what in ((t.refused, t.refused_ill, "refused"), (t.failed, t.failed_ill, "failed")):
        if count:
            parts.append(
                f"{count:,} {what}, {ill:,} of them with pneumonia: these go to a reader and count in no figure."
            )
    if t.unknown:
        parts.append(
            f"Of {t.unknown:,} neither table, header nor the choice tells child or adult: the more sensitive of the "
            "two operating points applied."
        )
    if t.duplicates:
        parts.append(f"{t.duplicates:,} hold the same bytes as another and count once.")
    if t.unlabelled:
        parts.append(f"{t.unlabelled:,} files have no label.")
    if acceptance.faults:
        parts.append(f"{len(acceptance.faults):,} rows of the table were left out for their faults.")
    return " ".join(parts)


def triage_rows(here: TriageHere) -> list[tuple[str, str]]:
    """What the triage of a population says and does, as title and text."""
    found, counts = here.triage, here.counts
    promise = found.promise
    rows = []
    for name, side, of, rate in (
        ("Rule out below", found.rule_out, "pneumonias", promise.miss_rate),
        ("Rule in from", found.rule_in, "negatives", promise.false_alarm_rate),
    ):
        if side.threshold is None:
            rows.append((name, side.why_not(of)))
        else:
            bound = upper_bound(side.errors, side.n, promise.confidence)
            rows.append(
                (
                    name,
                    f"{side.threshold:.4f}: {side.errors} of {side.n} {of} (a patient each); with "
                    f"{100 * promise.confidence:g} % confidence at most {100 * bound:.1f} %; tolerated "
                    f"{100 * rate:g} %",
                )
            )
    shares = ", ".join(f"{100 * counts.share(call):.0f} % {call}" for call in CALLS)
    rows.append(("Of these radiographs", shares))
    return rows


def subgroup_text(group: Subgroup) -> str:
    """Figures of a part; says so where few make no claim."""
    if not group.is_claim:
        return f"no claim: fewer than {FEWEST} of either class"
    parts = []
    for name, figure in (("sensitivity", group.sensitivity), ("specificity", group.specificity)):
        parts.append(f"{name} {figure.percent}" if figure.n else f"{name}: no claim, fewer than {FEWEST}")
    if group.auc.n:
        parts.append(f"AUC {group.auc.decimal}")
    return "; ".join(parts)


def parity_title(parity: Parity) -> str:
    """What the run is compared with."""
    return "Against the earlier run" if parity.sides[0] == "before" else f"Against {parity.sides[0]}"


def flip_titles(parity: Parity) -> tuple[str, str]:
    """Of the files whose decision changed, in the order of `Parity.flips`."""
    before, now = parity.sides
    by = "" if before == "before" else "by "
    return f"Called pneumonia {by}{now}, and not {by}{before}", f"Called pneumonia {by}{before}, and not {by}{now}"


def parity_rows(parity: Parity) -> list[tuple[str, str]]:
    """The comparison with an earlier run, or another model."""
    before, now = parity.sides
    named = {name: f"{getattr(parity.before, name)[:24]} → {getattr(parity.now, name)[:24]}" for name in parity.changed}
    what = "; ".join(f"{name.replace('_', ' ')} {change}" for name, change in named.items()) or "nothing"
    d = parity.auc.difference
    rows = [("Changed", what), ("Radiographs in both", f"{parity.n:,}")]
    if d.n and d.low == d.high:
        rows.append((f"AUC, {now} less {before}", "none: the two rank these cases alike"))
    elif d.n:
        rows.append(
            (
                f"AUC, {now} less {before}",
                f"{d.estimate:+.4f} ({d.low:+.4f} to {d.high:+.4f}), p = {parity.auc.p:.3g} (DeLong)",
            )
        )
    for name, test in (("Pneumonias", parity.missed), ("Others", parity.false_alarms)):
        rows.append(
            (
                f"{name} decided rightly",
                f"only {before}: {test.first}, only {now}: {test.second}, p = {test.p:.3g} (McNemar, exact)",
            )
        )
    return rows


def sample_size_text(acceptance: Acceptance) -> list[str]:
    """How many pneumonias show what, a sentence each."""
    misses = acceptance.confusion.false_negatives
    return [
        f"A sensitivity of at least {100 * s:.0f} % is shown by {none:,} pneumonias without a miss"
        + (f", by {some:,} with {misses}." if misses else ".")
        for s, none, some in acceptance.sample_size
    ]


def recalibration_text(acceptance: Acceptance) -> str:
    """What would put the probabilities right."""
    r = acceptance.recalibration
    if r.kind == "none":
        return f"The probabilities need none that these cases could show (calibration error {r.error_before:.3f})."
    how = f"a temperature of {r.temperature:.2f}" if r.kind == "temperature" else "an isotonic curve"
    return (
        f"By {how}: calibration error {r.error_before:.3f} → {r.error_after:.3f}, Brier score {r.brier_before:.3f} → "
        f"{r.brier_after:.3f} (in cross-validation)."
    )


def shift_rows(acceptance: Acceptance) -> list[tuple[str, str]]:
    """How scores here differ from validation's."""
    rows = []
    for name, s in acceptance.shifts.items():
        said = "other scores than on validation, whose figures need not hold here" if s.alarm else "as on validation"
        tells = f"distance {s.distance:.2f}, p = {s.p:.2g}: {said}"
        rows.append((name, tells if s.n >= FEWEST_TO_COMPARE else f"{s.n} are too few to tell"))
    return rows


def summary(acceptance: Acceptance) -> str:
    """For the terminal."""
    return "\n".join(_lines(acceptance))


def _lines(a: Acceptance) -> Iterator[str]:
    points = points_text(a)
    site = f", site profile {a.run.site}" if a.run.site else ""
    yield f"Acceptance of {a.title}, weights {a.run.weights_sha256[:12]}, {a.run.precision}{site}"
    yield f"  {taken_text(a)}"
    yield f"  operating points: {points}"
    c = a.confusion
    yield f"  TP {c.true_positives}  FN {c.false_negatives}  TN {c.true_negatives}  FP {c.false_positives}"
    yield from (f"  {title:<48} {text}" for title, text in figure_rows(a))
    yield f"  {'Recalibration':<48} {recalibration_text(a)}"
    for here in a.triage:
        yield f"  Triage, {GROUPS[here.population]}"
        yield from (f"    {title:<46} {text}" for title, text in triage_rows(here))
    if a.subgroups:
        yield "  Subgroups"
        yield from (
            f"    {f'{g.by}: {g.name}':<34} {g.pneumonia:>5} + {g.normal:<5} {subgroup_text(g)}" for g in a.subgroups
        )
    if a.shifts:
        yield "  Scores here against validation"
        yield from (f"    {title:<46} {text}" for title, text in shift_rows(a))
    if a.parity:
        yield f"  {parity_title(a.parity)}"
        yield from (f"    {title:<46} {text}" for title, text in parity_rows(a.parity))
    yield "  How many cases"
    yield from (f"    {text}" for text in sample_size_text(a))
    for verdict in a.verdicts:
        yield f"  {verdict.sentence}"
    yield a.verdict
    yield DISCLAIMER
