"""`/sign-in` and `/sign-out`: begin and end a session of the browser."""

from __future__ import annotations

import hmac
import secrets
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from flask import Blueprint, abort, g, make_response, redirect, render_template, request, url_for

from dashboard.access import sessions
from dashboard.access.database import change_access
from dashboard.access.errors import AccessRefused, ProviderFailed
from dashboard.access.guard import FORM_KEY, check_form, check_site, local_target
from dashboard.access.provider_sign_in import WAY_US, begin_way, end_way
from dashboard.access.sessions import SESSION_US, SignInRefused
from dashboard.pages.request import settings
from roadmap.wording.sentences import sentence

if TYPE_CHECKING:
    from werkzeug.wrappers import Response

    from dashboard.access.settings import Access

blueprint = Blueprint("access", __name__)

#: The cookie that ties the sign-in form to the browser that got it, so that no other site can sign anybody in.
VISIT = "milepost-visit"


def _visit_cookie(access: Access) -> str:
    """Return the name of that cookie; as that of the session, no other host of our domain can set it."""
    return f"__Host-{VISIT}" if access.is_https else VISIT


@blueprint.route("/sign-in", methods=["GET", "POST"])
def sign_in() -> Response:
    """Show the form, and sign in: then go on to the page that was asked for."""
    access = _access()
    target = local_target(request.values.get("next", "/"))
    if request.method != "POST":
        return redirect(target, 303) if g.get("visitor") else _form(access, target)
    visit = request.cookies.get(_visit_cookie(access), "")
    if access.provider is not None:
        abort(404)
    check_site()
    if not visit or not hmac.compare_digest(request.form.get(FORM_KEY, "").encode(), visit.encode()):
        return _form(access, target, "This form is too old. Please try again.", 403)
    name, password = request.form.get("name", ""), request.form.get("password", "")
    try:
        secret = sessions.sign_in(access.path, name, password, request.remote_addr or "", access.now_us())
    except SignInRefused as refused:
        return _form(access, target, str(refused), 429 if refused.wait_s else 401)
    return _signed_in(access, secret, target)


@blueprint.get("/sign-in/provider")
def go_to_provider() -> Response:
    """Lead the browser to the provider by which people sign in."""
    access = _access()
    provider = access.provider or abort(404)
    visit = secrets.token_urlsafe(32)
    target = local_target(request.args.get("next", "/"))
    try:
        url = begin_way(access.path, provider, _way_back(access), visit, target, access.now_us())
    except ProviderFailed as failed:
        return _form(access, target, str(failed), 503)
    response = redirect(url, 303)
    _set_cookie(response, access, _visit_cookie(access), visit, WAY_US // 1_000_000)
    return response


@blueprint.get("/sign-in/callback")
def come_back() -> Response:
    """Sign in the browser that the provider leads back."""
    access = _access()
    provider = access.provider or abort(404)
    visit, address = request.cookies.get(_visit_cookie(access), ""), request.remote_addr or ""
    try:
        secret, target = end_way(
            access.path, provider, _way_back(access), visit, request.args, address, access.now_us()
        )
    except (ProviderFailed, AccessRefused) as error:
        return _form(access, "/", sentence(str(error)), 403)
    return _signed_in(access, secret, target)


@blueprint.post("/sign-out")
def sign_out() -> Response:
    """End the session, and show the form again."""
    access = _access()
    if g.get("visitor"):
        check_form(g.visitor)
        with change_access(access.path) as connection:
            secret = request.cookies.get(access.cookie, "")
            sessions.sign_out(connection, secret, request.remote_addr or "", access.now_us())
    response = redirect("/sign-in", 303)
    response.delete_cookie(access.cookie, secure=access.is_https)
    response.headers["Clear-Site-Data"] = '"cache"'  # so that “back” shows nothing to the next person
    return response


def _access() -> Access:
    access = settings().access
    if access is None:
        abort(404)
    return access


def _way_back(access: Access) -> str:
    """Return our address to which the provider leads back; it has to be registered there."""
    return f"{access.public_url}{url_for('access.come_back')}"


def _signed_in(access: Access, secret: str, target: str) -> Response:
    if former := request.cookies.get(access.cookie):
        with change_access(access.path) as connection:
            sessions.sign_out(connection, former, request.remote_addr or "", access.now_us())
    response = redirect(target, 303)
    _set_cookie(response, access, access.cookie, secret, SESSION_US // 1_000_000)
    response.delete_cookie(_visit_cookie(access), secure=access.is_https)
    return response


def _form(access: Access, target: str, problem: str = "", status: int = 200) -> Response:
    visit = secrets.token_urlsafe(32)
    provider = urlsplit(access.provider.settings.issuer).hostname if access.provider else ""
    text = render_template("sign_in.html", target=target, problem=problem, form_key=visit, provider=provider)
    response = make_response(text, status)
    response.headers["Cache-Control"] = "no-store"
    _set_cookie(response, access, _visit_cookie(access), visit, 3600)
    return response


def _set_cookie(response: Response, access: Access, name: str, value: str, max_age_s: int) -> None:
    response.set_cookie(name, value, max_age=max_age_s, secure=access.is_https, httponly=True, samesite="Lax", path="/")
