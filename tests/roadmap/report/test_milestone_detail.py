"""`milepost roadmap show`, `plan`, `decide`, `spend` and views of an earlier day, as people and scripts use them."""

from __future__ import annotations

import json
from datetime import date

import pytest
from click.testing import CliRunner

from metrics.errors import StoreDamaged, StoreMissing
from metrics.store.database import open_store
from roadmap.cli.main import roadmap
from roadmap.errors import PlanError, Refused
from roadmap.judge.evaluate import evaluate
from roadmap.plan.loader import load_plan


def run(front, *words):
    """Run a command of this room."""
    return CliRunner().invoke(roadmap, list(words), obj=front)


def told(front, *words):
    """What a command prints as JSON."""
    done = run(front, *words, "--json")
    assert done.exit_code == 0, done.exception
    return json.loads(done.output)


def refused(front, *words):
    """The class and message of the error that a command ends with."""
    done = run(front, *words)
    assert done.exception.exit_code == 2
    return type(done.exception), str(done.exception)


def lines(output, heading):
    """The lines below a heading of `show`."""
    part = next(part for part in output.split("\n\n") if part.startswith(f"{heading}\n"))
    return part.strip().splitlines()[1:]


@pytest.fixture
def measured(front, replay):
    """The workspace with twelve good weeks."""
    db = open_store(front.store, "replay")
    replay(db, range(12))
    db.close()
    return front


def test_show_says_what_each_number_rests_on(measured):
    """Number and range, and under it window, faults, series, method, hash, how many, and how they were paired."""
    found = told(measured, "show", "M1")
    sha256 = found["metrics"][0]["inputs_sha256"]
    number, rests, counted, *_ = lines(run(measured, "show", "M1").output, "Measured")
    assert number.startswith(
        "  metric     Processing time saved: 59.5% less time, likely 59.1% to 59.9%; target at least"
    )
    assert (
        rests.split()
        == (
            f"7 Jan 2013 to 31 Mar 2013, faults standard, series s-standard, method {found['metrics'][0]['method']}, "
            f"inputs {sha256[:12]}"
        ).split()
    )
    assert counted.strip().startswith("n = 24 runs, 12 blocks, paired, block by block; ordinary 95% interval 0.59")


def test_show_says_what_nobody_recorded(measured):
    """No decision, no spending and no forecast are said, and never shown as 0."""
    db = open_store(measured.store, "replay")
    evaluate(
        db, load_plan(measured.milestones), date(2013, 3, 31), 1, 1
    )  # judged once, at its end: nothing was foreseen
    db.close()
    output = run(measured, "show", "M1").output
    assert lines(output, "Decisions") == ["             none recorded"]
    assert lines(output, "Spending") == ["             not recorded"]
    assert lines(output, "Forecast")[-1] == "  so far     no forecast with odds so far"
    found = told(measured, "show", "M1")
    assert (found["spent"], found["budget"], found["decisions"], found["entries"]) == (None, None, [], [])
    assert found["forecast_score"]["brier"] is None


def test_show_explains_its_words(measured):
    """Grade, series and "would move" in a line each."""
    words = lines(run(measured, "show", "M1").output, "Words")
    assert [line[:12].strip() for line in words] == ["grade", "series", "would move"]


def test_show_has_every_plan_with_what_changed(measured):
    """The first plan and its target stay visible beside the second."""
    run(measured, "status")
    text = measured.milestones.read_text().replace("0.30", "0.50").replace('code = "M1"', 'code = "M1"\nrevision = 2')
    measured.milestones.write_text(text)
    first, second = lines(run(measured, "show", "M1").output, "Plans")
    assert first.startswith("  revision 1  recorded 13 Jan 2013: due 2013-03-31; metric busy_time_saved at_least 0.3, ")
    assert second == "  revision 2  recorded 31 Mar 2013: metric busy_time_saved was at_least 0.3 and is at_least 0.5"
    plans = told(measured, "show", "M1")["plans"]
    assert [(one["revision"], one["plan"]["metrics"][0]["at_least"]) for one in plans] == [(1, 0.3), (2, 0.5)]


def test_a_plan_changed_in_secret_is_refused(measured):
    """The same revision with another target: exit code 2, whichever command."""
    run(measured, "status")
    measured.milestones.write_text(measured.milestones.read_text().replace("0.30", "0.20"))
    for words in (["status"], ["show", "M1"], ["gate", "M1"], ["report"], ["status", "--as-of", "2013-03-01"]):
        kind, said = refused(measured, *words)
        assert (kind, "is still revision 1; write `revision = 2`" in said) == (PlanError, True)


