"""Pages as they were sent, kept by address for as long as nothing has changed that they tell.

Making a page takes longer than sending it again. A page is kept with the view that it was made from and with what it
said of how old the data is; one that has asked the database itself also with the state that the database was in.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable
    from weakref import ReferenceType

    from dashboard.view import View

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


class Kept:
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
