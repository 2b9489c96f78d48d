"""`milepost user`, `token` and `audit`: accounts are made, listed, changed and recorded; secrets are shown once."""

import json
import sqlite3
from contextlib import closing

import pytest
from click.testing import CliRunner

from dashboard.access.database import read_access
from dashboard.access.tokens import find_token
from milepost.cli import main

PASSWORD = "correct horse battery\n"


@pytest.fixture
def milepost(tmp_path):
    """The command in a new workspace."""
    root = tmp_path / "w"
    assert CliRunner().invoke(main, ["init", str(root)]).exit_code == 0

    def run(*arguments, given=None):
        done = CliRunner().invoke(main, ["-w", str(root), *arguments], input=given)
        assert done.exception is None or isinstance(done.exception, SystemExit), repr(done.exception)
        return done

    run.accounts = root / "var" / "access.db"
    return run


def test_an_account_is_made_changed_and_disabled(milepost):
    """Each step is listed, and recorded with what it changed; a password is in neither."""
    assert milepost("user", "add", "ada", "--role", "pm", given=PASSWORD).output == "ada can sign in as pm.\n"
    assert milepost("user", "role", "ADA", "admin").exit_code == 0
    assert milepost("user", "off", "ada").exit_code == 0
    assert milepost("user", "ls").output.startswith("ada: admin, disabled on 20")
    assert "`milepost user on ada` enables it" in milepost("user", "passwd", "ada", given=PASSWORD).output
    assert milepost("user", "ls").output.startswith("ada: admin, disabled on 20")
    assert milepost("user", "on", "ada").output == "ada can sign in again.\n"
    assert milepost("user", "ls").output == "ada: admin\n"
    acts = [(act["act"], act["detail"]) for act in json.loads(milepost("audit", "--json").output)]
    assert acts == [
        ("user enabled", {}),
        ("password changed", {}),
        ("user disabled", {}),
        ("role changed", {"before": "pm", "after": "admin"}),
        ("user added", {"role": "pm"}),
    ]


