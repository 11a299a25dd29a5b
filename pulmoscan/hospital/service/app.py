"""The service itself: `create_app` gives an ASGI application, with OpenAPI at /docs and /openapi.json."""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from starlette.concurrency import run_in_threadpool
from starlette.formparsers import MultiPartException, MultiPartParser

from pulmoscan import DISCLAIMER, __version__
from pulmoscan.errors import EmptyFile, FileTooLarge, PulmoScanError
from pulmoscan.errors.traces import log_unforeseen
from pulmoscan.examination.examine import lung_weights
from pulmoscan.export.content import Report
from pulmoscan.export.fhir import fhir
from pulmoscan.export.formats import FORMATS, write_report
from pulmoscan.hospital.service.answers import MIME, Format, Model, Problem, ScreeningAnswer, models, problem, status_of
from pulmoscan.hospital.service.guard import Rate, allows
from pulmoscan.models.registry import DEFAULT_MODEL
from pulmoscan.population import PopulationChoice
from pulmoscan.reading.isolation import load_apart
from pulmoscan.reading.radiograph import MAX_FILE_BYTES
from pulmoscan.screening import screen

OPEN = ("/health", "/ready")
"""Answered without a token: whether it lives and can work, and nothing else."""
MOST_WAITING = 32
"""Requests that may be screened or wait for it; more are told to come back."""
MULTIPART = "multipart/form-data"
BODY = {
    "requestBody": {
        "required": True,
        "description": "The file itself, or a form with it in the field `file`.",
        "content": {
            kind: {"schema": {"type": "string", "format": "binary"}}
            for kind in ("application/dicom", "image/png", "image/jpeg", "application/octet-stream")
        }
        | {
            MULTIPART: {
                "schema": {
                    "type": "object",
                    "required": ["file"],
                    "properties": {"file": {"type": "string", "format": "binary"}},
                }
            }
        },
    }
}
PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": Problem, "description": words}
    for status, words in {
        400: "The file is damaged, or an argument is wrong.",
        401: "The token is missing or wrong.",
        413: "The file is too large.",
        415: "The file is of no kind that can be read.",
        422: "Not an upright frontal chest radiograph: refused, with the reason.",
        429: "Too many requests; Retry-After says when to come back.",
        503: "Busy, or a model cannot be used.",
    }.items()
}

logger = logging.getLogger(__name__)


