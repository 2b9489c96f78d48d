"""The practice partner does what its plan says, seen over real HTTP."""

import http.client
import time

import pytest
import requests

BODY = b'{"flight":"UA1"}\n' * 2000  # larger than one read, so that a reset can fall into its middle


def plan(fault):
    """The first send of the first slot of one file goes wrong."""
    return {"faults": {"UA/flights/a.csv": {"0": {"1": fault}}}}


def send(partner, namespace="n", file="a.csv", slot="0", timeout=5.0):
    """One delivery, as both sides send it."""
    headers = {"Milepost-File": file, "Milepost-Slot": slot}
    return requests.post(f"{partner.url}/{namespace}/UA/flights", BODY, headers=headers, timeout=timeout)


@pytest.mark.parametrize(
    ("fault", "status", "wait"), [("unavailable", 503, False), ("wait-seconds", 429, True), ("wait-date", 429, True)]
)
def test_a_planned_answer_comes_once(start_partner, fault, status, wait):
    """The first send is answered as planned and not kept; the second is taken."""
    partner = start_partner(plan(fault))
    answer = send(partner)
    assert answer.status_code == status
    assert ("Retry-After" in answer.headers) is wait
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert partner.held("n") == []
    assert send(partner).ok
    assert len(partner.held("n")) == 2000


def test_a_reset_breaks_the_connection_and_keeps_nothing(start_partner):
    """The sender sees a broken connection, and the next send is the second one."""
    partner = start_partner(plan("reset"))
    with pytest.raises(requests.ConnectionError):
        send(partner)
    assert partner.held("n") == []
    assert send(partner).ok


def test_a_reset_reaches_a_small_body_too(start_partner):
    """A body that comes in with its head in one piece is reset all the same."""
    partner = start_partner(plan("reset"))
    with pytest.raises(requests.ConnectionError):
        requests.post(f"{partner.url}/n/UA/flights", b"{}\n", headers={"Milepost-File": "a.csv"}, timeout=5)
    assert partner.held("n") == []


def test_resets_never_answer_and_never_spill_over(start_partner):
    """Of many planned resets, small bodies on kept connections, each breaks its own request and no other."""
    slots = {str(slot): {"1": "reset"} for slot in range(40)}
    partner = start_partner({"faults": {"UA/flights/a.csv": slots}})
    with requests.Session() as session:
        for slot in slots:
            headers = {"Milepost-File": "a.csv", "Milepost-Slot": slot}
            with pytest.raises(requests.ConnectionError):
                session.post(f"{partner.url}/n/UA/flights", b'{"n":1}\n', headers=headers, timeout=5)
            assert session.post(f"{partner.url}/n/UA/flights", b'{"n":1}\n', headers=headers, timeout=5).ok
    assert len(partner.held("n")) == 40


def test_a_name_that_is_no_plain_name_is_refused(start_partner):
    """Nothing is ever kept outside the partner's folder."""
    partner = start_partner()
    for path in ("/../../escaped", "/n/..%2f..%2fescaped/flights", "/n/%00/flights", "/n/.hidden/flights"):
        connection = http.client.HTTPConnection(partner.url.removeprefix("http://"), timeout=5)
        connection.request("POST", path, b"{}\n")
        assert connection.getresponse().status == 404
        connection.close()
    assert not partner.keep.exists()


def test_a_lost_answer_keeps_the_records(start_partner):
    """The sender gets no answer, yet the partner holds what was sent."""
    partner = start_partner(plan("answer-lost"))
    with pytest.raises(requests.ConnectionError):
        send(partner)
    assert len(partner.held("n")) == 2000


def test_a_hang_lasts_until_the_sender_gives_up(start_partner):
    """The sender's time-out ends the wait, nothing is kept, and the partner goes on."""
    partner = start_partner(plan("hang"))
    began = time.monotonic()
    with pytest.raises(requests.ReadTimeout):
        send(partner, timeout=0.3)
    assert time.monotonic() - began < 5
    assert send(partner).ok
    assert len(partner.held("n")) == 2000


def test_namespaces_are_counted_apart(start_partner):
    """A send of one subject does not use up the fault that another is to meet."""
    partner = start_partner(plan("unavailable"))
    assert send(partner, "one").status_code == 503
    assert send(partner, "two").status_code == 503
    assert send(partner, "one").ok


def test_a_partner_that_is_down_takes_nothing_that_day(start_partner):
    """On its day every send is refused, whatever the plan has for the slot; the day after it takes."""
    partner = start_partner({"down": {"UA": ["2013-03-05"]}})
    partner.today("2013-03-05")
    assert [send(partner).status_code for _ in range(3)] == [503, 503, 503]
    partner.today("2013-03-06")
    assert send(partner).ok


def test_a_connection_is_kept_alive(start_partner):
    """Deliveries of one session go over one connection, refused ones included."""
    partner = start_partner(plan("unavailable"))
    with requests.Session() as session:
        url = f"{partner.url}/n/UA/flights"
        kept = []
        for _ in range(3):
            answer = session.post(url, b"{}\n", headers={"Milepost-File": "a.csv"}, stream=True, timeout=5)
            kept.append(answer.raw.connection.sock.getsockname())
            assert answer.content is not None
        assert len(set(kept)) == 1


def test_another_address_is_told_where_to_deliver(start_partner):
    """A path or method that is no delivery gets a 404 that says what is."""
    partner = start_partner()
    answer = requests.get(f"{partner.url}/", timeout=5)
    assert answer.status_code == 404
    assert "POST /NAMESPACE/PARTNER/FEED" in answer.text
