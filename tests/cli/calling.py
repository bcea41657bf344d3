"""The command line, called in this process."""

import contextlib
import io

from tilth.cli.main import main

FAST = ["--epochs", "1", "--lr", "0.01", "--dtype", "float32", "--set", "train.channels_last=no"]
"""Options for a training that only has to end."""


def call(*words):
    """Run the command line here; return exit code, stdout and stderr."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            main([str(word) for word in words])
        except SystemExit as stop:
            code = stop.code or 0
    return code, out.getvalue(), err.getvalue()
