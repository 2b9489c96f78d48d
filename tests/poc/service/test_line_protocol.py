"""The line protocol's request for several files."""

import json

import pytest

from poc.errors import BadInput
from poc.service.line_protocol import handle_request

NOW = "2013-01-07T06:00:00+00:00"


def test_files_are_answered_in_their_order_each_with_its_result(
    start_partner, make_prepared, ledger, good_csv, tmp_path
):
    """A pass answers with a receipt or an error for each file; the same bytes a second time are already received."""
    prepared = make_prepared(start_partner().url, level=5)
    paths = [good_csv(tmp_path / "a.csv", 3), tmp_path / "gone.csv", good_csv(tmp_path / "again.csv", 3)]
    answer = handle_request({"files": [str(path) for path in paths], "now": NOW}, prepared, ledger)
    first, gone, again = json.loads(json.dumps(answer))["results"]
    assert (first["outcome"], first["rows"]["delivered"]) == ("done", 3)
    assert (gone["exit_code"], "No such file" in gone["error"]) == (2, True)
    assert (again["outcome"], again["exchange_id"]) == ("already_received", first["exchange_id"])


def test_files_need_a_level_with_passes(make_prepared, ledger):
    """Below level 5 the request is refused, and says what to send."""
    with pytest.raises(BadInput, match="send `file`, not `files`"):
        handle_request({"files": [], "now": NOW}, make_prepared("http://127.0.0.1:9", level=4), ledger)
