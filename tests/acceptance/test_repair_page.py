"""Quarantined rows are repaired in the browser: what was typed is sent once, and all else stays as it came."""

import json
import os
from functools import partial

import pytest
from click.testing import CliRunner

from dashboard.access.database import read_access
from dashboard.access.settings import Access
from milepost.acts import make_doers
from milepost.cli import main
from milepost.context import WorkspaceContext
from milepost.repairs import list_held, read_held
from tests.dashboard.access.conftest import ADDRESS, Browser, accounts, clock, made_accounts  # noqa: F401
from tests.dashboard.conftest import app_on  # noqa: F401

CONTRACT = {"fields": [{"name": "n", "type": "integer"}, {"name": "text", "type": "string"}]}

PARTNER = """\
schema = 1
id = "P"
name = "P"
[endpoint]
folder = "out"
[feed.f]
contract = "f.schema.json"
settle_s = 0
dialect = { encoding = "cp1252" }
map = [{ to = "n", from = "n" }, { to = "text", from = "text" }]
"""

ROWS = 'n,text\r\n1,good\r\nx,"two\r\nlines"\r\ny,Zoë\r\nz,bad\r\nw,"a\x01b"\r\n'


@pytest.fixture
def desk(tmp_path, app_on, accounts, clock):  # noqa: F811
    """The dashboard of a workspace with four bad rows in a file, and a function that signs a user in."""
    root = tmp_path / "w"
    assert CliRunner().invoke(main, ["init", str(root)]).exit_code == 0
    (root / "contracts" / "f.schema.json").write_text(json.dumps(CONTRACT))
    (root / "partners" / "P.toml").write_text(PARTNER)
    (root / "out").mkdir()
    file = root / "var" / "inbox" / "P" / "f" / "a.csv"
    file.parent.mkdir(parents=True)
    file.write_bytes(ROWS.encode("cp1252"))
    os.utime(file, (0, 0))
    assert CliRunner().invoke(main, ["-w", str(root), "run", "P"]).exit_code == 0
    context = WorkspaceContext(root)
    app = app_on(
        tmp_path / "metrics.db",
        access=Access(path=accounts, public_url=ADDRESS, proxies=0, now_us=clock),
        doers=make_doers(context),
        list_held=partial(list_held, context),
        read_held=partial(read_held, context),
    )

    def sign_in(user):
        browser = Browser(app.test_client())
        assert browser.sign_in(user, "correct horse battery").status_code == 303
        return browser

    sign_in.root, sign_in.accounts = root, accounts
    return sign_in


def form(page):
    """The hidden fields of the first form that sends rows."""
    part = page.split('action="/acts/replay"')[1].split("</form>")[0]
    return {
        piece.split('"')[0]: piece.split('value="')[1].split('"')[0] for piece in part.split('type="hidden" name="')[1:]
    }


def sent(root):
    """The records in the partner's folder, in the order of the files."""
    return [
        json.loads(line) for path in sorted((root / "out" / "f").iterdir()) for line in path.read_text().splitlines()
    ]


def test_rows_are_corrected_and_sent_once(desk):
    """Line ends that the browser changed change no row; a row that stays bad stays; a second click sends nothing."""
    otto = desk("otto")
    (link,) = [part.split('"')[0] for part in otto.get("/repairs").text.split('href="') if part.startswith("/repairs/")]
    page = otto.get(link).text
    assert 'name="row-2"' in page
    assert 'name="row-5"' not in page, "a control character would come back changed"
    fields = form(page) | {"row-2": '2,"two\r\nlines"', "row-3": "3,Zoë", "row-4": "z,bad"}
    answer = otto.post("/acts/replay", fields)
    assert (answer.status_code, answer.headers["Location"]) == (303, link)
    assert "2 row(s) replayed: done; 1 still rejected." in otto.get(link).text
    assert otto.post("/acts/replay", fields).status_code == 303
    assert sorted(sent(desk.root), key=lambda record: record["n"]) == [
        {"n": 1, "text": "good"}, {"n": 2, "text": "two\nlines"}, {"n": 3, "text": "Zoë"},
    ]  # fmt: skip


def test_an_export_is_uploaded_instead(desk):
    """The corrected export of the command does as well; the audit log has who did it, and no value of a row."""
    otto = desk("otto")
    link = f"/repairs/{read_held(WorkspaceContext(desk.root), 'a.csv', 1).exchange.exchange_id}"
    done = CliRunner().invoke(main, ["-w", str(desk.root), "quarantine", "export", "a.csv"])
    corrected = done.stdout_bytes.replace(b"\ny,", b"\n3,")
    with (desk.root / "corrected.csv").open("w+b") as file:
        file.write(corrected)
        file.seek(0)
        assert otto.post("/acts/replay", {**form(otto.get(link).text), "export": (file, "c.csv")}).status_code == 303
    assert {"n": 3, "text": "Zoë"} in sent(desk.root)
    with read_access(desk.accounts) as connection:
        text = "".join(str(row) for row in connection.execute("SELECT * FROM audit"))
    assert "replay: done" in text
    assert "Zo" not in text.replace("row 3", "")


def test_a_viewer_sees_no_row(desk):
    """Values of partners' rows are for those who may see them."""
    link = f"/repairs/{read_held(WorkspaceContext(desk.root), 'a.csv', 1).exchange.exchange_id}"
    for user, status in (("vera", 403), ("pia", 403), ("otto", 200), ("ada", 200)):
        assert (desk(user).get("/repairs").status_code, desk(user).get(link).status_code) == (status, status)


def test_a_row_whose_number_is_none_changes_nothing(desk):
    """Such a field is left out, as any other that the form does not have."""
    otto = desk("otto")
    link = f"/repairs/{read_held(WorkspaceContext(desk.root), 'a.csv', 1).exchange.exchange_id}"
    page = otto.get(link)
    assert page.headers["Cache-Control"] == "no-store"
    assert otto.post("/acts/replay", form(page.text) | {"row-" + "9" * 5000: "x"}).status_code == 303


def test_no_value_of_a_row_gets_into_the_database_of_accounts(desk):
    """A row that is still wrong is named by its findings on the page alone, as nobody can shorten the audit log."""
    otto = desk("otto")
    link = f"/repairs/{read_held(WorkspaceContext(desk.root), 'a.csv', 1).exchange.exchange_id}"
    assert otto.post("/acts/replay", form(otto.get(link).text) | {"row-2": "private-value,x"}).status_code == 303
    assert "still rejected" in otto.get(link).text
    with read_access(desk.accounts) as connection:
        stored = "".join(connection.iterdump())
    assert "still rejected" in stored
    assert "private-value" not in stored
