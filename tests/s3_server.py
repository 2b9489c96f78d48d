"""An S3 server on loopback, for tests: moto's, in a process of its own."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

PROGRAM = """
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
server.stop()
"""


@dataclass(frozen=True)
class S3Bucket:
    """A new bucket; `client` is botocore's, for what the tests do at the server themselves."""

    endpoint_url: str
    name: str
    client: Any

    def put(self, key: str, body: bytes) -> None:
        """Put an object."""
        self.client.put_object(Bucket=self.name, Key=key, Body=body)

    def get(self, key: str) -> bytes:
        """Return the bytes of an object."""
        body: bytes = self.client.get_object(Bucket=self.name, Key=key)["Body"].read()
        return body

    def all_keys(self) -> list[str]:
        """Return the keys of all objects."""
        return [item["Key"] for item in self.client.list_objects_v2(Bucket=self.name).get("Contents", ())]


@pytest.fixture(scope="session")
def s3_url() -> Iterator[str]:
    """The address of an S3 server; the test is skipped where there is none, and fails there under CI."""
    if any(importlib.util.find_spec(name) is None for name in ("moto", "flask_cors", "botocore")):
        assert "CI" not in os.environ, "moto[s3], flask-cors and botocore are not installed"
        pytest.skip("moto[s3], flask-cors and botocore are not installed")
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", PROGRAM],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env=os.environ | {"MOTO_S3_DEFAULT_KEY_BUFFER_SIZE": "65536"},
    ) as process:  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        assert port, "moto's server did not start"
        yield f"http://127.0.0.1:{port}"
        process.stdin.close()
        process.wait(60)


@pytest.fixture(scope="session")
def s3_client(s3_url: str) -> Any:
    """A client of the server, botocore's own."""
    import botocore.session
    from botocore.config import Config

    session = botocore.session.Session()
    session.set_credentials("test", "test")
    config = Config(signature_version="s3v4", s3={"addressing_style": "path"}, proxies={})
    return session.create_client("s3", region_name="us-east-1", endpoint_url=s3_url, config=config)


@pytest.fixture
def s3_bucket(s3_url: str, s3_client: Any) -> S3Bucket:
    """A new bucket of the server."""
    name = f"bucket-{uuid.uuid4().hex[:12]}"
    s3_client.create_bucket(Bucket=name)
    return S3Bucket(s3_url, name, s3_client)
