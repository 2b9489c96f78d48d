"""Receipts: one for each file that came in, signed, from the ledger's counts."""

import base64
import csv
import hashlib
import json
import os
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner
from standardwebhooks import Webhook, WebhookVerificationError

from metrics.events import SpoolRecorder
from milepost.cli import main
from poc.config.scaffold import AIRLINES, create_workspace
from poc.config.workspace import load_workspace
from poc.ledger.opening import open_ledger
from poc.receipts.receipt_job import ReceiptJob
from poc.receipts.receipt_store import find_receipt, receipts_of_exchange
from poc.service import finished_file
from poc.service.inbox_run import run_inbox

KEYS = [f"whsec_{base64.b64encode(bytes([n]) * 32).decode()}" for n in (1, 2)]
ENVIRON = {"OLD": KEYS[0], "NEW": KEYS[1]}
SETTINGS = '\n[receipts]\nkeys = ["${env:OLD}", "${env:NEW}"]\n'


@pytest.fixture
def faults():
    """What the partner does wrong."""
    return {}


@pytest.fixture
def shop(tmp_path, start_partner, faults):
    """A workspace whose partner AA gets receipts; functions that run it and that write receipts."""
    partner = start_partner(faults)
    root = tmp_path / "w"
    create_workspace(root, "test", "live", {"AA": AIRLINES["AA"]}, "")
    path = root / "partners" / "AA.toml"
    path.write_text(path.read_text().replace("http://127.0.0.1:8766", partner.url) + SETTINGS)
    return Shop(root)


class Shop:
    """A workspace with a clock of its own."""

    def __init__(self, root):
        self.root = root
        self.inbox = root / "var" / "inbox" / "AA" / "flights"
        self.inbox.mkdir(parents=True, exist_ok=True)
        for path in self.inbox.iterdir():
            path.unlink()
        self.folder = root / "var" / "receipts" / "AA" / "flights"
        self.now = datetime.now(UTC)

    def put(self, name, content):
        """Put a settled file into the inbox."""
        (self.inbox / name).write_bytes(content)
        os.utime(self.inbox / name, (0, 0))

    def run(self):
        """Exchange what waits."""
        workspace = load_workspace(self.root)
        with closing(SpoolRecorder(workspace.spool)) as recorder:
            return list(run_inbox(workspace, None, 4, lambda: self.now, recorder, "0"))

    def write(self):
        """Write the receipts that are due."""
        ReceiptJob(lambda: load_workspace(self.root), lambda: self.now, ENVIRON)()

    def receipt(self, name):
        """Return a receipt's data."""
        return json.loads((self.folder / f"{name}.receipt.json").read_bytes())["data"]


def good_rows(shop, good_csv, name, rows=3):
    """Return a CSV file of good rows."""
    return good_csv(shop.root / name, rows).read_bytes()


def test_each_file_has_one_receipt_with_its_counts(shop, good_csv):
    """A good file, one with a bad row, one that cannot be read, and one that repeats another: four receipts."""
    good = good_rows(shop, good_csv, "good.csv")
    lines = good.splitlines(keepends=True)
    bad = b"".join([*lines, lines[1].replace(lines[1].split(b",")[0], b"x", 1)])
    shop.put("good.csv", good)
    shop.put("bad.csv", bad)
    shop.put("noise.csv", b"\x00\xff\x00 no table")
    shop.run()
    shop.put("again.csv", good)
    shop.run()
    shop.write()
    names = {name: shop.receipt(f"{name}.csv") for name in ("good", "bad", "noise", "again")}
    assert {name: data["status"] for name, data in names.items()} == {
        "good": "accepted", "bad": "partial", "noise": "rejected", "again": "accepted",
    }  # fmt: skip
    assert names["good"]["counts"]["delivered"] == 3
    assert names["good"]["sha256"] == hashlib.sha256(good).hexdigest()
    assert names["again"]["repeats"] == "good.csv"
    assert names["noise"]["errors"][0]["code"]
    text = (shop.folder / "bad.csv.receipt.csv").read_bytes()
    assert names["bad"]["rejected_rows"]["sha256"] == hashlib.sha256(text).hexdigest()
    rows = list(csv.DictReader(text.decode().splitlines()))
    assert [(row["row"], row["code"]) for row in rows] == [("4", "type-error")]
    assert not list(shop.inbox.iterdir())


def test_a_partner_checks_a_receipt_with_the_stock_library(shop, good_csv):
    """Either of two keys proves it, as long as it is fresh and unchanged; later, the signature itself is compared."""
    shop.put("good.csv", good_rows(shop, good_csv, "good.csv"))
    shop.run()
    shop.write()
    body = (shop.folder / "good.csv.receipt.json").read_bytes()
    headers = json.loads((shop.folder / "good.csv.receipt.sig").read_bytes())
    for key in KEYS:
        assert Webhook(key).verify(body, headers)["data"]["file"] == "good.csv"
    with pytest.raises(WebhookVerificationError):
        Webhook(KEYS[0]).verify(body.replace(b"accepted", b"rejected"), headers)
    at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    signature = Webhook(KEYS[1]).sign(headers["webhook-id"], at, body.decode())
    assert signature in headers["webhook-signature"].split()


