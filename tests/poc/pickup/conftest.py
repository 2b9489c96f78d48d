"""A workspace with a folder as the place of its feed, turns at that place, and exchanges that end as a test says."""

import os

import pytest

from poc.config.workspace import load_workspace
from poc.ledger.opening import open_ledger
from poc.pickup.store import files_of_place
from poc.pickup.turn import PickupTurn
from poc.places.registry import open_place
from poc.transports.source_file import open_regular, sha256_hex

PARTNER = """
schema = 1
id = "UA"
name = "United"
[endpoint]
url = "http://127.0.0.1:1"
[feed.flights]
contract = "flights.schema.json"
map = [{{ to = "flight", from = "flight" }}]
{of_feed}
[feed.flights.pickup]
url = "{url}"
{more}
"""

#: When the first look is, in microseconds since 1970.
START_US = 1_357_538_400_000_000


class PickupCase:
    """A workspace with a place that tests fill, and a clock that they set."""

    def __init__(self, root, more, of_feed, url):
        self.root, self.place_folder = root / "w", root / "place"
        self.place_folder.mkdir(exist_ok=True)
        for folder in ("partners", "contracts"):
            (self.root / folder).mkdir(parents=True)
        (self.root / "milepost.toml").write_text('schema = 1\nname = "w"\n')
        (self.root / "contracts/flights.schema.json").write_text('{"fields": [{"name": "flight", "type": "string"}]}')
        self.write_partner(more, of_feed, url or str(self.place_folder))
        self.now_us = START_US
        self.inbox = self.workspace.inbox("UA", "flights")
        self.ledger = open_ledger(self.workspace.ledger)

    def write_partner(self, more, of_feed, url):
        """Write the partner's file, and read the workspace anew."""
        text = PARTNER.format(url=url, more=more, of_feed=of_feed)
        (self.root / "partners/UA.toml").write_text(text)
        self.reload()
        self.pickup = self.workspace.get_feed("UA", "flights")[1].pickup

    def reload(self):
        """Read the workspace anew."""
        self.workspace = load_workspace(self.root)
        assert not self.workspace.problems

    def put(self, name, content):
        """Write a file at the place."""
        (self.place_folder / name).write_text(content)

    def turn(self, after_s=0, place=None):
        """Do a turn some seconds later."""
        self.now_us += int(after_s * 1_000_000)
        turn = PickupTurn(
            self.workspace, "UA", "flights", self.ledger,
            lambda: place or open_place(self.pickup, os.environ, self.root), lambda: self.now_us,
        )  # fmt: skip
        return turn()

    def inbox_files(self):
        """The files in the inbox with their content."""
        return {path.name: path.read_text() for path in sorted(self.inbox.iterdir())} if self.inbox.exists() else {}

    def rows(self):
        """The rows of the ledger, oldest first."""
        return files_of_place(self.ledger, "UA", "flights", self.pickup.url)

    def states(self):
        """Name, state and what became of it at the place, of each version."""
        return [(row.name, row.state, row.after) for row in self.rows()]

    def finish(self, name, outcome="done"):
        """Let the exchange of a file in the inbox end, as the service does."""
        path = self.inbox / name
        file, _ = open_regular(path)
        with file:
            digest = sha256_hex(file)
        entry = self.ledger.find("UA", "flights", name, digest)
        self.ledger.record_attempt(entry, path.stat().st_size, self.now_us, outcome=outcome)
        self.ledger.commit()
        path.unlink()


@pytest.fixture
def case(tmp_path):
    """A function that makes a workspace with a pick-up from a folder."""
    made = []

    def make(more="", of_feed="", url=""):
        made.append(PickupCase(tmp_path, more, of_feed, url))
        return made[-1]

    yield make
    for each in made:
        each.ledger.close()
