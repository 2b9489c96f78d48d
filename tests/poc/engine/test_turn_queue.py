"""The order of turns: round robin over feeds, and no partner over its cap."""

from collections import Counter
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from poc.engine.turn_queue import TurnQueue


@dataclass(frozen=True)
class Feed:
    """A feed that waits."""

    partner: str
    feed: str
    cap: int = 1

    @property
    def key(self):
        """Partner and feed."""
        return self.partner, self.feed


def test_a_feed_with_more_to_do_goes_behind_the_others():
    """Two feeds with much to do take turns."""
    queue = TurnQueue()
    first, second = Feed("AA", "flights"), Feed("UA", "flights")
    assert queue.add(first)
    assert queue.add(second)
    turns = []
    for _ in range(4):
        task = queue.take(0)
        turns.append(task.partner)
        queue.put_back(task)
    assert turns == ["AA", "UA", "AA", "UA"]


def test_a_feed_is_queued_once():
    """A feed that waits or is at work is not queued again; after its end it is."""
    queue = TurnQueue()
    queue.add(Feed("AA", "flights"))
    assert not queue.add(Feed("AA", "flights"))
    task = queue.take(0)
    assert not queue.add(Feed("AA", "flights"))
    queue.end(task)
    assert queue.add(Feed("AA", "flights"))
    assert len(queue) == 1


def test_a_feed_over_the_cap_of_its_partner_waits_for_a_turn_to_end():
    """The second feed of a partner with a cap of 1 is parked, and feeds of others pass it."""
    queue = TurnQueue()
    for feed in (Feed("AA", "flights"), Feed("AA", "crews"), Feed("UA", "flights")):
        queue.add(feed)
    first = queue.take(0)
    assert queue.take(0) == Feed("UA", "flights")
    assert queue.take(0) is None
    queue.end(first)
    assert queue.take(0) == Feed("AA", "crews")


def test_a_feed_that_cannot_go_on_waits_for_its_time():
    """Until then it takes no place of its partner."""
    queue = TurnQueue()
    queue.add(Feed("AA", "flights"))
    queue.add(Feed("AA", "crews"))
    queue.put_back(queue.take(0), not_before_s=5)
    assert queue.next_time_s() == 5
    crews = queue.take(4)
    assert crews == Feed("AA", "crews")
    assert queue.take(5) is None
    queue.end(crews)
    assert queue.take(5) == Feed("AA", "flights")


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 4)), unique=True), st.data())
def test_every_feed_is_served_and_no_partner_passes_its_cap(feeds, data):
    """Whatever the order of turns and ends, all feeds end, and at most `cap` of a partner are at work at once."""
    queue = TurnQueue()
    turns = dict.fromkeys(feeds, 3)
    for partner, feed in feeds:
        queue.add(Feed(str(partner), str(feed), cap=partner + 1))
    at_work = []
    while len(queue):
        task = queue.take(0)
        if task is not None:
            at_work.append(task)
            counts = Counter(task.partner for task in at_work)
            assert all(count <= int(partner) + 1 for partner, count in counts.items())
        if task is None or data.draw(st.booleans()):
            ending = at_work.pop(data.draw(st.integers(0, len(at_work) - 1)))
            key = (int(ending.partner), int(ending.feed))
            turns[key] -= 1
            if turns[key]:
                queue.put_back(ending)
            else:
                queue.end(ending)
    assert not at_work
    assert set(turns.values()) <= {0}
