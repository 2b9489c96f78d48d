"""The decisions page: who decided what, on which evidence, and what the numbers alone had advised."""

from __future__ import annotations

import json
import re
import sqlite3
from typing import TYPE_CHECKING

from metrics.store.database import open_reader

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from flask import Flask
    from flask.testing import FlaskClient


def plain(text: str) -> str:
    """Markup as words."""
    return " ".join(re.sub(r"<[^>]+>", " ", text).split())


def articles(client: FlaskClient, address: str = "/decisions") -> list[str]:
    """Each decision in words, as the page has them."""
    parts = client.get(address).text.split('<article class="decision"')[1:]
    return [plain(part.split("</article>")[0]) for part in parts]


def test_the_newest_decision_stands_first_with_owner_and_date(example: FlaskClient) -> None:
    """All decisions are there, of every milestone, the newest first."""
    heads = [
        re.search(r"M\d \w+(?: until [\w ]+?20\d\d)? Example \w+, [\w ]+20\d\d", told) for told in articles(example)
    ]
    assert [head[0] for head in heads if head] == [
        "M4 stopped Example Owner, 31 Dec 2013",
        "M2 resumed Example Deputy, 12 May 2013",
        "M2 paused until 5 May 2013 Example Owner, 14 Apr 2013",
        "M1 continued Example Owner, 17 Feb 2013",
    ]


def test_the_choice_stands_beside_the_advice(example: FlaskClient) -> None:
    """Where they agree that is said; where they differ, the reason that was given."""
    stopped, resumed, *_ = articles(example)
    assert "Change something: as it stands, it is at risk of not being proven in time." in stopped
    assert "Stop. Not what was advised , because: Example: the partner leaves" in stopped
    assert "Resume. As advised." in resumed


def test_the_evidence_is_that_of_its_moment(example: FlaskClient, example_year: object) -> None:
    """Status, gain, criteria and hash are those frozen with the decision, whatever is measured since."""
    *_, first = articles(example)
    assert "Computed status then not enough evidence" in first
    assert "64% less time, no range yet" in first
    assert "Processing time saved: not enough evidence; target at least 30%" in first
    with open_reader(example_year.store).conn as db:  # type: ignore[attr-defined]
        frozen = json.loads(db.execute("SELECT evidence FROM decision WHERE code = 'M1'").fetchone()[0])
    db.close()
    assert f"Its hash: {frozen['evidence_sha256'][:12]}" in first


def test_a_reason_with_markup_is_text(example: FlaskClient) -> None:
    """What an owner wrote is never markup."""
    assert "the &lt;b&gt;team&lt;/b&gt; is away" in example.get("/decisions").text
    assert "<b>team" not in example.get("/decisions").text


def test_only_decisions_until_the_day_asked_for_are_shown(example: FlaskClient) -> None:
    """As of an earlier day, later decisions are not known."""
    assert len(articles(example, "/decisions?as_of=2013-03-01")) == 1


def test_without_decisions_the_page_shows_the_command(client: FlaskClient) -> None:
    """Without a decision the page says so, and what is advised on each milestone stands above that."""
    text = plain(client.get("/decisions").text)
    assert "No decision is recorded yet." in text
    assert text.count("nothing decided") == 4
    assert text.index("Re-plan: it was not proven by its due date.") < text.index("What was decided")


def test_a_decision_of_an_older_release_has_no_evidence_to_show(
    app_on: Callable[..., Flask], made_up: Callable[..., Path]
) -> None:
    """What was not recorded with a decision is said to be so, and nothing is invented for it."""
    store = made_up(weeks=8)
    db = sqlite3.connect(store)
    with db:
        db.execute("INSERT INTO decision (code, choice, as_of) VALUES ('M1', 'continue', '2013-02-01')")
    db.close()
    (told,) = articles(app_on(store).test_client())
    assert "M1 continued unknown, 1 Feb 2013" in told
    assert "Computed status then not recorded" in told
    assert "Advised by the numbers Not recorded." in told
    assert "As advised" not in told
    assert "Not what was advised" not in told
