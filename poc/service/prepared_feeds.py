"""Feeds that are kept prepared between their turns, so that a file on its own costs as little as one of many."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from poc.errors import BadInput
from poc.pipeline.prepared_feed import prepare_feed
from poc.transports.http import new_session

if TYPE_CHECKING:
    from collections.abc import Callable

    from poc.config.workspace import Workspace
    from poc.pipeline.prepared_feed import PreparedFeed

#: Seconds after which a feed is prepared again, so that a changed contract or secret counts without a restart.
FRESH_S = 5.0


class PreparedFeeds:
    """The prepared feeds of a process, and the connections to their partners, which all lanes share.

    Each feed has one owner at a time, so that no two threads prepare the same one.
    """

    def __init__(self, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._clock_s = clock_s
        self._session = new_session()
        self._feeds: dict[tuple[str, str, int], tuple[float, Workspace, PreparedFeed]] = {}

    def get(self, workspace: Workspace, partner: str, feed: str, level: int) -> PreparedFeed:
        """Return a feed prepared at most `FRESH_S` ago, from this workspace.

        Where its contract or a secret can no longer be used, it is the feed as it was prepared before, unless the
        settings of its partner are others: rows must not be sent as those before said. Raises what `prepare_feed`
        raises.
        """
        key = (partner, feed, level)
        now_s = self._clock_s()
        made_s, made_from, earlier = self._feeds.get(key, (0.0, None, None))
        if earlier is not None and made_from is workspace and now_s - made_s < FRESH_S:
            return earlier
        try:
            prepared = prepare_feed(workspace, partner, feed, level, self._session, earlier=earlier)
        except BadInput:
            if earlier is None or made_from is None:
                raise
            if workspace.partners.get(partner) != made_from.partners.get(partner):
                raise
            prepared = earlier
        self._feeds[key] = (now_s, workspace, prepared)
        return prepared

    def close(self) -> None:
        """Close the connections to the partners."""
        self._session.close()
