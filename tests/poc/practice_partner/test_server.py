"""The practice partner follows its plan of faults, over real HTTP."""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import pytest
import requests

from poc.config.scaffold import AIRLINES, create_workspace

BODY = b'{"flight":"UA1"}\n' * 2000  # larger than one read, so that a reset can fall into its middle


def plan(fault):
    """A fault for the first send of the first slot of one file."""
    return {"faults": {"UA/flights/a.csv": {"0": {"1": fault}}}}


def send(partner, namespace="n", file="a.csv", slot="0", timeout=60.0):
    """Send one delivery, as monolith and service do."""
    headers = {"Milepost-File": file, "Milepost-Slot": slot}
    return requests.post(f"{partner.url}/{namespace}/UA/flights", BODY, headers=headers, timeout=timeout)


@pytest.mark.parametrize(
    ("fault", "status", "wait"), [("unavailable", 503, False), ("wait-seconds", 429, True), ("wait-date", 429, True)]
)
def test_a_planned_answer_comes_once(start_partner, fault, status, wait):
    """The first send gets the planned answer and is not stored; the second is accepted."""
    partner = start_partner(plan(fault))
    answer = send(partner)
    assert answer.status_code == status
    assert ("Retry-After" in answer.headers) is wait
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert partner.held("n") == []
    assert send(partner).ok
    assert len(partner.held("n")) == 2000


def test_a_reset_breaks_the_connection_and_stores_nothing(start_partner):
    """The sender sees a broken connection, and the next send counts as the second one."""
    partner = start_partner(plan("reset"))
    with pytest.raises(requests.ConnectionError):
        send(partner)
    assert partner.held("n") == []
    assert send(partner).ok


def test_a_reset_reaches_a_small_body_too(start_partner):
    """A body that arrives with its head in one packet is reset as well."""
    partner = start_partner(plan("reset"))
    with pytest.raises(requests.ConnectionError):
        requests.post(f"{partner.url}/n/UA/flights", b"{}\n", headers={"Milepost-File": "a.csv"}, timeout=60)
    assert partner.held("n") == []


def test_each_reset_breaks_only_its_own_request(start_partner):
    """Of many planned resets, small bodies on open connections, each breaks its own request only."""
    slots = {str(slot): {"1": "reset"} for slot in range(40)}
    partner = start_partner({"faults": {"UA/flights/a.csv": slots}})
    with requests.Session() as session:
        for slot in slots:
            headers = {"Milepost-File": "a.csv", "Milepost-Slot": slot}
            with pytest.raises(requests.ConnectionError):
                session.post(f"{partner.url}/n/UA/flights", b'{"n":1}\n', headers=headers, timeout=60)
            assert session.post(f"{partner.url}/n/UA/flights", b'{"n":1}\n', headers=headers, timeout=60).ok
    assert len(partner.held("n")) == 40


def test_a_name_that_is_no_plain_name_is_refused(start_partner):
    """Nothing is ever stored outside the partner's folder."""
    partner = start_partner()
    for path in ("/../../escaped", "/n/..%2f..%2fescaped/flights", "/n/%00/flights", "/n/.hidden/flights"):
        connection = http.client.HTTPConnection(partner.url.removeprefix("http://"), timeout=60)
        connection.request("POST", path, b"{}\n")
        assert connection.getresponse().status == 404
        connection.close()
    assert not partner.keep.exists()


def test_a_lost_answer_stores_the_records(start_partner):
    """The sender gets no answer, and the partner has stored the body."""
    partner = start_partner(plan("answer-lost"))
    with pytest.raises(requests.ConnectionError):
        send(partner)
    assert len(partner.held("n")) == 2000


def test_a_hang_lasts_until_the_sender_gives_up(start_partner):
    """The sender's time-out ends the wait, nothing is stored, and the partner keeps running."""
    partner = start_partner(plan("hang"))
    with pytest.raises(requests.ReadTimeout):
        send(partner, timeout=2.0)
    assert send(partner).ok
    assert len(partner.held("n")) == 2000


