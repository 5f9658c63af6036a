"""Open the notebooks in JupyterLab, on this machine only; its token is kept."""

import argparse
import os
import sys

EPILOG = """\
  ./study lab                      open a browser
  ./study lab --no-browser         print the address with its token instead
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--port", type=int, default=8888, help="first port to try (default: 8888)")
    parser.add_argument("--no-browser", action="store_true", help="print the address instead")


def run(arguments: argparse.Namespace) -> int:
    """Become JupyterLab."""
    from vmmodel.paths import ROOT

    words = [sys.executable, "-m", "jupyterlab", "--ServerApp.ip=127.0.0.1"]
    words += [f"--ServerApp.port={arguments.port}", f"--ServerApp.root_dir={ROOT}"]
    words += ["--LabApp.default_url=/lab/tree/notebooks/00-questions.ipynb"]
    if arguments.no_browser:
        words.append("--no-browser")
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        words.append("--allow-root")
    if not (ROOT / "data" / "runs" / "quick").is_dir():
        sys.stderr.write("The notebooks read data/runs/quick: ./study report makes it.\n")
    os.execv(sys.executable, words)
