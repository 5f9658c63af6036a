"""Call the command line, in this process or in one of its own."""

import subprocess
import sys

import pytest

from vmmodel.__main__ import main
from vmmodel.paths import ROOT

VMMODEL = [sys.executable, "-m", "vmmodel"]


def call(*words: str) -> int:
    """Run a command in this process; give its exit status."""
    try:
        return main(list(words))
    except SystemExit as stop:
        return int(stop.code or 0)


def refusal(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """Run a command that must be refused with one line and status 2; give the line."""
    capsys.readouterr()
    status = call(*words)
    captured = capsys.readouterr()
    assert 2 == status
    assert "" == captured.out
    (line,) = captured.err.splitlines()
    return line


def start(*words: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own."""
    return subprocess.run([*VMMODEL, *words], cwd=ROOT, capture_output=True, text=True, check=False)
