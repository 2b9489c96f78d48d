"""Events as they are told."""

import fcntl
from dataclasses import fields, replace

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import asdict

from metrics.collector.spool_parser import parse_line
from metrics.events import (
    FAILED_OUTCOMES,
    KINDS,
    RUN_OUTCOMES,
    AnswerEvent,
    HoldingEvent,
    OutageEvent,
    RunEvent,
    RunKey,
    SeriesEvent,
    SpoolRecorder,
    parse_subject,
    to_line,
)

RUN = RunEvent(
    key=RunKey(
        system="service",
        level=1,
        mode="replay",
        faults="none",
        series="s",
        round=1,
        exchange_id="AA/f/a.csv",
        attempt=1,
    ),
    release="0.1.0",
    partner="AA",
    feed="f",
    file="a.csv",
    block="2013-01-01",
    block_end="2013-01-06",
    due_at_us=1,
    started_at_us=2,
    duration_ns=3,
    outcome="done",
    records=4,
    rows={"in": 4, "delivered": 4},
    stages_ns={"check": 1},
)
PLACE = {
    "system": "service", "level": 1, "mode": "replay", "faults": "none", "series": "s", "round": 1, "partner": "AA",
    "feed": "f", "block": "2013-01-01", "block_end": "2013-01-06",
}  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "event"),
    [
        ("run", RUN),
        ("run", replace(RUN, duration_ns=None, error="line\nbreak, \"quotes\" and \u2028")),
        ("holding", HoldingEvent(**PLACE, file="a.csv", due=4, held=3, twice=1, lost=0, foreign=0)),
        ("holding", HoldingEvent(**PLACE, file="a", due=4, held=3, twice=1, lost=0, foreign=0, broken=2, good_aside=1)),
        ("answer", AnswerEvent(**PLACE, control="monolith", compared=4, equal=4)),
        ("outage", OutageEvent(**PLACE, day="2013-01-03", hours=24, calls=7)),
        ("series", SeriesEvent(mode="replay", faults="standard", series="s", faults_sha256="f")),
        ("run", replace(RUN, records=None, source="imported", cpu_ns=2**53)),
        ("run", replace(RUN, block_end=RUN.block)),
        ("run", replace(RUN, block="0828-04-17", block_end="6536-10-29")),
        ("run", replace(RUN, due_at_us=-1, rows={"in": 3, "quarantined": 3}, aside={"a": 1, "b": 2})),
    ],
)  # fmt: skip
def test_an_event_comes_back_as_it_went(kind, event):
    """One event is one line, and the line is the event again."""
    line = to_line(event)
    assert line.count(b"\n") == 1
    assert told_in(line) == (kind, event)


def told_in(line):
    """The kind of a line, and the event that it tells."""
    kind, told = parse_line(line)
    said = {name: getattr(told, name) for name in type(told).__struct_fields__}
    if kind == "run":
        said["key"] = RunKey(**asdict(said["key"]))
    return kind, KINDS[kind](**said)


EVENTS = (
    RUN,
    HoldingEvent(**PLACE, file="a.csv", due=4, held=3, twice=1, lost=0, foreign=0),
    AnswerEvent(**PLACE, control="monolith", compared=4, equal=4),
    OutageEvent(**PLACE, day="2013-01-03", hours=24, calls=7),
    SeriesEvent(mode="replay", faults="standard", series="s", faults_sha256="f"),
)
ANY_TEXT = st.text(st.characters(exclude_categories=()) | st.sampled_from("\\xfud8\udcff\udc80\ud83d\ude00"))


def saying(event, text):
    """The event with this text wherever there can be any."""
    days = {"block", "block_end", "day"}
    named = {part.name: text for part in fields(event) if part.type == "str" and part.name not in days}
    if isinstance(event, RunEvent):
        named["key"] = replace(event.key, **{part.name: text for part in fields(RunKey) if part.type == "str"})
        named["stages_ns"] = {text: 1}
    return replace(event, **named)


def is_text(found):
    """Whether it can be written as UTF-8."""
    return not any("\ud800" <= letter <= "\udfff" for letter in found)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
@given(one=ANY_TEXT, other=ANY_TEXT)
@example("\udcff", r"\xff")
@example("\udcff", r"\\xff")
@example("\ud83d\ude00", "\U0001f600")
@example("\udcff", "\u00ff")
def test_whatever_a_name_is_made_of_it_is_read_back(event, one, other):
    """No text keeps an event from being read: what UTF-8 can say comes back as it was, and two texts stay two."""
    first, second = (told_in(to_line(saying(event, text)))[1] for text in (one, other))
    assert (first == second) == (one == other)
    for text, found in ((one, first), (other, second)):
        if is_text(text) and "\\" not in text:
            assert found == saying(event, text)


def test_bytes_that_are_no_text_are_seen_in_a_name():
    """A name that is not UTF-8 is kept with its bytes spelled out; backslashes of other names stay as they are."""
    assert told_in(to_line(replace(RUN, file="a\udcff.csv")))[1].file == r"a\xff.csv"
    assert told_in(to_line(replace(RUN, file=r"C:\udata\x.csv")))[1].file == r"C:\udata\x.csv"


def test_an_older_releases_holding_is_still_read():
    """A line written before broken rows were counted is a holding with none."""
    event = HoldingEvent(**PLACE, file="a.csv", due=4, held=3, twice=1, lost=0, foreign=0)
    older = to_line(event).replace(b',"broken":0,"good_aside":0', b"")
    assert b"broken" not in older
    assert told_in(older) == ("holding", event)


