"""Receive files by HTTP: nothing is lost or doubled, whichever step is the last of a process."""

import base64
import hashlib
import io
import os
import threading
from contextlib import closing
from datetime import UTC, datetime

import pytest
from standardwebhooks import Webhook

from poc.config.scaffold import AIRLINES, create_workspace
from poc.config.workspace import load_workspace
from poc.errors import LedgerDamaged
from poc.intake import placing, receive
from poc.intake.errors import RequestRefused
from poc.intake.placing import place_unplaced, remove_stray_parts
from poc.intake.receive import FileRequest, Signature, receive_file
from poc.ledger.opening import open_ledger

KEYS = [f"whsec_{base64.b64encode(bytes([n]) * 32).decode()}" for n in (1, 2)]
ENVIRON = {"OLD": KEYS[0], "NEW": KEYS[1]}
NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
NOW_US = int(NOW.timestamp() * 1_000_000)


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def root(tmp_path):
    """A workspace whose partner AA may hand in files, with two keys, up to 1,000 bytes."""
    create_workspace(tmp_path / "w", "test", "live", {"AA": AIRLINES["AA"]}, "")
    path = tmp_path / "w" / "partners" / "AA.toml"
    with path.open("a") as file:
        file.write('\n[intake]\nkeys = ["${env:OLD}", "${env:NEW}"]\nmax_bytes = 1_000\n')
    for sample in (tmp_path / "w" / "var" / "inbox" / "AA" / "flights").glob("*"):
        sample.unlink()
    return tmp_path / "w"


def send(root, content=b"a,b\n1,2\n", turn=None, **values):
    """Hand in a file, and return what the ledger has of it."""
    fields = {"partner": "AA", "feed": "flights", "content_type": "text/csv", "key": "k1"} | values
    return receive_file(load_workspace(root), FileRequest(body=io.BytesIO(content), **fields), ENVIRON, NOW_US, turn)


def inbox(root):
    """Return the names and contents of what lies in the inbox, parts included."""
    return {path.name: path.read_bytes() for path in (root / "var" / "inbox" / "AA" / "flights").iterdir()}


#: The last step of a process: a function and the module that calls it.
STEPS = {
    "while the body arrives": (receive, "_write_part"),
    "before the ledger has it": (receive, "_record"),
    "before it is placed": (receive, "place"),
    "before it has its name": (placing, "_link"),
    "after it has its name": (placing, "sync_folder"),
    "before the ledger knows that it has": (placing, "mark_placed"),
}


@pytest.mark.parametrize("step", STEPS)
def test_a_kill_after_any_step_loses_and_doubles_nothing(root, monkeypatch, step):
    """The sender had no answer and sends again: one file, one receipt; without it, what the ledger has is placed."""
    module, name = STEPS[step]

    def kill(*_, **__):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(module, name, kill)
        with pytest.raises(Killed):
            send(root, name="a.csv")
    again = send(root, name="a.csv")
    assert inbox(root) == {"a.csv": b"a,b\n1,2\n"}
    assert send(root, name="a.csv") == again
    assert inbox(root) == {"a.csv": b"a,b\n1,2\n"}


@pytest.mark.parametrize(
    "step", [step for step, (module, _) in STEPS.items() if module is placing] + ["before it is placed"]
)
def test_a_file_that_the_ledger_has_is_placed_without_its_sender(root, monkeypatch, step):
    """A minute later, the service gives it its name."""
    module, name = STEPS[step]

    def kill(*_, **__):
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(module, name, kill)
        with pytest.raises(Killed):
            send(root, name="a.csv")
    workspace = load_workspace(root)
    with closing(open_ledger(workspace.ledger)) as ledger:
        place_unplaced(workspace, ledger, NOW_US + 120_000_000)
    assert inbox(root) == {"a.csv": b"a,b\n1,2\n"}


def test_a_failure_after_the_ledger_has_it_keeps_the_bytes(root, monkeypatch):
    """The disk is full at the last step: the part stays, and is placed later."""

    def fail(*_, **__):
        raise LedgerDamaged("full")

    with monkeypatch.context() as patch:
        patch.setattr(receive, "place", fail)
        with pytest.raises(LedgerDamaged):
            send(root, name="a.csv")
    assert list(inbox(root).values()) == [b"a,b\n1,2\n"]