def test_a_milestone_taken_out_of_the_file_stays_known(measured):
    """A promise does not vanish with its lines; every command says so above what it shows."""
    run(measured, "status")
    measured.milestones.write_text(measured.milestones.read_text().replace('"M1"', '"M2"'))
    said = "Planned once, and no longer in the file: M1 (due 31 Mar 2013)."
    for words in (["status"], ["show", "M2"], ["report"], ["status", "--as-of", "2013-03-01"]):
        assert said in run(measured, *words).output.splitlines()[0]


def test_show_without_a_database_makes_none(front):
    """The plan alone can be shown."""
    output = run(front, "show", "M1").output
    assert output.startswith("Nothing has been measured yet")
    assert lines(output, "Plans") == [
        "             none recorded; a plan is fixed when its milestone starts and is judged on a database"
    ]
    assert not front.store.exists()


def test_a_decision_is_told_with_the_advice_of_that_day(measured):
    """Who decided what and why, and what the numbers alone would have said."""
    done = run(measured, "decide", "M1", "pause", "--why", "no partner", "--owner", "Ann", "--until", "2013-05-01")
    assert (done.exit_code, done.output.splitlines()) == (
        0,
        [
            "M1: paused on 31 Mar 2013 by Ann until 1 May 2013: no partner",
            "The numbers alone would have said continue: it is proven; what comes next can build on it",
        ],
    )
    assert lines(run(measured, "show", "M1").output, "Decisions") == [
        "  pause      paused on 31 Mar 2013 by Ann until 1 May 2013: no partner",
        "             advised then: continue: it is proven; what comes next can build on it",
    ]
    (found,) = told(measured, "show", "M1")["decisions"]
    assert (found["choice"], found["until"], found["status"], len(found["evidence_sha256"])) == (
        "pause", "2013-05-01", "proven", 64,
    )  # fmt: skip


def test_a_decision_counts_at_once(front, replay):
    """Paused by the next look, and running again once resumed."""
    db = open_store(front.store, "replay")
    replay(db, range(4))
    db.close()
    first = told(front, "decide", "M1", "pause", "--why", "money", "--owner", "Ann")
    assert (first["as_of"], told(front, "status")[0]["status"]) == ("2013-02-03", "paused")
    assert refused(front, "decide", "M1", "pause", "--why", "money", "--owner", "Ann")[0] is Refused
    run(front, "decide", "M1", "resume", "--why", "money", "--owner", "Ann")
    assert told(front, "status")[0]["status"] == "insufficient"


def test_spending_is_told_against_its_budget(measured):
    """A negative amount is an amount, and an entry mistyped is corrected by one."""
    text = measured.milestones.read_text().replace('code = "M1"', 'code = "M1"\nbudget = 5000')
    measured.milestones.write_text(text)
    done = run(measured, "spend", "M1", "1250.5", "--note", "a week")
    assert done.output == "M1: 1,250.50 recorded as of 2013-03-31; spent so far: 1,250.50 of 5,000\n"
    done = run(measured, "spend", "M1", "-250.5", "--note", "mistyped")
    assert done.output == "M1: -250.50 recorded as of 2013-03-31; spent so far: 1,000 of 5,000\n"
    assert told(measured, "spend", "M1", "-100", "--note", "back") == {
        "code": "M1", "amount": -100.0, "note": "back", "as_of": "2013-03-31", "spent": 900.0, "budget": 5000.0,
    }  # fmt: skip
    assert run(measured, "spend", "--note", "again", "--", "M1", "100").exit_code == 0
    assert lines(run(measured, "show", "M1").output, "Spending") == [
        "             1,000 of 5,000",
        "             31 Mar 2013: 1,250.50, a week",
        "             31 Mar 2013: -250.50, mistyped",
        "             31 Mar 2013: -100.00, back",
        "             31 Mar 2013: 100.00, again",
    ]


def test_spending_without_a_budget_is_said(measured):
    """It is kept, and there is nothing to hold it against."""
    done = run(measured, "spend", "M1", "7", "--note", "a day")
    assert done.output == "M1: 7.00 recorded as of 2013-03-31; spent so far: 7, no budget set\n"


