"""Who may send a large body: it is decided by the headers, before a byte of the body is read."""

from __future__ import annotations

import re
import sqlite3
from typing import TYPE_CHECKING

from dashboard.access.database import read_access
from dashboard.access.errors import AccessUnusable
from dashboard.access.roles import INTAKE, TOKEN_KINDS
from dashboard.access.tokens import find_token

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dashboard.access.settings import Access
    from dashboard.intake import Intake
    from dashboard.uploads import Admission

#: The path of an upload: the partner and the feed.
PATH = re.compile(r"/in/([A-Za-z0-9][A-Za-z0-9_.-]{0,63})/([A-Za-z0-9][A-Za-z0-9_.-]{0,63})")

NOT_SIGNED_IN = (401, "Not signed in", "Send a token of this partner, or sign the request.")


def make_admission(intake: Intake, access: Access | None) -> Admission:
    """Return the decision on uploads; a signature is verified later, over the whole body."""

    def admit(path: str, headers: Mapping[str, str]) -> int | tuple[int, str, str]:
        match = PATH.fullmatch(path)
        if match is None:
            return 0
        partner, feed = match.groups()
        kind, _, secret = headers.get("AUTHORIZATION", "").partition(" ")
        if kind.casefold() == "bearer" and access is not None:
            try:
                with read_access(access.path) as connection:
                    token = find_token(connection, secret.strip(), access.now_us())
            except (AccessUnusable, sqlite3.Error):
                return 503, "Not ready", "Tokens cannot be checked now. Send it again later."
            if token is None:
                return NOT_SIGNED_IN
            if INTAKE not in TOKEN_KINDS[token.kind] or not token.scope.covers(partner):
                return 403, "Not allowed", f"This token is not for files of {partner}."
        elif not headers.get("WEBHOOK_SIGNATURE"):
            return NOT_SIGNED_IN
        return intake.max_bytes(partner, feed) or (404, "No such feed", f"{partner}/{feed} takes no files here.")

    return admit
