"""Files by HTTP for the dashboard, which does not import the service."""

from __future__ import annotations

import logging
import os
from contextlib import contextmanager
from threading import Lock
from time import time_ns
from typing import TYPE_CHECKING

from dashboard.intake import Intake, IntakeRefused, Taken

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from dashboard.intake import Upload
    from poc.config.workspace import Workspace


def make_intake(workspace: Callable[[], Workspace]) -> Intake:
    """Return what takes the files of a workspace; of the service, nothing is imported before the first one."""
    turn = Lock()  # requests with one key at once would each give the file a name

    def max_bytes(partner: str, feed: str) -> int:
        config = workspace().partners.get(partner)
        return 0 if config is None or config.intake is None or feed not in config.feed else config.intake.max_bytes

    def receive(upload: Upload) -> Taken:
        from poc.intake.receive import FileRequest, Signature, receive_file

        signature = None if upload.signature is None else Signature(*upload.signature)
        request = FileRequest(
            partner=upload.partner,
            feed=upload.feed,
            body=upload.body,
            content_type=upload.content_type,
            key=upload.key,
            name=upload.name,
            signature=signature,
        )
        with _refusals():
            taken = receive_file(workspace(), request, os.environ, time_ns() // 1000, turn)
        return Taken(receipt_id=taken.receipt_id, file=taken.file, sha256=taken.sha256, size_bytes=taken.size_bytes)

    def read_receipt(
        partner: str, feed: str, number: str, signature: tuple[str, str, str] | None
    ) -> tuple[str, Mapping[str, str]] | None:
        from poc.intake.answer import answer_receipt
        from poc.intake.receive import Signature

        signed = None if signature is None else Signature(*signature)
        with _refusals():
            return answer_receipt(workspace(), partner, feed, number, signed, os.environ, time_ns() // 1000)

    return Intake(max_bytes=max_bytes, receive=receive, read_receipt=read_receipt)


@contextmanager
def _refusals() -> Iterator[None]:
    """Translate what the service raises: what its sender did wrong, and what it can do nothing about."""
    from poc.errors import ExchangeError
    from poc.intake.errors import RequestRefused

    try:
        yield
    except RequestRefused as error:
        raise IntakeRefused(error.status, error.title, str(error)) from error
    except ExchangeError as error:
        logging.getLogger("milepost").error("%s", error)
        raise IntakeRefused(503, "Not ready", "The file cannot be taken now. Send it again later.") from error
