"""Events are written as lines, read back strictly, and recorded in a spool."""

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
        system="service", level=1, mode="replay", faults="none", series="s", round=1, exchange_id="AA/f/a.csv",
        attempt=1,
    ),
    release="0.1.0", partner="AA", feed="f", file="a.csv", block="2013-01-01", block_end="2013-01-06", due_at_us=1,
    started_at_us=2, duration_ns=3, outcome="done", records=4, rows={"in": 4, "delivered": 4}, stages_ns={"check": 1},
)  # fmt: skip
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
def test_an_event_is_one_line_and_is_read_back(kind, event):
    """Parsing the line gives an equal event."""
    line = to_line(event)
    assert line.count(b"\n") == 1
    assert parse(line) == (kind, event)


def parse(line):
    """Return the kind of a line, and its event."""
    kind, struct = parse_line(line)
    values = {name: getattr(struct, name) for name in type(struct).__struct_fields__}
    if kind == "run":
        values["key"] = RunKey(**asdict(values["key"]))
    return kind, KINDS[kind](**values)


EVENTS = (
    RUN,
    HoldingEvent(**PLACE, file="a.csv", due=4, held=3, twice=1, lost=0, foreign=0),
    AnswerEvent(**PLACE, control="monolith", compared=4, equal=4),
    OutageEvent(**PLACE, day="2013-01-03", hours=24, calls=7),
    SeriesEvent(mode="replay", faults="standard", series="s", faults_sha256="f"),
)
ANY_TEXT = st.text(st.characters(exclude_categories=()) | st.sampled_from("\\xfud8\udcff\udc80\ud83d\ude00"))


def with_text(event, text):
    """Return the event with this text in every text field."""
    days = {"block", "block_end", "day"}
    values = {part.name: text for part in fields(event) if part.type == "str" and part.name not in days}
    if isinstance(event, RunEvent):
        values["key"] = replace(event.key, **{part.name: text for part in fields(RunKey) if part.type == "str"})
        values["stages_ns"] = {text: 1}
    return replace(event, **values)


def is_utf8(text):
    """Tell whether a text can be written as UTF-8."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: type(event).__name__)
@given(left=ANY_TEXT, right=ANY_TEXT)
@example("\udcff", r"\xff")
@example("\udcff", r"\\xff")
@example("\ud83d\ude00", "\U0001f600")
@example("\udcff", "\u00ff")
def test_an_event_with_any_text_is_read_back(event, left, right):
    """UTF-8 text is read back unchanged, other text is escaped, and different texts stay different."""
    first, second = (parse(to_line(with_text(event, text)))[1] for text in (left, right))
    assert (first == second) == (left == right)
    for text, parsed in ((left, first), (right, second)):
        if is_utf8(text) and "\\" not in text:
            assert parsed == with_text(event, text)


def test_bytes_that_are_not_utf_8_are_escaped():
    """The bytes of such a name are visible; backslashes of other names stay as they are."""
    assert parse(to_line(replace(RUN, file="a\udcff.csv")))[1].file == r"a\xff.csv"
    assert parse(to_line(replace(RUN, file=r"C:\udata\x.csv")))[1].file == r"C:\udata\x.csv"


def test_a_holding_of_an_older_release_is_read():
    """A line without counts of broken rows is a holding with none."""
    event = HoldingEvent(**PLACE, file="a.csv", due=4, held=3, twice=1, lost=0, foreign=0)
    older = to_line(event).replace(b',"broken":0,"good_aside":0', b"")
    assert b"broken" not in older
    assert parse(older) == ("holding", event)


def test_every_outcome_but_two_is_a_failure():
    """An outcome is a failure unless the exchange is complete."""
    assert set(RUN_OUTCOMES) - set(FAILED_OUTCOMES) == {"done", "already_received"}


def test_a_start_has_a_kind_of_its_own():
    """A run has one event when it begins, and one when it has ended."""
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
def test_a_line_that_is_not_an_event_is_refused(line):
    """A truncated line, an unknown kind, and a wrong, missing or impossible field are each a ValueError."""
    with pytest.raises(ValueError, match=r".*"):
        parse_line(line)


def test_each_recorder_appends_to_its_own_file(tmp_path):
    """Two recorders never share a file, so their lines cannot mix."""
    first, second = SpoolRecorder(tmp_path / "spool"), SpoolRecorder(tmp_path / "spool")
    first.record(RUN, started=True)
    first.record(RUN)
    second.record(RUN)
    first.close()
    second.close()
    assert sorted(len(path.read_bytes().splitlines()) for path in (tmp_path / "spool").iterdir()) == [1, 2]


def test_recording_never_fails_a_run(tmp_path):
    """If the spool cannot be written, the exchange continues, and the recorder has the problem."""
    (tmp_path / "spool").write_text("not a folder")
    recorder = SpoolRecorder(tmp_path / "spool")
    recorder.record(RUN)
    assert recorder.problem == f"{tmp_path / 'spool'}: File exists"


@pytest.mark.parametrize(
    ("name", "parsed"),
    [("monolith", ("monolith", 0)), ("monolith#2", ("monolith#2", 0)), ("service@3", ("service", 3))],
)
def test_a_subject_name_is_parsed(name, parsed):
    """A name has a system, and a level for the service."""
    assert parse_subject(name) == parsed


@pytest.mark.parametrize(
    "name", ["service", "service@0", "service@x", "service@-1", "service@9223372036854775808", "monolith@1", "", "mono"]
)
def test_an_unknown_subject_is_refused_with_the_choices(name):
    """The message names the valid forms."""
    with pytest.raises(ValueError, match=r"unknown subject .*choose `monolith` or `service@1`"):
        parse_subject(name)


def test_a_recorder_locks_its_file_until_it_is_closed(tmp_path):
    """A collector sees an unlocked file as finished."""
    recorder = SpoolRecorder(tmp_path)
    recorder.record(RUN)
    (path,) = tmp_path.iterdir()
    with path.open("rb") as other:
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        recorder.close()
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
