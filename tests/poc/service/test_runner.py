"""What a run says of files that are gone while it works; it goes on with the others."""

import os
from datetime import UTC, datetime

import pytest

from metrics.events import to_line
from poc.config.scaffold import AIRLINES, create_workspace
from poc.config.workspace import load_workspace
from poc.service.inbox_run import run_inbox


class DeletesFile:
    """A recorder that deletes or replaces the first file of the inbox when its run has started, or has ended."""

    def __init__(self, path, *, at_start, replacement=b""):
        self._path, self._at_start, self._replacement = path, at_start, replacement

    def record(self, event, *, started=False):
        """Take an event, as a recorder does."""
        assert to_line(event, started=started)
        if event.file == self._path.name and started is self._at_start:
            self._path.unlink()
            if self._replacement:
                self._path.write_bytes(self._replacement)


@pytest.fixture
def workspace(tmp_path, good_csv):
    """A workspace whose partner takes files in a folder, with a.csv and b.csv in its inbox."""
    root = tmp_path / "w"
    create_workspace(root, "w", "live", {"UA": AIRLINES["UA"]}, "")
    path = root / "partners" / "UA.toml"
    head, _, tail = path.read_text().partition("[endpoint]\n")
    path.write_text(f'{head}[endpoint]\nfolder = "{tmp_path}"\n{tail[tail.index("[feed") :]}')
    for first, name in enumerate(("a.csv", "b.csv"), 1):
        os.utime(good_csv(root / "var" / "inbox" / "UA" / "flights" / name, 3, first), (0, 0))
    return load_workspace(root)


@pytest.mark.parametrize("at_start", [True, False])
@pytest.mark.parametrize(("replacement", "event"), [(b"", "deleted"), (b"new", "replaced or changed")])
def test_a_file_that_is_gone_before_it_is_archived_is_said(workspace, tmp_path, at_start, replacement, event):
    """Its rows are delivered, the note says why the archive has no copy, and the next file is exchanged."""
    path = workspace.inbox("UA", "flights") / "a.csv"
    recorder = DeletesFile(path, at_start=at_start, replacement=replacement)
    results = list(run_inbox(workspace, None, 4, lambda: datetime.now(UTC), recorder, "0"))
    assert {(result.receipt.outcome, result.note) for result in results} == {
        ("done", f"{path} was {event} while it was exchanged, so that it is not archived"),
        ("done", ""),
    }
    assert len(list((tmp_path / "flights").iterdir())) == 2
