"""A workspace whose service is run, killed and run again, for the sequences of crashes."""

import json
import shutil
from contextlib import closing
from datetime import UTC, datetime, timedelta
from os import utime

import pytest
import sqlalchemy as sa

from metrics.events import SpoolRecorder
from poc.config.workspace import load_workspace
from poc.delivery.outbox_actions import release_partner, settle
from poc.errors import BadInput
from poc.exchanges.exchange import resume
from poc.ledger.lookup import find_by_prefix
from poc.ledger.opening import open_ledger
from poc.ledger.queries import exchange_totals, unfinished_exchanges
from poc.ledger.schema import EXCHANGE, PARCEL
from poc.pipeline.prepared_feed import prepare_feed
from poc.quarantine.archived_file import find_archived_file
from poc.quarantine.replay import replay
from poc.quarantine.store import QuarantineStore
from poc.service.inbox_run import run_inbox
from poc.transports.http import HttpEndpoint, new_session

START = datetime(2026, 1, 5, 6, tzinfo=UTC)

CONTRACT = {
    "fields": [{"name": "id", "type": "integer"}, {"name": "text", "type": "string"}],
    "primaryKey": ["id"],
}

PARTNER = """\
schema = 1
id = "{name}"
name = "{name}"
[endpoint]
url = "{url}"
timeout_s = 60
honours_keys = {keys}
{at_once}[retry]
breaker_failures = 3
[feed.rows]
contract = "rows.json"
settle_s = 0
request_rows = 3
deliver = "{deliver}"
budget = {{ share = 1.0, rows = 100 }}
map = [ {{ to = "id", from = "id" }}, {{ to = "text", from = "text" }} ]
"""


