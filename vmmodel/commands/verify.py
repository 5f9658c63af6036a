"""Check a sweep's folder: checksums, schema, and conservation of pages in every row.

Exit status: 0 sound, 1 something is wrong.
"""

import argparse
from pathlib import Path

EPILOG = """\
  ./study verify data/runs/quick
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="the folder of a sweep")


def run(arguments: argparse.Namespace) -> int:
    """Print what is wrong, a line each."""
    from vmmodel.analysis.tables import load
    from vmmodel.analysis.verify import verify

    faults = verify(arguments.folder)
    for fault in faults:
        print(fault)
    if not faults:
        study = load(arguments.folder)
        rows = f"{len(study.runs):,} runs, schema version {study.meta['schema']}"
        print(f"{arguments.folder}: sound: {rows}, all checksums match, all books balance")
    return 1 if faults else 0
