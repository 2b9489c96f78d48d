"""An OpenID provider: its metadata and keys, the exchange of a code, and the check of an ID token.

Sources: OpenID Connect Core 1.0 and Discovery 1.0; RFC 7636 (PKCE); RFC 8725 (best practice for JSON Web Tokens).
"""

from __future__ import annotations

import hmac
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from dashboard.access.errors import AccessRefused, ProviderFailed
from dashboard.scope import PARTNER_WORD, WHOLE, Scope, parse_scope

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import requests

#: Signatures that are accepted: with a key of the provider, never with a shared secret, and never none.
ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA")

#: Seconds for a call to the provider, for which its metadata and keys are kept, and between two reloads of keys.
TIMEOUT_S, KEPT_S, RELOAD_S = 10.0, 3600.0, 60.0

#: The most bytes of an answer, and seconds for which a provider that failed is not asked again.
MAX_ANSWER_BYTES, RETRY_S = 1 << 20, 5.0

#: Seconds by which the clocks of the provider and of this machine may differ.
LEEWAY_S = 60

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSettings:
    """How the provider knows us, and what its claims mean here."""

    issuer: str
    client_id: str
    client_secret: Callable[[], str]  #: reads it when it is needed; "" for a public client
    name_claim: str
    roles_claim: str
    roles: Mapping[str, str]  #: value of the claim to role here, the first that applies
    scopes_claim: str = ""  #: lists the partners that a person may see; "": the account here says it


