"""Cache rendered pages by address until the store or the view changes."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast
from weakref import ref

from flask import Response, current_app, g, request

from dashboard.cache.views import UNREADABLE
from dashboard.errors import NoSuchDay, StillReading
from dashboard.pages.request import line, views

if TYPE_CHECKING:
    from collections.abc import Hashable
    from weakref import ReferenceType

    from flask import Flask

    from dashboard.cache.view import View
    from dashboard.cache.views import Views


#: So many pages are kept, of so many bytes each at most.
MOST, MOST_BYTES = 64, 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page as it was sent, and what it rests on."""

    body: bytes
    headers: tuple[tuple[str, str], ...]
    view: ReferenceType[View]  #: which goes once nobody else has a use for it
    told: Hashable  #: what it says of how old and how late its data is
    version: Hashable  #: of the store, where the page has asked it; else None


class PageCache:
    """The pages that were asked for last; safe to ask from several threads."""

    def __init__(self) -> None:
        self._pages: OrderedDict[str, Page] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, address: str) -> Page | None:
        """The page that was sent last under an address; whether it still holds is for the caller to say."""
        with self._lock:
            page = self._pages.get(address)
            if page is not None:
                self._pages.move_to_end(address)
            return page

    def put(self, address: str, page: Page) -> None:
        """Keep a page, unless it is too large; the one that nobody has asked for longest goes."""
        if len(page.body) > MOST_BYTES:
            return
        with self._lock:
            self._pages[address] = page
            self._pages.move_to_end(address)
            while len(self._pages) > MOST:
                self._pages.popitem(last=False)

    def addresses(self) -> list[str]:
        """Where pages are kept for, the one asked for last first."""
        with self._lock:
            return list(reversed(self._pages))


#: What is no page, and not kept: files have a cache of their own, and who scrapes wants what is.
ASIDE = ("static", "static_files.")


#: So many pages are made anew beside a new view, those that were asked for last.
RENEWED = 16


def send_again() -> Response | None:
    """The page that was sent under this address, if it would be made the same; None: it is to be made."""
    if request.method != "GET" or request.endpoint is None or request.endpoint.startswith(ASIDE):
        return None
    g.version = views().version()  # of before anything is read
    page = _kept().get(request.full_path)
    if page is None or page.version not in {None, g.version}:
        return None
    view = page.view()
    if view is None:
        return None
    try:
        holds = views().holds(view) if view.as_of is None else views().earlier(view.as_of) is view
        if not holds or line(view) != page.told:
            return None
    except (NoSuchDay, StillReading, *UNREADABLE):  # the page itself knows what to say
        return None
    g.again = True
    return Response(page.body, headers=list(page.headers))


def keep(response: Response) -> Response:
    """Keep what was made from a view; what is sent in pieces is never held as a whole."""
    whole = not response.is_streamed and not response.direct_passthrough
    if whole and response.status_code == 200 and request.method == "GET" and "view" in g and "again" not in g:
        page = Page(
            body=response.get_data(),
            headers=tuple(response.headers),
            view=ref(g.view),
            told=g.fresh,
            version=g.version if "asked_store" in g else None,
        )
        _kept().put(request.full_path, page)
    return response


def begin(app: Flask) -> None:
    """Do what the first reader would wait for: read the templates, and compress what draws the charts."""
    plotly = app.extensions["plotly"]
    _ = plotly.style_ids, plotly.compressed
    for name in app.jinja_env.list_templates():
        app.jinja_env.get_template(name)
    if _refreshed(app):
        rules = [rule for rule in app.url_map.iter_rules() if not rule.arguments]
        _ask(app, [rule.rule for rule in rules if _is_page(rule.endpoint, rule.rule)])


def renew(app: Flask) -> None:
    """Make the newest view where it is time to, and from it the pages that readers asked for last."""
    if _refreshed(app):
        _ask(app, app.extensions["kept"].addresses()[:RENEWED])


def _refreshed(app: Flask) -> bool:
    return cast("Views", app.extensions["views"]).refresh()


def _ask(app: Flask, addresses: list[str]) -> None:
    client = app.test_client()
    for address in addresses:
        client.get(address, base_url="http://localhost")


def _is_page(endpoint: str, address: str) -> bool:
    """Whether people look at it; what has an ending is data for programs."""
    return not endpoint.startswith(ASIDE) and "." not in address


def _kept() -> PageCache:
    return cast("PageCache", current_app.extensions["kept"])
