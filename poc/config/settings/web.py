"""Settings of the dashboard: `[web]` in `milepost.toml`."""

from __future__ import annotations

from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator

from poc.config.strict import Strict

#: Hosts of this machine, which need no TLS.
LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})


class OidcSettings(Strict):
    """The OpenID provider by which people sign in: `[web.oidc]`."""

    issuer: str = Field(
        pattern=r"^(https://|http://(localhost|127\.0\.0\.1|\[::1\])([:/]|$))\S*$",
        description="The provider's address as it calls itself; `/.well-known/openid-configuration` below it is read.",
    )
    client_id: str = Field(min_length=1, description="The id under which the provider knows this dashboard.")
    client_secret: str = Field(
        default="",
        pattern=r"^(\$\{(env|file):[^}]+\})?$",
        description="The secret of that id, `${env:NAME}` or `${file:PATH}`; without it, a public client.",
    )
    name_claim: str = Field(default="email", description="The claim that holds a person's name here.")
    roles_claim: str = Field(default="roles", description="The claim that holds a person's roles or groups.")
    roles: dict[str, Literal["viewer", "operator", "pm", "admin"]] = Field(
        min_length=1,
        description="Value of that claim to role here; of several, the first of this table. Nobody else is let in.",
    )
    scopes_claim: str = Field(
        default="",
        description="The claim that lists the partners that a person may see, as `partner:NAME`, or `all`; other "
        "values of it are left out, and who has none is not let in. Without this setting, `milepost user scope` says "
        "it. An admin sees all.",
    )


class WebSettings(Strict):
    """How people reach the dashboard, and how they sign in."""

    sign_in: Literal["none", "local", "oidc"] = Field(
        default="none",
        description="`none`: no sign-in; only this machine is served, and nothing can be changed. `local`: accounts of "
        "`milepost user`, from the extra `access`. `oidc`: accounts of an OpenID provider, from the extra `oidc`.",
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

    oidc: OidcSettings | None = Field(default=None, description="The OpenID provider, where `sign_in` is `oidc`.")

    @model_validator(mode="after")
    def _has_an_address(self) -> Self:
        url = urlsplit(self.public_url)
        if (self.sign_in == "oidc") != (self.oidc is not None):
            raise ValueError('`sign_in = "oidc"` and the table `[web.oidc]` go together')
        if self.sign_in != "none" and not self.public_url:
            raise ValueError(
                '`sign_in` needs `public_url`, such as "https://milepost.example"; on this machine alone, '
                '"http://127.0.0.1:8765"'
            )
        rest = url.query or url.fragment or url.username is not None or url.path not in {"", "/"}
        if self.public_url and (url.scheme not in {"http", "https"} or not url.hostname or rest):
            raise ValueError(f"`public_url` {self.public_url!r} is no address; it is https://HOST, without a path")
        if url.scheme == "http" and url.hostname not in LOCAL_HOSTS:
            local = ", ".join(sorted(LOCAL_HOSTS))
            raise ValueError(f"`public_url` {self.public_url!r}: passwords need https; http is for {local}")
        return self
