"""The programs of the isolation bench, as text for `python -c`: partners, the worker, and one run in either tree."""

#: A server whose partners answer at once, never, a byte at a time, or after 1.8 s; it ends with its standard input.
PARTNER = """
import json, sys, threading, time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
modes = json.loads(sys.argv[1])
ended = threading.Event()
class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        mode = modes.get(self.path.split("/")[1])
        if mode == "hang":
            ended.wait(30)
            return
        if mode == "trickle":
            for byte in b"HTTP/1.1 200 OK\\r\\n":
                self.wfile.write(bytes([byte]))
                if ended.wait(0.5):
                    return
        if mode == "slow":
            ended.wait(1.8)
        self.wfile.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\n\\r\\n")
    def log_message(self, *_):
        pass
class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256
    def handle_error(self, *_):
        pass
server = Server(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
sys.stdin.read()
ended.set()
"""

#: The worker of `milepost serve`, looking into the inboxes every 20 ms; it ends with its standard input.
WORKER = """
import sys, threading
from datetime import UTC, datetime
from pathlib import Path
from poc.config.workspace import load_workspace
from poc.service.worker import InboxWorker
stop = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), stop.set()), daemon=True).start()
report = (lambda line: print(line, file=sys.stderr)) if sys.argv[2:] else (lambda line: None)
with InboxWorker(load_workspace(Path(sys.argv[1])), lambda: datetime.now(UTC), "0", stop.is_set, report) as worker:
    worker.scan()
    print("ready", flush=True)
    while not stop.wait(0.02):
        worker.scan()
"""

#: Create a workspace by the scaffold of either tree, whose settings a newer or older one may not know.
MAKE = """
import sys
from pathlib import Path
from poc.config.scaffold import create_workspace
create_workspace(Path(sys.argv[1]), "bench", "live", dict.fromkeys(sys.argv[2:], "United"), "")
"""

#: One run over the inboxes, in the process of either tree: prints its seconds.
RUN = """
import sys, time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from metrics.events import SpoolRecorder
from poc.config.workspace import load_workspace
try:
    from poc.service.inbox_run import run_inbox
except ImportError:
    from poc.service.runner import run_inbox
workspace = load_workspace(Path(sys.argv[1]))
for line in sys.stdin:
    began_s = time.monotonic()
    with closing(SpoolRecorder(workspace.spool)) as recorder:
        results = list(run_inbox(workspace, None, 4, lambda: datetime.now(UTC), recorder, "0"))
    print(time.monotonic() - began_s, sum(result.receipt is not None for result in results), flush=True)
"""
