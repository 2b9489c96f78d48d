"""The check of every request where people sign in: who it is, what its address demands, and that a form is our own."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, NoReturn
from urllib.parse import quote

from flask import Response, abort, g, redirect, request, url_for

from dashboard.access.audit import record_act, was_recorded
from dashboard.access.database import change_access, read_access
from dashboard.access.roles import INTAKE, OPEN, SIGNATURE_HEADER, TOKEN_KINDS, demand, is_for_scopes
from dashboard.access.sessions import find_session
from dashboard.access.tokens import find_token
from dashboard.access.users import Actor, Visitor
from dashboard.scope import WHOLE
from dashboard.security import LOCAL_HOSTS, READ_METHODS

if TYPE_CHECKING:
    from werkzeug.wrappers import Response as BaseResponse

    from dashboard.access.settings import Access

#: The most bytes of a form, and of one with rows or a file, which only somebody who may send it gets read.
MAX_FORM_BYTES, MAX_UPLOAD_BYTES = 1 << 16, 4 << 20

#: The most characters of a path in the audit log, and how long the same refusal is not recorded again.
MAX_PATH, REFUSED_AGAIN_US = 200, 60 * 1_000_000

#: What is answered even if the database of accounts cannot be read.
WITHOUT_ACCOUNTS = frozenset({"health.live", "static"})

#: Who requests each page once when the server starts, and the key of a request's environment that says so. A client
#: cannot set it: what it sends has other keys, and is text.
WARM_UP = Visitor(name="warm-up", role="", permissions=frozenset({"read"}), form_key="", scope=WHOLE)
WARM_UP_MARK = "milepost.warm_up"

#: The field of a form that holds the key of the session.
FORM_KEY = "form_key"


def check_request(access: Access) -> BaseResponse | None:
    """Let a request pass, or answer it: 303 to the sign-in page, 401, 403.

    It sets `g.visitor` where somebody is signed in.
    """
    host = request.headers.get("Host", "")
    if host.casefold() != access.host.casefold() and not LOCAL_HOSTS.fullmatch(host):
        abort(403, f"This dashboard is at {access.public_url}.")
    request.max_content_length = MAX_FORM_BYTES
    demanded = demand(request.endpoint)
    if request.endpoint in WITHOUT_ACCOUNTS:
        return None
    visitor = WARM_UP if request.environ.get(WARM_UP_MARK) is WARM_UP else find_visitor(access)
    g.visitor = visitor
    if demanded == OPEN:
        return None
    if visitor is None and demanded == INTAKE and request.headers.get(SIGNATURE_HEADER):
        return None  # the endpoint checks the signature, over all bytes of the request
    if visitor is None:
        return _ask_to_sign_in()
    if request.endpoint is None:
        return None  # no such page, or no such method: Flask says which
    if demanded is None or not visitor.may(demanded):
        text = f"{visitor.name} ({visitor.role}) may not do this; it needs the permission “{demanded}”."
        _refuse(access, visitor, text)
    if not visitor.scope.is_whole and not is_for_scopes(request.endpoint):
        _refuse(access, visitor, f"{visitor.name} may see some partners alone; this page is about all of them.")
    if request.method not in READ_METHODS:
        request.max_content_length = request.max_form_memory_size = MAX_UPLOAD_BYTES
        check_form(visitor)
    return None


def find_visitor(access: Access) -> Visitor | None:
    """Return who makes the request: the bearer of a token, else the user of a session; None for neither."""
    kind, _, secret = request.headers.get("Authorization", "").partition(" ")
    cookie = request.cookies.get(access.cookie)
    if kind.casefold() == "bearer":
        with read_access(access.path) as connection:
            token = find_token(connection, secret.strip(), access.now_us())
        if token is None:
            abort(_unauthorized())
        name = f"{token.label} (token {token.id})"  # a label may be the name of a person
        return Visitor(name=name, role=token.kind, permissions=TOKEN_KINDS[token.kind], form_key="", scope=token.scope)
    if cookie is None:
        return None
    with read_access(access.path) as connection:
        session = find_session(connection, cookie, access.now_us())
    if session is None:
        return None
    user = session.user
    return Visitor(
        name=user.name, role=user.role, permissions=user.permissions, form_key=session.form_key, scope=user.scope
    )


def check_form(visitor: Visitor) -> None:
    """Refuse a form that another site made the browser send."""
    if not visitor.form_key:
        return
    check_site()
    if not hmac.compare_digest(request.form.get(FORM_KEY, "").encode(), visitor.form_key.encode()):
        abort(403, "This form is from an earlier session. Load the page again; nothing was done.")


def check_site() -> None:
    """Refuse a form of which the browser says that another site sent it."""
    if request.headers.get("Sec-Fetch-Site", "same-origin") not in {"same-origin", "none"}:
        abort(403, "This form was sent by another site. Nothing was done.")


def local_target(target: str) -> str:
    """Return a path of this dashboard to go to after sign-in; `/` for anything that could lead elsewhere."""
    is_local = target.startswith("/") and not target.startswith("//")
    return target if is_local and target.isprintable() and "\\" not in target else "/"


def _refuse(access: Access, visitor: Visitor, text: str) -> NoReturn:
    """Record that somebody was refused, once a minute for each kind of page, and answer 403."""
    actor = Actor(visitor.name, request.remote_addr or "", access.now_us())
    rule = request.url_rule.rule if request.url_rule else ""  # not the path, of which there are any number
    target = f"{request.method} {rule}"
    with change_access(access.path) as connection:
        if not was_recorded(connection, actor.name, "refused", target, actor.now_us - REFUSED_AGAIN_US):
            record_act(connection, actor.entry("refused", target, path=request.path[:MAX_PATH]))
    abort(403, text)


def _ask_to_sign_in() -> BaseResponse:
    if request.method != "GET" or not request.accept_mimetypes.accept_html:
        return _unauthorized()
    return redirect(f"{url_for('access.sign_in')}?next={quote(request.full_path.removesuffix('?'))}", 303)


def _unauthorized() -> Response:
    return Response("Sign in, or send a token.\n", 401, {"WWW-Authenticate": "Bearer"}, mimetype="text/plain")
