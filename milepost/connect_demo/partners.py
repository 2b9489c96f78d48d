"""What the partners of the demo do: hand in their files, take the receipts, and check the signatures."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from milepost.connect_demo.workspace import FEED
from milepost.errors import CommandError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from milepost.connect_demo.samples import SampleFile

#: Seconds that a receipt may take, and those between two looks.
PATIENCE_S, LOOK_S = 120.0, 0.2


@dataclass(frozen=True, slots=True)
class Receipt:
    """A receipt as a partner has it: what it says, and whether its signature is right."""

    file: str
    data: Mapping[str, Any]
    is_signed: bool


def key_bytes(path: Path) -> bytes:
    """Return a key of Standard Webhooks."""
    return base64.b64decode(path.read_text("utf-8").strip().removeprefix("whsec_"))


def sign(key: bytes, message_id: str, timestamp: str, body: bytes) -> str:
    """Return the signature of a message, as Standard Webhooks 1 says."""
    digest = hmac.digest(key, f"{message_id}.{timestamp}.".encode() + body, hashlib.sha256)
    return f"v1,{base64.b64encode(digest).decode()}"


def is_right(key: bytes, headers: Mapping[str, str], body: bytes) -> bool:
    """Return whether one of the signatures of a message is that by a key."""
    given = {name.lower(): value for name, value in headers.items()}
    expected = sign(key, given.get("webhook-id", ""), given.get("webhook-timestamp", ""), body)
    return any(hmac.compare_digest(expected, each) for each in given.get("webhook-signature", "").split(" "))


def put_files(folder: Path, files: Sequence[SampleFile]) -> None:
    """Put files into a folder: under another name first, then renamed."""
    for file in files:
        part = folder / f"{file.name}.part"
        part.write_bytes(file.content)
        part.rename(folder / file.name)


def read_receipts(folder: Path, files: Sequence[SampleFile], key: bytes) -> list[Receipt]:
    """Return the receipts of files that lie in a folder, each with its signature beside it."""
    return [wait_for(partial(read_receipt, folder, file.name, key), f"the receipt of {file.name}") for file in files]


def read_receipt(folder: Path, file: str, key: bytes) -> Receipt | None:
    """Return the receipt of a file; None where it is not there yet. The signature is written before it."""
    path = folder / f"{file}.receipt.json"
    if not path.is_file():
        return None
    body = path.read_bytes()
    headers = json.loads((folder / f"{file}.receipt.sig").read_bytes())
    return of_body(file, body, is_signed=is_right(key, headers, body))


def of_body(file: str, body: bytes, *, is_signed: bool) -> Receipt | None:
    """Return a receipt of its bytes; None for one that is not the last of its file."""
    data = json.loads(body)["data"]
    return Receipt(file, data, is_signed) if data["final"] else None


def wait_for(read: Callable[[], Receipt | None], name: str) -> Receipt:
    """Return a receipt as soon as it is there. Raises CommandError where it does not come."""
    end_s = time.monotonic() + PATIENCE_S
    while time.monotonic() < end_s:
        receipt = read()
        if receipt is not None:
            return receipt
        time.sleep(LOOK_S)
    raise CommandError(f"{name} did not come within {PATIENCE_S:.0f} s")


class HttpPartner:
    """A partner that sends each file in a signed request, and asks for its receipt.

    Args:
        url: of the server.
        partner: its id.
        intake_key: the key that signs its requests.
        receipt_key: the key that signs its receipts.
    """

    def __init__(self, url: str, partner: str, intake_key: bytes, receipt_key: bytes) -> None:
        self._url, self._partner = url, partner
        self._intake_key, self._receipt_key = intake_key, receipt_key

    def exchange(self, files: Sequence[SampleFile]) -> list[Receipt]:
        """Send files, and return their receipts. Raises CommandError for a file that is not taken."""
        import requests

        with requests.Session() as session:
            session.trust_env = False  # no proxy on the way to loopback
            addresses = [(file.name, self._send(session, file)) for file in files]
            return [
                wait_for(partial(self._receipt, session, name, address), f"the receipt of {name}")
                for name, address in addresses
            ]

    def _send(self, session: Any, file: SampleFile) -> str:
        answer = session.post(
            f"{self._url}/in/{self._partner}/{FEED}", params={"name": file.name}, data=file.content,
            headers={"Content-Type": "application/json", **self._signed(f"msg_{file.name}", file.content)}, timeout=60,
        )  # fmt: skip
        if answer.status_code != 202:
            raise CommandError(f"{file.name} was not taken: {answer.status_code} {answer.text[:200]}")
        return str(answer.json()["receipt"])

    def _receipt(self, session: Any, file: str, address: str) -> Receipt | None:
        number = address.rpartition("/")[2]
        answer = session.get(f"{self._url}{address}", headers=self._signed(number, b""), timeout=60)
        if answer.status_code == 202:
            return None
        if answer.status_code != 200:
            raise CommandError(f"no receipt of {file}: {answer.status_code} {answer.text[:200]}")
        return of_body(file, answer.content, is_signed=is_right(self._receipt_key, answer.headers, answer.content))

    def _signed(self, message_id: str, body: bytes) -> dict[str, str]:
        timestamp = str(int(time.time()))
        return {
            "webhook-id": message_id,
            "webhook-timestamp": timestamp,
            "webhook-signature": sign(self._intake_key, message_id, timestamp, body),
        }
