"""An iSCSI initiator without a kernel, for tests: qemu-io's commands through libiscsi.

usage: iscsi_initiator.py PORTAL IQN LUN USER HOST COMMAND...
The password is read from the first line of the standard input.
COMMAND is `write -P BYTE OFFSET LENGTH`, `read -P BYTE OFFSET LENGTH` or `flush`.
"""

import ctypes
import sys

BLOCK = 512
# as much as is asked for at once
CHUNK = 1 << 20
NORMAL_SESSION = 2
GOOD = 0

lib = ctypes.CDLL("libiscsi.so.7")
pointer, integer, long_long, text = ctypes.c_void_p, ctypes.c_int, ctypes.c_uint64, ctypes.c_char_p


class Vector(ctypes.Structure):
    _fields_ = [("base", pointer), ("length", ctypes.c_size_t)]


def function(name, result, *arguments):
    found = getattr(lib, name)
    found.restype, found.argtypes = result, arguments
    return found


create = function("iscsi_create_context", pointer, text)
set_target = function("iscsi_set_targetname", integer, pointer, text)
set_type = function("iscsi_set_session_type", integer, pointer, integer)
set_login = function("iscsi_set_initiator_username_pwd", integer, pointer, text, text)
set_timeout = function("iscsi_set_timeout", integer, pointer, integer)
# who is thrown out stays out
set_no_reconnect = function("iscsi_set_noautoreconnect", None, pointer, integer)
connect = function("iscsi_full_connect_sync", integer, pointer, text, integer)
error = function("iscsi_get_error", text, pointer)
write16 = function("iscsi_write16_sync", pointer, pointer, integer, long_long, text,
                   ctypes.c_uint32, *[integer] * 6)
read16 = function("iscsi_read16_iov_sync", pointer, pointer, integer, long_long,
                  ctypes.c_uint32, *[integer] * 6, ctypes.POINTER(Vector), integer)
flush16 = function("iscsi_synchronizecache16_sync", pointer, pointer, integer, long_long,
                   ctypes.c_uint32, integer, integer)
logout = function("iscsi_logout_sync", integer, pointer)


def size(word):
    units = {"k": 1 << 10, "M": 1 << 20, "G": 1 << 30}
    return int(word[:-1], 0) * units[word[-1]] if word[-1] in units else int(word, 0)


def check(context, task, what):
    # the status is the first member of a task
    if not task or ctypes.cast(task, ctypes.POINTER(integer))[0] != GOOD:
        sys.exit(f"{what} failed: {error(context).decode()}")


def carry_out(context, lun, command):
    words = command.split()
    if words[0] == "flush":
        return check(context, flush16(context, lun, 0, 0, 0, 0), command)
    byte, offset, length = int(words[2], 0), size(words[3]), size(words[4])
    for start in range(offset, offset + length, CHUNK):
        count = min(CHUNK, offset + length - start)
        expected = bytes([byte]) * count
        if words[0] == "write":
            task = write16(context, lun, start // BLOCK, expected, count, BLOCK, 0, 0, 0, 0, 0)
            check(context, task, command)
        else:
            buffer = ctypes.create_string_buffer(count)
            vector = Vector(ctypes.cast(buffer, pointer), count)
            task = read16(context, lun, start // BLOCK, count, BLOCK, 0, 0, 0, 0, 0,
                          ctypes.byref(vector), 1)
            check(context, task, command)
            if buffer.raw != expected:
                sys.exit(f"{command} failed: other data")


def main():
    portal, iqn, lun, user, host, *commands = sys.argv[1:]
    password = sys.stdin.readline().rstrip("\n")
    context = create(f"iqn.2026-01.test:{host}".encode())
    set_target(context, iqn.encode())
    set_type(context, NORMAL_SESSION)
    set_login(context, user.encode(), password.encode())
    set_timeout(context, 20)
    set_no_reconnect(context, 1)
    if connect(context, portal.encode(), int(lun)) != 0:
        sys.exit(f"the login failed: {error(context).decode()}")
    for command in commands:
        carry_out(context, int(lun), command)
    logout(context)


main()