@dataclass(slots=True)
class Provider:
    """A provider with its metadata and keys, which are fetched when they are first needed, and kept for an hour."""

    settings: ProviderSettings
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _documents: dict[str, tuple[float, dict[str, Any]]] = field(default_factory=dict)
    _failures: dict[str, tuple[float, str]] = field(default_factory=dict)

    def authorization_url(self, redirect_uri: str, *, state: str, nonce: str, verifier: str) -> str:
        """Return the address to which the browser goes to sign in. Raises ProviderFailed."""
        url, _ = self._client(redirect_uri).create_authorization_url(
            self._endpoint("authorization_endpoint"), state=state, nonce=nonce, code_verifier=verifier
        )
        return str(url)

    def exchange_code(self, redirect_uri: str, code: str, verifier: str) -> str:
        """Return the ID token that the provider gives for a code. Raises ProviderFailed."""
        import requests
        from authlib.integrations.base_client import OAuthError

        with self._client(redirect_uri) as client:
            try:
                token = client.fetch_token(
                    self._endpoint("token_endpoint"), code=code, code_verifier=verifier, **_bounded()
                )
            except (OAuthError, requests.RequestException, ValueError, TypeError, AttributeError) as error:
                raise ProviderFailed(f"{self.settings.issuer} does not accept the sign-in: {error}") from error
        if not isinstance(token, dict) or not isinstance(token.get("id_token"), str):
            raise ProviderFailed(f"{self.settings.issuer} gave no ID token; the scope `openid` has to be allowed")
        return str(token["id_token"])

    def check_id_token(self, text: str, nonce: str, now_s: int) -> dict[str, Any]:
        """Return the claims of an ID token that is signed by the provider, meant for us, fresh, and of this sign-in.

        Raises:
            ProviderFailed: it is not; the message says what is wrong.
        """
        from joserfc import jwt
        from joserfc.errors import JoseError
        from joserfc.jwt import JWTClaimsRegistry

        try:
            token = jwt.decode(text, self._key, algorithms=ALGORITHMS)
            essential: dict[str, Any] = {name: {"essential": True} for name in ("sub", "aud", "exp", "iat", "nonce")}
            rules = JWTClaimsRegistry(
                now_s, LEEWAY_S, iss={"essential": True, "value": self.settings.issuer}, **essential
            )
            rules.validate(token.claims)
        except (JoseError, ValueError) as error:
            raise ProviderFailed(f"the ID token of {self.settings.issuer} is not valid: {error}") from error
        claims = dict(token.claims)
        audience = texts_of(claims["aud"])
        if (
            self.settings.client_id not in audience
            or claims.get("azp", self.settings.client_id) != self.settings.client_id
        ):
            raise ProviderFailed(f"the ID token is for {audience}, not for {self.settings.client_id!r}")
        if not hmac.compare_digest(str(claims["nonce"]).encode(), nonce.encode()):
            raise ProviderFailed("the ID token belongs to another sign-in")
        return claims

    def role_of(self, claims: Mapping[str, Any]) -> str:
        """Return the role that the claims give. Raises AccessRefused where they give none."""
        values = texts_of(claims.get(self.settings.roles_claim))
        role = next((role for text, role in self.settings.roles.items() if text in values), None)
        if role is None:
            raise AccessRefused(f"your account has none of the roles here: {', '.join(self.settings.roles)}")
        return role

    def scope_of(self, claims: Mapping[str, Any]) -> Scope | None:
        """Return the partners that the claims let a person see; None where the settings name no claim for them.

        Raises:
            AccessRefused: the claims name no partner.
        """
        if not self.settings.scopes_claim:
            return None
        values = texts_of(claims.get(self.settings.scopes_claim))
        if "all" in values:
            return WHOLE
        words = [value for value in values if PARTNER_WORD.fullmatch(value)]
        if not words:
            raise AccessRefused("your account may see none of the partners here")
        return parse_scope(words)

    def name_of(self, claims: Mapping[str, Any]) -> str:
        """Return the name that the claims give, else the provider's id of the person.

        Raises:
            AccessRefused: the name is no text, or an e-mail address of which the provider says that it is not verified.
        """
        claim = self.settings.name_claim
        name = claims.get(claim) or claims["sub"]
        if not isinstance(name, str):
            raise AccessRefused(f"the claim {claim!r} is no text; choose another `name_claim`")
        if claim == "email" and claims.get("email_verified") in {False, "false"}:
            raise AccessRefused(f"the provider has not verified the address {name!r}")
        return name

    def _client(self, redirect_uri: str) -> Any:
        from authlib.integrations.requests_client import OAuth2Session

        secret = self.settings.client_secret()
        return OAuth2Session(
            self.settings.client_id,
            secret or None,
            token_endpoint_auth_method="client_secret_basic" if secret else "none",
            scope="openid profile email",
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
            default_timeout=TIMEOUT_S,
        )

    def _endpoint(self, name: str) -> str:
        if not is_trusted(self.settings.issuer):
            raise ProviderFailed(f"{self.settings.issuer} has to be an https address, or on this machine")
        metadata = self._document(f"{self.settings.issuer.rstrip('/')}/.well-known/openid-configuration")
        if metadata.get("issuer") != self.settings.issuer:
            raise ProviderFailed(f"the provider calls itself {metadata.get('issuer')!r}, not {self.settings.issuer!r}")
        url = metadata.get(name)
        if not isinstance(url, str) or not is_trusted(url):
            raise ProviderFailed(f"{self.settings.issuer}: {name} is {url!r}; it has to be an https address")
        return url

    def _key(self, header: Any) -> Any:
        """Return the key that a token names; its keys are loaded again where the name is new."""
        from joserfc.errors import JoseError
        from joserfc.jwk import KeySet

        url, number = self._endpoint("jwks_uri"), header.headers().get("kid")
        keys = self._document(url)
        known = [key.get("kid") for key in keys.get("keys") or () if isinstance(key, dict)]
        if number not in known:
            keys = self._document(url, kept_s=RELOAD_S)
        try:
            return KeySet.import_key_set(keys)  # type: ignore[arg-type] # checked by it
        except (JoseError, KeyError, TypeError, ValueError, AttributeError) as error:
            raise ProviderFailed(f"{url}: the keys of the provider cannot be read: {error}") from error

    def _document(self, url: str, kept_s: float = KEPT_S) -> dict[str, Any]:
        """Return a JSON document of the provider, at most `kept_s` seconds old. Raises ProviderFailed."""
        import requests

        with self._lock:
            fetched_s, document = self._documents.get(url, (float("-inf"), {}))
            if time.monotonic() - fetched_s < kept_s:
                return document
            failed_s, text = self._failures.get(url, (float("-inf"), ""))
            if time.monotonic() - failed_s < RETRY_S:
                raise ProviderFailed(text)
            try:
                answer = requests.get(url, timeout=TIMEOUT_S, **_bounded())
                answer.raise_for_status()
                document = answer.json()
                if answer.status_code != requests.codes.ok or not isinstance(document, dict):
                    raise ValueError(f"it answered {answer.status_code}, and no JSON object")
            except (requests.RequestException, ValueError) as error:
                text = f"{url}: the provider cannot be used: {error}"
                self._failures[url] = (time.monotonic(), text)
                raise ProviderFailed(text) from error
            self._documents[url] = (time.monotonic(), document)
            return document


def texts_of(claim: object) -> list[str]:
    """Return the texts of a claim that is one text, a list of them, or an object with them as keys."""
    if isinstance(claim, str):
        return [claim]
    return [text for text in claim if isinstance(text, str)] if isinstance(claim, (list, dict)) else []


def _bounded() -> dict[str, Any]:
    """Return the arguments of a request that follows no redirect and reads a bounded answer in bounded time."""
    until_s = time.monotonic() + TIMEOUT_S

    def read(answer: requests.Response, **_: object) -> None:
        content = bytearray()
        while part := answer.raw.read1(1 << 16, decode_content=True):
            content += part
            if len(content) > MAX_ANSWER_BYTES or time.monotonic() > until_s:
                answer.close()
                raise ValueError(f"its answer has over {MAX_ANSWER_BYTES:,} bytes, or took over {TIMEOUT_S:g} seconds")
        answer._content = bytes(content)  # noqa: SLF001 (requests has no other way to give a body that was read)
        answer._content_consumed = True  # type: ignore[attr-defined] # noqa: SLF001

    return {"allow_redirects": False, "stream": True, "hooks": {"response": read}}


def is_trusted(url: str) -> bool:
    """Return whether an address is protected by TLS, or is on this machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
