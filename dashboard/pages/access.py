"""`/sign-in` and `/sign-out`: begin and end a session of the browser."""

from __future__ import annotations

import hmac
import secrets
from typing import TYPE_CHECKING

from flask import Blueprint, abort, g, make_response, redirect, render_template, request

from dashboard.access.database import change_access
from dashboard.access.guard import FORM_KEY, check_form, local_target
from dashboard.access.sessions import SESSION_US, SignInRefused
from dashboard.access.sessions import sign_in as begin_session
from dashboard.access.sessions import sign_out as end_session
from dashboard.pages.request import settings

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

    from dashboard.config import Access

blueprint = Blueprint("access", __name__)

#: The cookie that ties the sign-in form to the browser that got it, so that no other site can sign anybody in.
VISIT = "milepost-visit"


@blueprint.route("/sign-in", methods=["GET", "POST"])
def sign_in() -> Response:
    """Show the form, and sign in: then go on to the page that was asked for."""
    access = _access()
    target = local_target(request.values.get("next", "/"))
    if request.method == "GET":
        return redirect(target, 303) if g.get("visitor") else _form(access, target)
    visit = request.cookies.get(VISIT, "")
    if not visit or not hmac.compare_digest(request.form.get(FORM_KEY, "").encode(), visit.encode()):
        return _form(access, target, "This form is too old. Please try again.", 403)
    name, password = request.form.get("name", ""), request.form.get("password", "")
    try:
        secret = begin_session(access.path, name, password, request.remote_addr or "", access.now_us())
    except SignInRefused as refused:
        return _form(access, target, str(refused), 429 if refused.wait_s else 401)
    response = redirect(target, 303)
    _set_cookie(response, access, access.cookie, secret, SESSION_US // 1_000_000)
    response.delete_cookie(VISIT)
    return response


@blueprint.post("/sign-out")
def sign_out() -> Response:
    """End the session, and show the form again."""
    access = _access()
    if g.get("visitor"):
        check_form(g.visitor)
        with change_access(access.path) as connection:
            end_session(connection, request.cookies.get(access.cookie, ""))
    response = redirect("/sign-in", 303)
    response.delete_cookie(access.cookie, secure=access.is_https)
    return response


def _access() -> Access:
    access = settings().access
    if access is None:
        abort(404)
    return access


def _form(access: Access, target: str, problem: str = "", status: int = 200) -> Response:
    visit = secrets.token_urlsafe(32)
    text = render_template("sign_in.html", target=target, problem=problem, form_key=visit)
    response = make_response(text, status)
    response.headers["Cache-Control"] = "no-store"
    _set_cookie(response, access, VISIT, visit, 3600)
    return response


def _set_cookie(response: Response, access: Access, name: str, value: str, max_age_s: int) -> None:
    response.set_cookie(name, value, max_age=max_age_s, secure=access.is_https, httponly=True, samesite="Lax", path="/")
