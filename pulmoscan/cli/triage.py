"""`triage`: the bounds that validation allows, what they do on the test split, and a simulation of the promise."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import TYPE_CHECKING

from pulmoscan.cli.arguments import Commands, add_model, positive
from pulmoscan.cli.promises import add_promise, promise_of
from pulmoscan.models import registry

if TYPE_CHECKING:
    from pulmoscan.models.card import Card
    from pulmoscan.population import Population
    from pulmoscan.statistics.triage import Promise, Triage

SIMULATED = ((59, 100), (149, 200), (299, 400), (600, 600))
"""Pneumonias and others of a site's labelled set."""
SHIFTS = (0.0, 0.25, 0.5, 1.0)


def add(commands: Commands) -> None:
    """Its arguments."""
    parser = commands.add_parser("triage", help="bounds of a triage in three ways, chosen on validation")
    add_model(parser, default=registry.DEFAULT_MODEL)
    add_promise(parser, miss_rate=0.02)
    parser.add_argument(
        "--simulate", type=positive, metavar="ROUNDS", help="draw labelled sets again and again: does the promise hold?"
    )
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from pulmoscan.models.card import read_card
    from pulmoscan.population import POPULATIONS
    from pulmoscan.statistics.triage import Promise

    card = read_card(registry.get_spec(options.model))
    promise = promise_of(options) or Promise()
    for population in POPULATIONS:
        print("\n".join(_of_population(options.model, card, population, promise)))
    if options.simulate:
        print("\n".join(_simulation(card, promise, options.simulate)))
    return 0


def _of_population(model: str, card: Card, population: Population, promise: Promise) -> Iterator[str]:
    from pulmoscan.models import bounds
    from pulmoscan.population import GROUPS
    from pulmoscan.statistics.triage import counts

    yield (
        f"{model} · {GROUPS[population]} · at most {promise.miss_rate:.1%} missed, {promise.false_alarm_rate:.1%} "
        f"false alarms, {promise.confidence:.0%} confidence each"
    )
    chosen = bounds.of_validation(card, population, promise)
    if chosen is None:
        yield "  not measured on validation"
        return
    yield from _regions(chosen)
    if test := card.scores.get((population, "test")):
        tally = counts(chosen, test)
        yield f"  on the test split, {len(test.pneumonia)} radiographs with pneumonia and {len(test.normal)} without:"
        for name, ill, well in (
            (call, tally.pneumonia[call], tally.normal[call]) for call in ("rule out", "uncertain", "rule in")
        ):
            yield f"    {name:<10} {(ill + well) / tally.n:6.1%}   {ill:4} with, {well:4} without"
        yield f"    missed: {_share(tally.pneumonia['rule out'], len(test.pneumonia))}"
        yield f"    false alarms: {_share(tally.normal['rule in'], len(test.normal))}"


def _regions(chosen: Triage) -> Iterator[str]:
    out, inside = chosen.rule_out, chosen.rule_in
    yield f"  chosen on validation, each patient once: {out.n} with pneumonia, {inside.n} without"
    for name, side, of in (("rule out below", out, "pneumonias"), ("rule in from", inside, "negatives")):
        if side.threshold is None:
            yield f"  {name}: never. {side.why_not(of)}"
        else:
            yield f"  {name} {side.threshold:.4f}: {side.errors} of {side.n} {of} there"


def _share(count: int, n: int) -> str:
    from pulmoscan.statistics.exact import clopper_pearson

    return clopper_pearson(count, n).percent


def _simulation(card: Card, promise: Promise, rounds: int) -> Iterator[str]:
    from pulmoscan.statistics.triage_simulation import simulate

    patients = card.scores["child", "validation"]
    yield f"Simulation: labelled sets drawn from the children's validation scores, {rounds:,} rounds a row"
    yield f"  may break in {1 - promise.confidence:.0%} of the rounds; shift: new pneumonias sink so far, in log-odds"
    yield "  with  without  shift   miss rate broken         false alarms broken      ruled out   shift noticed"
    rows = [(ill, well, 0.0) for ill, well in SIMULATED] + [(*SIMULATED[-1], shift) for shift in SHIFTS[1:]]
    for ill, well, shift in rows:
        row = simulate(patients, promise, ill, well, shift, rounds)
        broken = [f"{f.estimate:6.1%} ({f.low:.1%} to {f.high:.1%})" for f in (row.broken_misses, row.broken_alarms)]
        yield (
            f"  {ill:>4}  {well:>7}  {shift:5.2f}   {broken[0]:<24} {broken[1]:<24} {row.ruled_out:8.1%}   "
            f"{row.noticed.estimate:8.1%}"
        )
