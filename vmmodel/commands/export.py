"""Write the tables of a sweep as CSV, with their units in a table of columns.

The folder also holds meta.json, so that it is seen whose tables they are.
"""

import argparse
import shutil
from pathlib import Path

EPILOG = """\
  ./study export data/runs/quick --csv /tmp/quick
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="the folder of a sweep")
    parser.add_argument("--csv", type=Path, required=True, metavar="OUT", help="folder for the CSV")


def run(arguments: argparse.Namespace) -> int:
    """Write and say where."""
    from vmmodel.analysis.tables import load
    from vmmodel.errors import InputError
    from vmmodel.experiment.store import META, check_replaceable, replace_folder

    study = load(arguments.folder)
    if arguments.csv.resolve() == arguments.folder.resolve():
        raise InputError(arguments.csv, "holds the sweep itself", "another folder")
    check_replaceable(arguments.csv)

    def fill(place: Path) -> None:
        from vmmodel.analysis.tables import write_csv, write_extra

        write_csv(study, place)
        if (study.folder / "precision.parquet").exists():  # of `./study run --precision`
            write_extra(study.folder, "precision", place)
        shutil.copyfile(study.folder / META, place / META)

    replace_folder(arguments.csv, fill)
    print(arguments.csv)
    return 0
