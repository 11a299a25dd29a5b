"""`python -m pulmoscan.ui.serve`: the app, which makes ready for its first visitor while its server starts."""

from __future__ import annotations

import gc
import logging
import sys
import threading
from contextlib import suppress

from pulmoscan.settings import APP_FOLDER

logger = logging.getLogger(__name__)


def main() -> None:
    """Run Streamlit's server; the command line's arguments are options of `streamlit run`."""
    gc.disable()  # until all is loaded: so far there is nothing to collect, and looking for it takes long
    threading.Thread(target=_make_ready, name="make ready", daemon=True).start()
    from streamlit.web.cli import main as streamlit

    _leave_out()
    sys.argv[:] = ["streamlit", "run", str(APP_FOLDER / "Home.py"), *sys.argv[1:]]
    streamlit()


def _make_ready() -> None:
    """Load what the first result needs, in the time that the server takes for itself."""
    try:
        from pulmoscan.reading.isolation import warm_up

        warm_up()
        from pulmoscan.models.loading import load_classifier
        from pulmoscan.models.registry import DEFAULT_MODEL

        load_classifier(DEFAULT_MODEL)  # OpenVINO does so on another core than the imports that follow
        gc.freeze()  # now and once more below: Streamlit looks through all that is not frozen after each run of a page
        from pulmoscan.examination.examine import lung_weights

        lung_weights()
    except Exception as error:  # the page that needs it tries again, and says what is wrong
        logger.debug("not made ready: %s", type(error).__name__)
    finally:
        gc.freeze()
        gc.enable()


def _leave_out() -> None:
    """Parts of Streamlit's start that this app has no use for; without them it starts all the same, but later.

    It reads the metadata of every installed package in search of components, of which it shows none but its own; and
    it would run a file of pages/ by itself, should its address be the first to be asked for, which comes to nothing
    (see `navigation.go_through_home`); and with the first element it looks up the source of every module that calls, to
    tell whether it was typed at a prompt.
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


if __name__ == "__main__":
    main()
