"""`/in/<partner>/<feed>`: a partner hands in a file, and asks for its receipt. Errors are problems of RFC 9457."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

from flask import Blueprint, Response, g, jsonify, request, url_for
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge
from werkzeug.http import parse_options_header

from dashboard.intake import IntakeRefused, Upload
from dashboard.pages.request import settings

if TYPE_CHECKING:
    from typing import BinaryIO

    from dashboard.intake import Intake

blueprint = Blueprint("intake", __name__)

#: What a sender is told to wait before it asks for a receipt again, in seconds.
RETRY_AFTER_S = "2"

#: What is said where no file is taken.
READ_ONLY = "This dashboard is read-only here; it takes no files."

#: Statuses after which the same request may be sent again.
LATER = frozenset({503, 507})


@blueprint.post("/in/<partner>/<feed>")
def receive(partner: str, feed: str) -> tuple[Response, int, dict[str, str]]:
    """Take a file into the inbox of a feed: 202 with the address of its receipt."""
    intake = _intake()
    signature = _signature(partner)
    most_bytes = intake.max_bytes(partner, feed)
    request.max_content_length = most_bytes or None
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise IntakeRefused(415, "Encoding not taken", "Send the file as it is, without Content-Encoding.")
    taken = intake.receive(
        Upload(
            partner=partner,
            feed=feed,
            body=cast("BinaryIO", request.stream),
            content_type=request.mimetype,
            key=request.headers.get("Idempotency-Key", ""),
            name=_given_name(),
            signature=signature,
        )
    )
    address = url_for("intake.receipt", partner=partner, feed=feed, number=taken.receipt_id)
    answer = {
        "receipt": address, "id": taken.receipt_id, "file": taken.file, "sha256": taken.sha256,
        "size_bytes": taken.size_bytes,
    }  # fmt: skip
    return jsonify(answer), 202, {"Location": address, "Retry-After": RETRY_AFTER_S}


@blueprint.get("/in/<partner>/<feed>/receipts/<number>")
def receipt(partner: str, feed: str, number: str) -> Response:
    """Show the receipt of a file, signed where the partner has keys: 200, or 202 while the file is under way."""
    answer = _intake().read_receipt(partner, feed, number, _signature(partner))
    if answer is None:
        return Response(
            json.dumps({"id": number, "status": "under way"}), 202, {"Retry-After": RETRY_AFTER_S}, "application/json"
        )
    body, headers = answer
    return Response(body, 200, {**headers, "Cache-Control": "no-store"}, "application/json")


@blueprint.errorhandler(IntakeRefused)
def refused(error: IntakeRefused) -> Response:
    """Answer a refused request with a problem."""
    return problem(error.status, error.title, str(error))


@blueprint.errorhandler(RequestEntityTooLarge)
def too_large(_: RequestEntityTooLarge) -> Response:
    """Answer a file that is too large with a problem."""
    return problem(413, "Too large", "The file has more bytes than this feed takes.")


@blueprint.errorhandler(HTTPException)
def http_error(error: HTTPException) -> Response:
    """Answer any other error of HTTP with a problem."""
    detail = READ_ONLY if error.code == 405 else error.description or error.name
    return problem(error.code or 500, error.name, detail)


def problem(status: int, title: str, detail: str) -> Response:
    """Return a problem as JSON (RFC 9457); the body of the request is left unread."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    response = Response(json.dumps(body, ensure_ascii=False), status, mimetype="application/problem+json")
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    if status in LATER:
        response.headers["Retry-After"] = RETRY_AFTER_S
    return response


def _intake() -> Intake:
    intake = settings().intake
    if intake is None:
        raise IntakeRefused(404, "No such feed", "This server takes no files by HTTP.")
    return intake


def _signature(partner: str) -> tuple[str, str, str] | None:
    """Return the signature of a request that no token lets in. Raises IntakeRefused where there is neither.

    A token of another partner is refused.
    """
    visitor = g.get("visitor")
    if visitor is not None:
        if not visitor.scope.covers(partner):
            raise IntakeRefused(403, "Not allowed", f"This token is not for {partner}.")
        return None
    if not request.headers.get("webhook-signature"):
        raise IntakeRefused(401, "Not signed in", "Send a token of this partner, or sign the request.")
    headers = request.headers
    return headers.get("webhook-id", ""), headers.get("webhook-timestamp", ""), headers.get("webhook-signature", "")


def _given_name() -> str:
    """Return the name of the file as the sender gave it; empty for none."""
    if name := request.args.get("name", ""):
        return name
    options = parse_options_header(request.headers.get("Content-Disposition", ""))[1]
    return str(options.get("filename", ""))
