"""Full disks: what cannot be written is reported with its exit code, and with space again every row is sent once."""

import pytest


@pytest.mark.parametrize(
    ("rows", "size_bytes", "request_rows"),
    [(1200, 0, 500), (1200, 20_000, 500), (1200, 50_000, 500), (9000, 300_000, 500), (9000, 1_200_000, 20)],
)
def test_no_space_for_ledger_or_outbox_loses_nothing(one_partner, csv, rows, size_bytes, request_rows):
    """The file that cannot be written is named in one line with exit 75."""
    one_partner.configure(request_rows=request_rows)
    one_partner.put("a.csv", csv(rows))
    code, out, err = one_partner.on_small_disk(size_bytes, "run")
    assert (code, len(err.splitlines())) == (75, 1), out + err
    assert f": {one_partner.root}/var/" in err
    assert "cannot be written" in err
    assert "make room and try again" in err
    assert (one_partner.inbox / "a.csv").exists()
    done = one_partner.milepost("run")
    assert done.exit_code == 0, done.output
    assert sorted(one_partner.delivered()) == [*range(1, rows + 1)]
    assert list(one_partner.inbox.iterdir()) == []
    assert not list((one_partner.root / "var").glob("outbox/*"))


@pytest.mark.parametrize("size_bytes", [0, 20_000])
def test_no_space_for_a_pass_is_one_error(one_partner, csv, size_bytes):
    """Files that are exchanged together wait together; with space again, each row is sent once and in order."""
    header, *lines = csv(1800).splitlines(keepends=True)
    for number in range(3):
        one_partner.put(f"{number}.csv", b"".join([header, *lines[number * 600 : (number + 1) * 600]]))
    code, out, err = one_partner.on_small_disk(size_bytes, "run")
    assert (code, len(err.splitlines())) == (75, 1), out + err
    assert "make room and try again" in err
    assert len(list(one_partner.inbox.iterdir())) == 3
    assert one_partner.milepost("run").exit_code == 0
    assert one_partner.delivered() == [*range(1, 1801)]
    assert list(one_partner.inbox.iterdir()) == []


@pytest.mark.parametrize("level", [1, 2])
def test_no_space_for_waiting_requests_loses_nothing(one_partner, csv, level):
    """Below the level of the outbox, requests wait in a temporary file; without space for it, nothing is sent."""
    one_partner.put("a.csv", csv(40_000))
    code, out, err = one_partner.on_small_disk(1_000_000, "run", "--level", level)
    assert (code, len(err.splitlines())) == (75, 1), out + err
    assert "make room and try again" in err
    assert one_partner.delivered() == []
    assert one_partner.milepost("run", "--level", level).exit_code == 0
    assert one_partner.delivered() == [*range(1, 40_001)]


@pytest.mark.parametrize("level", [1, 2, 3, 4])
def test_a_partners_folder_on_a_full_disk_receives_the_file_later(with_folder, tmp_path, csv, level):
    """A file without space is deleted and reported with exit 4; with space again, the whole file is there once."""
    workspace, folder = with_folder(retry="[retry]\nscale = 0.0001"), tmp_path / "partner"
    workspace.put("a.csv", csv(4000))
    code, out, err = workspace.on_small_disk(300_000, "run", "--level", level)
    assert (code, err) == (4, ""), out + err
    assert "the file grew too large" in out
    assert list(folder.rglob("*.*")) == []
    assert workspace.milepost("run", "--level", level).exit_code == 0
    (file,) = folder.rglob("*.*")
    assert file.read_bytes().count(b"\n") == 4000
    assert list(workspace.inbox.iterdir()) == []
