"""`POST /acts/NAME`: do an act, then show the page from which it was sent, with what was done."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flask import Blueprint, abort, g, redirect, render_template, request

from dashboard.access.guard import local_target
from dashboard.access.users import Actor
from dashboard.actions.act import ACTS, NoSuchTarget, NotDone
from dashboard.actions.perform import Order, perform, text_of
from dashboard.pages.request import settings

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.wrappers import Response

    from dashboard.access.users import Visitor
    from dashboard.actions.act import Act, Field

blueprint = Blueprint("acts", __name__)

#: The cookie that names the act that was just done, until the next page has said so.
DONE = "milepost-done"

#: The most characters of what a person fills in.
MAX_CHARACTERS = 1_000


def _view(act: Act) -> Callable[[], Response | tuple[str, int]]:
    def do() -> Response | tuple[str, int]:
        access, doer = settings().access, settings().doers.get(act.name)
        visitor: Visitor | None = g.get("visitor")
        if access is None or doer is None or visitor is None:
            abort(404)
        fields = {field.name: request.form.get(field.name, "").strip() for field in act.fields}
        back = local_target(request.form.get("back", "/"))
        token = request.form.get("token", "")
        for field in act.fields:
            if problem := _mistake(field, fields[field.name]):
                return _problem(act, problem, back, 400)
        if not token or not 0 < len(request.form.get("target", "")) <= MAX_CHARACTERS:
            return _problem(act, "The form is not complete. Load the page again.", back, 400)
        payload = _rows() if act.has_rows else {}
        if seen := request.form.get("seen", "")[:MAX_CHARACTERS]:
            payload["seen"] = seen
        order = Order(act=act, target=request.form["target"], fields=fields, token=token, payload=payload)
        actor = Actor(visitor.name, request.remote_addr or "", access.now_us())
        try:
            perform(access.path, order, doer, actor)
        except NoSuchTarget as error:
            return _problem(act, str(error), back, 404)
        except NotDone as error:
            return _problem(act, str(error), back, 409)
        response = redirect(back, 303)
        response.set_cookie(DONE, order.key, max_age=60, secure=access.is_https, httponly=True, samesite="Lax")
        return response

    return do


def _rows() -> dict[str, str]:
    """Return the rows of the form, `row-NUMBER`, as typed; or its file, `export`, a character for each byte."""
    if upload := request.files.get("export"):
        return {"export": upload.read().decode("latin-1")}
    return {name: text for name, text in request.form.items() if name.startswith("row-")}


def _mistake(field: Field, text: str) -> str:
    """Return what is wrong with what a person filled in; empty where it can be used."""
    if len(text) > MAX_CHARACTERS or (not text and field.is_required):
        return f"“{field.label}” is needed, up to {MAX_CHARACTERS:,} characters."
    if text and field.choices and text not in field.choices:
        return f"“{field.label}” is one of {', '.join(field.choices)}."
    return ""


def _problem(act: Act, text: str, back: str, status: int) -> tuple[str, int]:
    return render_template("act_problem.html", act=act, text=text, back=back), status


for _act in ACTS.values():
    blueprint.add_url_rule(f"/acts/{_act.name}", _act.name, _view(_act), methods=["POST"])


def take_notice() -> None:
    """Add to the notices of this page what was just done, if the browser comes from doing it."""
    access, token = settings().access, request.cookies.get(DONE)
    if access is None or not token or request.method != "GET" or not g.get("visitor"):
        return
    if text := text_of(access.path, token):
        g.done = text


def forget_notice(response: Response) -> Response:
    """Delete the cookie once a page has said what was done."""
    access = settings().access
    if access is not None and g.get("done"):
        response.delete_cookie(DONE, secure=access.is_https, httponly=True, samesite="Lax")
        response.headers["Cache-Control"] = "no-store"
    return response
