"""`pulmoscan app`: the app, which makes ready for its first visitor while its server starts."""

from __future__ import annotations

import errno
import gc
import logging
import os
import socket
import sys
import threading
from contextlib import suppress
from typing import Any

from pulmoscan.errors import InvalidServerSetting, PortTaken
from pulmoscan.reading.isolation import warm_up
from pulmoscan.settings import APP_FOLDER

LONGEST_LOAD = 10.0
"""Seconds that an app which ends waits for the networks that are being loaded."""

logger = logging.getLogger(__name__)


def main(port: int) -> None:
    """Run Streamlit's server until it is stopped; settings are those of .streamlit/config.toml and STREAMLIT_*."""
    gc.disable()  # until all is loaded: so far there is nothing to collect, and looking for it takes long
    sys.setswitchinterval(0.001)  # seconds: what answers the browser must not wait 0.005 for what computes
    warm_up()  # it imports on another core what is imported below
    ready = threading.Thread(target=_make_ready, name="make ready", daemon=True)
    ready.start()
    try:
        _serve(port)
    finally:  # OpenVINO ends a process that leaves it at work as one that has crashed
        ready.join(LONGEST_LOAD)


def _serve(port: int) -> None:
    """What `streamlit run` comes down to, without its command line, which takes a while to be put together."""
    from streamlit import config
    from streamlit.web import bootstrap

    _leave_out()
    _listen_well()
    # .streamlit/config.toml is taken from beside it; the working folder stays, so that paths in PULMOSCAN_* hold.
    home = config._main_script_path = str(APP_FOLDER / "Home.py")
    flags = {**_told_by_the_environment(), "server_port": port}
    bootstrap.load_config_options(flags)
    bootstrap.run(home, False, [], flags)


def _told_by_the_environment() -> dict[str, Any]:
    """Streamlit's options that variables STREAMLIT_* set, as its command line takes them from there.

    Raises:
        InvalidServerSetting: a variable holds what it cannot.
    """
    import click
    from streamlit import config

    told = [
        click.Option(
            [f"--{option.key}", option.key.replace(".", "_")],
            type=option.type,
            multiple=option.multiple,
            envvar=option.env_var,
        )
        for option in config._config_options_template.values()
        if option.env_var in os.environ and not option.sensitive  # those Streamlit reads there by itself
    ]
    try:
        return click.Command("app", params=[*told]).make_context("app", []).params
    except click.ClickException as error:
        raise InvalidServerSetting(error.format_message()) from error


def _make_ready() -> None:
    """Load what the first result needs, in the time that the server takes for itself."""
    try:
        from pulmoscan.models.loading import load_classifier
        from pulmoscan.models.registry import DEFAULT_MODEL

        load_classifier(DEFAULT_MODEL)  # OpenVINO does so on another core than the imports that follow
        from pulmoscan.examination.examine import lung_weights

        lung_weights()
    except Exception as error:  # the page that needs it tries again, and says what is wrong
        logger.debug("not made ready: %s", type(error).__name__)
    finally:
        gc.freeze()  # what is loaded now lasts as long as the process, and need not be looked through
        gc.enable()


def _listen_well() -> None:
    """Say what to do where the port is taken; and let no part of a page wait until the one before is acknowledged.

    A browser takes 0.04 s for that. asyncio does not wait on sockets that say that they are TCP's, which Streamlit's
    does not. Those that it accepts inherit the option.
    """
    with suppress(ImportError, AttributeError):
        from streamlit.web.server.starlette import starlette_server

        bind = starlette_server._bind_socket

        def bound(address: str, port: int, backlog: int) -> socket.socket:
            try:
                listening = bind(address, port, backlog)
            except OSError as error:
                if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                    raise  # a system without IPv6, where Streamlit goes on without it
                raise PortTaken(port, error.strerror) from error
            with suppress(OSError):
                listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, True)
            return listening

        starlette_server._bind_socket = bound


def _leave_out() -> None:
    """Parts of Streamlit's start that this app has no use for; without them it starts all the same, but later.

    It reads the metadata of every installed package in search of components, of which it shows none but its own; and
    it would run a file of pages/ by itself, should its address be the first to be asked for, which comes to nothing
    (see `navigation.go_through_home`); and with the first element it looks up the source of every module that calls, to
    tell whether it was typed at a prompt. Where no browser is opened it would ask a server of Amazon's for this
    machine's address.
    """
    with suppress(ImportError):
        from streamlit.components.v2 import manifest_scanner

        manifest_scanner.scan_component_manifests = lambda max_workers=None: []  # noqa: ARG005
    with suppress(ImportError):
        from streamlit.runtime.pages_manager import PagesManager

        PagesManager.uses_pages_directory = False
    with suppress(ImportError):
        from streamlit import delta_generator

        delta_generator._use_warning_has_been_displayed = True
    with suppress(ImportError):
        from streamlit import net_util

        net_util.get_external_ip = lambda: None
