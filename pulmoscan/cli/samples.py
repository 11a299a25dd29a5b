"""`samples`: the user's own radiographs in the gallery."""

from __future__ import annotations

import argparse

from pulmoscan.cli.arguments import Commands


def add(commands: Commands) -> None:
    """Its arguments."""
    samples = commands.add_parser("samples", help="your own radiographs in the gallery").add_subparsers(
        required=True, metavar="add|list|remove"
    )
    add = samples.add_parser("add", help="put radiographs into the gallery, outside the repository")
    add.add_argument("paths", nargs="+", metavar="PATH", help="a file, a folder or a glob")
    add.add_argument("--label", choices=("normal", "pneumonia", "unknown"), required=True)
    add.add_argument("--caption", default="", metavar="TEXT", help="one sentence, shown with the answer")
    add.set_defaults(run=_add)
    samples.add_parser("list", help="what was added").set_defaults(run=_list)
    remove = samples.add_parser("remove", help="delete what was added")
    remove.add_argument("files", nargs="+", metavar="FILE", help="as `samples list` names it")
    remove.set_defaults(run=_remove)


def _add(options: argparse.Namespace) -> int:
    from pulmoscan.gallery import own_samples
    from pulmoscan.reading.files import shown_name
    from pulmoscan.reading.listing import PassedOver, find_files
    from pulmoscan.settings import own_folder

    passed_over: list[PassedOver] = []
    outcomes = own_samples.add(find_files(options.paths, passed_over), options.label, options.caption)
    for other in passed_over:
        print(f"{other.name}: passed over: {other.reason}")
    for outcome in outcomes:
        print(f"{shown_name(outcome.path)}: {outcome.reason or f'added as {outcome.file}'}")
    added = sum(not outcome.reason for outcome in outcomes)
    print(f"{added} of {len(outcomes)} added to {own_folder()}; the gallery shows them from now on.")
    return 0 if added == len(outcomes) else 1


def _list(_: argparse.Namespace) -> int:
    from pulmoscan.gallery.samples import own_gallery
    from pulmoscan.settings import own_folder

    print(own_folder())
    for sample in own_gallery():
        print(f"{sample.path.relative_to(own_folder())}  {sample.label}  {sample.caption}")
    return 0


def _remove(options: argparse.Namespace) -> int:
    from pulmoscan.gallery import own_samples

    for file in options.files:
        own_samples.remove(file)
        print(f"{file} is deleted")
    return 0
