"""The command line: `python -m pulmoscan COMMAND`.

Exit codes: 0 all is well; 1 some files were refused or failed, or the command could not do its work; 2 wrong usage.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tqdm import tqdm

from pulmoscan import DISCLAIMER, __version__, registry
from pulmoscan.errors import InvalidThreshold, PulmoScanError

HERE = Path(__file__).resolve().parent.parent


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; every error becomes a sentence on standard error."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except PulmoScanError as error:
        print(f"pulmoscan: {error}", file=sys.stderr)
        return 2 if isinstance(error, InvalidThreshold) else 1
    except KeyboardInterrupt:
        print("pulmoscan: stopped", file=sys.stderr)
        return 130
    except BrokenPipeError:
        # Whoever read our output has gone. Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception as error:
        if os.environ.get("PULMOSCAN_DEBUG"):
            raise
        print(
            f"pulmoscan: unexpected {type(error).__name__}: {error}. "
            "Run again with PULMOSCAN_DEBUG=1 for the details, and report them.",
            file=sys.stderr,
        )
        return 1


def _screen(options: argparse.Namespace) -> int:
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


def _models(options: argparse.Namespace) -> int:
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
            print(f"  {population}, {split} (operating point {threshold:.2f})")
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


def _fetch(options: argparse.Namespace) -> int:
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


def _samples_add(options: argparse.Namespace) -> int:
    from pulmoscan import own_samples
    from pulmoscan.batch import find_files
    from pulmoscan.samples import own_folder

    outcomes = own_samples.add(find_files(options.paths), options.label, options.caption)
    for outcome in outcomes:
        print(f"{outcome.path}: {outcome.reason or f'added as {outcome.file}'}")
    added = sum(not outcome.reason for outcome in outcomes)
    print(f"{added} of {len(outcomes)} added to {own_folder()}; the gallery shows them from now on.")
    return 0 if added == len(outcomes) else 1


def _samples_list(_: argparse.Namespace) -> int:
    from pulmoscan.samples import own_folder, own_gallery

    print(own_folder())
    for sample in own_gallery():
        print(f"{sample.path.relative_to(own_folder())}  {sample.label}  {sample.caption}")
    return 0


def _samples_remove(options: argparse.Namespace) -> int:
    from pulmoscan import own_samples

    for file in options.files:
        own_samples.remove(file)
        print(f"{file} is deleted")
    return 0


def _train(options: argparse.Namespace) -> int:
    from pulmoscan.training.calibrate import calibrate
    from pulmoscan.training.train import default_plan, save_weights, train

    spec = registry.get_spec(options.model)
    plan = default_plan(spec.architecture, options.epochs, options.seed, options.lung_guided, options.frozen)
    checkpoint = options.checkpoint or Path("runs") / f"{spec.name}.pt"
    network, record = train(plan, options.data, options.init, checkpoint, options.workers)
    save_weights(network, spec.weights_path)
    calibrate(spec, options.data, record)
    print(f"wrote {spec.weights_path} and {spec.card_path}; measure them with `python -m pulmoscan evaluate`")
    return 0


def _calibrate(options: argparse.Namespace) -> int:
    from pulmoscan.training.calibrate import calibrate

    spec = registry.get_spec(options.model)
    # The training record stays; scores of other weights do not.
    card = calibrate(spec, options.data, registry.read_card(spec).training)
    for population, threshold in card.thresholds.items():
        print(f"{spec.name}  {population}: operating point {threshold:.2f}")
    return 0


def _evaluate(options: argparse.Namespace) -> int:
    from pulmoscan.training.evaluate import describe, evaluate, record, write_json

    evaluations = evaluate(options.model, options.data, options.split)
    print("\n\n".join(describe(e) for e in evaluations))
    if options.out:
        write_json(evaluations, options.out)
    if options.record:
        record(evaluations)
    return 0


def _lungs(options: argparse.Namespace) -> int:
    from pulmoscan.training.calibrate_lungs import calibrate_lungs
    from pulmoscan.training.evaluate_lungs import describe, evaluate_lungs, record
    from pulmoscan.training.train_lungs import LungPlan, train_lungs

    if options.train:
        network, training = train_lungs(
            LungPlan(epochs=options.epochs), options.data, options.checkpoint, options.workers, options.init
        )
        calibrate_lungs(network, options.data, training)
    dice, figures = evaluate_lungs(options.data, options.split)
    print(describe(dice, figures))
    if options.record:
        record(dice, figures)
    return 0


def _parity(options: argparse.Namespace) -> int:
    from pulmoscan.training.parity import describe, parity

    result = parity(options.model, options.data, options.split)
    print(describe(options.model, options.split, result))
    if options.record:
        figures = {"mean difference": result.difference, "changed decisions": result.changed}
        registry.add_evidence(registry.get_spec(options.model), f"parity, {options.split}", figures)
    return 0


def _quality(options: argparse.Namespace) -> int:
    from pulmoscan.training.measure_quality import describe, measure_quality

    print(describe(measure_quality(options.data, options.split)))
    return 0


def _shortcuts(options: argparse.Namespace) -> int:
    from pulmoscan.training.shortcuts import describe, figures, shortcut_tests

    tests = shortcut_tests(options.model, options.data, options.split)
    print(describe(options.model, options.split, tests))
    if options.record:
        registry.add_evidence(registry.get_spec(options.model), f"shortcuts, {options.split}", figures(tests))
    return 0


def _cards(options: argparse.Namespace) -> int:
    from pulmoscan.training.model_cards import write_model_cards

    for path in write_model_cards(options.out):
        print(f"wrote {path}")
    return 0


def _benchmark(options: argparse.Namespace) -> int:
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


def _app(options: argparse.Namespace) -> int:
    command = [sys.executable, "-m", "streamlit", "run", str(HERE / "Home.py"), "--server.port", str(options.port)]
    return subprocess.run(command, cwd=HERE, check=False).returncode


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m pulmoscan", description="Pneumonia screening of chest radiographs.", epilog=DISCLAIMER
    )
    parser.add_argument("--version", action="version", version=f"PulmoScan {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    screen = commands.add_parser("screen", help="screen radiographs", epilog=DISCLAIMER)
    screen.add_argument("paths", nargs="+", metavar="PATH", help="a file, a folder, a zip or a glob")
    _add_model(screen, default=registry.DEFAULT_MODEL, external=True)
    screen.add_argument("--population", choices=("child", "adult", "auto"), default="auto")
    screen.add_argument("--threshold", type=float, metavar="T", help="0 to 1; by default the operating point")
    screen.add_argument("--format", choices=("table", "json", "csv"), default="table")
    screen.add_argument(
        "--no-gate", action="store_true", help="screen also what does not look like a chest radiograph; warned of"
    )
    screen.add_argument("--maps", type=Path, metavar="DIR", help="write each heatmap as NAME.npy")
    screen.add_argument("--overlays", type=Path, metavar="DIR", help="write each overlay as NAME.png")
    screen.add_argument(
        "--report",
        action="append",
        default=[],
        choices=("pdf", "dicom-sr", "dicom-sc", "png", "json"),
        help="write a report of each radiograph; may be repeated",
    )
    screen.add_argument(
        "--out", type=Path, metavar="DIR", default=Path("reports"), help="where to; by default the folder reports"
    )
    screen.add_argument("--anonymous", action="store_true", help="leave out of reports all that names the patient")
    screen.add_argument(
        "--resume",
        type=Path,
        metavar="FILE",
        help="skip the files that FILE, an earlier run's JSON or CSV, has results of; append to it with >> FILE",
    )
    screen.set_defaults(run=_screen)

    models = commands.add_parser("models", help="list what is installed, with checksums and figures")
    models.add_argument("--markdown", action="store_true", help="only the test figures, as a Markdown table")
    models.set_defaults(run=_models)

    samples = commands.add_parser("samples", help="your own radiographs in the gallery").add_subparsers(
        required=True, metavar="add|list|remove"
    )
    add = samples.add_parser("add", help="put radiographs into the gallery, outside the repository")
    add.add_argument("paths", nargs="+", metavar="PATH", help="a file, a folder or a glob")
    add.add_argument("--label", choices=("normal", "pneumonia", "unknown"), required=True)
    add.add_argument("--caption", default="", metavar="TEXT", help="one sentence, shown with the answer")
    add.set_defaults(run=_samples_add)
    samples.add_parser("list", help="what was added").set_defaults(run=_samples_list)
    remove = samples.add_parser("remove", help="delete what was added")
    remove.add_argument("files", nargs="+", metavar="FILE", help="as `samples list` names it")
    remove.set_defaults(run=_samples_remove)

    app = commands.add_parser("app", help="start the web app")
    app.add_argument("--port", type=int, default=8501)
    app.set_defaults(run=_app)

    benchmark = commands.add_parser("benchmark", help="measure how fast it is here, against the demos' way")
    benchmark.add_argument("--model", choices=tuple(registry.MODELS), action="append", help="by default all")
    benchmark.add_argument(
        "--part",
        choices=("stages", "batches", "pipeline", "start", "load", "accuracy"),
        action="append",
        help="by default all but accuracy; may be repeated",
    )
    benchmark.add_argument("--rounds", type=_positive, default=30, help="measurements of each way, interleaved")
    benchmark.add_argument(
        "--clock",
        choices=("wall", "processor"),
        default="wall",
        help="processor: where others work too, with one thread",
    )
    benchmark.add_argument("--data", type=Path, action="append", default=[], metavar="DIR", help="for accuracy")
    benchmark.add_argument("--split", choices=("train", "validation", "test"), default="validation")
    benchmark.add_argument("--limit", type=_positive, default=600, help="radiographs of the split that accuracy reads")
    benchmark.set_defaults(run=_benchmark)

    train = commands.add_parser("train", help="train a model, calibrate it and write its weights and card")
    _add_model(train)
    _add_data(train)
    train.add_argument("--init", default="imagenet", help="imagenet (torchvision's own), random, or a safetensors file")
    train.add_argument("--epochs", type=_positive, help="by default what two CPU cores train in about an hour")
    train.add_argument("--seed", type=int, default=0)
    train.add_argument(
        "--no-lung-guidance", dest="lung_guided", action="store_false", help="train the usual way, for comparison"
    )
    train.add_argument(
        "--freeze-early",
        dest="frozen",
        action="store_true",
        help="train the later stages alone, from earlier weights",
    )
    train.add_argument("--checkpoint", type=Path, help="resumed from if it is there; by default runs/MODEL.pt")
    train.add_argument("--workers", type=int, default=2, help="processes that prepare batches")
    train.set_defaults(run=_train)

    calibrate = commands.add_parser("calibrate", help="fix a model's operating points on validation anew")
    _add_model(calibrate)
    _add_data(calibrate)
    calibrate.set_defaults(run=_calibrate)

    fetch = commands.add_parser("fetch", help="download the weights of an external model")
    fetch.add_argument("--model", choices=tuple(registry.EXTERNAL_MODELS), required=True)
    fetch.set_defaults(run=_fetch)

    evaluate = commands.add_parser("evaluate", help="measure a model on a split")
    _add_model(evaluate, external=True)
    _add_data(evaluate)
    evaluate.add_argument("--split", choices=("train", "validation", "test"), default="test")
    evaluate.add_argument("--out", type=Path, metavar="FILE", help="write scores and figures as JSON")
    evaluate.add_argument("--record", action="store_true", help="keep the scores in the model's card, for the pages")
    evaluate.set_defaults(run=_evaluate)

    lungs = commands.add_parser("lungs", help="measure the lung network and the gate, or train them")
    _add_data(lungs)
    lungs.add_argument("--split", choices=("validation", "test"), default="test")
    lungs.add_argument("--record", action="store_true", help="keep the figures in the lung network's card")
    lungs.add_argument("--train", action="store_true", help="train and calibrate first, and write weights and card")
    lungs.add_argument("--checkpoint", type=Path, default=Path("runs/lungs.pt"), help="resumed from if it is there")
    lungs.add_argument("--epochs", type=_positive, default=6)
    lungs.add_argument("--init", type=Path, metavar="FILE", help="weights to start from; random ones by default")
    lungs.add_argument("--workers", type=int, default=2, help="processes that prepare batches")
    lungs.set_defaults(run=_lungs)

    parity = commands.add_parser("parity", help="compare scores of originals and of their small copies")
    _add_model(parity)
    parity.add_argument("--data", type=Path, required=True, metavar="DIR", help="the Kermany set with originals448")
    parity.add_argument("--split", choices=("train", "validation"), default="validation")
    parity.add_argument("--record", action="store_true", help="keep the figures in the model's card")
    parity.set_defaults(run=_parity)

    cards = commands.add_parser("cards", help="write the models' cards as Markdown with their curves")
    cards.add_argument("--out", type=Path, default=HERE / "docs" / "model-cards", metavar="DIR")
    cards.set_defaults(run=_cards)

    quality = commands.add_parser("quality", help="measure the quality warnings, as they are and degraded")
    _add_data(quality)
    quality.add_argument("--split", choices=("validation", "test"), default="validation")
    quality.set_defaults(run=_quality)

    shortcuts = commands.add_parser("shortcuts", help="measure a model on radiographs that were changed")
    _add_model(shortcuts)
    shortcuts.add_argument("--data", type=Path, required=True, metavar="DIR", help="the Kermany set with lung_masks224")
    shortcuts.add_argument("--split", choices=("validation", "test"), default="test")
    shortcuts.add_argument("--record", action="store_true", help="keep the figures in the model's card")
    shortcuts.set_defaults(run=_shortcuts)
    return parser


def _add_model(parser: argparse.ArgumentParser, default: str | None = None, external: bool = False) -> None:
    names = (*registry.MODELS, *registry.EXTERNAL_MODELS) if external else tuple(registry.MODELS)
    parser.add_argument("--model", choices=names, default=default, required=default is None)


def _add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data", type=Path, action="append", required=True, metavar="DIR", help="a dataset folder; may be repeated"
    )


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number
