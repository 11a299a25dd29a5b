"""A browser session without a browser: speaks Streamlit's own protocol, protobuf messages over a WebSocket.

The server cannot tell it from a browser: each has a session, a script thread, session state, uploads over HTTP, and
gets every picture that a page would show. Only drawing, which happens on the user's machine, is left out.
"""

from __future__ import annotations

import json
import time
import urllib.request
import uuid
from contextlib import ExitStack
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import urlsplit

from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState
from websockets.sync.client import connect

PATIENCE = 300.0
"""Seconds until a run of the script is given up."""

SPOKEN = ("markdown", "heading", "html", "alert")
"""Kinds of elements whose text `Run.text` holds."""


@dataclass
class Run:
    """What one run of the script, or of a fragment, sent.

    Attributes:
        seconds: from the request until the script had finished and all its messages had come.
        failed: whether it ended in an exception.
    """

    seconds: float
    text: str
    panes: list[dict[str, str]]
    failed: bool
    size: int


@dataclass(frozen=True)
class Widget:
    """A widget as the page last described it."""

    id: str
    fragment_id: str


@dataclass
class BrowserSession:
    """One visitor of the app.

    Args:
        address: such as http://127.0.0.1:8501.
    """

    address: str
    widgets: dict[tuple[str, str], Widget] = field(default_factory=dict)

    def __post_init__(self) -> None:
        token = _xsrf_token(self.address)
        self._headers = {"X-Xsrftoken": token, "Cookie": f"_streamlit_xsrf={token}"}
        self._open = ExitStack()
        self._socket = self._open.enter_context(
            connect(
                f"ws://{urlsplit(self.address).netloc}/_stcore/stream",
                subprotocols=["streamlit"],  # type: ignore[list-item]
                additional_headers={"Cookie": self._headers["Cookie"]},
                max_size=None,
                open_timeout=PATIENCE,
            )
        )
        self._session = self._page = ""
        self._pages: dict[str, str] = {}

    def __enter__(self) -> BrowserSession:
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def open(self, page: str = "") -> Run:
        """Open a page by its address, such as `densenet121`; the first one by default."""
        self.widgets.clear()
        message = BackMsg()
        message.rerun_script.page_name = page
        if page in self._pages:
            message.rerun_script.page_script_hash = self._pages[page]
        return self._rerun(message)

    def click(self, label: str) -> Run:
        """Press a button."""
        widget = self.widgets["button", label]
        message = BackMsg()
        self._fill(message, widget)
        message.rerun_script.widget_states.widgets.append(WidgetState(id=widget.id, trigger_value=True))
        return self._rerun(message)

    def upload(self, label: str, name: str, content: bytes) -> Run:
        """Give a file to an uploader whose label starts so."""
        began = time.perf_counter()
        widget = next(
            w for (kind, text), w in self.widgets.items() if kind == "file_uploader" and text.startswith(label)
        )
        request = BackMsg()
        request.file_urls_request.request_id = str(uuid.uuid4())
        request.file_urls_request.file_names.append(name)
        request.file_urls_request.session_id = self._session
        self._socket.send(request.SerializeToString())
        while (message := self._receive()).WhichOneof("type") != "file_urls_response":
            pass
        (urls,) = message.file_urls_response.file_urls
        self._put(urls.upload_url, name, content)
        state = WidgetState(id=widget.id)
        state.file_uploader_state_value.uploaded_file_info.add(
            name=name, size=len(content), file_id=urls.file_id, file_urls=urls
        )
        rerun = BackMsg()
        self._fill(rerun, widget)
        rerun.rerun_script.widget_states.widgets.append(state)
        return self._rerun(rerun, began)

    def _fill(self, message: BackMsg, widget: Widget) -> None:
        message.rerun_script.page_script_hash = self._page
        message.rerun_script.fragment_id = widget.fragment_id

    def _rerun(self, message: BackMsg, began: float | None = None) -> Run:
        began = began or time.perf_counter()
        self._socket.send(message.SerializeToString())
        words: list[str] = []
        panes: list[dict[str, str]] = []
        failed, size = False, 0
        while True:
            answer = self._receive()
            size += answer.ByteSize()
            kind = answer.WhichOneof("type")
            if kind == "new_session":
                words, panes, failed = [], [], False
                self._session = answer.new_session.initialize.session_id or self._session
                self._page = answer.new_session.page_script_hash
            elif kind == "navigation":
                self._pages = {page.url_pathname: page.page_script_hash for page in answer.navigation.app_pages}
                self._page = answer.navigation.page_script_hash or self._page
            elif kind == "delta" and answer.delta.WhichOneof("type") == "new_element":
                element: Any = answer.delta.new_element
                failed |= element.WhichOneof("type") == "exception"
                self._note(element, answer.delta.fragment_id, words, panes)
            elif kind == "script_finished" and answer.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                failed |= answer.script_finished == ForwardMsg.FINISHED_WITH_COMPILE_ERROR
                return Run(time.perf_counter() - began, "\n".join(words), panes, failed, size)

    def _note(self, element: Any, fragment: str, words: list[str], panes: list[dict[str, str]]) -> None:
        kind = element.WhichOneof("type")
        content = getattr(element, kind)
        if kind in SPOKEN:
            words.append(content.body)
        elif kind in ("button", "file_uploader"):
            self.widgets[kind, content.label] = Widget(content.id, fragment)
        elif kind == "bidi_component" and content.json:
            shown = json.loads(content.json)
            panes.extend({**pane, "source": shown["source"]} for pane in shown.get("panes", []))

    def _receive(self) -> ForwardMsg:
        data = self._socket.recv(timeout=PATIENCE)
        message = ForwardMsg()
        message.ParseFromString(data if isinstance(data, bytes) else data.encode())
        return message

    def _put(self, url: str, name: str, content: bytes) -> None:
        boundary = uuid.uuid4().hex
        head = f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"; filename="{name}"\r\n\r\n'
        body = head.encode() + content + f"\r\n--{boundary}--\r\n".encode()
        headers = {**self._headers, "Content-Type": f"multipart/form-data; boundary={boundary}"}
        request = urllib.request.Request(f"{self.address}{url}", body, headers, method="PUT")
        with urllib.request.urlopen(request, timeout=PATIENCE):
            pass


def _xsrf_token(address: str) -> str:
    """The token that the server gives to every visitor, for uploads."""
    with urllib.request.urlopen(f"{address}/_stcore/health", timeout=PATIENCE) as response:
        cookie = SimpleCookie(response.headers.get("Set-Cookie", ""))
    return cookie["_streamlit_xsrf"].value if "_streamlit_xsrf" in cookie else ""