@pytest.mark.parametrize(
    ("arguments", "given", "message"),
    [
        (("user", "add", "ada", "--role", "pm"), "short\n", "the password has 5 characters; use 12 to 1024"),
        (("user", "add", "a b", "--role", "pm"), PASSWORD, "user 'a b': a name has"),
        (("user", "on", "vera"), None, "vera is not disabled"),
        (("user", "off", "bob"), None, "no user 'bob'; users: vera"),
        (("user", "add", "Vera", "--role", "pm"), PASSWORD, "user 'Vera' is there already"),
        (("token", "revoke", "abc"), None, "no token 'abc'"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_choices(milepost, arguments, given, message):
    """Nothing is changed, and the exit code is 2."""
    milepost("user", "add", "vera", "--role", "viewer", given=PASSWORD)
    done = milepost(*arguments, given=given)
    assert (done.exit_code, len(done.stderr.splitlines())) == (2, 1)
    assert message in done.stderr
    assert milepost("user", "ls").output == "vera: viewer\n"


def test_a_token_is_shown_once_and_kept_as_a_digest(milepost):
    """The list has its label and no secret; its use is noted; a revoked one is refused."""
    made = json.loads(milepost("token", "add", "prometheus", "--kind", "read", "--days", "30", "--json").output)
    (listed,) = json.loads(milepost("token", "ls", "--json").output)
    assert (listed["id"], listed["label"], listed["kind"], listed["used_us"]) == (
        made["id"],
        "prometheus",
        "read",
        None,
    )
    assert made["token"] not in milepost("token", "ls").output + milepost("audit").output
    with read_access(milepost.accounts) as connection:
        assert find_token(connection, made["token"], listed["created_us"] + 1).id == made["id"]
    assert json.loads(milepost("token", "ls", "--json").output)[0]["used_us"] == listed["created_us"] + 1
    assert milepost("token", "revoke", made["id"]).exit_code == 0
    assert "is revoked already" in milepost("token", "revoke", made["id"]).stderr


def test_a_sign_in_needs_an_address_with_tls(milepost, tmp_path):
    """`validate` names what `[web]` lacks: an address, and TLS but on this machine."""
    settings = tmp_path / "w" / "milepost.toml"
    text = settings.read_text()
    for web, problem in (
        ('sign_in = "local"', "`sign_in` needs `public_url`"),
        ('sign_in = "local"\npublic_url = "http://milepost.example"', "passwords need https"),
        ('public_url = "milepost.example"', "is no address"),
    ):
        settings.write_text(f"{text}\n[web]\n{web}\n")
        assert problem in milepost("validate").stderr
    settings.write_text(f'{text}\n[web]\nsign_in = "local"\npublic_url = "http://127.0.0.1:8765"\n')
    assert milepost("validate").exit_code == 0


def test_beyond_this_machine_a_sign_in_is_needed(milepost):
    """`serve` refuses the host, and says what to set."""
    done = milepost("serve", "--host", "0.0.0.0", "--port", "0")
    assert (done.exit_code, 'Set `sign_in = "local"` and `public_url` below `[web]`' in done.stderr) == (2, True)


def test_who_connects_directly_cannot_say_from_where(milepost, tmp_path):
    """With `--cert` there is no proxy in front, so that what `proxies` would trust is refused before it is served."""
    settings = tmp_path / "w" / "milepost.toml"
    web = '[web]\nsign_in = "local"\npublic_url = "https://milepost.example"\nproxies = 1\n'
    settings.write_text(f"{settings.read_text()}\n{web}")
    done = milepost("serve", "--port", "0", "--cert", "a.pem", "--key", "a.key")
    assert (done.exit_code, "could forge the `X-Forwarded-For`" in done.stderr) == (2, True)


def test_a_scope_is_set_listed_lifted_and_never_that_of_an_admin(milepost):
    """`--scope` and `user scope` limit an account, `all` lifts it; an administrator has none."""
    milepost("user", "add", "vera", "--role", "viewer", "--scope", "partner:AA", given=PASSWORD)
    assert milepost("user", "ls").output == "vera: viewer, sees partner:AA\n"
    assert milepost("user", "role", "vera", "admin").exit_code == 2
    assert milepost("user", "scope", "vera", "AA").exit_code == 2
    assert milepost("user", "scope", "vera", "partner:B6", "partner:AA").exit_code == 0
    assert json.loads(milepost("user", "ls", "--json").output)[0]["scope"] == "partner:AA partner:B6"
    assert milepost("user", "scope", "vera", "all").exit_code == 0
    assert milepost("user", "ls").output == "vera: viewer\n"
    assert milepost("user", "role", "vera", "admin").exit_code == 0
    assert milepost("user", "scope", "vera", "partner:AA").exit_code == 2
    made = json.loads(milepost("token", "add", "grafana", "--kind", "read", "--scope", "partner:AA", "--json").output)
    assert f"{made['id']}  grafana (read, sees partner:AA)" in milepost("token", "ls").output
    newest = json.loads(milepost("audit", "--json").output)[0]
    assert newest["detail"] == {"label": "grafana", "kind": "read", "scope": "partner:AA"}


def test_accounts_of_an_older_release_see_what_they_saw(milepost):
    """A database of version 1 gets the scopes when it is opened; nobody is limited by that, or freed of a limit."""
    milepost("user", "add", "vera", "--role", "viewer", given=PASSWORD)
    with closing(sqlite3.connect(milepost.accounts)) as older:
        older.execute("ALTER TABLE user DROP COLUMN scope")
        older.execute("ALTER TABLE user DROP COLUMN confirmed_us")
        older.execute("ALTER TABLE token DROP COLUMN scope")
        older.execute("DROP TABLE share")
        for column in ("name", "target", "who"):
            older.execute(f"ALTER TABLE act DROP COLUMN {column}")
        older.execute("PRAGMA user_version = 1")
    assert milepost("user", "ls").output == "vera: viewer\n"
    milepost("user", "scope", "vera", "partner:AA")
    assert milepost("user", "ls").output == "vera: viewer, sees partner:AA\n"
