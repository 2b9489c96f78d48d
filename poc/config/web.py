"""Settings of the dashboard: `[web]` in `milepost.toml`."""

from __future__ import annotations

from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from poc.config.strict import Strict

#: Hosts of this machine, which need no TLS.
LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


class WebSettings(Strict):
    """How people reach the dashboard, and how they sign in."""

    sign_in: Literal["none", "local"] = Field(
        default="none",
        description="`none`: no sign-in; only this machine is served, and nothing can be changed. `local`: accounts of "
        "`milepost user`, from the extra `access`.",
    )
    public_url: str = Field(
        default="",
        description='The address by which people reach the dashboard, such as `"https://milepost.example"`; needed '
        "with a sign-in. Other host names are refused. It is `https`, by a reverse proxy, but for this machine.",
    )
    proxies: int = Field(
        default=0,
        ge=0,
        le=8,
        description="How many reverse proxies stand in front, each of which adds to `X-Forwarded-For`. The address of "
        "the client is taken from there; with 0, from the connection.",
    )

    @model_validator(mode="after")
    def _has_an_address(self) -> Self:
        url = urlsplit(self.public_url)
        if self.sign_in != "none" and not self.public_url:
            raise ValueError('`sign_in` needs `public_url`, such as "https://milepost.example"')
        if self.public_url and (url.scheme not in {"http", "https"} or not url.hostname or url.path not in {"", "/"}):
            raise ValueError(f"`public_url` {self.public_url!r} is no address; it is https://HOST, without a path")
        if url.scheme == "http" and url.hostname not in LOCAL_HOSTS:
            local = ", ".join(sorted(LOCAL_HOSTS))
            raise ValueError(f"`public_url` {self.public_url!r}: passwords need https; http is for {local}")
        return self
