"""The settings of a dashboard to which people sign in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from dashboard.access.provider import Provider


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How people sign in: the database of accounts, the address by which they reach the dashboard, and the clock."""

    path: Path
    public_url: str
    proxies: int  #: reverse proxies in front, each of which adds to `X-Forwarded-For`
    now_us: Callable[[], int]
    provider: Provider | None = None  #: where people sign in; None: with a password of their own here

    @property
    def is_https(self) -> bool:
        """Whether browsers reach the dashboard by TLS."""
        return urlsplit(self.public_url).scheme == "https"

    @property
    def cookie(self) -> str:
        """The name of the session's cookie; the prefix binds it to this host and to TLS."""
        return "__Host-milepost" if self.is_https else "milepost"

    @property
    def host(self) -> str:
        """The host, with the port if it is not the usual one, that requests name."""
        usual = ":443" if self.is_https else ":80"
        return urlsplit(self.public_url).netloc.removesuffix(usual)
