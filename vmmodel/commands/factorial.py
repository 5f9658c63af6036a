"""Cross the choices that a design is made of: which matters, which does not, and how much.

Every plan is balanced over main effects and two-way interactions; combinations that cannot be built
are in none.  All compositions meet the same drawn events.
"""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from vmmodel.commands.answer import add_lab_arguments

if TYPE_CHECKING:
    from vmmodel.questions.factorial import Effects

EPILOG = """\
  ./study factorial                    quick: three minutes of a CPU
  ./study factorial --out DIR          also CSV, figure and text in DIR
  ./study factorial --profile full     every plan on every workload at its own size: a night
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    add_lab_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    """Make the runs, and print what they say."""
    from vmmodel.commands.answer import check_storable, lab_of
    from vmmodel.commands.sweeping import command_line
    from vmmodel.experiment.store import check_replaceable
    from vmmodel.questions import factorial
    from vmmodel.questions.stored import store

    check_storable(arguments)
    if arguments.out:
        check_replaceable(arguments.out)
    words = ["factorial", "--profile", arguments.profile]
    if arguments.replications:
        words += ["--replications", str(arguments.replications)]
    command = command_line([*words, "--seed", str(arguments.seed)])
    found = factorial.effects(factorial.measure(lab_of(arguments, command)))
    _print(found)
    if arguments.store:
        print(store(factorial.FACTORIAL, found.runs))
    if arguments.out:
        print(_write(found, arguments.out, command))
    return 0


def _print(found: "Effects") -> None:
    from vmmodel.analysis.factorial import MATTERS, SMALL
    from vmmodel.analysis.family import FAMILY
    from vmmodel.questions.choices import LIMITS, sentences
    from vmmodel.questions.plans import PLANS
    from vmmodel.report.factorial import READ_AS, printed
    from vmmodel.report.terminal import print_frame

    for plan in PLANS.values():
        print(f"{plan.name}: {plan.kind} combinations of {', '.join(plan.crossed)}; {plan.why}.")
    print(f"{READ_AS}\n")
    joint = found.terms.term.str.contains(":")
    for metric in FAMILY:
        print_frame(printed(found.terms[~joint], metric), f"{metric.title}: main effects")
        shown = printed(found.terms[joint & found.terms.verdict.isin((MATTERS, SMALL))], metric)
        if shown.empty:
            print(f"{metric.title}: no two-way interaction is shown.\n")
        else:
            print_frame(shown, f"{metric.title}: two-way interactions that are shown")
    print("\n".join(sentence.replace("`", "") for sentence in sentences(found)))
    print(f"It does not show: {LIMITS.replace('`', '')}")


def _write(found: "Effects", folder: Path, command: str) -> Path:
    """Write tables, figure and text, replacing what was there."""
    from vmmodel.checks.store import Outcome, write_outcome
    from vmmodel.questions import choices
    from vmmodel.questions.factorial import STAGES
    from vmmodel.questions.plans import BASE, pairs
    from vmmodel.report.factorial import factorial
    from vmmodel.report.picture import standalone

    figure = factorial(found.terms, found.levels, list(BASE))
    stages = [f"`{stage.scenario}`: {stage.why}." for stage in STAGES]
    texts = {"answer.md": choices.markdown(found, stages)}
    if figure.svg:
        texts["factorial.svg"] = standalone(figure)
    reports = {
        "factorial": found.runs,
        "factorial-terms": found.terms,
        "factorial-levels": found.levels,
        "factorial-pairs": pairs(),
    }
    write_outcome(folder, Outcome(reports, texts), command, figure.caption)
    return folder
