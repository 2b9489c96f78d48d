"""The full report and its HTML page. `tests/roadmap/cli/test_outputs.py` has the text and the Markdown."""

from __future__ import annotations

import re
from contextlib import closing

import pytest

from metrics.store.database import open_store


@pytest.fixture
def decided(measured, run):
    """Twelve good weeks, an owner, a budget half spent, and one decision."""
    text = measured.milestones.read_text()
    measured.milestones.write_text(text.replace('code = "M1"', 'code = "M1"\nbudget = 5000\nowner = "ann@example.org"'))
    run("spend", "M1", "2500", "--note", "a quarter")
    run("decide", "M1", "continue", "--why", "it pays", "--owner", "Bea")
    return measured


def test_the_page_says_what_the_report_says(decided, run, parse_html):
    """Standing, status, gain, money, the newest decision, the day, and the command that makes the page again."""
    page = parse_html(run("report", "--html").output).one("body").text
    for text in (
        "1 of 1 milestone proven: M1.", "very target reached on 31 Mar 2013", "M1 Receive", "2,500", "of 5,000",
        "Data up to 31 Mar 2013 · as of 31 Mar 2013", "shop", "replay, not production", "59.5% less time",
        "M1: continued on 31 Mar 2013 by Bea (advised: continue): it pays",
        "milepost roadmap report --as-of 2013-03-31 --html FILE",
    ):  # fmt: skip
        assert text in page


def test_an_earlier_day_gives_the_page_of_that_day_again(decided, replay, run):
    """The page of a day and what `--as-of` makes of it later, twice, are the same bytes."""
    written = run("report", "--html").output
    db = open_store(decided.store, "replay")
    replay(db, range(12, 20), cost=0.9)
    db.close()
    assert run("report", "--html").output != written
    for _ in range(2):
        assert run("report", "--html", "--as-of", "2013-03-31").output == written


@pytest.mark.parametrize("day", ["0001-01-01", "2012-12-31", "2013-01-06"])
@pytest.mark.parametrize("clock", ["replay", "live"])
def test_before_anything_was_measured_a_report_says_so(front, replay, run, clock, day):
    """As of a day before the data and before the plan, each form is that of a plan that has yet to start."""
    front.clock = clock
    with closing(open_store(front.store, clock)) as db:
        replay(db, range(2))
    for form in ((), ("--markdown",), ("--html",), ("--json",)):
        output = run("report", "--as-of", day, *form).output
        assert "No data" in output
        assert "not started" in output


def test_a_report_without_a_database_says_so(front, run):
    """There is a report, no number in it, and no database after it."""
    for form in ((), ("--markdown",), ("--html",)):
        output = run("report", *form).output
        for text in ("Nothing has been measured yet", "No data", "not recorded"):
            assert text in output
    assert not front.store.exists()


def test_the_html_needs_no_other_file_and_no_script(decided, run, parse_html):
    """Nothing is loaded from anywhere, and every element is closed."""
    html = run("report", "--html").output
    page = parse_html(html)
    assert not {part.name for part in page} & {"script", "link", "img", "iframe", "object", "form", "a"}
    assert not {name for part in page for name in part.attributes} & {"src", "href", "style", "onclick", "onload"}
    assert [word for word in ("http:", "https:", "url(", "@import") if word in html] == []
    assert "@page { size: A4; margin: 12mm; }" in page.one("style").source


def test_hostile_texts_are_shown_as_text(decided, run, parse_html):
    """What people write into plans and decisions cannot become markup, in HTML or in Markdown."""
    hostile = "<script>alert('x')</script> | [a](http://b) `c`"
    text = decided.milestones.read_text().replace('"Receive"', f'"""{hostile}"""')
    decided.milestones.write_text(text)
    run("decide", "M1", "change", "--why", f"{hostile}\n# big", "--owner", "<b>Eve</b>")
    page = parse_html(run("report", "--html").output)
    assert not page.all("script")
    assert "<script>alert('x')</script> | [a](http://b) `c`" in page.text
    assert "by <b>Eve</b>" in page.text
    markdown = run("report", "--markdown").output
    assert not re.search(r"(?<!\\)<", markdown)
    assert r"\<script\>alert('x')\</script\> | \[a\](http://b) \`c\`" in markdown
    assert not re.search(r"^# big", markdown, re.MULTILINE)


@pytest.mark.parametrize(
    ("changes", "weeks", "slip", "headline"),
    [
        (
            {"2013-03-31": "2013-06-30", "0.30": "0.90", 'code = "M1"': 'code = "M1"\nrevision = 2'}, 12,
            "91 days later than first planned (first due 31 Mar 2013, now 30 Jun 2013)",
            ["0 of 1 milestone proven.", "At risk: M1."],
        ),
        (
            {"0.30": "0.90", 'code = "M1"': 'code = "M1"\nrevision = 2'}, 13,
            "7 days overdue (first due 31 Mar 2013)",
            ["0 of 1 milestone proven.", "Missed: M1."],
        ),
    ],
    ids=["a moved due date", "overdue"],
)  # fmt: skip
def test_a_slip_is_measured_from_the_first_plan(front, replay, run, data, changes, weeks, slip, headline):
    """A moved due date and an overdue one, with the milestones that ask for action."""
    db = open_store(front.store, "replay")
    replay(db, range(weeks), cost=0.5)
    db.close()
    run("status", "--json")
    text = front.milestones.read_text()
    for old, new in changes.items():
        text = text.replace(old, new)
    front.milestones.write_text(text)
    report = data("report")
    assert (report["rows"][0]["slip"], report["headline"][:2]) == (slip, headline)
