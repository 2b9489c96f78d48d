"""The report for those who pay for it: what it says, that nothing hostile gets through, and that it stands alone."""

from __future__ import annotations

import re
from contextlib import closing
from html.parser import HTMLParser

import pytest
from click.testing import CliRunner

from metrics.measures.registry import MEASURES
from metrics.store.database import open_store
from roadmap.cli.main import roadmap


def run(front, *words):
    """Run a command of this room."""
    done = CliRunner().invoke(roadmap, list(words), obj=front)
    assert done.exit_code == 0, done.exception
    return done.output


@pytest.fixture
def measured(front, replay):
    """The workspace with twelve good weeks, half of a budget spent, and one decision."""
    text = front.milestones.read_text()
    front.milestones.write_text(text.replace('code = "M1"', 'code = "M1"\nbudget = 5000\nowner = "ann@example.org"'))
    db = open_store(front.store, "replay")
    replay(db, range(12))
    db.close()
    run(front, "spend", "M1", "2500", "--note", "a quarter")
    run(front, "decide", "M1", "continue", "--why", "it pays", "--owner", "Bea")
    return front


def test_the_report_in_words(measured):
    """Headline, status and why, number against target, slip, money, decisions, how it was measured, hashes."""
    output = run(measured, "report")
    for said in (
        "Replay, judged as of 31 Mar 2013, its last day.",
        "not production. Data up to 31 Mar 2013.",
        "1 of 1 milestone proven: M1.",
        "Processing time saved with M1: 59.5% less time, likely 59.1% to 59.9%; the target is at least 30%.",
        "M1 Receive: proven",
        "  why: every target reached on 31 Mar 2013",
        "  due: 31 Mar 2013, on the day (first due 31 Mar 2013; proven 31 Mar 2013)",
        "  spent: 2,500 of 5,000",
        "M1: continued on 31 Mar 2013 by Bea (advised: continue): it pays",
        "Grade B, faults standard, series s-standard, method",
        f"Records lost: {MEASURES['lost_records'].definition}",
        "milestone file: ",
    ):
        assert said in output


def test_the_same_in_markdown_and_html(measured):
    """Markdown holds all of it; the one page says the same of what stands, and who decided last."""
    said = ("1 of 1 milestone proven: M1.", "it pays", "very target reached on 31 Mar 2013")
    forms = {
        "--markdown": ("M1 Receive", "2,500 of 5,000", "Data up to 31 Mar 2013.", "Guardrail: Records lost: 0"),
        "--html": (
            "<b>M1</b> Receive", "2,500", "of 5,000", "Data up to 31 Mar 2013 · as of 31 Mar 2013", ">shop<",
            "replay, not production",
            "M1: continued on 31 Mar 2013 by Bea (advised: continue): it pays", "59.5% less time",
            "milepost roadmap report --as-of 2013-03-31 --html FILE",
        ),
    }  # fmt: skip
    for form, own in forms.items():
        output = run(measured, "report", form)
        for text in (*said, *own):
            assert text in output, (form, text)


def test_an_earlier_day_gives_the_page_of_that_day_again(measured, replay):
    """What was written on a day and what `--as-of` makes of it later, twice, are the same bytes."""
    written = run(measured, "report", "--html")
    db = open_store(measured.store, "replay")
    replay(db, range(12, 20), cost=0.9)
    db.close()
    assert run(measured, "report", "--html") != written
    for _ in range(2):
        assert run(measured, "report", "--html", "--as-of", "2013-03-31") == written


def test_the_html_is_written_to_a_file_or_printed(measured, tmp_path):
    """`--html FILE` writes what `--html` prints."""
    page = tmp_path / "report.html"
    assert run(measured, "report", "--html", str(page)) == f"The report is in {page}.\n"
    assert page.read_text("utf-8") == run(measured, "report", "--html")


@pytest.mark.parametrize("name", ["", ".", "/"])
def test_a_name_that_no_file_can_have_is_refused(measured, name):
    """The page that was asked for is not printed in another form instead."""
    done = CliRunner().invoke(roadmap, ["report", "--html", name], obj=measured)
    assert done.exit_code == 2
    assert f"--html {name!r} names no file" in done.output


