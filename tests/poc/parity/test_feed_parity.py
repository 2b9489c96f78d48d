"""What comparisons of a feed's files found is stored, judged by dispositions, and recorded as events."""

from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from metrics.events import Event
from metrics.route_events import ParityEvent
from poc.config.map_field import MapField
from poc.config.scaffold import AIRLINES, create_workspace
from poc.config.workspace import Workspace, load_workspace
from poc.contract.contract import load_contract
from poc.errors import BadInput
from poc.ledger.ledger import Ledger
from poc.ledger.opening import open_ledger
from poc.parity.dispositions import add_disposition, dispositions_file, load_dispositions, make_disposition
from poc.parity.feed_parity import FilePair, compare_file, output_key, parity_event, parity_state, record_again
from poc.parity.records import SentRecords
from poc.parity.store import compared_feeds, compared_files
from roadmap.plan.template import live_template

NOW = datetime(2026, 12, 1, 12, tzinfo=UTC)
NOW_US = int(NOW.timestamp() * 1_000_000)


class Recorded:
    """A recorder that keeps its events."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def record(self, event: Event, *, started: bool = False) -> None:
        """Keep an event."""
        assert not started
        self.events.append(event)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """Return a new workspace of airlines."""
    root = tmp_path / "workspace"
    create_workspace(root, "moving", "live", AIRLINES, live_template(date(2026, 12, 1)))
    return load_workspace(root)


@pytest.fixture
def ledger(workspace: Workspace):
    """Return the open ledger of the workspace."""
    ledger = open_ledger(workspace.ledger)
    yield ledger
    ledger.close()


def pair(distances: list[str], sha256: str = "ab") -> FilePair:
    """Return a file of which the right side sends other distances."""

    def records(name: str, changed: list[str]) -> SentRecords:
        rows = [{"tail": f"N{n}", "from": "JFK", "distance_km": value} for n, value in enumerate(changed)]
        return SentRecords(name, lambda: rows, 1)

    return FilePair(
        partner="AA", feed="flights", file=f"{sha256}.csv", sha256=sha256, stage="shadow",
        left=records("monolith", ["10.1"] * len(distances)), right=records("service", distances),
    )  # fmt: skip


def test_a_file_counts_once_however_often_it_is_compared(workspace: Workspace, ledger: Ledger):
    """The newest comparison of a file takes the place of the one before."""
    compare_file(workspace, ledger, pair(["10.1", "10.2", "12"]), NOW)
    state = parity_state(workspace, ledger, "AA", "flights", NOW)
    assert (state.files_compared, state.records_compared, state.unexplained, state.is_clean) == (1, 3, 2, False)
    assert state.by_cause == {"rounding": 1, "value": 1}
    compare_file(workspace, ledger, pair(["10.1", "10.1", "10.1"]), NOW)
    compare_file(workspace, ledger, pair(["10.1"], "cd"), NOW)
    state = parity_state(workspace, ledger, "AA", "flights", NOW)
    assert (state.files_compared, state.unexplained, state.is_clean) == (2, 0, True)
    assert compared_feeds(ledger) == [("AA", "flights")]
    assert not parity_state(workspace, ledger, "AA", "flights", NOW, NOW_US + 1).is_clean


def test_a_disposition_explains_its_class_of_differences_until_it_expires(workspace: Workspace, ledger: Ledger):
    """An accepted difference is counted apart, and is unexplained again on the day after the last one."""
    compare_file(workspace, ledger, pair(["10.1", "10.2", "12"]), NOW)
    accepted = make_disposition(
        feed="flights", field="distance_km", cause="rounding", decision="accept", reason='rounds "up"', owner="ann",
        until=date(2026, 12, 31),
    )  # fmt: skip
    add_disposition(workspace.root, "AA", accepted)
    add_disposition(
        workspace.root, "AA", make_disposition(cause="value", decision="fix-there", reason="a bug", owner="bob")
    )
    state = parity_state(workspace, ledger, "AA", "flights", NOW)
    assert (state.unexplained, state.accepted, state.to_fix) == (0, 1, 1)
    later = parity_state(workspace, ledger, "AA", "flights", datetime(2027, 1, 1, tzinfo=UTC))
    assert (later.unexplained, later.accepted, later.by_cause) == (1, 0, {"rounding": 1})
    assert load_dispositions(workspace.root, "AA").disposition[0] == accepted


def test_a_disposition_is_about_its_field_and_feed_alone(workspace: Workspace, ledger: Ledger):
    """The same cause in another field or feed stays unexplained."""
    compare_file(workspace, ledger, pair(["10.2"]), NOW)
    for changed in ({"field": "price*"}, {"feed": "orders"}, {"cause": "value"}):
        values = {"cause": "rounding", "decision": "fix-here", "reason": "-", "owner": "ann", **changed}
        add_disposition(workspace.root, "AA", make_disposition(**values))
    assert parity_state(workspace, ledger, "AA", "flights", NOW).unexplained == 1


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"until": None}, "an accepted difference needs a last day"),
        ({"cause": "magic"}, "--cause: unknown cause 'magic'; choose one of whitespace, case"),
        ({"owner": ""}, "--owner: "),
        ({"decision": "ignore"}, "--decision: "),
        ({"status": "done"}, "--status: "),
    ],
)
def test_a_disposition_that_says_too_little_is_refused(changed: dict[str, object], message: str):
    """Accepting takes a reason, an owner and a last day; a cause is one of the known ones."""
    values = {
        "cause": "rounding", "decision": "accept", "reason": "-", "owner": "a", "until": date(2026, 12, 31), **changed,
    }  # fmt: skip
    with pytest.raises(BadInput, match=message):
        make_disposition(**values)


def test_comments_in_the_file_of_dispositions_stay(workspace: Workspace):
    """An entry is appended; what people wrote is not touched. A file with a mistake is named and left as it is."""
    path = dispositions_file(workspace.root, "AA")
    path.parent.mkdir()
    path.write_text("# reviewed by Ann\nschema = 1\n")
    new = make_disposition(cause="case", decision="ask-partner", reason="-", owner="ann")
    add_disposition(workspace.root, "AA", new)
    assert path.read_text().startswith("# reviewed by Ann\nschema = 1\n\n[[disposition]]\n")
    path.write_text("schema = 1\nignore = true\n")
    with pytest.raises(BadInput, match="unknown key `ignore`"):
        add_disposition(workspace.root, "AA", new)
    assert path.read_text() == "schema = 1\nignore = true\n"


def test_a_comparison_is_recorded_and_recorded_again_when_it_is_decided(workspace: Workspace, ledger: Ledger):
    """The event has the counts of the file, by the dispositions of the moment."""
    recorder = Recorded()
    compare_file(workspace, ledger, pair(["10.1", "10.2"]), NOW, recorder)
    first = recorder.events[0]
    assert isinstance(first, ParityEvent)
    assert (first.compared, first.equal, first.differences, first.unexplained) == (2, 1, 1, 1)
    assert (first.block, first.stage, first.causes, first.compared_at_us) == (
        "2026-12-01",
        "shadow",
        {"rounding": 1},
        NOW_US,
    )
    add_disposition(
        workspace.root, "AA", make_disposition(cause="rounding", decision="fix-here", reason="-", owner="ann")
    )
    later = datetime(2026, 12, 2, tzinfo=UTC)
    assert record_again(workspace, ledger, "AA", "flights", later, recorder) == 1
    second = recorder.events[1]
    assert isinstance(second, ParityEvent)
    assert (second.unexplained, second.causes, second.compared_at_us) == (0, {}, NOW_US)
    assert second.judged_at_us > first.judged_at_us
    assert parity_event(workspace, compared_files(ledger, "AA", "flights")[0], later) == second


def test_the_key_is_the_contracts_where_the_map_copies_all_of_it(workspace: Workspace):
    """A key that the partner does not get as it is cannot tell its records apart."""
    _, feed = workspace.get_feed("AA", "flights")
    contract = load_contract(workspace.contract(feed))
    assert contract.key
    assert output_key(feed, contract) == ()
    copies = tuple(MapField.model_validate({"to": f"p_{name}", "from": name}) for name in contract.key)
    assert output_key(feed.model_copy(update={"map": copies}), contract) == tuple(f"p_{name}" for name in contract.key)
    changed = MapField.model_validate({"to": "p", "from": contract.key[0], "lookup": {"a": "b"}})
    assert output_key(feed.model_copy(update={"map": (changed, *copies[1:])}), contract) == ()
