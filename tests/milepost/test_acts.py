"""What the dashboard does for a person: the same as the command, with the same refusals."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from dashboard.actions.act import NotDone
from milepost.acts import make_doers
from milepost.cli import main
from milepost.context import WorkspaceContext


@pytest.fixture
def shop(tmp_path):
    """A new workspace."""
    folder = tmp_path / "shop"
    assert CliRunner().invoke(main, ["init", str(folder)]).exit_code == 0
    return folder


def test_a_check_in_of_the_form_is_that_of_the_command(shop):
    """Under the name of who is signed in; numbers are those of the form, and what is refused is said."""
    check_in = make_doers(WorkspaceContext(shop))["checkin"]
    assert "3 of 12: AA is over" in check_in("M1", {"text": "AA is over", "done": "3", "of": "12"}, "pia")
    words = [
        "-w",
        str(shop),
        "roadmap",
        "checkin",
        "M1",
        "--text",
        "BB too",
        "--by",
        "pia",
        "--done",
        "4",
        "--of",
        "12",
    ]
    assert CliRunner().invoke(main, words).exit_code == 0
    detail = json.loads(CliRunner().invoke(main, ["-w", str(shop), "roadmap", "show", "M1", "--json"]).output)
    assert [(row["by"], row["text"], row["done"], row["of"]) for row in detail["checkins"]] == [
        ("pia", "AA is over", 3, 12), ("pia", "BB too", 4, 12),
    ]  # fmt: skip
    for fields, why in (
        ({"text": "x", "done": "some", "of": ""}, "'some' is no whole number"),
        ({"text": "x", "done": "3", "of": ""}, "M1: --done 3 goes with --of M"),
        ({"text": " ", "done": "", "of": ""}, "--text is blank"),
    ):
        with pytest.raises(NotDone, match=why):
            check_in("M1", fields, "pia")
