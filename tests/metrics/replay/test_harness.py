"""The replay: calendar, operator, scheduler and spans, with the monolith and a minimal service for tests."""

import json
import sys
from datetime import date, datetime, timedelta
from importlib import resources
from pathlib import Path

import pytest

from metrics.errors import SubjectFailed
from metrics.events import AnswerEvent, HoldingEvent, OutageEvent, RunEvent
from metrics.replay import workload
from metrics.replay.harness import replay
from metrics.replay.input_files import FIRST_YEAR, SECOND_YEAR, block_range
from metrics.replay.subject_process import subject_command
from metrics.replay.subject_run import ReplayRequest, SubjectRun
from poc.config.scaffold import AIRLINES, create_workspace

FAULTS = resources.files("metrics.replay") / "faults-standard.toml"
STEADY = Path(__file__).with_name("steady_subject.py")


class ListRecorder:
    """A recorder that keeps events in a list."""

    def __init__(self):
        self.events = []

    def record(self, event, *, started=False):
        """Record one event."""
        self.events.append(event)

    def of(self, kind, system="service", **values):
        """Return the events of a type and a system."""
        return [
            event
            for event in self.events
            if isinstance(event, kind)
            and getattr(event, "key", event).system == system
            and all(getattr(event, name) == value for name, value in values.items())
        ]


@pytest.fixture
def play(tmp_path, monkeypatch):
    """A function that replays weeks with `steady_subject.py` as every service; it returns events, steps and logs."""

    def run(
        weeks, subjects=("monolith", "service@4"), plan=None, options=(), rounds=(1,), spans=None, only=None,
        year=FIRST_YEAR, days_after=0,
    ):  # fmt: skip
        def start(subject):
            return (
                [sys.executable, str(STEADY), *options] if subject.startswith("service") else subject_command(subject)
            )

        monkeypatch.setattr("metrics.replay.subject_run.subject_command", start)
        folder = tmp_path / "replay"
        folder.mkdir()
        create_workspace(tmp_path / "w", "w", "replay", AIRLINES, "")
        load = workload.build_workload(folder, FAULTS, "standard", weeks, year)
        files = tuple(file for file in load.files if only is None or file.partner in only)
        load = workload.Workload(files, load.truth, plan or {"faults": {}, "down": {}}, load.sha256)
        (folder / "plan-standard.json").write_text(json.dumps(load.plan))
        recorder = ListRecorder()
        request = ReplayRequest(
            tmp_path / "w", folder, subjects, rounds, "standard", load, 2013, "1", spans or {}, days_after=days_after
        )
        steps = list(replay(request, recorder, lambda: None))
        return recorder, steps, {path.parent.name: path for path in folder.glob("subjects/*/heard.jsonl")}, load

    return run


def requests_in(path):
    """Return the requests that a service got, without warm-ups."""
    requests = [json.loads(line) for line in path.read_text().splitlines()]
    return [request for request in requests if "warm-up" not in json.dumps(request)]


def names_of(request):
    """Return the names of the files of a request."""
    return [Path(file).name for file in request["files"]]


def broken_file(load, partner):
    """Return the first file of a partner that has a broken row."""
    return next(file for file in load.files if file.partner == partner and file.broken)


def test_a_due_exchange_is_resumed_at_its_time_without_a_touch(play):
    """After two failed sends it is resumed an hour after each, on the replayed calendar, by its id."""
    faults = {"AA/flights/2013-W01.csv": {"0": {"1": "unavailable", "2": "unavailable"}}}
    recorder, _, logs, _ = play(1, plan={"faults": faults, "down": {}}, only=("AA",))
    runs = recorder.of(RunEvent, file="2013-W01.csv")
    assert [(run.outcome, run.key.attempt, run.operator_touch) for run in runs] == [
        ("due", 1, 0),
        ("due", 2, 0),
        ("done", 3, 0),
    ]
    first, second, third = (run.started_at_us / 3_600_000_000 for run in runs)
    assert second - first == pytest.approx(1, abs=0.01)
    assert third - second == pytest.approx(1, abs=0.01)
    (log,) = logs.values()
    assert [request.get("resume") for request in requests_in(log)][:3] == [None, *["AA/flights/2013-W01.csv"] * 2]
    (other,) = [run for run in recorder.of(RunEvent, "monolith", file="2013-W01.csv") if run.key.attempt == 2]
    assert (other.outcome, other.operator_touch) == ("failed", 1)


