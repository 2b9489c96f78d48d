"""What the README says is so."""

import importlib.util
import re
from pathlib import Path

from click.testing import CliRunner

from milepost.cli import main

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def test_the_milestone_table_is_the_roadmaps():
    """The table between the markers is what the roadmap's template gives."""
    spec = importlib.util.spec_from_file_location("readme", Path(__file__).with_name("readme.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert "| M4 Persist |" in README
    assert module.written(README) == README


def test_every_command_it_shows_is_there():
    """Each `milepost ...` line of the README names a command that has help."""
    shown = re.findall(r"^(?:\.venv/bin/)?milepost (?:-w \S+ )?([a-z ]+?)(?: shop| &)?\s+#", README, re.MULTILINE)
    assert len(shown) == 6
    for words in shown:
        assert CliRunner().invoke(main, [*words.split(), "--help"]).exit_code == 0, words


def test_its_picture_and_its_make_targets_are_there():
    """The picture is in the repository, and the Makefile has the targets it speaks of."""
    (picture,) = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", README)
    assert (ROOT / picture).read_bytes().startswith(b"\x89PNG")
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in {line or quoted for line, quoted in re.findall(r"^make (\w+)|`make (\w+)", README, re.MULTILINE)}:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_its_account_of_the_data_is_the_datas():
    """The numbers of flights, files and airlines that it gives are those of the replay."""
    from metrics.replay import input_files
    from poc.config.scaffold import AIRLINES

    rows = input_files.read_flights().count(b"\n") - 1
    assert f"{rows:,} flights" in README.replace("\n", " ")
    assert f"weekly files of {len(AIRLINES)} airlines" in README.replace("\n", " ")


def test_the_files_that_contributing_names_are_there():
    """Every path between backticks in CONTRIBUTING.md exists."""
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    paths = set(re.findall(r"`((?:milepost|poc|metrics|roadmap|dashboard|tests|docs)/[\w./-]*)`", text))
    assert len(paths) > 40
    assert [path for path in sorted(paths) if not (ROOT / path).exists()] == []
