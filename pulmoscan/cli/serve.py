"""`serve`: the REST service."""

from __future__ import annotations

import argparse
import socket
import sys
from ipaddress import ip_address
from pathlib import Path

from pulmoscan import DISCLAIMER
from pulmoscan.cli.arguments import Commands, port, positive
from pulmoscan.cli.promises import add_site, put_in_force, tell_profile
from pulmoscan.errors import PortTaken, TokenMissing


def add(commands: Commands) -> None:
    """Its arguments."""
    parser = commands.add_parser("serve", help="start the REST service", epilog=DISCLAIMER)
    parser.add_argument(
        "--address", type=ip_address, default=ip_address("127.0.0.1"), help="by default this machine only"
    )
    parser.add_argument("--port", type=port, default=8600)
    parser.add_argument(
        "--token-file", type=Path, metavar="FILE", help="the token that clients must bear; else that of PULMOSCAN_TOKEN"
    )
    parser.add_argument("--rate", type=positive, default=120, metavar="N", help="requests a minute of one client")
    parser.add_argument(
        "--audit", type=Path, metavar="FOLDER", help="keep an audit log there: audit.jsonl, and its key audit.key"
    )
    add_site(parser)
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    import uvicorn

    from pulmoscan.hospital.audit import AuditLog, read_key
    from pulmoscan.hospital.service.app import create_app
    from pulmoscan.hospital.service.guard import read_token
    from pulmoscan.models.registry import MODELS
    from pulmoscan.reading.isolation import warm_up

    token = read_token(options.token_file)
    if not token and not options.address.is_loopback:
        raise TokenMissing(str(options.address))
    family = socket.AF_INET6 if options.address.version == 6 else socket.AF_INET
    try:  # before anything is loaded
        socket.create_server((str(options.address), options.port), family=family).close()
    except OSError as error:
        raise PortTaken(options.port, error.strerror) from error
    put_in_force(options)
    warm_up()
    print(DISCLAIMER, file=sys.stderr)
    tell_profile(*MODELS)
    app = create_app(token, options.rate)
    if options.audit:
        options.audit.mkdir(parents=True, exist_ok=True)
        log = AuditLog(options.audit / "audit.jsonl", read_key(options.audit / "audit.key"))
        app = create_app(token, options.rate, log.append)
    # Its access log would name who asked for what; how much is asked, /metrics says.
    uvicorn.run(app, host=str(options.address), port=options.port, access_log=False, log_level="warning")
    return 0