def test_namespaces_are_counted_separately(start_partner):
    """A send of one subject does not use up the fault planned for another."""
    partner = start_partner(plan("unavailable"))
    assert send(partner, "one").status_code == 503
    assert send(partner, "two").status_code == 503
    assert send(partner, "one").ok


def send_slots(partner, *slots, text=None):
    """Send one delivery with rows of several files; each slot is a file, a number and its rows."""
    headers = {"Milepost-Slots": json.dumps(slots) if text is None else text}
    return requests.post(f"{partner.url}/n/UA/flights", BODY, headers=headers, timeout=60)


def test_a_request_of_several_files_meets_the_first_planned_fault(start_partner):
    """In the order of its header: the fault of an earlier slot decides, and a later slot's alone as well."""
    faults = {"UA/flights/é.csv": {"1": {"1": "unavailable", "2": "gone"}}, "UA/flights/b.csv": {"0": {"1": "error"}}}
    partner = start_partner({"faults": faults})
    assert send_slots(partner, ("a.csv", 0, 61), ("é.csv", 1, 9), ("b.csv", 0, 60)).status_code == 503
    assert send_slots(partner, ("a.csv", 0, 61), ("é.csv", 1, 9), ("b.csv", 0, 60)).status_code == 410
    assert send_slots(partner, ("a.csv", 0, 61), ("é.csv", 1, 9), ("b.csv", 0, 60)).ok
    assert len(partner.held("n")) == 2000


def test_a_request_of_several_files_is_a_send_of_each(start_partner):
    """A slot that was sent with others meets next what is planned for its second send, alone as well."""
    partner = start_partner({"faults": {"UA/flights/a.csv": {"0": {"1": "error", "2": "unavailable"}}}})
    assert send_slots(partner, ("b.csv", 0, 60), ("a.csv", 0, 61)).status_code == 500
    assert send(partner).status_code == 503


def test_a_request_of_several_files_is_reset_as_one(start_partner):
    """A reset planned for one of its slots breaks the connection, nothing is stored, and each slot counts as sent."""
    partner = start_partner({"faults": {"UA/flights/b.csv": {"0": {"1": "reset", "2": "unavailable"}}}})
    with pytest.raises(requests.ConnectionError):
        send_slots(partner, ("a.csv", 0, 61), ("b.csv", 0, 60))
    assert partner.held("n") == []
    assert send(partner, file="b.csv").status_code == 503


@pytest.mark.parametrize("text", ["", "[]", "a.csv", '[["a.csv", 0]]', "{}", "7"])
def test_slots_that_are_no_list_are_refused(start_partner, text):
    """They get 400 and store nothing, as the planned faults of such a request are unknown."""
    partner = start_partner({})
    assert send_slots(partner, text=text).status_code == 400
    assert partner.held("n") == []


def test_a_partner_that_is_down_accepts_nothing_that_day(start_partner):
    """On its day every send is refused, whatever the plan has for the slot; on the next day it accepts."""
    partner = start_partner({"down": {"UA": ["2013-03-05"]}})
    partner.today("2013-03-05")
    assert [send(partner).status_code for _ in range(3)] == [503, 503, 503]
    partner.today("2013-03-06")
    assert send(partner).ok


def test_a_connection_is_kept_alive(start_partner):
    """Deliveries of one session use one connection, also after a refusal."""
    partner = start_partner(plan("unavailable"))
    with requests.Session() as session:
        url = f"{partner.url}/n/UA/flights"
        kept = []
        for _ in range(3):
            answer = session.post(url, b"{}\n", headers={"Milepost-File": "a.csv"}, stream=True, timeout=60)
            kept.append(answer.raw.connection.sock.getsockname())
            assert answer.content is not None
        assert len(set(kept)) == 1