@pytest.mark.parametrize(
    "words",
    [
        ["decide", "M1", "stop", "--why", "money", "--owner", "Ann"],
        ["spend", "M1", "10", "--note", "a day"],
    ],
)
def test_nothing_is_recorded_without_a_database(front, words):
    """Where there is none it says what makes one, and makes none."""
    kind, said = refused(front, *words)
    assert kind is StoreMissing
    assert "no metrics yet" in said
    assert said.endswith("`milepost demo` or `milepost metrics measure` does.")
    assert not front.store.exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["decide", "M1", "abandon", "--why", "x", "--owner", "y"], "'abandon' is not one of 'continue', 'change'"),
        (["decide", "M1", "stop", "--owner", "y"], "Missing option '--why'"),
        (["decide", "M1", "stop", "--why", "x"], "Missing option '--owner'"),
        (["decide", "M1", "pause", "--why", "x", "--owner", "y", "--until", "soon"], "'soon' does not match"),
        (["spend", "M1", "much", "--note", "x"], "'much' is not a valid float"),
        (["spend", "M1", "1"], "Missing option '--note'"),
        (["status", "--as-of", "2013-02-30"], "'2013-02-30' does not match the format '%Y-%m-%d'"),
        (["report", "--markdown", "--html"], "--markdown, --html and --json are three forms of it; choose one"),
    ],
)
def test_what_cannot_be_asked_is_refused(measured, words, said):
    """A usage error names the value and the choices; exit code 2."""
    done = run(measured, *words)
    assert (done.exit_code, said in done.output) == (2, True), done.output


@pytest.mark.parametrize(
    "words",
    [
        ["show", "M7"],
        ["plan", "M7"],
        ["gate", "M7"],
        ["decide", "M7", "stop", "--why", "x", "--owner", "y"],
        ["spend", "M7", "1", "--note", "x"],
    ],
)
def test_an_unknown_code_names_the_codes_there_are(measured, words):
    """Whichever command asks."""
    assert refused(measured, *words) == (PlanError, "unknown milestone 'M7'; choose one of M1")


def test_a_gate_may_let_pass_what_merely_lacks_evidence(front, replay):
    """Four weeks of twelve: exit code 6, and 0 where the script allows it; a failure stays one."""
    db = open_store(front.store, "replay")
    replay(db, range(4))
    db.close()
    assert run(front, "gate", "M1").exit_code == 6
    assert run(front, "gate", "M1", "--allow-insufficient").exit_code == 0
    db = open_store(front.store, "replay")
    replay(db, [4], lost=1)
    db.close()
    assert run(front, "gate", "M1", "--allow-insufficient").exit_code == 5


def test_an_earlier_view_keeps_nothing(measured):
    """Judged as of February: the numbers of seven weeks, and no evaluation, plan or baseline."""
    (found,) = told(measured, "status", "--as-of", "2013-02-24")
    assert (found["as_of"], found["status"], found["metrics"][0]["blocks"]) == ("2013-02-24", "insufficient", 7)
    assert run(measured, "status", "--as-of", "2013-02-24").output.startswith(
        "Replay, judged as of 24 Feb 2013; nothing was kept."
    )
    assert "not enough evidence" in run(measured, "report", "--as-of", "2013-02-24").output
    db = open_store(measured.store, "replay")
    tables = ("evaluation", "plan_revision", "baseline", "forecast")
    assert [db.table(name).count for name in tables] == [0, 0, 0, 0]
    db.close()


def test_a_day_before_the_plan_has_not_started(measured):
    """An early day is a natural question."""
    (found,) = told(measured, "status", "--as-of", "2012-12-01")
    assert (found["status"], found["metrics"][0]["blocks"]) == ("not_started", 0)


@pytest.mark.parametrize("day", ["0001-01-01", "0001-01-07", "0001-01-08", "1970-01-01"])
def test_the_first_days_of_the_calendar_can_be_asked_for(measured, day):
    """A week before them there is none, and nothing had started."""
    assert told(measured, "status", "--as-of", day)[0]["status"] == "not_started"
    measured.clock = "live"
    measured.store = measured.store.with_name("live.db")
    open_store(measured.store, "live").close()
    for words in (["status"], ["show", "M1"], ["report"]):
        assert run(measured, *words, "--as-of", day).exit_code == 0


