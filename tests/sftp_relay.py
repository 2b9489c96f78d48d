"""Relay before OpenSSH's sftp-server: passes packets on, and ends the session at the one that a test has chosen.

    sftp_relay.py FAULTS SFTP_SERVER

FAULTS is a file with one fault a line. A fault is taken from it as it befalls a session: `before-rename` and
`after-rename` at a rename, `write N` after N bytes of writes, `request` at any other packet.
"""

import fcntl
import os
import struct
import subprocess
import sys
import threading

READ, WRITE, RENAME, EXTENDED = 5, 6, 18, 200


def next_fault(path, *kinds, take=True):
    """The first fault of the file if it is of one of these kinds, else empty; it is taken from the file."""
    with open(path, "r+", encoding="ascii") as file:  # noqa: PTH123 (started without site packages, it stays small)
        fcntl.flock(file, fcntl.LOCK_EX)
        fault, *rest = file.read().splitlines() or [""]
        if fault.split(" ")[0] not in kinds:
            return ""
        if take:
            file.seek(0)
            file.truncate()
            file.write("".join(f"{line}\n" for line in rest))
    return fault


def packets(stream):
    """The packets of a stream, with their lengths."""
    while head := stream.read(4):
        yield head + stream.read(struct.unpack(">I", head)[0])


def is_rename(packet):
    """Whether a packet asks for a rename, the plain one or OpenSSH's."""
    return packet[4] == RENAME or (
        packet[4] == EXTENDED and packet[9:].startswith(b"\0\0\0\x18posix-rename@openssh.com")
    )


def make_strike(faults):
    """A function that returns the fault which a packet meets, empty for none."""
    cut = next_fault(faults, "write", take=False)
    left = int(cut.split(" ")[1]) if cut else 0

    def strike(packet):
        nonlocal left
        if is_rename(packet):
            return next_fault(faults, "before-rename", "after-rename", "request")
        if packet[4] == WRITE:
            left -= len(packet)
            return next_fault(faults, "write") if cut and left < 0 else ""
        return next_fault(faults, "request") if packet[4] != READ else ""

    return strike


def main():
    """Pass packets on in both directions until the fault, or the end."""
    faults = sys.argv[1]
    strike = make_strike(faults)
    server = subprocess.Popen(sys.argv[2:], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    lost_id = []

    def answer():
        for packet in packets(server.stdout):
            if lost_id and packet[5:9] == lost_id[0]:
                os._exit(1)  # the rename is done, and its answer is lost
            sys.stdout.buffer.write(packet)
            sys.stdout.buffer.flush()
        os._exit(0)

    threading.Thread(target=answer, daemon=True).start()
    for packet in packets(sys.stdin.buffer):
        fault = strike(packet)
        if fault == "after-rename":
            lost_id.append(packet[5:9])
        elif fault:
            os._exit(1)
        server.stdin.write(packet)
        server.stdin.flush()
    server.stdin.close()
    server.wait()


main()