@pytest.mark.parametrize("day", ["0001-01-01", "2012-12-31", "2013-01-06"])
@pytest.mark.parametrize("clock", ["replay", "live"])
def test_before_anything_was_measured_a_report_says_so(front, replay, clock, day):
    """As of a day before the data and before the plan, each form is that of a plan that has yet to start."""
    front.clock = clock
    with closing(open_store(front.store, clock)) as db:
        replay(db, range(2))
    for form, none in (((), "No data."), (("--markdown",), "No data."), (("--html",), "No data"), (("--json",), "No")):
        output = run(front, "report", "--as-of", day, *form)
        assert none in output
        assert "not started" in output
    assert "not started" in run(front, "status", "--as-of", day)


class Tags(HTMLParser):
    """Every tag of a page with its attributes, and those left open."""

    def __init__(self):
        super().__init__()
        self.seen, self.open = [], []

    def handle_starttag(self, tag, attrs):
        """Note a tag."""
        self.seen.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        """Close the last one, which must be it."""
        assert self.open.pop() == tag


def test_the_html_needs_no_other_file_and_no_script(measured):
    """Nothing is loaded from anywhere, and every tag is closed."""
    html = run(measured, "report", "--html")
    tags = Tags()
    tags.feed(html)
    assert tags.open == []
    assert not {tag for tag, _ in tags.seen} & {"script", "link", "img", "iframe", "object", "form", "a"}
    assert not {name for _, attrs in tags.seen for name in attrs} & {"src", "href", "style", "onclick", "onload"}
    assert not re.search(r"https?:|url\(|@import", html)
    assert "@page { size: A4; margin: 12mm; }" in html


def test_hostile_words_are_shown_as_words(measured):
    """What people write into plans and decisions is text, in HTML and in Markdown."""
    hostile = "<script>alert('x')</script> | [a](http://b) `c`"
    text = measured.milestones.read_text().replace('"Receive"', f'"""{hostile}"""')
    measured.milestones.write_text(text)
    run(measured, "decide", "M1", "change", "--why", f"{hostile}\n# big", "--owner", "<b>Eve</b>")
    html = run(measured, "report", "--html")
    assert "<script" not in html
    assert "<b>Eve" not in html
    assert "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;" in html
    markdown = run(measured, "report", "--markdown")
    assert not re.search(r"(?<!\\)<", markdown)
    assert r"\<script\>alert('x')\</script\> | \[a\](http://b) \`c\`" in markdown
    assert not re.search(r"^# big", markdown, re.MULTILINE)


def test_a_moved_due_date_shows_its_slip(measured, replay):
    """A re-plan is told against the first plan."""
    text = measured.milestones.read_text().replace("0.30", "0.90").replace("2013-03-31", "2013-06-30")
    measured.milestones.write_text(text.replace('code = "M1"', 'code = "M1"\nrevision = 2'))
    output = run(measured, "report")
    assert "  due: 30 Jun 2013, 91 days later than first planned (first due 31 Mar 2013, now 30 Jun 2013)" in output
    assert "0 of 1 milestone proven." in output
    assert "At risk: M1." in output


def test_overdue_is_said_in_days(front, replay):
    """Past its due date and not proven."""
    db = open_store(front.store, "replay")
    replay(db, range(13), lost=1)
    db.close()
    output = run(front, "report")
    assert "  due: 31 Mar 2013, 7 days overdue (first due 31 Mar 2013)" in output
    assert "Missed: M1." in output


def test_a_report_on_nothing_says_so(front):
    """Without a database there is a report, no number in it, and no database after it."""
    for form, none in (((), "No data."), (("--markdown",), "No data."), (("--html",), "No data · as of 7 Jan 2013")):
        output = run(front, "report", *form)
        assert "Nothing has been measured yet" in output
        assert none in output
        assert "not recorded" in output
    assert not front.store.exists()
