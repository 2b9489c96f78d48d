"""What follows from an answer: delivered, or the failure that says how to go on.

Whatever leaves open whether the partner took the request is marked `unknown`, so that nothing is lost or doubled: it is
sent again with the same key, or listed as ambiguous where the partner does not honour keys.
"""

from __future__ import annotations

import json
import re
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any, Literal

from poc.errors import DeliveryFailed

if TYPE_CHECKING:
    from datetime import datetime

    from poc.config.endpoint import Success
    from poc.transports.http_answer import Answer

#: Upper limit of a `Retry-After`, in seconds.
MAX_WAIT_S = 10.0**9

#: Statuses of 2xx that promise less than success for the whole request: partial content, and several answers in one.
NOT_PLAIN = frozenset({206, 207})

#: Status of an answer to a repeated request (RFC 5842, 7.1), and the headers that some partners answer it with.
REPEATED = 208
REPEAT_HEADERS = ("idempotent-replayed", "idempotency-replayed")

#: What a person reads beside some statuses.
EXPLANATIONS = {
    206: "it says that this is a part only",
    207: "it has several answers in one, and may have refused rows",
    303: "it leads to another page, so that the request may have been taken (RFC 9110, 15.4.4)",
    302: "it leads to another page, as some servers do after taking a request; if not, put in the new URL",
    401: "it does not accept our credentials",
    403: "it does not let us in",
    409: "it still processes this request, or is in conflict with it",
    410: "the partner withdrew this URL; ask for the new one",
    423: "what the request would change is locked (RFC 4918, 11.3)",
}

MOVED = "moved; put the new URL into the configuration"

#: How the body of a success ended, for a person; such an answer is none (RFC 9112, section 8).
ENDINGS = {
    "cut": ("answer-cut", "and the connection was lost before the end of its answer"),
    "malformed": ("answer-malformed", "and the end of its answer cannot be told"),
    "long": ("answer-malformed", "and its answer is longer than Milepost reads"),
}


def answer_failure(
    url: str, answer: Answer, success: Success | None, timeout_s: float, elapsed_s: float, now: datetime, text: str
) -> DeliveryFailed | None:
    """Return the failure that an answer means, None for a success.

    Args:
        url: names the endpoint in the message.
        answer: to a request that was sent in full.
        success: the partner's description of a success, if the configuration has one.
        timeout_s: the endpoint's.
        elapsed_s: since the request began.
        now: the reference time for a date in `Retry-After`.
        text: the beginning of the answer, safe to show.
    """
    status = answer.status
    as_described = success is not None and status in success.status
    if not as_described and (not 200 <= status < 300 or status in NOT_PLAIN):
        failure = status_failure(url, status, answer.headers.get("retry-after"), now, text)
        failure.blocked_s = elapsed_s if answer.ending == "late" else 0.0
        return failure
    if answer.ending == "late":
        message = f"{url}: no answer in {timeout_s:g} s: it answered {status}, and the rest did not arrive"
        return DeliveryFailed("time-out", with_answer(message, text), elapsed_s, unknown=True, answer=text)
    if answer.ending != "complete":
        code, ending = ENDINGS[answer.ending]
        return DeliveryFailed(code, with_answer(f"{url}: answered {status}, {ending}", text), unknown=True, answer=text)
    fault = "" if success is None else success_fault(answer, success)
    if fault:
        message = with_answer(f"{url}: answered {status}, but {fault}", text)
        return DeliveryFailed("answer-unexpected", message, unknown=True, answer=text)
    return None


def is_repeat(answer: Answer) -> bool:
    """Return whether a partner said with a success that it had the request already, by its key.

    It says so by the status 208 or by a header; the draft of the `Idempotency-Key` header names none.
    """
    return answer.status == REPEATED or any(answer.headers.get(name, "") == "true" for name in REPEAT_HEADERS)


def status_failure(url: str, status: int, retry_after: str | None, now: datetime, text: str = "") -> DeliveryFailed:
    """Return the failure that a status means, with the beginning of its answer."""
    explanation = EXPLANATIONS.get(status) or (MOVED if 300 <= status < 400 else "")
    message = f"{url}: answered {status}" + (f": {explanation}" if explanation else "")
    wait_s = 0.0 if retry_after is None else retry_after_s(retry_after, now)
    if wait_s:
        message += f", to wait {wait_s:,.0f} s"
    return DeliveryFailed(
        f"http-{status}",
        with_answer(message, text),
        kind=kind_of(status, wait_s),
        wait_s=wait_s,
        unknown=is_unknown(status),
        answer=text,
    )


def kind_of(status: int, wait_s: float) -> Literal["retry", "wait", "pause", "stop"]:
    """Return how to go on after a status that is no success; a usable `Retry-After` says so itself."""
    if wait_s or status == 429:
        return "wait"
    if status in {401, 403, 410}:
        return "pause"
    if status >= 500 or status in {206, 207, 303, 408, 409, 423, 425}:
        return "retry"
    return "stop"


def is_unknown(status: int) -> bool:
    """Return whether the partner may have taken a request in spite of a status that is no success."""
    return (status >= 500 and status != 503) or status in {206, 207, 302, 303}


def with_answer(message: str, text: str) -> str:
    """Return a message with the beginning of the answer, if there is one."""
    return f"{message}: {text}" if text else message


def success_fault(answer: Answer, success: Success) -> str:
    """Return what an answer lacks to be the success that the configuration describes; empty if it lacks nothing."""
    if success.status and answer.status not in success.status:
        return f"success is {' or '.join(map(str, success.status))}"
    content_type = answer.headers.get("content-type", "").partition(";")[0].strip()
    if success.content_type and content_type.lower() != success.content_type.lower():
        return f"as {content_type[:80]!a}, not {success.content_type}" if content_type else "without a content type"
    if success.pointer is None:
        return ""
    try:
        value = json_value(json.loads(answer.body, object_pairs_hook=object_of_pairs), success.pointer)
    except (ValueError, RecursionError):
        return "not in JSON"
    except LookupError:
        return f"without {success.pointer or 'a value'}"
    return "" if equal(value, success.equals) else f"{success.pointer} is not {json.dumps(success.equals)}"


def object_of_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return a JSON object. Raises ValueError for a name that is there twice, as it is unknown which value is meant."""
    if len(document := dict(pairs)) < len(pairs):
        raise ValueError("a name occurs twice")
    return document


def json_value(document: Any, pointer: str) -> Any:
    """Return the value at a JSON Pointer (RFC 6901). Raises LookupError."""
    for part in pointer.split("/")[1:]:
        key = part.replace("~1", "/").replace("~0", "~")
        if isinstance(document, dict):
            document = document[key]
        elif isinstance(document, list) and re.fullmatch("0|[1-9][0-9]*", key):
            document = document[int(key)]
        else:
            raise LookupError(key)
    return document


def equal(value: Any, expected: Any) -> bool:
    """Return whether two JSON values are equal; `true` is not 1."""
    return bool(value == expected) and isinstance(value, bool) == isinstance(expected, bool)


def retry_after_s(text: str, now: datetime) -> float:
    """Return the seconds of a `Retry-After` in either form; 0 if it is in the past or cannot be parsed."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return min(float(text), MAX_WAIT_S)
    try:
        until = parsedate_to_datetime(text)
        if until.tzinfo is None:
            until = until.replace(tzinfo=now.tzinfo)
        return min(max((until - now).total_seconds(), 0.0), MAX_WAIT_S)
    except (ValueError, TypeError, IndexError, OverflowError):
        return 0.0
