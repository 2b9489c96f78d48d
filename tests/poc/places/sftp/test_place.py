"""A folder of OpenSSH's server as a place, by the six verbs."""

import subprocess
from io import BytesIO
from pathlib import Path

import asyncssh
import pytest

from poc.config.place import PlaceConfig
from poc.errors import FileStillChanging, PlaceRefused, PlaceUnavailable
from poc.places.registry import open_place


@pytest.fixture
def place(sftp):
    """The folder of the test as a place."""
    with open_place(PlaceConfig(url=sftp.url, **sftp.access), {}, Path("/")) as place:
        yield place


def names(sftp):
    """The files of the folder."""
    return sorted(path.name for path in sftp.files.iterdir())


def test_a_file_is_seen_read_and_taken_away(place, sftp):
    """What is seen by its name is what the folder lists; it is read in pieces, moved once, and deleted once."""
    content = bytes(range(256)) * 40_000
    (sftp.files / "a.csv").write_bytes(content)
    (sftp.files / "folder").mkdir()
    (seen,) = place.look()
    assert (seen.name, seen.size_bytes, place.found("a.csv")) == ("a.csv", len(content), seen)
    assert b"".join(place.read(seen)) == content
    for _ in range(2):
        place.take_away(seen, "done")
    assert (names(sftp), names_of(sftp.files / "done")) == (["done", "folder"], ["a.csv"])


def names_of(folder):
    """The files of a folder."""
    return sorted(path.name for path in folder.iterdir())


def test_a_file_that_changed_since_it_was_seen_is_not_read(place, sftp):
    """Neither a longer file nor one that is gone is taken for the one that was seen."""
    (sftp.files / "a.csv").write_text("one")
    (seen,) = place.look()
    (sftp.files / "a.csv").write_text("another")
    with pytest.raises(FileStillChanging, match="changed since it was seen"):
        list(place.read(seen))
    with pytest.raises(FileStillChanging, match="it is left"):
        place.take_away(seen)
    (sftp.files / "a.csv").unlink()
    with pytest.raises(FileStillChanging, match="no longer there"):
        list(place.read(seen))


def test_a_new_file_replaces_no_other(place, sftp):
    """A name is written once; again with the same bytes is the same, with others a conflict, and no part is left."""
    assert place.put_new("b.csv", BytesIO(b"two")) == "made"
    assert place.put_new("b.csv", BytesIO(b"two")) == "same"
    assert place.put_new("b.csv", BytesIO(b"three")) == "conflict"
    place.replace("b.csv", BytesIO(b"new"))
    assert (names(sftp), (sftp.files / "b.csv").read_bytes()) == (["b.csv"], b"new")


def test_a_file_is_replaced_at_a_server_without_posix_rename(place, sftp, monkeypatch):
    """Its plain rename never overwrites; a receipt that is written anew has the name of the one before."""

    async def unsupported(*_):
        raise asyncssh.SFTPOpUnsupported("unsupported")

    monkeypatch.setattr(asyncssh.SFTPClient, "posix_rename", unsupported)
    for content in (b"one", b"two"):
        place.replace("a.csv", BytesIO(content))
    assert (names(sftp), (sftp.files / "a.csv").read_bytes()) == (["a.csv"], b"two")


def test_a_lost_answer_to_a_rename_is_found_by_looking(place, sftp):
    """The file counts as written once, whether or not the rename was done before its answer was lost."""
    sftp.cut("after-rename")
    assert place.put_new("a.csv", BytesIO(b"one")) == "made"
    place.close()
    sftp.cut("before-rename")
    with pytest.raises(PlaceUnavailable):
        place.put_new("b.csv", BytesIO(b"two"))
    assert names(sftp) == ["a.csv", "b.csv.part"]
    assert place.part_state("b.csv") == "part"
    assert (place.publish("b.csv"), place.publish("b.csv"), names(sftp)) == ("made", "same", ["a.csv", "b.csv"])


def test_a_connection_that_the_server_has_closed_is_made_anew(place, sftp):
    """A step on a connection that idled is repeated on a new one; one on a new connection fails at once."""
    assert place.look() == []
    sftp.cut("request")
    assert place.look() == []
    place.close()
    sftp.cut("request")
    with pytest.raises(PlaceUnavailable) as failure:
        place.look()
    assert failure.value.code == "connection"


