"""What follows from the answer of a token server (RFC 6749, sections 5.1 and 5.2): a token, or the failure.

Nothing of a delivery has been sent then: no failure leaves open what the partner took.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from poc.errors import DeliveryFailed
from poc.transports.http_outcome import retry_after_s
from poc.transports.secrets import Secret, shown_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from poc.transports.http_answer import Answer

#: The most bytes of an answer, and of what is shown of a described error.
MAX_TOKEN_BYTES, SHOWN_BYTES = 64 * 1024, 300

#: Characters of a token, as a header can carry them.
TOKEN = re.compile(r"[!-~]+")

#: Seconds for which a token is used whose server does not say how long it is valid.
DEFAULT_LIFE_S = 300.0

#: The part of its life, and the most seconds, before a token's end at which the next one is fetched.
EARLY_SHARE, MAX_EARLY_S = 0.1, 60.0

#: Codes of failures: fetched again later by itself, or only once a person has corrected something.
UNAVAILABLE, REFUSED = "token-unavailable", "token-refused"

#: Errors that are gone by themselves, and what to do about others (RFC 6749, section 5.2; RFC 8707).
TEMPORARY = frozenset({"temporarily_unavailable", "server_error", "slow_down"})
ADVICE = {
    "invalid_client": "correct client_id, client_secret or auth",
    "unauthorized_client": "ask the partner to allow this client the grant `client_credentials`",
    "unsupported_grant_type": "ask the partner for the address that takes `client_credentials`",
    "invalid_scope": "correct scope",
    "invalid_target": "correct audience",
    "access_denied": "ask the partner what this client may do",
}


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A token, as the header `Authorization` has it, and until when it is used, on the monotonic clock."""

    authorization: Secret
    until_s: float


def read_token(answer: Answer, asked_s: float, masks: Sequence[Secret], now: datetime) -> AccessToken:
    """Return the token of an answer.

    Args:
        answer: to the request for a token, with one byte more than `MAX_TOKEN_BYTES` of its body at the most.
        asked_s: when the token was asked for, on the monotonic clock; its life is counted from then.
        masks: what must not be shown of the answer.
        now: the reference time for a date in `Retry-After`.

    Raises:
        DeliveryFailed: the server gave none. The message does not name the server, and shows nothing of an answer that
            may hold a token.
    """
    if answer.ending != "complete":
        raise unavailable(f"answered {answer.status}, and the end of the answer is missing")
    if len(answer.body) > MAX_TOKEN_BYTES:
        raise unavailable(f"answered {answer.status} with more than {MAX_TOKEN_BYTES} bytes")
    document = read_object(answer.body)
    if answer.status != 200:
        raise error_of(answer, document, masks, now)
    token = document.get("access_token")
    if not isinstance(token, str) or not TOKEN.fullmatch(token):
        raise unavailable("answered 200, but without an `access_token` in JSON that a header can carry")
    kind = document.get("token_type", "Bearer")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise DeliveryFailed(
            REFUSED, "gives tokens of another type than Bearer, which Milepost cannot send", kind="pause"
        )
    life_s = read_life_s(document.get("expires_in"))
    return AccessToken(Secret(f"Bearer {token}"), asked_s + life_s - min(EARLY_SHARE * life_s, MAX_EARLY_S))


def read_object(body: bytes) -> dict[str, Any]:
    """Return the JSON object of a body, an empty one where it holds none."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def read_life_s(value: Any) -> float:
    """Return how many seconds a token is valid, from its `expires_in`, which some servers write as a text."""
    try:
        life_s = DEFAULT_LIFE_S if value is None or isinstance(value, bool) else float(value)
    except (ValueError, TypeError, OverflowError):
        return DEFAULT_LIFE_S
    return max(life_s, 0.0) if math.isfinite(life_s) else DEFAULT_LIFE_S


def error_of(answer: Answer, document: dict[str, Any], masks: Sequence[Secret], now: datetime) -> DeliveryFailed:
    """Return the failure that an answer other than 200 means."""
    status = answer.status
    error = document.get("error")
    code = error if isinstance(error, str) else ""
    parts = [code, document.get("error_description")] if code else []
    text = ": ".join(part for part in parts if part and isinstance(part, str))
    shown = shown_text(text.encode("utf-8", "backslashreplace"), masks, SHOWN_BYTES)
    message = f"answered {status}" + (f": {shown}" if shown else "")
    wait_s = retry_after_s(answer.headers.get("retry-after", ""), now)
    if status >= 500 or status in {408, 425, 429} or code in TEMPORARY:
        return unavailable(message, wait_s)
    if status in {401, 403} or code:
        advice = ADVICE.get("invalid_client" if status == 401 and code not in ADVICE else code, "correct what it says")
        return DeliveryFailed(REFUSED, f"{message}; {advice} under `[endpoint.oauth2]`", kind="pause")
    moved = "; put the new URL into token_url" if 300 <= status < 400 else ""
    return unavailable(f"{message}{moved}", wait_s)


def unavailable(message: str, wait_s: float = 0.0, blocked_s: float = 0.0) -> DeliveryFailed:
    """Return the failure of a server that may give a token later."""
    return DeliveryFailed(UNAVAILABLE, message, blocked_s, kind="wait" if wait_s else "retry", wait_s=wait_s)
