"""Run the experiment of one of the review's questions, and print the answer with its numbers.

Each question has said beforehand which metric decides.  The table has a row for each run; figure
and sentence are made from it.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from vmmodel.commands.run import natural, positive

if TYPE_CHECKING:
    import pandas as pd

    from vmmodel.questions.base import Question
    from vmmodel.questions.sweeps import SweepLab

EPILOG = """\
  ./study answer                       the questions
  ./study answer Q4                    quick: a minute or two on two cores
  ./study answer Q4 --profile full     more machines, settings and replications: hours
  ./study answer all --out DIR         all of them, with table, figure and sentence in DIR
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("question", nargs="?", help="Q1 to Q9, or all; lists them if not given")
    add_lab_arguments(parser)


def add_lab_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare how much is run and where it goes, as `lab_of` reads it."""
    parser.add_argument(
        "--profile", choices=("quick", "full"), default="quick", help="how much to run"
    )
    parser.add_argument("--replications", type=positive, help="other than the profile's")
    parser.add_argument("--seed", type=natural, default=1, help="seed of all streams (default: 1)")
    parser.add_argument("--workers", type=positive, help="processes (default: one for each CPU)")
    parser.add_argument("--runs", type=Path, help="folder for the runs (data/runs/answers)")
    parser.add_argument("--out", type=Path, help="folder for tables, figure and text")
    parser.add_argument("--again", action="store_true", help="run again what is there already")
    parser.add_argument(
        "--store", action="store_true", help="keep the quick table in data/answers, for the report"
    )


def run(arguments: argparse.Namespace) -> int:
    """Answer what was asked."""
    from vmmodel.questions.known import QUESTIONS, question

    if arguments.question is None:
        print("\n".join(f"{each.name}  {each.asks}" for each in QUESTIONS.values()))
        return 0
    everything = arguments.question.lower() == "all"
    asked = list(QUESTIONS.values()) if everything else [question(arguments.question)]
    _check(arguments, asked)
    command = _command(arguments)
    lab = lab_of(arguments, command)
    for each in asked:
        _keep(each, _answer(each, lab), arguments, command)
    return 0


def _check(arguments: argparse.Namespace, asked: "list[Question]") -> None:
    """Refuse what cannot be written, before anything is run."""
    from vmmodel.experiment.store import check_replaceable

    check_storable(arguments)
    for each in asked if arguments.out else ():
        check_replaceable(arguments.out / each.name.lower())


def check_storable(arguments: argparse.Namespace) -> None:
    """Refuse to keep a table that is not that of the quick profile."""
    from vmmodel.errors import InputError
    from vmmodel.questions.sweeps import REPLICATIONS

    quick = arguments.profile == "quick" and arguments.seed == 1
    if arguments.store and not (quick and arguments.replications in (None, REPLICATIONS["quick"])):
        raise InputError("--store", "this is another profile or seed", "the quick profile as it is")


def _command(arguments: argparse.Namespace) -> str:
    """Word the command for a reader to repeat."""
    from vmmodel.commands.sweeping import command_line

    words = ["answer", arguments.question, "--profile", arguments.profile]
    if arguments.replications:
        words += ["--replications", str(arguments.replications)]
    return command_line([*words, "--seed", str(arguments.seed)])


def lab_of(arguments: argparse.Namespace, command: str) -> "SweepLab":
    """Give the place where runs are made, with progress; *command* repeats it."""
    from vmmodel.commands.sweeping import progress_console, sweep_with_progress
    from vmmodel.experiment.sweep import Sweep
    from vmmodel.paths import ROOT
    from vmmodel.questions.sweeps import REPLICATIONS, SweepLab

    console, profile = progress_console(), arguments.profile
    replications = arguments.replications or REPLICATIONS[profile]

    def perform(sweep: Sweep, folder: Path) -> None:
        sweep_with_progress(sweep, folder, command, arguments.workers, console, keep=True)

    runs = arguments.runs or ROOT / "data" / "runs" / "answers"
    folder = (runs / profile).absolute()
    return SweepLab(folder, perform, profile, replications, arguments.seed, arguments.again)


def _answer(question: "Question", lab: "SweepLab") -> "pd.DataFrame":
    """Measure, and print what the table says."""
    from vmmodel.questions.stored import as_table
    from vmmodel.report.terminal import print_frame

    table = as_table(question.measure(lab), question)
    found, metric = question.answer(table), question.primary
    print(f"{question.name}  {question.asks}")
    print(f"Decided beforehand by: {metric.title} ({metric.unit}): {question.judged}\n")
    print(found.sentence.replace("`", ""))
    print(f"\nIt would turn: {found.turns.replace('`', '')}")
    if found.limits:
        print(f"It does not show: {found.limits.replace('`', '')}")
    print(f"What FreeBSD did: {question.freebsd}\n")
    print_frame(question.summary(table), f"{question.name}, {lab.replications} replications")
    print()
    return table


def _keep(
    question: "Question", table: "pd.DataFrame", arguments: argparse.Namespace, command: str
) -> None:
    """Write the table where it was asked for."""
    from vmmodel.questions.pages import write_answer
    from vmmodel.questions.stored import store

    if arguments.store:
        print(store(question, table))
    if arguments.out:
        print(write_answer(question, table, arguments.out / question.name.lower(), command))