def test_a_partner_that_is_down_is_an_outage_with_its_calls(play):
    """The day's calls are recorded for each subject; the exchange is resumed after midnight, and nothing is lost."""
    recorder, _, _, load = play(1, plan={"faults": {}, "down": {"UA": ["2013-01-02"]}}, only=("UA",))
    (file,) = [file for file in load.files if not file.original]
    assert file.arrives == date(2013, 1, 2)
    (steady,), (monolith,) = recorder.of(OutageEvent), recorder.of(OutageEvent, "monolith")
    assert (monolith.day, monolith.hours, monolith.calls) == ("2013-01-02", 24, 1)
    assert (steady.day, steady.hours, steady.calls) == ("2013-01-02", 24, 18)
    assert recorder.of(RunEvent, file=file.name)[-1].outcome == "done"
    (held,) = recorder.of(HoldingEvent)
    assert (held.held, held.lost) == (held.due, 0)


@pytest.mark.parametrize(("days_after", "outcome"), [(0, "due"), (1, "done")])
def test_a_service_alone_ends_its_open_work_in_the_days_after(play, days_after, outcome):
    """A file whose partner is down on the last day is delivered on the next; nothing is compared, and it is held."""
    down = {"UA": ["2013-01-02", "2013-01-03", "2013-01-04", "2013-01-05", "2013-01-06"]}
    recorder, _, _, _ = play(1, ("service@4",), {"faults": {}, "down": down}, only=("UA",), days_after=days_after)
    assert [run for run in recorder.of(RunEvent) if run.partner == "UA"][-1].outcome == outcome
    assert [(held.held == held.due) for held in recorder.of(HoldingEvent)] == [outcome == "done"]
    assert not recorder.of(AnswerEvent)


def test_a_refused_file_is_corrected_once_by_the_operator(play):
    """The operator removes the rows that a check names, and runs the rest under the same name from another folder."""
    recorder, _, logs, load = play(1, options=("--moody",), only=("AA",))
    file = broken_file(load, "AA")
    (log,) = logs.values()
    requests = requests_in(log)
    place = next(n for n, request in enumerate(requests) if "check" in request)
    assert requests[place]["check"] == str(file.path)
    again = Path(requests[place + 1]["file"])
    assert (again.name, again == file.path) == (file.name, False)
    lines = file.path.read_bytes().splitlines()
    assert again.read_bytes().splitlines() == [line for n, line in enumerate(lines) if n not in file.broken]
    for system in ("monolith", "service"):
        first, second = recorder.of(RunEvent, system, file=file.name)
        assert (first.outcome, first.operator_ns, first.operator_touch) == ("refused", 0, 0)
        assert (second.outcome, second.operator_touch) == ("done", 1)
        assert second.operator_ns > 0
        held = next(event for event in recorder.of(HoldingEvent, system) if event.file == file.name)
        assert (held.broken, held.held, held.good_aside) == (len(file.broken), held.due, 0)
        assert held.due == file.records == file.rows - len(file.broken)


def test_quarantined_rows_are_compared_with_the_plan(play):
    """A service that also quarantines each first row has one false reject per file, and the monolith none."""
    recorder, _, _, load = play(1, options=("--silly",), only=("AA", "B6"))
    for file in [file for file in load.files if not file.original]:
        held = next(
            event for event in recorder.of(HoldingEvent) if (event.partner, event.file) == (file.partner, file.name)
        )
        assert (held.good_aside, held.held, held.lost) == (1, held.due - 1, 0)
        other = next(event for event in recorder.of(HoldingEvent, "monolith") if event.partner == file.partner)
        assert (other.good_aside, other.held) == (0, other.due)


