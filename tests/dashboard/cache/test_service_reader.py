"""The state of the service is read again when it is old, and reading takes a bounded part of the time."""

from datetime import UTC, datetime

import pytest

from dashboard.cache.service_reader import ServiceReader
from dashboard.service_state import ServiceState, ServiceUnreadable


class SlowService:
    """A service whose state takes some seconds to read, and its clock."""

    def __init__(self, takes_s):
        self.now_s, self.takes_s, self.reads = 0.0, takes_s, 0

    def read(self):
        """Read the state."""
        self.reads += 1
        self.now_s += self.takes_s
        return ServiceState(at=datetime(2026, 3, 29, tzinfo=UTC))


@pytest.mark.parametrize(("takes_s", "kept_s"), [(0.0, 2.0), (3.0, 30.0)])
def test_a_state_is_shared_until_it_is_old(takes_s, kept_s):
    """It is shown for two seconds, and for ten times as long as it took to read it."""
    service = SlowService(takes_s)
    reader = ServiceReader(service.read, 2.0, lambda: service.now_s)
    first = reader.current()
    service.now_s += kept_s - 0.1
    assert reader.current() is first
    service.now_s += 0.1
    assert reader.current() is not first
    assert service.reads == 2


def test_an_unreadable_state_is_an_error_for_every_reader():
    """All requests get the error until the next reading succeeds."""

    def read():
        raise ServiceUnreadable("ledger.db: locked")

    reader = ServiceReader(read, 2.0, lambda: 0.0)
    for _ in range(2):
        with pytest.raises(ServiceUnreadable, match=r"ledger\.db: locked"):
            reader.current()
    assert ServiceReader(None).current() is None
