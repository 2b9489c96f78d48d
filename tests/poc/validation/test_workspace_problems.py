"""What `milepost validate` finds beside the partners: targets of notifications that cannot be used."""

from importlib import util

from poc.config.scaffold import create_workspace
from poc.validation.workspace_problems import find_problems


def test_a_target_without_its_secret_or_its_package_is_a_problem(tmp_path, monkeypatch):
    """The line names the file, the target and the variable, or what to install."""
    create_workspace(tmp_path / "w", "shop", "live", {}, "")
    with (tmp_path / "w" / "milepost.toml").open("a") as file:
        file.write('\n[[notify]]\nname = "ops"\nto = "${env:OPS_MAIL}"\n')
    find = util.find_spec
    monkeypatch.setattr(
        "poc.validation.workspace_problems.find_spec", lambda name: None if name == "apprise" else find(name)
    )
    package, secret = [line for line in find_problems(tmp_path / "w", {}) if "notify" in line]
    assert package.endswith(
        "milepost.toml: notify needs the package apprise; install it with `pip install 'milepost[notify]'`"
    )
    assert "milepost.toml: notify 'ops': the environment variable OPS_MAIL is not set" in secret


def test_a_ledger_whose_secret_cannot_be_read_is_a_problem(tmp_path):
    """The line names the variable or file; a password that stands in the settings is a mistake."""
    create_workspace(tmp_path / "w", "shop", "live", {}, "")
    path = tmp_path / "w" / "milepost.toml"
    text = path.read_text()
    for secret, problem in (
        ("${env:PASSWORD}", "the environment variable PASSWORD is not set"),
        ("${file:password}", "w/password: no such file"),
        ("hidden", "`ledger`: holds a password; write"),
    ):
        path.write_text(text.replace("\nname =", f'\nledger = "postgresql://shop:{secret}@db/shop"\nname =', 1))
        (line,) = [line for line in find_problems(tmp_path / "w", {}) if "ledger" in line]
        assert problem in line
        assert "hidden" not in line


def test_a_monolith_that_cannot_be_started_is_a_problem(moved):
    """The line names the program: a script without the right to run, or a name that is on no path."""
    assert find_problems(moved.root, {"PATH": "/bin:/usr/bin"}) == []
    (moved.root / "send.sh").chmod(0o600)
    (problem,) = find_problems(moved.root, {"PATH": "/bin:/usr/bin"})
    assert problem.endswith("send.sh: no program that can be run")
    moved.configure('"./send.sh"', '"no-such-program"')
    (problem,) = find_problems(moved.root, {"PATH": "/bin:/usr/bin"})
    assert problem.endswith("'no-such-program' is no program on the PATH")