def test_another_path_is_answered_404(start_partner):
    """A path or method that is not a delivery is answered 404 with the right path."""
    partner = start_partner()
    answer = requests.get(f"{partner.url}/", timeout=60)
    assert answer.status_code == 404
    assert "POST /NAMESPACE/PARTNER/FEED" in answer.text


def keyed(partner, key, body=BODY, slot="0", to="UA", **headers):
    """Send one delivery with a key."""
    told = {"Milepost-File": "a.csv", "Milepost-Slot": slot, "Idempotency-Key": key, **headers}
    return requests.post(f"{partner.url}/n/{to}/flights", body, headers=told, timeout=60)


def test_a_key_is_stored_once(start_partner):
    """The same key with the same body is answered as done; another key is another delivery."""
    partner = start_partner()
    assert [keyed(partner, key).status_code for key in ('"k1"', '"k1"', "k1", '"k2"')] == [200] * 4
    assert len(partner.held("n")) == 2 * 2000


def test_a_key_with_another_body_is_refused(start_partner):
    """A key with another body is answered 422, and nothing more is stored."""
    partner = start_partner()
    assert keyed(partner, '"k"').ok
    for other in (BODY[:-1], BODY + b"{}\n", BODY.replace(b"UA1", b"UA2")):
        answer = keyed(partner, '"k"', other)
        assert (answer.status_code, answer.headers["Content-Type"]) == (422, "application/problem+json")
    assert keyed(partner, '"k"', **{"Content-Type": "text/csv"}).status_code == 422
    assert len(partner.held("n")) == 2000


@pytest.mark.parametrize("key", ["", '"no end', "a b", '""', "x" * 256, '"é"'.encode()])
def test_an_invalid_key_is_refused(start_partner, key):
    """A malformed key is a bad request; an empty header is no key."""
    partner = start_partner()
    assert keyed(partner, key).status_code == (400 if key else 200)


def test_keys_are_known_per_partner(start_partner):
    """The same key at another partner is another delivery."""
    partner = start_partner()
    assert keyed(partner, '"k"').ok
    assert keyed(partner, '"k"', to="AA").ok
    assert len(partner.held("n", "AA")) == 2000


def test_a_partner_may_ignore_keys(start_partner):
    """By plan, a partner stores each delivery as often as it is sent."""
    partner = start_partner({"ignores_keys": ["UA"]})
    for to in ("UA", "UA", "AA", "AA"):
        assert keyed(partner, '"k"', to=to).ok
    assert (len(partner.held("n")), len(partner.held("n", "AA"))) == (4000, 2000)


@pytest.mark.parametrize("fault", ["unavailable", "wait-seconds", "error", "gone", "bad-request", "reset"])
def test_a_refused_request_leaves_its_key_unused(start_partner, fault):
    """The key of a refused request can be sent again, even with another body."""
    partner = start_partner(plan(fault))
    if fault == "reset":
        with pytest.raises(requests.ConnectionError):
            keyed(partner, '"k"')
    else:
        assert not keyed(partner, '"k"').ok
    assert keyed(partner, '"k"', b'{"flight":"UA2"}\n').ok
    assert partner.held("n") == [{"flight": "UA2"}]


def test_a_lost_answer_and_its_key_end_in_one_copy(start_partner):
    """A request that is sent again after a lost answer is answered as done."""
    partner = start_partner(plan("answer-lost"))
    with pytest.raises(requests.ConnectionError):
        keyed(partner, '"k"')
    assert keyed(partner, '"k"').ok
    assert len(partner.held("n")) == 2000


