"""Why a request that hands in a file, or asks for its receipt, is refused: an HTTP status, a title and a sentence."""

from __future__ import annotations


class RequestRefused(Exception):
    """A request that is refused; the sender corrects it, or sends it again where `status` is 503 or 507."""

    def __init__(self, status: int, title: str, detail: str) -> None:
        super().__init__(detail)
        self.status, self.title = status, title


def not_open(partner: str, feed: str) -> RequestRefused:
    """Return the refusal for a feed that takes no files by HTTP, or does not exist: which of both is not told."""
    return RequestRefused(404, "No such feed", f"{partner}/{feed} takes no files here.")