def test_an_upload_that_is_cut_leaves_no_file_of_its_name(place, sftp):
    """A part stays unfinished, and the next delivery overwrites it."""
    content = bytes(range(256)) * 40_000
    sftp.cut("write 5000000")
    with pytest.raises(PlaceUnavailable, match="the connection was lost"):
        place.put_new("a.csv", BytesIO(content))
    assert names(sftp) == ["a.csv.part"]
    assert place.put_new("a.csv", BytesIO(content)) == "made"
    assert (names(sftp), (sftp.files / "a.csv").read_bytes()) == (["a.csv"], content)


def test_a_changed_host_key_is_an_error_with_both_fingerprints(sftp, tmp_path):
    """It says which key was known, which one the server shows, and what to do; nothing is sent."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "other"], check=True)
    known_hosts = tmp_path / "known_hosts"
    known_hosts.write_text(f"[127.0.0.1]:{sftp.port} {(tmp_path / 'other.pub').read_text()}")
    prints = [
        subprocess.run(["ssh-keygen", "-lf", path], check=True, capture_output=True, text=True).stdout.split()[1]
        for path in (tmp_path / "other.pub", sftp.folder / "host_key.pub")
    ]
    settings = PlaceConfig(url=sftp.url, **sftp.access | {"known_hosts": str(known_hosts)})
    with open_place(settings, {}, Path("/")) as place, pytest.raises(PlaceRefused) as refused:
        place.look()
    assert refused.value.code == "host-key"
    assert f"has {prints[0]} (ssh-ed25519), the server shows {prints[1]} (ssh-ed25519)" in str(refused.value)
    assert f"replace the line of [127.0.0.1]:{sftp.port}" in str(refused.value)


def test_a_host_key_of_another_kind_is_a_changed_one(sftp, tmp_path):
    """A server that has only a key of a kind that is not known is told from one without common algorithms."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", tmp_path / "other"], check=True)
    known_hosts = tmp_path / "known_hosts"
    known_hosts.write_text(f"[127.0.0.1]:{sftp.port} {(tmp_path / 'other.pub').read_text()}")
    settings = PlaceConfig(url=sftp.url, **sftp.access | {"known_hosts": str(known_hosts)})
    with open_place(settings, {}, Path("/")) as place, pytest.raises(PlaceRefused, match="the host key has changed"):
        place.look()


def test_an_unknown_host_is_not_trusted(sftp, tmp_path):
    """A server without a line in `known_hosts` gets nothing, and the message says how to write one."""
    (tmp_path / "known_hosts").write_text("")
    settings = PlaceConfig(url=sftp.url, **sftp.access | {"known_hosts": str(tmp_path / "known_hosts")})
    text = rf"has no line for \[127.0.0.1\]:{sftp.port}; .*`ssh-keyscan -p {sftp.port} 127\.0\.0\.1`"
    with open_place(settings, {}, Path("/")) as place, pytest.raises(PlaceRefused, match=text):
        place.look()


def test_a_key_that_the_server_does_not_know_is_refused(sftp, tmp_path):
    """The message names the user and what was tried; a key with a pass phrase needs it."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "phrase", "-f", tmp_path / "other"], check=True)
    access = sftp.access | {"key": "${file:other}"}
    with pytest.raises(PlaceRefused, match=r"\$\{file:other\} cannot be used: it is encrypted"):
        open_place(PlaceConfig(url=sftp.url, **access), {}, tmp_path)
    access |= {"key_passphrase": "${env:PHRASE}"}
    with pytest.raises(PlaceRefused, match="does not open it"):
        open_place(PlaceConfig(url=sftp.url, **access), {"PHRASE": "wrong"}, tmp_path)
    with open_place(PlaceConfig(url=sftp.url, **access), {"PHRASE": "phrase"}, tmp_path) as place:  # noqa: SIM117
        with pytest.raises(PlaceRefused, match=f"does not let user '{sftp.user}' in by key"):
            place.look()


def test_a_server_that_hangs_stops_nobody(sftp):
    """A server that accepts and then says nothing is an error after the time-out."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"sftp://127.0.0.1:{silent.getsockname()[1]}/in"
        settings = PlaceConfig(url=url, timeout_s=0.2, **sftp.access)
        with (
            open_place(settings, {}, Path("/")) as place,
            pytest.raises(PlaceUnavailable, match=r"no answer in 0\.2 s"),
        ):
            place.look()