def test_a_key_stands_for_one_file(root):
    """Other bytes, or another feed, with a key that was used: 409; without a key, the bytes are the key."""
    send(root)
    with pytest.raises(RequestRefused) as refused:
        send(root, b"other")
    assert refused.value.status == 409
    assert send(root, b"x", key="") == send(root, b"x", key="")
    assert len(inbox(root)) == 2


def test_two_requests_with_one_key_at_once_are_one_file(root, monkeypatch):
    """The second waits for its turn; it places nothing again that the service has exchanged meanwhile."""
    turn, others, answers = threading.Lock(), [], []
    mark_placed = placing.mark_placed

    def exchange_then_mark(ledger, file):
        if not others:
            (root / "var" / "inbox" / "AA" / "flights" / file.file).unlink()
            others.append(threading.Thread(target=lambda: answers.append(send(root, turn=turn))))
            others[0].start()
            others[0].join(1)  # it cannot end before this one, which has its turn
        mark_placed(ledger, file)

    monkeypatch.setattr(placing, "mark_placed", exchange_then_mark)
    first = send(root, turn=turn)
    others[0].join()
    assert (answers, inbox(root)) == ([first], {})


def test_two_files_of_one_name_are_both_kept(root):
    """The second gets digits of its digest in its name."""
    send(root, b"1", name="a.csv", key="1")
    second = send(root, b"2", name="a.csv", key="2")
    assert inbox(root) == {"a.csv": b"1", f"a-{hashlib.sha256(b'2').hexdigest()[:8]}.csv": b"2"}
    assert second.file in inbox(root)


@pytest.mark.parametrize(
    "name", ["../a.csv", "a/b.csv", ".a.csv", "a.txt", "a.csv.part", "a\n.csv", "x" * 300 + ".csv", "a\u202e.csv"]
)
def test_a_hostile_name_is_refused(root, name):
    """422, and nothing is written."""
    with pytest.raises(RequestRefused) as refused:
        send(root, name=name)
    assert refused.value.status == 422
    assert not (root / "var" / "inbox" / "AA" / "flights").exists() or inbox(root) == {}


@pytest.mark.parametrize(
    ("values", "status"),
    [({"feed": "none"}, 404), ({"partner": "ZZ"}, 404), ({"content_type": "multipart/form-data"}, 415),
     ({"content": bytes(1_001)}, 413), ({"key": "é"}, 400)],
)  # fmt: skip
def test_what_a_feed_does_not_take_is_refused(root, values, status):
    """With a status that says who has to change what; no part is left."""
    with pytest.raises(RequestRefused) as refused:
        send(root, **values)
    assert refused.value.status == status
    assert not (root / "var" / "inbox" / "AA" / "flights").exists() or inbox(root) == {}


def signed(key, body, number="msg_1", at=NOW):
    """Return the signature of a body by the stock library."""
    timestamp = str(int(at.timestamp()))
    return Signature(number, timestamp, Webhook(key).sign(number, at, body.decode()))


def test_either_key_of_the_partner_signs_a_request(root):
    """Its id is the request's key; another key, other bytes, an old time: 401, and nothing is kept."""
    for n, key in enumerate(KEYS):
        body = f"a,b\n{n},2\n".encode()
        assert send(root, body, key="", signature=signed(key, body, f"msg_{n}")).key == f"msg_{n}"
    before = inbox(root)
    body = b"a,b\n9,9\n"
    old = datetime(2026, 5, 1, 11, 54, tzinfo=UTC)
    other = f"whsec_{base64.b64encode(bytes(32)).decode()}"
    for content, signature in (
        (body, signed(other, body)),
        (body + b"x", signed(KEYS[0], body)),
        (body, signed(KEYS[0], body, at=old)),
    ):
        with pytest.raises(RequestRefused) as refused:
            send(root, content, key="", signature=signature)
        assert refused.value.status == 401
    assert inbox(root) == before


def test_stray_parts_of_a_day_are_deleted(root):
    """A part that a crash left is deleted after a day; a fresh one may still arrive."""
    folder = root / "var" / "inbox" / "AA" / "flights"
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("old", "new"):
        (folder / f".intake-{name}.part").write_bytes(b"")
    os.utime(folder / ".intake-old.part", (0, 0))
    remove_stray_parts(load_workspace(root))
    assert set(inbox(root)) == {".intake-new.part"}
