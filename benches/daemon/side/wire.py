"""Frames, and a sender that is faster than any daemon: whole arrays of them handed to the kernel by `sendmmsg`."""

import ctypes
import os
import random
import socket
import struct
import time

ETHERNET = bytes.fromhex("020000007701" "020000007702" "0800")
LENGTH = 54
SERVER = socket.inet_aton("10.77.0.1")
# Where the fields are that differ from frame to frame.
SOURCE, SOURCE_PORT, PORT, SEQUENCE = 26, 34, 36, 38
MESSAGE = struct.Struct("@PIxxxxPNPNixxxxIxxxx")
SOL_PACKET, PACKET_QDISC_BYPASS = 263, 20
AT_ONCE = 1024


def frame(source, port, source_port=40000, sequence=1):
    """A SYN from the address `source`, a number, to the server. Its checksums are not filled in: nobody looks at them."""
    ip = struct.pack("!BBHHHBBH4s4s", 0x45, 0, LENGTH - 14, 1, 0x4000, 64, 6, 0, struct.pack("!I", source), SERVER)
    return ETHERNET + ip + struct.pack("!HHIIBBHHH", source_port, port, sequence, 0, 0x50, 2, 64240, 0, 0)


class Frames:
    """Frames of the same length in one piece of memory, which is described to the kernel once and changed in place."""

    def __init__(self, frames):
        self.count = len(frames)
        self.bytes = bytearray(b"".join(frames))
        self._place = (ctypes.c_char * len(self.bytes)).from_buffer(self.bytes)
        start = ctypes.addressof(self._place)
        self._pieces = ctypes.create_string_buffer(
            b"".join(struct.pack("@PN", start + LENGTH * number, LENGTH) for number in range(self.count)))
        piece = ctypes.addressof(self._pieces)
        self._messages = ctypes.create_string_buffer(
            b"".join(MESSAGE.pack(0, 0, piece + 16 * number, 1, 0, 0, 0, 0) for number in range(self.count)))
        self.messages = ctypes.addressof(self._messages)

    def put(self, place, made):
        self.bytes[LENGTH * place:LENGTH * (place + 1)] = made

    def renew(self, number):
        """Gives every frame the source port and, in its upper half, the sequence number that belong to `number`: it is
        then no repeat of what was sent before."""
        for offset, value in ((SOURCE_PORT, struct.pack("!H", 20000 + number)), (SEQUENCE, struct.pack("!H", number + 1))):
            for place, byte in enumerate(value):
                self.bytes[offset + place::LENGTH] = bytes([byte]) * self.count


class Sender:
    """A raw socket at the client's end of the cable."""

    def __init__(self, host, interface="eth0"):
        with host.inside():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        with host.inside():
            self.socket.bind((interface, 0))
        self.socket.setsockopt(SOL_PACKET, PACKET_QDISC_BYPASS, 1)
        self.libc = ctypes.CDLL(None, use_errno=True)
        self.libc.sendmmsg.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int]

    def one(self, made):
        self.socket.send(made)

    def all(self, frames, first=0, last=None):
        """Sends the frames `first` to `last`, as fast as the kernel takes them."""
        last = frames.count if last is None else last
        while first < last:
            done = self.libc.sendmmsg(self.socket.fileno(), frames.messages + MESSAGE.size * first,
                                      min(AT_ONCE, last - first), 0)
            if done < 0:
                raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
            first += done

    def paced(self, frames, rate):
        """Sends all frames, `rate` a second."""
        began = time.monotonic()
        for first in range(0, frames.count, 500):
            self.all(frames, first, min(first + 500, frames.count))
            wait = began + (first + 500) / rate - time.monotonic()
            if wait > 0:
                time.sleep(wait)

    def close(self):
        self.socket.close()


def knock(sender, source, ports=(7000, 8000, 9000), pause=None):
    """One knock; the time at which its last hit is sent, in nanoseconds since 1970. `pause` comes before the last hit."""
    for number, port in enumerate(ports):
        if number == len(ports) - 1:
            if pause:
                time.sleep(pause)
            made = frame(source, port, random.randrange(30000, 60000), random.getrandbits(32))
            at = time.time_ns()
            sender.one(made)
            return at
        sender.one(frame(source, port, random.randrange(30000, 60000), random.getrandbits(32)))