class Service:
    """A workspace that is run, killed, and run again.

    Args:
        root: the folder of the workspace.
        kill_switch: kills it.
        faulty_partners: replaces the partners.
        level: the service level.
        partners: by name, whether it honours keys and whether it is sent to early; `folder` gets whole files.
        at_once: settings of each endpoint that send more at once.
        ledger: the URL of its ledger; SQLite without one.
    """

    def __init__(self, root, kill_switch, faulty_partners, level, partners, at_once="", ledger=""):
        self.kill_switch = kill_switch
        base, self.partners = faulty_partners({name: keys for name, (keys, _) in partners.items()})
        self.root, self.level, self.now = root, level, START
        kill_switch.block_bytes = 60 if level < 5 else 120  # of one block: a file that fits in a pass
        self.inboxes = {name: root / "var" / "inbox" / name / "rows" for name in partners}
        for folder in ("partners", "contracts", "delivered"):
            (root / folder).mkdir(parents=True)
        work = f"[work]\nslots = 4\nquantum_files = {1 if level < 5 else 3}\n"
        place = f'ledger = "{ledger}"\n' if ledger else ""
        (root / "milepost.toml").write_text(f'schema = 1\nname = "sequences"\n{place}{work}')
        (root / "contracts" / "rows.json").write_text(json.dumps(CONTRACT))
        for name, (keys, early) in partners.items():
            self.inboxes[name].mkdir(parents=True)
            url = f"{base}/{name}"
            deliver = "early" if early else "checked"
            text = PARTNER.format(name=name, url=url, keys=str(keys).lower(), deliver=deliver, at_once=at_once)
            if name == "folder":
                head, _, rest = text.partition("url = ")
                text = f'{head}folder = "{root / "delivered"}"\n{rest[rest.index("[retry]") :]}'
            (root / "partners" / f"{name}.toml").write_text(text)

    def hand_in(self, file, text):
        """Put a file into each inbox that has none of that name."""
        for inbox in self.inboxes.values():
            path = inbox / file
            if not path.exists():
                path.write_text(text)
                utime(path, (0, 0))

    def live(self, files, actions):
        """Hand the files in, and do actions: by name, with the step of the kill, the faults and the time before."""
        for number, (rows, bad) in enumerate(files, 1):
            self.hand_in(f"{number}.csv", text_of(number, rows, bad))
        for turn, (what, trouble) in enumerate(actions):
            if what == "again":
                number = turn % len(files) + 1
                self.hand_in(f"again-{turn}.csv", text_of(number, *files[number - 1]))
            else:
                self.act({"run": self.run, "correct_rows": self.correct_rows}[what], **trouble)

    def recover(self, level=None, turns=4):
        """Run without kills and faults, and do what a person does, until nothing is left to be done."""
        self.level = level or self.level
        for _ in range(turns):
            for step in (self.run, self.resend, self.release, self.correct_rows):
                self.act(step, later_s=200_000)

    def files_left(self):
        """Return the files that are still in an inbox or in the outbox."""
        return [path for inbox in self.inboxes.values() for path in inbox.iterdir()] + [*self.root.rglob("outbox/*")]

    def totals(self, partner):
        """Return the accounts of a partner's exchanges."""
        with closing(open_ledger(load_workspace(self.root).ledger)) as ledger:
            return [row for row in exchange_totals(ledger) if row["partner"] == partner]

    def delivered(self, partner):
        """Return the ids that a partner has, in the order of their arrival; those in a folder by file."""
        if partner != "folder":
            return self.partners[partner].ids
        texts = [path.read_text() for path in sorted(self.root.glob("delivered/rows/*.jsonl"))]
        return [json.loads(line)["id"] for text in texts for line in text.splitlines()]

    def act(self, what, at=None, faults=(), later_s=1.0):
        """Do an action until its end or its kill, and move the clock."""
        self.now += timedelta(seconds=later_s)
        for number, partner in enumerate(self.partners.values()):
            partner.faults = [*faults[number:], *faults[:number]]
        self.kill_switch.arm(at, self.root / "var")
        try:
            what()
        except self.kill_switch.killed:
            shutil.rmtree(self.root / "var")
            (self.root / "then").rename(self.root / "var")
        finally:
            self.kill_switch.arm(None, None)
            for partner in self.partners.values():
                partner.faults = []

    def run(self):
        """Run what `milepost run` runs."""
        with closing(SpoolRecorder(self.root / "var" / "spool" / "live")) as recorder:
            for ran in run_inbox(load_workspace(self.root), None, self.level, lambda: self.now, recorder, "0"):
                assert ran.error is None, ran.error

    def correct_rows(self):
        """Correct and replay each row in quarantine, as a person does."""
        workspace = load_workspace(self.root)
        with closing(open_ledger(workspace.ledger)) as ledger, new_session() as session:
            ready = {name: prepare_feed(workspace, name, "rows", self.level, session) for name in self.partners}
            for trouble in ledger.connection.exec_driver_sql("SELECT id FROM exchange ORDER BY id").fetchall():
                entry = find_by_prefix(ledger, trouble[0])
                kept = [row for row in QuarantineStore(ledger, entry).rows() if row.state == "held"]
                edits = {row.row: f"{intended_id(row.original)},mended".encode() for row in kept}
                try:
                    done = replay(
                        ready[entry.partner], entry, find_archived_file(workspace, entry), edits, ledger, self.now
                    )
                except BadInput:
                    continue  # it is still in the inbox: its rows are not all known yet
                assert done.still_rejected == ()
                if done.replayed_rows and entry.partner != "folder":
                    resume(ready[entry.partner], find_by_prefix(ledger, entry.exchange_id), self.now, ledger)

    def release(self):
        """Release the partner, which 410 pauses, as a person does."""
        with closing(open_ledger(load_workspace(self.root).ledger)) as ledger:
            for name in self.partners:
                release_partner(ledger, name, int(self.now.timestamp() * 1e6))

    def resend(self):
        """Send permanently failed requests again, as a person does."""
        with closing(open_ledger(load_workspace(self.root).ledger)) as ledger:
            for trouble in unfinished_exchanges(ledger):
                entry = find_by_prefix(ledger, trouble["id"])
                keys = self.partners[entry.partner].keys  # without them, what may have arrived is not sent again
                if entry.outcome == "failed" and entry.whole and keys:
                    settle(ledger, entry, int(self.now.timestamp() * 1e6), arrived=False)

    def unconfirmed(self, partner):
        """Return the ids in unconfirmed requests to a partner."""
        columns = (PARCEL.c.file, PARCEL.c.body, PARCEL.c.start_byte, PARCEL.c.size_bytes)
        query = sa.select(*columns).join(EXCHANGE, EXCHANGE.c.id == PARCEL.c.exchange_id)
        with closing(open_ledger(load_workspace(self.root).ledger)) as ledger:
            found = ledger.connection.execute(query.where(EXCHANGE.c.partner == partner)).all()
        bodies = [
            body if start is None else (self.root / "var/outbox" / file).read_bytes()[start : start + size]
            for file, body, start, size in found
        ]
        return {json.loads(line)["id"] for body in bodies for line in body.splitlines()}


def intended_id(original):
    """Return the id that a row should have, from its text."""
    return int(original.decode().split(",")[1].removeprefix("t"))


def text_of(number, rows, bad):
    """Return a file of rows with ids; some have no id, or that of the first row."""
    ids = {"none": "x", "again": str(number * 1000 + 1)}
    lines = [f"{ids.get(bad.get(row, ''), number * 1000 + row)},t{number * 1000 + row}" for row in range(1, rows + 1)]
    return "\n".join(["id,text", *lines]) + "\n"


@pytest.fixture(scope="module")
def make_service(kill_switch, faulty_partners):
    """A function that makes a workspace at a path, for a level and its partners; see `Service`.

    A request has a short deadline where its partner is going to hang, and a long one for slow machines elsewhere.
    """
    made: list[Service] = []

    def make(root, level, partners, at_once="", ledger=""):
        made[:] = [Service(root, kill_switch, faulty_partners, level, partners, at_once, ledger)]
        return made[0]

    post = HttpEndpoint.post

    def post_in_time(endpoint, *arguments):
        partner = made[0].partners[endpoint._url.split("/")[-2]]
        endpoint._timeout_s = 0.15 if "hang" in partner.faults else 60
        post(endpoint, *arguments)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HttpEndpoint, "post", post_in_time)
        yield make