def test_a_killed_sender_finds_its_key_stored(start_partner):
    """The body of a killed sender is stored once when the next sender sends it again."""
    partner = start_partner(plan("kill"))
    mark = partner.keep / "n" / "under-way"
    headers = {"Milepost-File": "a.csv", "Idempotency-Key": '"k"'}
    with pytest.raises(requests.ReadTimeout):
        requests.post(f"{partner.url}/n/UA/flights", BODY, headers=headers, timeout=0.5)
    until_s = time.monotonic() + 60  # the partner may still be reading
    while not mark.exists():
        assert time.monotonic() < until_s
        time.sleep(0.02)
    mark.unlink()
    assert keyed(partner, '"k"').ok
    assert len(partner.held("n")) == 2000


def test_keys_survive_a_restart(tmp_path):
    """A partner restarted on its folder knows the keys it has seen, and refuses other bodies."""
    for body, status in ((BODY, 200), (BODY, 200), (b"{}\n", 422)):
        command = [sys.executable, "-m", "poc.practice_partner", "--keep", str(tmp_path)]
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            url = json.loads(process.stdout.readline())["ready"]
            headers = {"Idempotency-Key": '"k 1"'}
            assert requests.post(f"{url}/n/UA/flights", body, headers=headers, timeout=60).status_code == status
            process.stdin.close()
    assert (tmp_path / "n" / "UA" / "flights.jsonl").read_bytes() == BODY


def test_retry_after_counts_from_the_senders_time(start_partner):
    """The date form counts from the sender's `Date`, which in a replay is long past."""
    faults = {"0": {"1": "wait-seconds", "2": "wait-date", "3": "wait-date"}}
    partner = start_partner({"faults": {"UA/flights/a.csv": faults}, "wait_s": 90})
    assert keyed(partner, '"k"').headers["Retry-After"] == "90"
    now = {"Date": "Tue, 05 Mar 2013 06:00:01 GMT"}
    assert keyed(partner, '"k"', **now).headers["Retry-After"] == "Tue, 05 Mar 2013 06:01:31 GMT"
    until = parsedate_to_datetime(keyed(partner, '"k"').headers["Retry-After"])
    assert 60 < (until - datetime.now(UTC)).total_seconds() <= 91


@pytest.mark.parametrize(("fault", "status"), [("error", 500), ("gone", 410), ("bad-request", 400)])
def test_a_planned_error_is_problem_json(start_partner, fault, status):
    """Each error has its status and problem+json, and stores nothing."""
    partner = start_partner(plan(fault))
    answer = send(partner)
    assert (answer.status_code, answer.json()["status"]) == (status, status)
    assert partner.held("n") == []


def test_csv_is_stored_unchanged(start_partner):
    """A CSV body is stored in a file of its own, byte for byte."""
    partner = start_partner()
    body = b'flight,tail\r\nUA1,"a""b"\r\n'
    headers = {"Content-Type": "text/csv; charset=utf-8"}
    assert requests.post(f"{partner.url}/n/UA/flights", body, headers=headers, timeout=60).ok
    assert (partner.keep / "n" / "UA" / "flights.csv").read_bytes() == body
    assert partner.held("n") == []


@pytest.mark.parametrize("as_command", [False, True])
def test_it_ends_quietly_on_sigterm_while_its_input_is_open(tmp_path, as_command):
    """As a program and as `milepost partner`, alone or with its whole process group, it prints nothing when it ends."""
    program = ["-m", "poc.practice_partner", "--keep", str(tmp_path / "keep"), "--port", "0"]
    if as_command:
        create_workspace(tmp_path / "w", "w", "live", {"UA": AIRLINES["UA"]}, "")
        program = ["-m", "milepost", "-w", str(tmp_path / "w"), "partner", "--port", "0"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    for end in (os.kill, os.killpg):
        with subprocess.Popen([sys.executable, *program], start_new_session=True, **pipes) as process:
            assert b"http://127.0.0.1:" in process.stdout.readline()
            end(process.pid, signal.SIGTERM)
            code = process.wait(60)  # its input is still open
            assert (code, process.stdout.read(), process.stderr.read()) == (143 if as_command else 0, b"", b"")