def test_a_crash_before_the_file_leaves_the_inbox_changes_no_byte_of_its_receipt(shop, good_csv, monkeypatch):
    """The receipt is made before the file is archived; the next run finds the file, and the same receipt."""

    def crash(*_):
        raise KeyboardInterrupt

    shop.put("good.csv", good_rows(shop, good_csv, "good.csv"))
    with monkeypatch.context() as patch:
        patch.setattr(finished_file, "archive_if_finished", crash)
        with pytest.raises(KeyboardInterrupt):
            shop.run()
    shop.write()
    before = (shop.folder / "good.csv.receipt.json").read_bytes()
    shop.now += timedelta(hours=1)
    shop.run()
    shop.write()
    assert (shop.folder / "good.csv.receipt.json").read_bytes() == before
    assert len(list(shop.folder.glob("*.json"))) == 1


def test_what_cannot_be_written_is_tried_again(shop, good_csv):
    """A file in the place of the folder: the receipt waits, with the error, and is written once it is away."""
    shop.put("good.csv", good_rows(shop, good_csv, "good.csv"))
    (result,) = shop.run()
    shop.folder.parent.parent.mkdir(exist_ok=True)
    shop.folder.parent.write_bytes(b"")
    shop.write()
    with closing(open_ledger(shop.root / "var" / "ledger.db")) as ledger:
        (waiting,) = receipts_of_exchange(ledger, result.receipt.exchange_id)
        assert (waiting.state, waiting.attempts) == ("due", 1)
        assert waiting.error
        shop.folder.parent.unlink()
        shop.write()
        assert find_receipt(ledger, waiting.id).state == "due"  # its time has not come
        shop.now += timedelta(seconds=10)
        shop.write()
        assert find_receipt(ledger, waiting.id).state == "sent"
    assert shop.receipt("good.csv")["final"] is True


def test_show_prints_what_the_partner_was_told(shop, good_csv):
    """By the file's name or the exchange's id; a file without one is an error that says what to set."""
    shop.put("good.csv", good_rows(shop, good_csv, "good.csv"))
    (result,) = shop.run()
    shop.write()
    for text in ("good.csv", result.receipt.exchange_id[:12]):
        shown = CliRunner().invoke(main, ["-w", str(shop.root), "receipt", "show", text])
        assert "AA/flights good.csv: accepted (3 in, 3 delivered)" in shown.output
    told = CliRunner().invoke(main, ["-w", str(shop.root), "receipt", "show", "good.csv", "--json"])
    assert json.loads(told.output)[0]["receipt"]["data"] == shop.receipt("good.csv")
    assert CliRunner().invoke(main, ["-w", str(shop.root), "receipt", "show", "none.csv"]).exit_code == 2


@pytest.mark.parametrize("faults", [{"faults": {"AA/flights/late.csv": {"0": {"1": "unavailable"}}}}])
def test_a_receipt_is_made_anew_once_its_rows_are_delivered(shop, good_csv):
    """While the partner's endpoint is down, the receipt is not final; then its next revision takes its place."""
    shop.put("late.csv", good_rows(shop, good_csv, "late.csv"))
    shop.run()
    shop.write()
    first = shop.receipt("late.csv")
    assert (first["status"], first["final"], first["counts"]["due"]) == ("accepted", False, 3)
    shop.now += timedelta(days=1)
    shop.run()
    shop.write()
    last = shop.receipt("late.csv")
    assert (last["revision"], last["final"], last["counts"]["delivered"]) == (2, True, 3)
    assert last["id"] == first["id"]
    headers = json.loads((shop.folder / "late.csv.receipt.sig").read_bytes())
    assert headers["webhook-id"] == f"{last['id']}.2"


def test_receipts_are_written_at_a_place(shop, good_csv):
    """A table `place` instead of the folder below `var`; two files of one name have a receipt each."""
    path = shop.root / "partners" / "AA.toml"
    path.write_text(f'{path.read_text()}\n[receipts.place]\nurl = "theirs"\n')
    (shop.root / "theirs").mkdir()
    for rows in (2, 3):
        shop.put("good.csv", good_rows(shop, good_csv, "good.csv", rows))
        shop.run()
    shop.write()
    bodies = [json.loads(path.read_bytes()) for path in (shop.root / "theirs").glob("good.csv*.receipt.json")]
    assert sorted(body["data"]["counts"]["in"] for body in bodies) == [2, 3]
