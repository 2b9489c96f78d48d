"""`/shares`: the links to single pages that were made; `/s/SECRET`: such a page, without an account."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from flask import Blueprint, Response, abort, current_app, g, make_response, redirect, render_template, request
from werkzeug.test import EnvironBuilder

from dashboard.access.database import change_access, read_access
from dashboard.access.errors import AccessRefused
from dashboard.access.users import Actor, Visitor
from dashboard.pages.request import settings
from dashboard.sharing.links import MAX_DAYS, PREFIX, add_share, find_share, list_resting, list_shares, revoke_share
from dashboard.sharing.read_only import without_ways_on
from dashboard.sharing.targets import SHARED_ENDPOINTS, parse_target
from roadmap.wording.sentences import sentence

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as BaseResponse

    from dashboard.access.settings import Access
    from dashboard.sharing.links import Share

blueprint = Blueprint("shares", __name__)

#: No cache keeps a shared page beyond its link, and no search engine lists it.
HEADERS = {"Cache-Control": "no-store", "X-Robots-Tag": "noindex, nofollow", "Referrer-Policy": "no-referrer"}

#: Days until a link expires, unless somebody says otherwise.
USUAL_DAYS = 30


@blueprint.get("/shares")
def page() -> Response:
    """List the links, and show the form for a new one."""
    return _page(_access())


@blueprint.post("/shares/new")
def add() -> Response:
    """Make a link, and show it this once."""
    access = _access()
    form = {name: request.form.get(name, "").strip() for name in ("target", "label", "days", "as_of")}
    try:
        target = parse_target(form["target"], form["as_of"])
        days = int(form["days"]) if form["days"].isdecimal() and len(form["days"]) < 9 else 0
        with change_access(access.path) as connection:
            _, secret = add_share(connection, _actor(access), target, form["label"], days, g.visitor.scope)
    except AccessRefused as refused:
        return _page(access, form=form, problem=sentence(str(refused)), status=400)
    return _page(access, link=f"{access.public_url}{PREFIX}{secret}")


@blueprint.post("/shares/<number>/revoke")
def revoke(number: str) -> BaseResponse:
    """Revoke a link, and show the list again."""
    access = _access()
    with change_access(access.path) as connection:
        if number not in {share.id for share in _visible(list_shares(connection))}:
            abort(404)
        with suppress(AccessRefused):  # revoked already, by another click
            revoke_share(connection, _actor(access), number)
    return redirect("/shares", 303)


@blueprint.get(f"{PREFIX}<secret>")
def show(secret: str) -> Response:
    """Show the page of a link as of its day, or as it is now."""
    access = _access()
    with read_access(access.path) as connection:
        share = find_share(connection, secret, access.now_us())
    if share is None:
        abort(404)
    path, _, query = share.target.partition("?")
    environ = EnvironBuilder(path=path, query_string=query, base_url=access.public_url).get_environ()
    with current_app.request_context(environ):
        if request.endpoint not in SHARED_ENDPOINTS:
            abort(404)
        g.visitor = Visitor(
            name=f"link {share.id}", role="link", permissions=frozenset({"read"}), form_key="", scope=share.scope
        )
        g.shared = share
        view = current_app.view_functions[request.endpoint]
        answer = make_response(view(**(request.view_args or {})))
        text = without_ways_on(answer.get_data(as_text=True))
    return Response(text, answer.status_code, headers=HEADERS, mimetype="text/html")


def _access() -> Access:
    access = settings().access
    if access is None:
        abort(404)
    return access


def _actor(access: Access) -> Actor:
    return Actor(g.visitor.name, request.remote_addr or "", access.now_us())


def _visible(shares: list[Share]) -> list[Share]:
    """Return the links that the visitor may see: with a scope of some partners, their own."""
    visitor: Visitor = g.visitor
    return [share for share in shares if visitor.scope.is_whole or share.who == visitor.name]


def _page(
    access: Access, *, form: dict[str, str] | None = None, link: str = "", problem: str = "", status: int = 200
) -> Response:
    with read_access(access.path) as connection:
        shares = _visible(list_shares(connection))
        resting = list_resting(connection, shares, access.now_us())
    text = render_template(
        "shares.html",
        shares=shares,
        resting=resting,
        now_us=access.now_us(),
        form=form or {"target": request.args.get("target", "/report"), "days": str(USUAL_DAYS)},
        link=link,
        problem=problem,
        most_days=MAX_DAYS,
    )
    return Response(text, status, headers={"Cache-Control": "no-store"}, mimetype="text/html")
