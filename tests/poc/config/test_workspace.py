"""Loading and creating workspaces."""

import re
from pathlib import Path

import pytest

from poc.config.partner import Partner
from poc.config.scaffold import AIRLINES, create_workspace
from poc.config.workspace import load_workspace, parse_toml
from poc.errors import BadInput


@pytest.fixture
def workspace(tmp_path):
    """A fresh workspace of two airlines."""
    create_workspace(tmp_path / "w", "test", "live", {"AA": AIRLINES["AA"], "UA": AIRLINES["UA"]}, "schema = 1\n")
    return tmp_path / "w"


def test_a_new_workspace_is_valid(workspace):
    """What `init` writes can be loaded."""
    found = load_workspace(workspace)
    assert found.select_feeds(None) == [("AA", "flights"), ("UA", "flights")]
    assert found.partners["AA"].endpoint.timeout_s == 2.0
    assert [field.to for field in found.partners["UA"].feed["flights"].map][:2] == ["flight", "tail"]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("timeout_s = 2.0", "timout_s = 2.0", r"AA\.toml: unknown key `endpoint\.timout_s`; keys there: url, path"),
        ('format = "csv"', 'format = "cvs"', r"AA\.toml: `feed\.flights\.format` \(is 'cvs'\): input should be 'csv'"),
        ("request_rows = 500", "request_rows = 0", r"`feed\.flights\.request_rows` \(is 0\)"),
        ("flights.schema.json", "other.json", r"missing contract .*other\.json; contracts there: flights\.schema"),
        ('id = "AA"', 'id = "BB"', r"id is 'BB', but the file name says 'AA'"),
        ("http://", "ftp://", r"`endpoint\.url`"),
        ('name = "American', "name = American", r"AA\.toml: not TOML"),
        ("schema = 1", "schema = " + "[" * 100_000, r"AA\.toml: not TOML that can be read: it is nested too deep"),
        ('from = "tailnum"', 'join = [], decimals = 1', r"field 'tail' needs one of `from`, `join` and `value`"),
    ],
)  # fmt: skip
def test_a_mistake_names_file_key_and_choices(workspace, old, new, said):
    """An error in a partner file is reported in one line that helps to correct it, and leaves the others alone."""
    path = workspace / "partners" / "AA.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    loaded = load_workspace(workspace)
    assert list(loaded.partners) == ["UA"]
    assert re.search(said, loaded.problems["AA"])
    assert "\n" not in loaded.problems["AA"]


@pytest.mark.parametrize(
    ("name", "said"),
    [("XX", r"unknown partner 'XX'; partners in .*: AA, UA"), ("AA/cargo", r"no feed 'cargo'; its feeds: flights")],
)
def test_an_unknown_name_lists_the_choices(workspace, name, said):
    """An unknown partner or feed is an error that lists the existing ones."""
    with pytest.raises(BadInput, match=said):
        load_workspace(workspace).select_feeds(name)


def test_a_folder_without_settings_is_not_a_workspace(tmp_path):
    """It is distinguished from an invalid workspace."""
    with pytest.raises(BadInput, match="not a workspace"):
        load_workspace(tmp_path)


def test_create_workspace_changes_no_existing_folder(tmp_path):
    """A folder that contains something else is refused and left unchanged."""
    (tmp_path / "letter.txt").write_text("dear")
    with pytest.raises(BadInput, match="not empty"):
        create_workspace(tmp_path, "test", "live", AIRLINES, "")
    assert [path.name for path in tmp_path.iterdir()] == ["letter.txt"]


def test_create_workspace_never_overwrites_a_workspace(workspace):
    """A second call is refused."""
    with pytest.raises(BadInput, match="is a workspace already"):
        create_workspace(workspace, "test", "live", AIRLINES, "")


def test_every_key_of_a_partner_file_is_documented():
    """docs/reference/partner-file.md has a row or a line for each key that the file can have."""
    from poc.config.credentials import BasicConfig, BearerConfig, OAuth2Config, SignConfig
    from poc.config.endpoint import EndpointConfig, Success
    from poc.config.formats.dialect import Dialect
    from poc.config.map_field import MapField
    from poc.config.partner import Budget, Feed, Partner, RetrySchedule

    text = (Path(__file__).parents[3] / "docs" / "reference" / "partner-file.md").read_text()
    credentials = (SignConfig, BasicConfig, BearerConfig, OAuth2Config)
    models = (Partner, EndpointConfig, Success, *credentials, RetrySchedule, Feed, Dialect, Budget, MapField)
    keys = {field.alias or name for model in models for name, field in model.model_fields.items()}
    written = set(re.findall(r"`([a-z0-9_]+)`", text)) | set(re.findall(r"^([a-z_]+) = ", text, re.MULTILINE))
    written |= {name.split(".")[0] for name in re.findall(r"^## `\[?([a-z]+)", text, re.MULTILINE)}
    assert keys - written == set()


def test_a_secret_that_stands_in_a_pickup_by_mistake_is_not_shown(tmp_path):
    """Neither that of a header nor a token in the query of a file."""
    partner = tmp_path / "AA.toml"
    partner.write_text(
        'schema = 1\nid = "AA"\nname = "A"\n[endpoint]\nfolder = "out"\n[feed.x]\ncontract = "x.json"\nmap = []\n'
        '[feed.x.pickup]\nurl = "https://h/v1"\n'
        'secret_headers = { X-Key = "geheim" }\nfiles = { "a" = "b?key=geheim é" }\n'
    )
    with pytest.raises(BadInput) as refused:
        parse_toml(Partner, partner)
    mistakes = "\n".join(refused.value.mistakes)
    assert "pickup.secret_headers.X-Key`" in mistakes
    assert "pickup.files.a`" in mistakes
    assert "geheim" not in mistakes
