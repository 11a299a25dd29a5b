"""What each command of `python -m pulmoscan` does; `cli` reads its arguments and tells its errors.

A command imports what it needs when it is called, so that one does not wait for another's libraries.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from tqdm import tqdm

from pulmoscan import DISCLAIMER, registry
from pulmoscan.errors import InvalidThreshold, PulmoScanError

HERE = Path(__file__).resolve().parent.parent


def screen(options: argparse.Namespace) -> int:
    from pulmoscan.batch import Exports, find_files, screen_items
    from pulmoscan.classifier import load_classifier
    from pulmoscan.intake import path_items
    from pulmoscan.lungs import load_reader
    from pulmoscan.output import end_cut_line, writer
    from pulmoscan.report.export import ReportFolder
    from pulmoscan.resume import finished

    if options.threshold is not None and not 0 <= options.threshold <= 1:
        raise InvalidThreshold(options.threshold)
    load_classifier(options.model)  # before the first file, so that a missing model is said once
    load_reader()
    before = finished(options.resume, options.model) if options.resume else {}
    items = list(path_items(find_files(options.paths)))
    remaining = [item for item in items if item.name not in before]
    exports = Exports(options.maps, options.overlays)
    reports = ReportFolder(options.out, options.report, options.anonymous)
    if options.resume:
        end_cut_line(options.resume)
    out = writer(options.format, heading=not (options.resume and options.resume.stat().st_size))
    print(DISCLAIMER, file=sys.stderr)
    if len(remaining) < len(items):
        print(f"{len(items) - len(remaining)} of {len(items)} files are done already.", file=sys.stderr)
    all_read = all(before.get(item.name, "ok") == "ok" for item in items)
    outcomes = screen_items(remaining, options.model, options.population, options.threshold, override=options.no_gate)
    # The bar is for output that goes to a file; in a terminal the lines themselves are the progress.
    for outcome in tqdm(outcomes, total=len(remaining), unit="file", disable=sys.stdout.isatty() or None):
        exports.write(outcome)
        reports.write(outcome)
        out.write(outcome)
        all_read &= outcome.status == "ok"
    return 0 if all_read else 1


def models(options: argparse.Namespace) -> int:
    from pulmoscan.classifier import load_classifier
    from pulmoscan.figures import describe_lungs, markdown_table
    from pulmoscan.lungs import load_reader

    if options.markdown:
        print(markdown_table(registry.MODELS.values()))
        return 0
    usable = True
    for spec in registry.MODELS.values():
        print(f"{spec.name}  {spec.title} ({spec.role})")
        try:
            card = load_classifier(spec.name).card
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
    from pulmoscan.external import package_is_installed

    if not package_is_installed():
        return "not installed: python -m pip install -r requirements-xrv.txt"
    if not spec.weights_path.is_file():
        return f"no weights: python -m pulmoscan fetch --model {spec.name}"
    measured = "measured" if spec.card_path.is_file() else "not measured here"
    return f"{spec.weights_path} ({measured})"


def fetch(options: argparse.Namespace) -> int:
    from pulmoscan.external.weights import download, read_weights

    spec = registry.EXTERNAL_MODELS[options.model]
    with tqdm(unit="B", unit_scale=True, desc=spec.file, disable=None) as bar:

        def progress(come: int, expected: int | None) -> None:
            bar.total = expected
            bar.update(come - bar.n)

        download(spec, progress)
    weights = read_weights(spec)
    print(f"wrote {spec.weights_path}\nSHA-256 {weights.sha256}", end=" ")
    print("(the published file)" if weights.is_published else "(kept; no published checksum is known)")
    return 0


def samples_add(options: argparse.Namespace) -> int:
    from pulmoscan import own_samples
    from pulmoscan.batch import find_files
    from pulmoscan.samples import own_folder

    outcomes = own_samples.add(find_files(options.paths), options.label, options.caption)
    for outcome in outcomes:
        print(f"{outcome.path}: {outcome.reason or f'added as {outcome.file}'}")
    added = sum(not outcome.reason for outcome in outcomes)
    print(f"{added} of {len(outcomes)} added to {own_folder()}; the gallery shows them from now on.")
    return 0 if added == len(outcomes) else 1


def samples_list(_: argparse.Namespace) -> int:
    from pulmoscan.samples import own_folder, own_gallery

    print(own_folder())
    for sample in own_gallery():
        print(f"{sample.path.relative_to(own_folder())}  {sample.label}  {sample.caption}")
    return 0


def samples_remove(options: argparse.Namespace) -> int:
    from pulmoscan import own_samples

    for file in options.files:
        own_samples.remove(file)
        print(f"{file} is deleted")
    return 0


def train(options: argparse.Namespace) -> int:
    from pulmoscan.training.calibrate import calibrate
    from pulmoscan.training.state import save_weights
    from pulmoscan.training.train import default_plan, train

    spec = registry.get_spec(options.model)
    plan = default_plan(
        spec.architecture, options.epochs, options.seed, options.lung_guided, options.frozen, options.learning_rate
    )
    checkpoint = options.checkpoint or Path("runs") / f"{spec.name}.pt"
    network, record = train(plan, options.data, options.init, checkpoint, options.workers)
    save_weights(network.backbone, spec.weights_path)
    calibrate(spec, options.data, record)
    print(f"wrote {spec.weights_path} and {spec.card_path}; measure them with `python -m pulmoscan evaluate`")
    return 0


def calibrate(options: argparse.Namespace) -> int:
    from pulmoscan.training.calibrate import calibrate

    spec = registry.get_spec(options.model)
    # The training record stays; scores of other weights do not.
    card = calibrate(spec, options.data, registry.read_card(spec).training)
    for population, threshold in card.thresholds.items():
        print(f"{spec.name}  {population}: operating point {threshold:.3f}")
    return 0


def evaluate(options: argparse.Namespace) -> int:
    from pulmoscan.training import usual_way
    from pulmoscan.training.evaluate import describe, evaluate, record, write_json

    usual = usual_way.read_usual(options.usual, options.model, options.split) if options.usual else {}
    evaluations = evaluate(options.model, options.data, options.split)
    print("\n\n".join(describe(e, usual.get(e.population)) for e in evaluations))
    if options.out:
        write_json(evaluations, options.out)
    if options.record:
        record(evaluations)
        usual_way.record(usual, options.model, options.split)
    return 0


def lungs(options: argparse.Namespace) -> int:
    from pulmoscan.training.evaluate_lungs import describe, evaluate_lungs, record

    if options.train or options.kinds_only:
        _train_lungs(options)
    dice, figures = evaluate_lungs(options.data, options.split)
    print(describe(dice, figures))
    if options.record:
        record(dice, figures)
    return 0


def _train_lungs(options: argparse.Namespace) -> None:
    from pulmoscan.training.calibrate_lungs import calibrate_lungs
    from pulmoscan.training.train_kinds import KindPlan, keep_held_out, outlines, train_kinds
    from pulmoscan.training.train_lungs import LungPlan, train_lungs

    if options.kinds_only:
        network, training = outlines(options.init)
    else:
        plan = LungPlan(epochs=options.epochs)
        network, training = train_lungs(plan, options.data, options.checkpoint, options.workers, options.init)
    found = options.checkpoint.with_suffix(".kinds.pt")
    training["kinds"], heads = train_kinds(KindPlan(), network, options.data, found)
    card = calibrate_lungs(network, options.data, training)
    keep_held_out(card, network, heads, options.data)


def parity(options: argparse.Namespace) -> int:
    from pulmoscan.training.parity import describe, parity

    result = parity(options.model, options.data, options.split)
    print(describe(options.model, options.split, result))
    if options.record:
        figures = {
            "mean difference": result.difference,
            **{f"changed decisions, {point}": share for point, share in result.changed.items()},
        }
        registry.add_evidence(registry.get_spec(options.model), f"parity, {options.split}", figures)
    return 0


def quality(options: argparse.Namespace) -> int:
    from pulmoscan.training.measure_quality import describe, measure_quality

    print(describe(measure_quality(options.data, options.split)))
    return 0


def shortcuts(options: argparse.Namespace) -> int:
    from pulmoscan.training.shortcuts import describe, figures, shortcut_tests

    tests = shortcut_tests(options.model, options.data, options.split)
    print(describe(options.model, options.split, tests))
    if options.record:
        registry.add_evidence(registry.get_spec(options.model), f"shortcuts, {options.split}", figures(tests))
    return 0


def cards(options: argparse.Namespace) -> int:
    from pulmoscan.training.model_cards import write_model_cards

    for path in write_model_cards(options.out):
        print(f"wrote {path}")
    return 0


def benchmark(options: argparse.Namespace) -> int:
    sys.path.insert(0, str(HERE))
    try:
        from benchmarks.report import PARTS, run
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != "benchmarks":
            raise
        raise PulmoScanError("The benchmarks are not installed; run this from a checkout of the source.") from error

    parts = options.part or PARTS
    if "accuracy" in parts and not options.data:
        raise PulmoScanError("The part accuracy reads radiographs: name a dataset with --data.")
    models = options.model or tuple(registry.MODELS)
    run(models, options.rounds, parts, options.data, options.split, options.limit, options.clock)
    return 0


def app(options: argparse.Namespace) -> int:
    command = [sys.executable, "-m", "streamlit", "run", str(HERE / "Home.py"), "--server.port", str(options.port)]
    return subprocess.run(command, cwd=HERE, check=False).returncode
