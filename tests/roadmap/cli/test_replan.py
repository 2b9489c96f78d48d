"""`milepost roadmap replan`: the plan changes in the milestone file, and the first one stays visible."""

from __future__ import annotations

from datetime import date

import pytest

from metrics.store.database import open_store
from roadmap.errors import Refused
from roadmap.plan.rewrite import changed_text


def test_a_new_plan_is_a_new_revision_and_the_first_one_stays(front, replay, data, refused):
    """Due date and budget change in the file alone, with who and why above them; a stale or past date is refused."""
    db = open_store(front.store, "replay")
    replay(db, range(4))
    db.close()
    before = data("status")[0]
    text = front.milestones.read_text()
    made = data(
        "replan", "M1", "--due", "2013-06-30", "--budget", "9000", "--why", "a later\nrelease", "--owner", "Ann"
    )
    assert made == {"code": "M1", "revision": 2, "due": "2013-06-30", "budget": 9000.0}
    changed = front.milestones.read_text()
    assert "# Re-planned on 2013-02-03 by Ann: a later release\n" in changed
    assert set(text.splitlines()) - set(changed.splitlines()) <= {line for line in text.splitlines() if "due" in line}
    after = data("show", "M1")
    assert [plan["plan"]["due"] for plan in after["plans"]] == [before["due"], "2013-06-30"]
    for arguments in (("--due", "2013-06-30"), ("--due", "2013-01-01"), ("--budget", "-1"), ()):
        assert refused("replan", "M1", *arguments, "--why", "w", "--owner", "Ann")[0] is Refused
    assert front.milestones.read_text() == changed


@pytest.mark.parametrize("line", ["due = 2013-03-31  # end of Q1", "  due=2013-03-31"])
def test_the_rest_of_the_file_stays_as_it_was(line):
    """Comments, other milestones and the layout of the line; what could be misread is not changed at all."""
    text = f'[[milestone]] # first\ncode = "M1"\n{line}\n\n# of M2\n[[milestone]]\ncode = "M2"\ndue = 2013-03-31\n'
    done = changed_text(text, "M1", {"due": date(2013, 4, 30), "revision": 2}, "by Ann: why")
    new = line.replace("03-31", "04-30")
    assert done == (
        f'[[milestone]] # first\n# by Ann: why\ncode = "M1"\n{new}\nrevision = 2\n\n# of M2\n'
        '[[milestone]]\ncode = "M2"\ndue = 2013-03-31\n'
    )
    with pytest.raises(ValueError, match="one a line"):
        changed_text(
            f'[[milestone]]\ncode = "M1"\nwhy = """\n{line}\n"""\n{line}', "M1", {"due": date(2013, 4, 30)}, ""
        )
