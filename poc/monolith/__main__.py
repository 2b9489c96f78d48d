"""The monolith as a program that is driven by lines, like the service: `python -m poc.monolith`."""

import argparse
import csv
import hashlib
import json
import sys
import tomllib
from pathlib import Path
from typing import Any

import requests

from poc.monolith.exchange import check, exchange


def main(arguments: list[str] | None = None) -> int:
    """Answer requests until the input ends."""
    parser = argparse.ArgumentParser(prog="python -m poc.monolith", description="The old exchange, driven by lines.")
    parser.add_argument("--workspace", type=Path, required=True)
    parser.add_argument("--state", type=Path, required=True, help="folder of this subject's own log")
    parser.add_argument("--endpoint", required=True, help="base URL that stands for every partner's own")
    options = parser.parse_args(arguments)
    options.state.mkdir(parents=True, exist_ok=True)
    csv.field_size_limit(sys.maxsize)  # a long cell is no mistake
    timeouts = {
        path.stem: float(tomllib.loads(path.read_text("utf-8"))["endpoint"].get("timeout_s", 2.0))
        for path in (options.workspace / "partners").glob("*.toml")
    }
    session = requests.Session()
    session.trust_env = False
    session.headers["Content-Type"] = "application/jsonl"
    with (options.state / "exchange.log").open("a", encoding="utf-8") as log:
        say({"ready": "monolith", "source": source()})
        for line in sys.stdin:
            try:
                request = json.loads(line)
                partner, feed = request["partner"], request["feed"]
                if "check" in request:
                    say({"bad": check(Path(request["check"]))})
                    continue
                url = f"{options.endpoint.rstrip('/')}/{partner}/{feed}"
                result = exchange(Path(request["file"]), url, timeouts[partner], session)
            except (OSError, ValueError, KeyError) as error:
                say({"error": f"{type(error).__name__}: {error}", "exit_code": 2})
                continue
            log.write(f"{request['now']} {partner}/{feed} {request['file']} {result['outcome']} {result['error']}\n")
            log.flush()
            say(result)
    return 0


def source() -> str:
    """A hash of this program's own text: whoever measures it can tell when the baseline has changed."""
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def say(answer: dict[str, Any]) -> None:
    """One line out, at once."""
    sys.stdout.write(json.dumps(answer, separators=(",", ":")) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
