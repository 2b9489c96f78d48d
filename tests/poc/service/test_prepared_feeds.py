"""Prepared feeds: kept between turns, and prepared again so that a changed contract counts."""

import re
from datetime import UTC, datetime

import pytest

from poc.config.scaffold import AIRLINES, create_workspace
from poc.config.workspace import load_workspace
from poc.errors import BadInput
from poc.service.prepared_feeds import FRESH_S, PreparedFeeds


def test_a_feed_is_kept_for_seconds_and_a_changed_contract_counts_after_them(tmp_path):
    """Then it is read again; one with mistakes is not used, unless there is no earlier one: then they are raised."""
    root = tmp_path / "w"
    create_workspace(root, "test", "live", {"UA": AIRLINES["UA"]}, "")
    workspace, clock = load_workspace(root), [100.0]
    feeds = PreparedFeeds(lambda: clock[0])
    prepared = feeds.get(workspace, "UA", "flights", 4)
    contract = root / "contracts" / "flights.schema.json"
    text = contract.read_text()
    contract.write_text(text + " ")
    clock[0] += FRESH_S - 0.1
    assert feeds.get(workspace, "UA", "flights", 4) is prepared
    clock[0] += 0.1
    changed = feeds.get(workspace, "UA", "flights", 4)
    assert changed.settings_digest != prepared.settings_digest
    contract.write_text("{}")
    clock[0] += FRESH_S
    assert feeds.get(workspace, "UA", "flights", 4) is changed
    with pytest.raises(BadInput, match="not a Table Schema"):
        feeds.get(workspace, "UA", "flights", 3)
    feeds.close()


def test_a_changed_partner_whose_secret_is_missing_is_not_sent_to_as_before(tmp_path):
    """A new address or map without its secret must not let rows go to the old one; an unchanged partner goes on."""
    root = tmp_path / "w"
    create_workspace(root, "test", "live", {"UA": AIRLINES["UA"]}, "")
    partner, secret, clock = root / "partners" / "UA.toml", root / "secret.txt", [100.0]
    text = partner.read_text()
    feeds = PreparedFeeds(lambda: clock[0])

    def prepare():
        clock[0] += FRESH_S
        return feeds.get(load_workspace(root), "UA", "flights", 4)

    endpoint = '[endpoint]\nurl = "http://127.0.0.1:9/new"\nsecret_headers = { X-Key = "${file:secret.txt}" }\n'
    prepare()
    partner.write_text(re.sub(r"\[endpoint\](?s:.*?)(?=\n\[)", lambda _: endpoint, text))
    with pytest.raises(BadInput, match=r"secret\.txt"):
        prepare()
    secret.write_text("key")
    changed = prepare()
    secret.unlink()
    assert prepare() is changed
    feeds.close()


def test_the_short_path_of_small_files_is_kept_while_the_settings_are_the_same(tmp_path):
    """It costs more to make than all else; after a change of the contract or the map, it is made anew."""
    root = tmp_path / "w"
    create_workspace(root, "test", "live", {"UA": AIRLINES["UA"]}, "")
    clock = [100.0]
    feeds = PreparedFeeds(lambda: clock[0])

    def prepare():
        clock[0] += FRESH_S
        return feeds.get(load_workspace(root), "UA", "flights", 4)

    first, again = prepare(), prepare()
    assert again is not first
    assert again.small_files is first.small_files
    contract = root / "contracts" / "flights.schema.json"
    contract.write_text(contract.read_text() + "\n")
    after_contract = prepare()
    assert after_contract.small_files is not first.small_files
    partner = root / "partners" / "UA.toml"
    partner.write_text(partner.read_text().replace("times = 1.609344", "times = 2"))
    assert prepare().small_files is not after_contract.small_files
    feeds.close()


def test_a_token_in_a_file_is_read_again_when_it_changes(tmp_path, receiver):
    """The next requests have the new one, without a restart."""
    root = tmp_path / "w"
    create_workspace(root, "test", "live", {"UA": AIRLINES["UA"]}, "")
    partner, token, clock = root / "partners" / "UA.toml", root / "token", [100.0]
    endpoint = f'[endpoint]\nurl = "http://{receiver.address}"\nbearer = {{ token = "${{file:token}}" }}\n'
    partner.write_text(re.sub(r"\[endpoint\](?s:.*?)(?=\n\[)", lambda _: endpoint, partner.read_text()))
    workspace, feeds = load_workspace(root), PreparedFeeds(lambda: clock[0])
    for text in ("one", "two"):
        token.write_text(text)
        clock[0] += FRESH_S
        feeds.get(workspace, "UA", "flights", 4).endpoint.post(b"{}\n", {}, datetime.now(UTC))
    assert [headers["Authorization"] for headers, _ in receiver.requests] == ["Bearer one", "Bearer two"]
    feeds.close()
