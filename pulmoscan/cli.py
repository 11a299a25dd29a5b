"""The command line: `python -m pulmoscan COMMAND`.

Exit codes: 0 all is well; 1 some files were refused or failed, or the command could not do its work; 2 wrong usage.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from pulmoscan import DISCLAIMER, __version__, registry
from pulmoscan import commands as run
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
    screen.set_defaults(run=run.screen)

    models = commands.add_parser("models", help="list what is installed, with checksums and figures")
    models.add_argument("--markdown", action="store_true", help="only the test figures, as a Markdown table")
    models.set_defaults(run=run.models)

    samples = commands.add_parser("samples", help="your own radiographs in the gallery").add_subparsers(
        required=True, metavar="add|list|remove"
    )
    add = samples.add_parser("add", help="put radiographs into the gallery, outside the repository")
    add.add_argument("paths", nargs="+", metavar="PATH", help="a file, a folder or a glob")
    add.add_argument("--label", choices=("normal", "pneumonia", "unknown"), required=True)
    add.add_argument("--caption", default="", metavar="TEXT", help="one sentence, shown with the answer")
    add.set_defaults(run=run.samples_add)
    samples.add_parser("list", help="what was added").set_defaults(run=run.samples_list)
    remove = samples.add_parser("remove", help="delete what was added")
    remove.add_argument("files", nargs="+", metavar="FILE", help="as `samples list` names it")
    remove.set_defaults(run=run.samples_remove)

    app = commands.add_parser("app", help="start the web app")
    app.add_argument("--port", type=int, default=8501)
    app.set_defaults(run=run.app)

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
    benchmark.set_defaults(run=run.benchmark)

    train = commands.add_parser("train", help="train a model, calibrate it and write its weights and card")
    _add_model(train)
    _add_data(train)
    train.add_argument("--init", default="imagenet", help="imagenet (torchvision's own), random, or a safetensors file")
    train.add_argument("--epochs", type=_positive, help="by default what two CPU cores train in about an hour")
    train.add_argument("--seed", type=int, default=0)
    train.add_argument(
        "--learning-rate", type=_rate, default=4e-4, help="the highest of the schedule; 4e-4, less from earlier weights"
    )
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
    train.set_defaults(run=run.train)

    calibrate = commands.add_parser("calibrate", help="fix a model's operating points on validation anew")
    _add_model(calibrate)
    _add_data(calibrate)
    calibrate.set_defaults(run=run.calibrate)

    fetch = commands.add_parser("fetch", help="download the weights of an external model")
    fetch.add_argument("--model", choices=tuple(registry.EXTERNAL_MODELS), required=True)
    fetch.set_defaults(run=run.fetch)

    evaluate = commands.add_parser("evaluate", help="measure a model on a split")
    _add_model(evaluate, external=True)
    _add_data(evaluate)
    evaluate.add_argument("--split", choices=("train", "validation", "test"), default="test")
    evaluate.add_argument("--out", type=Path, metavar="FILE", help="write scores and figures as JSON")
    evaluate.add_argument("--record", action="store_true", help="keep the scores in the model's card, for the pages")
    evaluate.add_argument(
        "--usual", type=Path, metavar="FILE", help="what --out wrote for this network trained the usual way, to compare"
    )
    evaluate.set_defaults(run=run.evaluate)

    lungs = commands.add_parser("lungs", help="measure the lung network and the gate, or train them")
    _add_data(lungs)
    lungs.add_argument("--split", choices=("validation", "test"), default="test")
    lungs.add_argument("--record", action="store_true", help="keep the figures in the lung network's card")
    lungs.add_argument("--train", action="store_true", help="train and calibrate first, and write weights and card")
    lungs.add_argument(
        "--kinds-only", action="store_true", help="the same, but keep the outlines and train the kinds of picture alone"
    )
    lungs.add_argument("--checkpoint", type=Path, default=Path("runs/lungs.pt"), help="resumed from if it is there")
    lungs.add_argument("--epochs", type=_positive, default=6)
    lungs.add_argument(
        "--init",
        type=Path,
        metavar="FILE",
        help="weights to start from; by default random ones, and with --kinds-only those that are installed",
    )
    lungs.add_argument("--workers", type=int, default=2, help="processes that prepare batches")
    lungs.set_defaults(run=run.lungs)

    parity = commands.add_parser("parity", help="compare scores of originals and of their small copies")
    _add_model(parity)
    parity.add_argument("--data", type=Path, required=True, metavar="DIR", help="the Kermany set with originals448")
    parity.add_argument("--split", choices=("train", "validation"), default="validation")
    parity.add_argument("--record", action="store_true", help="keep the figures in the model's card")
    parity.set_defaults(run=run.parity)

    cards = commands.add_parser("cards", help="write the models' cards as Markdown with their curves")
    cards.add_argument("--out", type=Path, default=HERE / "docs" / "model-cards", metavar="DIR")
    cards.set_defaults(run=run.cards)

    quality = commands.add_parser("quality", help="measure the quality warnings, as they are and degraded")
    _add_data(quality)
    quality.add_argument("--split", choices=("validation", "test"), default="validation")
    quality.set_defaults(run=run.quality)

    shortcuts = commands.add_parser("shortcuts", help="measure a model on radiographs that were changed")
    _add_model(shortcuts)
    shortcuts.add_argument("--data", type=Path, required=True, metavar="DIR", help="the Kermany set with lung_masks224")
    shortcuts.add_argument("--split", choices=("validation", "test"), default="test")
    shortcuts.add_argument("--record", action="store_true", help="keep the figures in the model's card")
    shortcuts.set_defaults(run=run.shortcuts)
    return parser


def _add_model(parser: argparse.ArgumentParser, default: str | None = None, external: bool = False) -> None:
    names = (*registry.MODELS, *registry.EXTERNAL_MODELS) if external else tuple(registry.MODELS)
    parser.add_argument("--model", choices=names, default=default, required=default is None)


def _add_data(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--data", type=Path, action="append", required=True, metavar="DIR", help="a dataset folder; may be repeated"
    )


def _rate(text: str) -> float:
    rate = float(text)
    if not 0 < rate <= 1:
        raise argparse.ArgumentTypeError("must be above 0 and at most 1")
    return rate


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number
