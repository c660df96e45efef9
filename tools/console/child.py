"""Runs a command that cannot outlive the supervisor, whatever ends it.

`python child.py SUPERVISOR_PID COMMAND...` asks the kernel to kill this process when its parent dies, then becomes the
command. A file of its own, run as a script without site packages, so that it costs milliseconds.
"""

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # prctl(2); Linux only


def bind_to_parent(parent: int) -> None:
    """Asks for SIGKILL when the parent dies; ends at once when it already has."""
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:
        raise SystemExit("the supervisor is gone")


if __name__ == "__main__":
    bind_to_parent(int(sys.argv[1]))
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606  # the supervisor names the command