def test_a_subject_runs_and_is_compared_in_its_span(play):
    """Level 1 runs in the first week, level 2 in the others, the control in all; each week has one comparison."""
    recorder, steps, logs, load = play(
        3,
        subjects=("monolith", "service@1", "service@2"),
        spans={"service@1": (0, 0), "service@2": (1, 2)},
        rounds=(1, 2),
        only=("AA", "F9"),
    )
    assert [step.block for step in steps] == [0, 1, 2]
    assert len(logs) == 4
    weeks = {(run.key.level, run.block) for run in recorder.of(RunEvent)}
    first, second, third = (block_range(n)[0].isoformat() for n in range(3))
    assert weeks == {(1, first), (2, second), (2, third)}
    assert {run.block for run in recorder.of(RunEvent, "monolith")} == {first, second, third}
    pairs = {(event.level, event.block) for event in recorder.events if hasattr(event, "compared")}
    assert pairs == weeks
    files = [file for file in load.files if not file.original]
    assert len(recorder.of(HoldingEvent)) == len(recorder.of(HoldingEvent, "monolith")) == 2 * len(files)


def test_work_left_open_by_a_span_is_finished(play):
    """If a partner is down at the end of a span, the exchange is finished in the next week and counts for its own."""
    days = [date(2013, 1, day).isoformat() for day in range(1, 8)]
    recorder, _, _, _ = play(
        2,
        subjects=("monolith", "service@1", "service@2"),
        spans={"service@1": (0, 0), "service@2": (1, 1)},
        plan={"faults": {}, "down": {"AA": days}},
        only=("AA",),
    )
    runs = recorder.of(RunEvent, block="2013-01-01")
    assert {run.key.level for run in runs} == {1}
    assert runs[-1].outcome == "done"
    assert datetime.fromisoformat("2013-01-08T00:00+00:00").timestamp() * 1e6 <= runs[-1].started_at_us
    held = {event.block: event for event in recorder.of(HoldingEvent, level=1)}
    assert set(held) == {"2013-01-01"}
    assert held["2013-01-01"].held == held["2013-01-01"].due
    assert {(event.level, event.block) for event in recorder.events if hasattr(event, "compared")} == {
        (1, "2013-01-01"),
        (2, "2013-01-07"),
    }


def test_turns_are_reversed_every_other_round(play):
    """The order of three subjects in the second round is the reverse of that in the first."""
    recorder, _, _, _ = play(1, subjects=("monolith", "service@1", "service@2"), rounds=(1, 2), only=("AA",))
    turns = {1: [], 2: []}
    for run in recorder.events:
        if isinstance(run, RunEvent) and run.key.attempt == 1 and run.file == "2013-W01.csv":
            turns[run.key.round].append((run.key.system, run.key.level))
    assert len(turns[1]) == 3
    assert turns[2] == turns[1][::-1]


def days(first, number):
    """Return the names of the files of successive days."""
    return [f"{first + timedelta(days=n)}.csv" for n in range(number)]


WEEK = days(date(2014, 1, 6), 7)


def test_a_subject_that_takes_files_gets_those_of_a_feed_and_day_together(play):
    """One request a feed and day, with the bytes that the monolith gets one after the other; one event a file."""
    recorder, _, logs, load = play(2, options=("--files",), only=("AA", "DL"), year=SECOND_YEAR)
    (log,) = logs.values()
    requests = requests_in(log)
    handed_in = {}
    for file in load.files:
        handed_in.setdefault((file.arrives.isoformat(), file.partner), []).append(file.name)
    originals = [names for names in handed_in.values() if names[0] in WEEK]
    assert originals == [WEEK, WEEK]
    assert [names_of(request) for request in requests] == list(handed_in.values())
    runs, others = recorder.of(RunEvent), recorder.of(RunEvent, "monolith")
    assert [run.file for run in runs] == [run.file for run in others] == [file.name for file in load.files]
    assert len({run.started_at_us for run in [*runs, *others]}) == len(runs) + len(others)
    assert {run.outcome for run in runs} == {"done"}
    for held in recorder.of(HoldingEvent):
        assert (held.held, held.twice, held.lost) == (held.due, 0, 0)