def test_every_end_but_two_is_a_failure():
    """Whatever an end is called, it is a failure unless the exchange is complete."""
    assert set(RUN_OUTCOMES) - set(FAILED_OUTCOMES) == {"done", "already_received"}


def test_a_start_is_told_apart_from_an_end():
    """The same run may be told twice, as begun and as ended."""
    assert parse_line(to_line(RUN, started=True))[0] == "start"


@pytest.mark.parametrize(
    "line",
    [b"", b"{", b"[]", b"null", b'{"kind":"run"}', b'{"kind":"party"}', b"\xff\xfe", to_line(RUN)[:-20],
     to_line(RUN).replace(b'"file"', b'"flie"'), to_line(RUN).replace(b'"records":4', b'"records":"many"'),
     to_line(RUN).replace(b'"duration_ns":3', b'"duration_ns":"x"'), to_line(RUN).replace(b'"a.csv"', b'"\\ud800"'),
     to_line(RUN).replace(b'"attempt":1', b'"attempt":true'), to_line(RUN).replace(b'{"in":4', b'{"in":null'),
     to_line(RUN).replace(b'"calls":0', b'"calls":0.0'), to_line(RUN).replace(b'"calls":0', b'"calls":1e3'),
     to_line(RUN).replace(b'"calls":0', b'"calls":9223372036854775808'), to_line(replace(RUN, calls=2**53 + 1)),
     to_line(replace(RUN, calls=-1)), to_line(replace(RUN, records=-1)), to_line(replace(RUN, rows={"in": -1})),
     to_line(replace(RUN, rows={"in": 2**53 + 1})), to_line(replace(RUN, duration_ns=-1)),
     to_line(replace(RUN, due_at_us=2**57 + 1)), to_line(replace(RUN, started_at_us=-(2**55) - 1)),
     to_line(replace(RUN, aside={"x": 1})), to_line(replace(RUN, aside={"x": 1}), started=True),
     to_line(replace(RUN, rows={"quarantined": 2}, aside={"x": 1, "y": 2})),
     to_line(replace(RUN, rows={"quarantined": 2}, aside={"x": 3, "y": -1})),
     to_line(replace(RUN, block="")), to_line(replace(RUN, block_end="2013-02-30")),
     to_line(replace(RUN, block="20130101", block_end="20130106")), to_line(replace(RUN, block="20130101")),
     to_line(replace(RUN, block="2013-W01-1", block_end="2013-W01-1")), to_line(replace(RUN, block_end="2012-12-31")),
     to_line(replace(RUN, block="0827-12-31")), to_line(replace(RUN, block_end="9999-12-31")),
     to_line(OutageEvent(**PLACE, day="3 January", hours=24, calls=7)),
     to_line(HoldingEvent(**PLACE, file="a.csv", due=4, held=-3, twice=1, lost=0, foreign=0)),
     to_line(AnswerEvent(**PLACE, control="monolith", compared=2**63 - 1, equal=4)),
     to_line(RUN).replace(b'"calls":0', b'"calls":NaN'), to_line(RUN).replace(b'"a.csv"', b'"\xed\xa0\x80"'),
     to_line(RUN).replace(b'"outcome":"done",', b''), to_line(RUN).replace(b'"calls"', b'"more":1,"calls"'),
     to_line(RUN).replace(b'"round":1', b'"round":1,"more":2'), to_line(RUN).replace(b'"kind":"run",', b''),
     to_line(RUN).replace(b'"run"', b'"holding"'), to_line(RUN)[:-1] * 2, b'{"x":' + b"[" * 100_000,
     to_line(replace(RUN, block="0828-04-16")), to_line(replace(RUN, block_end="6536-10-30"))],
)  # fmt: skip
def test_a_line_that_is_no_event_is_refused(line):
    """Cut short, of an unknown kind, or with a field that is not one: each is a ValueError, none a guess."""
    with pytest.raises(ValueError, match=r".*"):
        parse_line(line)


def test_a_recorder_appends_lines_to_a_file_of_its_own(tmp_path):
    """Two recorders never share a file, so one cannot glue its line to another's."""
    one, other = SpoolRecorder(tmp_path / "spool"), SpoolRecorder(tmp_path / "spool")
    one.record(RUN, started=True)
    one.record(RUN)
    other.record(RUN)
    one.close()
    other.close()
    assert sorted(len(path.read_bytes().splitlines()) for path in (tmp_path / "spool").iterdir()) == [1, 2]


def test_recording_never_fails_the_run_it_records(tmp_path):
    """Where the spool cannot be written, the exchange goes on."""
    (tmp_path / "spool").write_text("not a folder")
    SpoolRecorder(tmp_path / "spool").record(RUN)


@pytest.mark.parametrize(
    ("name", "parsed"),
    [("monolith", ("monolith", 0)), ("monolith#2", ("monolith#2", 0)), ("service@3", ("service", 3))],
)
def test_a_subject_is_known_by_its_name(name, parsed):
    """Names that people write are system and level."""
    assert parse_subject(name) == parsed


@pytest.mark.parametrize(
    "name", ["service", "service@0", "service@x", "service@-1", "service@9223372036854775808", "monolith@1", "", "mono"]
)
def test_an_unknown_subject_lists_the_choices(name):
    """A subject that cannot be measured is told with those that can."""
    with pytest.raises(ValueError, match=r"unknown subject .*choose `monolith` or `service@1`"):
        parse_subject(name)


def test_a_recorder_holds_its_file_until_it_is_closed(tmp_path):
    """Whoever finds a file unlocked knows that nothing more will be written to it."""
    recorder = SpoolRecorder(tmp_path)
    recorder.record(RUN)
    (path,) = tmp_path.iterdir()
    with path.open("rb") as other:
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        recorder.close()
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