def create_app(token: str = "", a_minute: float = 120.0, audit: Callable[..., None] = lambda *_, **__: None) -> FastAPI:
    """The application.

    Args:
        token: that every request but /health and /ready must bear; empty asks for none.
        a_minute: requests of one client.
        audit: is told of each screening: an event's name and its particulars.
    """
    app = FastAPI(title="PulmoScan", version=__version__, description=DISCLAIMER)
    rate, waiting = Rate(a_minute), [0]
    registry = CollectorRegistry()
    requests = Counter("pulmoscan_requests", "Requests by path and status", ["path", "status"], registry=registry)
    outcomes = Counter(
        "pulmoscan_screenings", "Screenings by model and outcome", ["model", "outcome"], registry=registry
    )
    seconds = Histogram(
        "pulmoscan_screening_seconds", "From the whole file to its answer", ["model"], registry=registry
    )

    @app.middleware("http")
    async def guarded(request: Request, call: Callable[[Request], Awaitable[Response]]) -> Response:
        path = request.url.path
        if path not in OPEN and not allows(token, request.headers.get("Authorization")):
            answer: Response = _says(401, "not-authorised", "The token is missing or wrong. Send it as a bearer token.")
            answer.headers["WWW-Authenticate"] = "Bearer"
        elif path not in OPEN and (pause := rate.seconds_to_wait(_client(request))):
            answer = _says(429, "too-many-requests", "Too many requests. Come back after the time in Retry-After.")
            answer.headers["Retry-After"] = str(int(pause) + 1)
        else:
            try:
                answer = await call(request)
            except Exception as error:  # its text, which may quote a header, is for no log
                log_unforeseen(logger, "in the service", error)
                answer = _says(500, "unforeseen", "Something unforeseen went wrong; the service's log says where.")
        route = request.scope.get("route")
        requests.labels(getattr(route, "path", "other"), answer.status_code).inc()
        answer.headers["Cache-Control"] = "no-store"
        return answer

    @app.exception_handler(PulmoScanError)
    async def refused(request: Request, error: PulmoScanError) -> JSONResponse:
        anonymous = request.query_params.get("anonymous", "").lower() in ("true", "1")
        return JSONResponse(problem(error, anonymous), status_of(error))

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        what = "; ".join(f"{one['loc'][-1]}: {one['msg'][0].lower()}{one['msg'][1:]}" for one in error.errors())
        return _says(400, "invalid-argument", f"An argument is wrong: {what}. /docs lists them all.")

    @app.get("/health", tags=["state"])
    def health() -> dict[str, str]:
        """Whether it lives."""
        return {"status": "ok"}

    @app.get("/ready", tags=["state"], responses={503: PROBLEMS[503]})
    def ready() -> dict[str, str]:
        """Whether it can screen: all weights are there and fit."""
        models()
        lung_weights()
        return {"status": "ready"}

    @app.get("/metrics", tags=["state"], response_class=Response)
    def metrics() -> Response:
        """Counts and durations, for Prometheus."""
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    @app.get("/v1/models", tags=["screening"], responses={401: PROBLEMS[401], 503: PROBLEMS[503]})
    def installed() -> list[Model]:
        """The models with their checksums, operating points and test figures."""
        return models()

    @app.post("/v1/screen", tags=["screening"], response_model=ScreeningAnswer, responses=PROBLEMS, openapi_extra=BODY)
    async def screened(
        request: Request,
        model: str = DEFAULT_MODEL,
        population: PopulationChoice = "auto",
        threshold: float | None = None,
        format: Format = "json",  # noqa: A002 - the parameter's name in the URL
        anonymous: bool = False,
    ) -> Response:
        """Screen one radiograph. `format` chooses the answer: JSON, the overlay, a report, or FHIR."""
        name, data = await _file(request)
        if waiting[0] >= MOST_WAITING:
            answer = _says(503, "busy", "Too much is waiting. Come back after the time in Retry-After.")
            answer.headers["Retry-After"] = "5"
            return answer
        waiting[0] += 1
        began, outcome = time.monotonic(), "error"
        about: dict[str, Any] = {"address": _client(request), "format": format}
        try:
            report = await run_in_threadpool(_report, name, data, model, population, threshold, anonymous)
            content = await run_in_threadpool(_written, report, format)
            outcome = report.screening.label
            about |= {"model": model, "weights": report.weights_sha256, "threshold": report.screening.threshold}
            await run_in_threadpool(audit, "screened", **about, label=outcome)
        except PulmoScanError as error:
            await run_in_threadpool(audit, "refused", **about, code=problem(error)["code"])
            raise
        finally:
            waiting[0] -= 1
            known = model if outcome != "error" else "any"  # what a stranger calls a model becomes no label
            outcomes.labels(known, outcome).inc()
            seconds.labels(known).observe(time.monotonic() - began)
        return Response(content, media_type=MIME.get(format) or FORMATS[format].mime)  # type: ignore[index]

    return app


def _client(request: Request) -> str:
    return request.client.host if request.client else ""


def _says(status: int, code: str, message: str) -> JSONResponse:
    return JSONResponse(Problem(code=code, message=message).model_dump(), status)


async def _file(request: Request) -> tuple[str, bytes]:
    """Name and bytes of what was sent; in memory alone, and no more of it than a file may have.

    Raises:
        FileTooLarge, EmptyFile
    """
    received = 0

    async def stream() -> Any:
        nonlocal received
        async for piece in request.stream():
            received += len(piece)
            if received > MAX_FILE_BYTES + 2**16:  # a form is a little larger than its file
                raise FileTooLarge(received, MAX_FILE_BYTES)
            yield piece

    if not request.headers.get("Content-Type", "").startswith(MULTIPART):
        data = b"".join([piece async for piece in stream()])
        if not data:
            raise EmptyFile
        return "", data
    parser = MultiPartParser(request.headers, stream(), max_files=1, max_fields=8)
    parser.spool_max_size = MAX_FILE_BYTES + 2**17  # else it would lie on disk
    try:
        form = await parser.parse()
    except MultiPartException as error:
        raise EmptyFile from error
    try:
        file = form.get("file")
        if file is None or isinstance(file, str) or not file.size:
            raise EmptyFile
        return file.filename or "", await file.read()
    finally:
        await form.close()


def _report(
    name: str, data: bytes, model: str, population: PopulationChoice, threshold: float | None, anonymous: bool
) -> Report:
    radiograph = load_apart(data, "" if anonymous else name)
    return Report(radiograph, screen(radiograph, model, population, threshold), anonymous, repeatable=not anonymous)


def _written(report: Report, kind: Format) -> bytes:
    return fhir(report) if kind == "fhir" else write_report(report, kind)