@pytest.mark.parametrize(("options", "touch", "delay_s"), [(("--files",), 1, 86_400), (("--files", "--goes-on"), 0, 5)])
def test_a_kill_in_a_pass_abandons_all_of_its_files(play, options, touch, delay_s):
    """They are handed in together again, by the operator on the next day, or by the service after its delay."""
    faults = {"AA/flights/2014-01-08.csv": {"0": {"1": "kill"}}}
    recorder, _, logs, _ = play(2, options=options, plan={"faults": faults, "down": {}}, only=("AA",), year=SECOND_YEAR)
    requests = [names_of(request) for request in requests_in(*logs.values())]
    assert requests.count(WEEK) == 2
    runs = [run for run in recorder.of(RunEvent) if run.file in WEEK]
    assert [(run.outcome, run.key.attempt) for run in runs] == [("abandoned", 1)] * 7 + [("done", 2)] * 7
    assert {run.operator_touch for run in runs[7:]} == {touch}
    assert (runs[7].started_at_us - runs[0].started_at_us) / 1e6 == pytest.approx(delay_s, abs=0.001)
    assert all(run.rows["failed"] == run.rows["in"] > 0 for run in runs[:7])


def test_what_follows_in_a_pass_is_decided_file_by_file(play):
    """A refused file is corrected and a due one resumed on its own, while their neighbours are done at once."""
    faults = {"UA/flights/2014-01-11.csv": {"0": {"1": "unavailable"}}}
    recorder, _, _, load = play(
        2, options=("--files", "--moody"), plan={"faults": faults, "down": {}}, only=("UA",), year=SECOND_YEAR
    )
    broken = broken_file(load, "UA")
    assert broken.name == "2014-01-10.csv"
    ends = {}
    for run in recorder.of(RunEvent):
        ends.setdefault(run.file, []).append((run.outcome, run.operator_touch))
    assert ends.pop("2014-01-11.csv") == [("due", 0), ("done", 0)]
    assert ends.pop(broken.name) == [("refused", 0), ("done", 1)]
    assert len(ends) == 11
    assert all(runs == [("done", 0)] for runs in ends.values())


def test_an_answer_without_a_result_for_each_file_is_an_error(play):
    """The replay ends with the subject and the first file, instead of taking the results of other files."""
    with pytest.raises(SubjectFailed, match=r"service@4: .*2013-12-31\.csv: 5 results for 6 files"):
        play(1, options=("--files", "--forgetful"), only=("AA",), year=SECOND_YEAR)


def test_no_program_starts_while_another_is_timed(play, monkeypatch):
    """Two files of a week kill their program: both spares have started before the week's first run."""
    faults = {f"{partner}/flights/2013-W02.csv": {"0": {"1": "kill"}} for partner in ("AA", "UA")}
    under_way, started = [], []
    start, run_pass = SubjectRun._start, SubjectRun.run_pass

    def noted_start(self):
        started.append(bool(under_way))
        return start(self)

    def noted_run(self, *arguments):
        under_way.append(self)
        try:
            return run_pass(self, *arguments)
        finally:
            under_way.pop()

    monkeypatch.setattr(SubjectRun, "_start", noted_start)
    monkeypatch.setattr(SubjectRun, "run_pass", noted_run)
    recorder, _, _, _ = play(2, plan={"faults": faults, "down": {}}, only=("AA", "UA"))
    for system in ("monolith", "service"):
        killed = [run.partner for run in recorder.of(RunEvent, system) if run.outcome == "abandoned"]
        assert sorted(killed) == ["AA", "UA"]
    assert started == [False] * 6
