"""`milepost pickup`, and the fetching of `milepost run`: files come from a place, and people see whether it works."""

import subprocess
import sys

from click.testing import CliRunner

from milepost.cli import main


def fetching(cli, more):
    """Let the feed of a workspace fetch from a folder with the sample, and return the folder."""
    place = cli.root.parent / "place"
    place.mkdir()
    cli.sample.rename(place / "sample.csv")
    path = cli.root / "partners" / "AA.toml"
    path.write_text(f'{path.read_text()}\n[feed.flights.pickup]\nurl = "{place}"\n{more}\n')
    return place


def run(cli, *arguments):
    """The exit code and both outputs of a command."""
    result = CliRunner().invoke(main, ["-w", str(cli.root), *arguments])
    return result.exit_code, result.stdout, result.stderr


def test_a_run_fetches_what_lies_at_the_place_and_exchanges_it(make_cli):
    """The file is moved at the place by the next run; the list says what was done with it."""
    cli = make_cli()
    place = fetching(cli, 'settled = "1s"\nafter = "move:done/"')
    assert cli.json("pickup", "ls")[0]["files"] == []
    code, out, err = run(cli, "run")
    assert (code, "AA/flights sample.csv: done" in out, "AA/flights: 1 file(s) fetched" in err) == (0, True, True)
    assert "exchanged; the next look does at the place what `after` says" in cli.run("pickup", "ls")
    assert run(cli, "run")[2] == ""
    assert [path.name for path in place.rglob("*.csv")] == ["sample.csv"]
    assert (place / "done/sample.csv").exists()
    assert "exchanged; moved at the place" in cli.run("pickup", "ls", "AA/flights")


def test_a_place_that_fails_is_an_alert_until_it_works_and_stops_no_other_file(make_cli):
    """The run ends with 75, has exchanged what was in the inbox, and `check` is critical."""
    cli = make_cli()
    place = fetching(cli, 'settled = "1s"')
    cli.sample.write_text((place / "sample.csv").read_text())
    hidden = place.rename(place.with_name("hidden"))
    code, out, err = run(cli, "run")
    assert (code, "sample.csv: done" in out) == (75, True)
    assert "create the folder, or check why it is not mounted" in err
    (alert,) = [alert for alert in cli.json("status")["alerts"] if alert["kind"] == "place_down"]
    assert (alert["partner"], alert["feed"], alert["severity"]) == ("AA", "flights", "critical")
    assert "it never worked, and 1 try failed since" in alert["summary"]
    assert run(cli, "check")[0] == 2
    hidden.rename(place)
    run(cli, "run")
    assert run(cli, "check")[0] == 0


def test_a_file_that_cannot_be_fetched_is_a_warning(make_cli):
    """The alert names it and why; the place itself is fine."""
    cli = make_cli()
    fetching(cli, 'settled = "1s"\nmax_bytes = 10')
    assert run(cli, "run")[0] == 0
    (alert,) = [alert for alert in cli.json("status")["alerts"] if alert["kind"] != "disk_full"]
    assert (alert["kind"], alert["severity"]) == ("pickup_failed", "warning")
    assert "sample.csv has" in alert["summary"]


def test_validate_names_a_place_that_cannot_be_asked(make_cli):
    """A folder that is missing, a secret that is not set, and settings that contradict each other."""
    cli = make_cli()
    place = fetching(cli, 'after = "delete"')
    place.rename(place.with_name("hidden"))
    assert f"feed.flights: pickup.url: {place}: no such folder" in cli.error("validate")
    (cli.root / "k").touch()
    cli.edit_partner(
        f'url = "{place}"', 'url = "sftp://host/out"\nuser = "u"\nknown_hosts = "k"\npassword = "${env:NO}"'
    )
    assert "the environment variable NO is not set" in cli.error("validate")
    cli.edit_partner('after = "delete"', 'after = "move:../done/"')
    assert "names no folder below that of the files" in cli.error("validate")


def test_without_a_pickup_a_run_imports_nothing_of_it(make_cli):
    """A workspace that fetches nothing pays nothing."""
    cli = make_cli()
    code = "import sys; from milepost.cli import main\n"
    code += f"try:\n    main(['-w', {str(cli.root)!r}, 'run'])\nexcept SystemExit:\n    pass\n"
    code += "print([name for name in sys.modules if name.startswith(('poc.pickup', 'poc.places'))])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=120)
    assert done.stdout.splitlines()[-1] == "[]"
