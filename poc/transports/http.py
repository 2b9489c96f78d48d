"""HTTP out: one POST a request, on one kept-alive session."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import requests

from poc.errors import DeliveryFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

#: What a request body is.
MEDIA_TYPE = "application/jsonl"


@dataclass(frozen=True, slots=True)
class Place:
    """Where one feed of one partner is delivered to."""

    url: str
    timeout_s: float


def new_session() -> requests.Session:
    """A session that goes where the configuration says: no proxy or credential is taken from the environment."""
    session = requests.Session()
    session.trust_env = False
    session.headers["Content-Type"] = MEDIA_TYPE
    session.headers["User-Agent"] = "milepost"
    return session


def post(session: requests.Session, place: Place, body: bytes, headers: Mapping[str, str]) -> None:
    """Deliver one body.

    Raises:
        DeliveryFailed: the partner did not take it, or did not say so in time; whether it holds the body is unknown
            for `time-out` and `connection`. After a time-out `blocked_s` is what waiting for it took.
    """
    began = time.monotonic()
    try:
        answer = session.post(
            place.url, data=body, headers=dict(headers), timeout=place.timeout_s, allow_redirects=False
        )
    except requests.Timeout as error:
        blocked_s = time.monotonic() - began
        raise DeliveryFailed("time-out", f"{place.url}: no answer in {place.timeout_s:g} s", blocked_s) from error
    except requests.RequestException as error:
        raise DeliveryFailed("connection", f"{place.url}: connection lost: {_cause(error)}") from error
    if not answer.ok:
        raise DeliveryFailed(
            f"http-{answer.status_code}", f"{place.url}: answered {answer.status_code} {answer.reason}"
        )


def _cause(error: BaseException) -> str:
    """The system's own words, from as deep as they stand."""
    found: BaseException | None = error
    while found is not None:
        if isinstance(found, OSError) and found.strerror:
            return found.strerror
        inner = [part for part in found.args if isinstance(part, BaseException)]
        found = inner[0] if inner else found.__cause__ or found.__context__
    return str(error)[:200]
