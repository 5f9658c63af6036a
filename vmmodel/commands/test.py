"""Run all tests; words after -- go to pytest."""

import argparse
import os
import sys

EPILOG = """\
  ./study test                          everything, on all CPUs
  ./study test -- tests/kernel -x       a part of it
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("words", nargs="*", metavar="PYTEST_WORD", help="for pytest, behind --")


def run(arguments: argparse.Namespace) -> int:
    """Become pytest, in the project's folder."""
    from vmmodel.commands.sweeping import compile_kernel
    from vmmodel.cpus import available_cpus
    from vmmodel.paths import ROOT
    from vmmodel.report.terminal import plain_console

    compile_kernel(plain_console(stderr=True))
    os.chdir(ROOT)
    everything = ["-n", str(available_cpus()), "--dist", "worksteal", "-q"]
    words = arguments.words or everything
    os.execv(sys.executable, [sys.executable, "-m", "pytest", *words])
