"""A workspace of one feed, whose inbox tests fill."""

import pytest

from poc.config import workspace as config_workspace
from poc.transports.http import new_session

PARTNER = """
schema = 1
id = "UA"
name = "United"
[endpoint]
url = "http://127.0.0.1:1"
[feed.flights]
contract = "flights.schema.json"
files = "*"
{more}
map = [{{ to = "flight", from = "flight" }}]
"""


@pytest.fixture
def workspace(tmp_path):
    """A function that makes a workspace of one feed, and gives it with the feed and its inbox."""

    def make(more="settle_s = 2"):
        for folder in ("partners", "contracts", "var/inbox/UA/flights"):
            (tmp_path / folder).mkdir(parents=True)
        (tmp_path / "milepost.toml").write_text('schema = 1\nname = "w"\n')
        (tmp_path / "contracts/flights.schema.json").write_text("{}")
        (tmp_path / "partners/UA.toml").write_text(PARTNER.format(more=more))
        made = config_workspace.load_workspace(tmp_path)
        return made, made.get_feed("UA", "flights")[1], made.inbox("UA", "flights")

    return make


@pytest.fixture
def session():
    """A session as the service creates it."""
    with new_session() as session:
        yield session
