"""Certificates of an authority that only the tests know, made by the `openssl` command."""

import shutil
import ssl
import subprocess
from datetime import UTC, datetime, timedelta

import pytest

#: Each certificate: its subject, the names it is for, and the days from now to its first and its last day.
CERTIFICATES = {
    "good": ("partner", "DNS:localhost,IP:127.0.0.1", -1, 30),
    "expired": ("partner", "DNS:localhost,IP:127.0.0.1", -30, -5),
    "future": ("partner", "DNS:localhost,IP:127.0.0.1", 5, 30),
    "other": ("partner", "DNS:a.example,DNS:*.b.example,IP:::1", -1, 30),
    "client": ("milepost", "DNS:milepost.example", -1, 30),
}

SETTINGS = """
[ca]
default_ca = tests
[tests]
database = index
rand_serial = yes
new_certs_dir = .
certificate = ca.pem
private_key = ca.key
default_md = sha256
policy = any
unique_subject = no
[any]
commonName = supplied
"""


class Certificates:
    """The files of a folder: `NAME.pem` and `NAME.key` of each certificate, and `ca.pem`."""

    def __init__(self, folder):
        self.folder = folder
        self.now = datetime.now(UTC).replace(microsecond=0)
        (folder / "index").touch()
        (folder / "settings").write_text(SETTINGS)
        subject = ("-subj", "/CN=Test Authority", "-days", "30")
        self.openssl("req", "-x509", "-new", *self._key("ca"), *subject, "-out", "ca.pem")
        for name, (subject, names, first, last) in CERTIFICATES.items():
            (folder / "names").write_text(f"subjectAltName={names}\n")
            self.openssl("req", "-new", *self._key(name), "-subj", f"/CN={subject}", "-out", "request")
            begin, end = (f"{self.now + timedelta(days=day):%Y%m%d%H%M%SZ}" for day in (first, last))
            self.openssl(
                "ca", "-batch", "-notext", "-config", "settings", "-in", "request", "-extfile", "names",
                "-startdate", begin, "-enddate", end, "-out", f"{name}.pem",
            )  # fmt: skip

    def __getitem__(self, name):
        return self.folder / name

    def server(self, name="good", *, asks_for_client=False, version=None):
        """The TLS settings of a server with a certificate."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self[f"{name}.pem"], self[f"{name}.key"])
        if asks_for_client:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(self["ca.pem"])
        if version is not None:
            context.maximum_version = version
        return context

    def _key(self, name):
        return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", f"{name}.key")

    def openssl(self, *arguments):
        """Run the command in the folder."""
        subprocess.run(["openssl", *arguments], cwd=self.folder, check=True, capture_output=True)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    """An authority and its certificates."""
    if shutil.which("openssl") is None:
        pytest.skip("the command openssl is needed to make certificates")
    return Certificates(tmp_path_factory.mktemp("certificates"))