def test_a_report_that_cannot_be_written_is_said(measured, tmp_path):
    """A folder that is not there, and one in the place of the file: one line, exit code 2, and nothing is left."""
    (tmp_path / "folder").mkdir()
    before = sorted(tmp_path.iterdir())
    for place in (tmp_path / "none" / "a.html", tmp_path / "folder"):
        kind, said = refused(measured, "report", "--html", str(place))
        assert (kind, said.startswith(f"--html {place}: ")) == (Refused, True)
    left = {path.name for path in tmp_path.iterdir()} - {path.name for path in before}
    assert {name for name in left if not name.startswith("metrics.db")} == set()


def test_a_report_is_written_whole(measured, tmp_path):
    """The file is there, and nothing beside it; one that was there is replaced."""
    page = tmp_path / "out" / "a.html"
    page.parent.mkdir()
    page.write_text("old")
    assert run(measured, "report", "--html", str(page)).output == f"The report is in {page}.\n"
    assert page.read_text("utf-8").rstrip().endswith("</html>")
    assert list(page.parent.iterdir()) == [page]


def test_a_day_ahead_is_refused(measured):
    """Nobody knows it yet; the message says how far the calendar has come."""
    assert refused(measured, "status", "--as-of", "2013-04-01") == (
        Refused,
        "--as-of 2013-04-01 lies ahead: the replay has come to 2013-03-31; choose a day until then",
    )
    assert run(measured, "status", "--as-of", "2013-03-31").exit_code == 0


def test_an_earlier_view_says_whether_it_is_what_was_kept(measured, replay):
    """The same inputs as on that day, no evaluation of a Wednesday, and weeks that were counted anew since."""
    run(measured, "status")
    db = open_store(measured.store, "replay")
    replay(db, [12])
    db.close()
    assert told(measured, "show", "M1", "--as-of", "2013-03-31")["same_as_kept"] is True
    assert told(measured, "show", "M1", "--as-of", "2013-03-20")["same_as_kept"] is None
    db = open_store(measured.store, "replay")
    with db.atomic():
        db.execute("UPDATE run_block SET busy_ns = busy_ns + 1 WHERE system = 'service'")
    db.close()
    assert told(measured, "show", "M1", "--as-of", "2013-03-31")["same_as_kept"] is False
    assert "  note       the evaluation kept on that day rests on other inputs" in (
        run(measured, "show", "M1", "--as-of", "2013-03-31").output
    )


def test_a_store_of_the_other_clock_is_not_read(measured):
    """A live workspace does not judge a replay, not even as of an earlier day."""
    measured.clock = "live"
    kind, said = refused(measured, "status", "--as-of", "2013-03-31")
    assert (kind, said) == (
        StoreDamaged,
        f"{measured.store}: holds replay runs, not live ones; the two are never mixed",
    )


def test_plan_says_what_each_target_takes(measured):
    """A line a target in words, and the same for programs."""
    output = run(measured, "plan", "M1").output.splitlines()
    assert output[2:4] == [
        "M1 Receive           due 31 Mar 2013",
        "  at least   12 weeks of evidence; last responsible start 7 Jan 2013",
    ]
    assert output[4:] == ["  proven     on 31 Mar 2013; nothing more is needed"]
    found = told(measured, "plan", "M1")
    assert (found["code"], found["min_blocks"], found["block_days"], found["last_start"]) == ("M1", 12, 7, "2013-01-07")
    assert [(need["name"], need["role"], need["target"]) for need in found["needs"]] == [
        ("busy_time_saved", "metric", 0.3),
        ("lost_records", "guardrail", 0.0),
    ]


def test_plan_needs_no_database(front):
    """What it takes can be asked before anything is measured."""
    assert len(told(front, "plan", "M1")["needs"]) == 2
    assert not front.store.exists()


def test_a_live_workspace_plans_in_days(front):
    """Twelve blocks are twelve days in production, so that a due date two weeks ahead is late enough."""
    text = front.milestones.read_text().replace("due = 2013-03-31", "due = 2013-01-18")
    front.milestones.write_text(text)
    assert "too early for its own evidence" in refused(front, "plan", "M1")[1]
    front.clock = "live"
    found = told(front, "plan", "M1")
    assert (found["block_days"], found["last_start"]) == (1, "2013-01-07")


def test_every_command_is_told_in_one_line():
    """The list of commands cuts none of them short."""
    output = CliRunner().invoke(roadmap, ["--help"], terminal_width=90).output
    listed = output.split("Commands:")[1]
    assert "..." not in listed
    assert [line.split()[0] for line in listed.strip().splitlines()] == [
        "decide", "gate", "plan", "report", "show", "spend", "status",
    ]  # fmt: skip
