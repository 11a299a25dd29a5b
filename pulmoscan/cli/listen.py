"""`listen`: a DICOM node that screens what it is sent, and sends the results on."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from pulmoscan import DISCLAIMER
from pulmoscan.cli.arguments import Commands
from pulmoscan.cli.promises import add_site, put_in_force, tell_profile
from pulmoscan.errors import PeerError

SHORTEST = 12
"""Characters of a passphrase."""

if TYPE_CHECKING:
    from pulmoscan.hospital.configuration import Configuration


def add(commands: Commands) -> None:
    """Its arguments."""
    parser = commands.add_parser("listen", help="receive studies over DICOM and send results back", epilog=DISCLAIMER)
    parser.add_argument("configuration", type=Path, metavar="FILE", help="the node's settings, in TOML")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--check", action="store_true", help="test the settings and each peer (C-ECHO, QIDO-RS), and end")
    what.add_argument("--status", action="store_true", help="tell what is in the queue, and end")
    what.add_argument("--retry", action="store_true", help="let all that failed be tried again, and end")
    what.add_argument("--drift", action="store_true", help="compare each week with the first radiographs, and end")
    what.add_argument("--passphrase", action="store_true", help="ask for the worklist's passphrase, and keep its hash")
    add_site(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    from pulmoscan.hospital.configuration import read_configuration

    put_in_force(options)
    settings = read_configuration(options.configuration)
    if options.check:
        tell_profile(settings.node.model)
        return check(settings)
    if options.passphrase:
        return passphrase(settings)
    if options.drift:
        return drift(settings)
    if options.status or options.retry:
        return tell(settings, retry=options.retry)
    return listen(settings)


def listen(settings: Configuration) -> int:
    """Until it is asked to end (SIGTERM, Ctrl-C)."""
    import gc
    import logging

    from pulmoscan.hospital.audit import AuditLog, read_key
    from pulmoscan.hospital.node import Node
    from pulmoscan.hospital.results import import_writers
    from pulmoscan.reading.isolation import warm_up

    logging.basicConfig(format="%(asctime)s %(levelname)s %(message)s", level=logging.CRITICAL)
    logging.getLogger("pulmoscan").setLevel(logging.INFO)  # what libraries say quotes headers
    warm_up()
    folder = settings.node.folder
    folder.mkdir(parents=True, exist_ok=True)
    log = AuditLog(folder / "audit.jsonl", read_key(settings.node.audit_key or folder / "audit.key"))
    node = Node(settings, log.append)
    import_writers()
    gc.freeze()  # what stays for good is not looked through each time that a report's thousands of objects have come
    node.start()
    tell_profile(settings.node.model)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    print(DISCLAIMER, file=sys.stderr)
    names = ", ".join(settings.node.ae_titles)
    print(f"{names} listens on {settings.node.address}:{node.receiver.port}.", file=sys.stderr, flush=True)
    ended.wait()
    node.stop()
    return 0


def check(settings: Configuration) -> int:
    """A line on each destination and source; 1 where one does not answer."""
    from pulmoscan.hospital.dicomweb import WebServer
    from pulmoscan.hospital.node import archive_of

    print("The settings are in order.")
    failed = 0
    asked = [(d.name, archive_of(d, settings.node.ae_titles[0])) for d in settings.destinations]
    for name, archive in (*asked, *((source.name, WebServer(source)) for source in settings.pull)):
        try:
            archive.echo()
            print(f"{name}: answers.")
        except PeerError as error:
            failed += 1
            print(f"{name}: {error}")
    return 1 if failed else 0


def tell(settings: Configuration, retry: bool) -> int:
    """How much is in which state."""
    from pulmoscan.hospital.node import QUEUE_FILE
    from pulmoscan.hospital.queue import Queue

    queue = Queue(settings.node.folder / QUEUE_FILE)
    if retry:
        print(f"{queue.retry()} are tried again.")
    for name, states in queue.counts().items():
        print(f"{name}: " + ", ".join(f"{count} {state}" for state, count in states.items()))
    return 0


def drift(settings: Configuration) -> int:
    """A line on each week; 1 where one has drifted."""
    from pulmoscan.hospital.drift import BASELINE, weeks
    from pulmoscan.hospital.node import QUEUE_FILE
    from pulmoscan.hospital.queue import Queue

    found = list(weeks(Queue(settings.node.folder / QUEUE_FILE)))
    if not found:
        print(f"Nothing to compare yet: the first {BASELINE} screened radiographs are the baseline.")
    for week in found:
        measured = ", ".join(f"{c.measure} PSI {c.psi:.2f}{' (drifted)' if c.alarm else ''}" for c in week.changes)
        print(f"{week.name}: {week.screened} screened; {measured or 'too few to tell'}")
    return 1 if any(week.alarms for week in found) else 0


def passphrase(settings: Configuration) -> int:
    """Asked for twice; what is kept cannot be read back."""
    import getpass

    from pulmoscan.hospital.worklist import write_passphrase

    path = settings.worklist.passphrase_file if settings.worklist else None
    if path is None:
        print("The settings name no worklist with a passphrase_file.", file=sys.stderr)
        return 1
    given = getpass.getpass("Passphrase: ")
    if len(given) < SHORTEST or given != getpass.getpass("Once more: "):
        print(f"It has fewer than {SHORTEST} characters, or was not the same twice. Nothing was kept.", file=sys.stderr)
        return 1
    path.unlink(missing_ok=True)
    write_passphrase(path, given)
    print(f"Its hash is in {path}.")
    return 0
