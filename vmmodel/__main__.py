"""The command line: ``./study COMMAND``, or ``python -m vmmodel COMMAND``."""

import argparse
import os
import sys
from difflib import get_close_matches
from importlib import import_module
from typing import NoReturn

from vmmodel import __version__
from vmmodel.errors import StudyError
from vmmodel.experiment.interrupts import obeyed, tell_stopped

COMMANDS = {
    "report": "run the quick profile and write reports/index.html",
    "list": "show scenarios, designs and parameters",
    "describe": "describe a workload and draw its load over time",
    "run": "run one scenario and write its tables",
    "answer": "answer a question of the review from its own experiment",
    "factorial": "cross the choices of a design, and see which matters",
    "sensitivity": "vary what is assumed, and see whether the answer turns",
    "sweep": "run a sweep file, on this machine or many",
    "metrics": "print all 21 metrics, each with its denominator",
    "diff": "compare two sweeps: what changed beyond noise",
    "export": "write the tables of a sweep as CSV",
    "verify": "check a sweep: checksums, schema, conservation in every row",
    "parity": "replay traces of FreeBSD's own allocator, compare row by row",
    "check": "put the model beside benchmarks of the literature",
    "bench": "measure the compiled kernel side by side with C",
    "lab": "open the notebooks in JupyterLab",
    "test": "run all tests",
}

DESCRIPTION = """\
What should FreeBSD do with a page that promised never to be freed and has to go back?
A model of its physical memory compares the designs in fragmentation, leaks and latency.
"""

EXAMPLES = """\
examples:
  ./study report                                   the whole study in a few minutes
  ./study list syzkaller                           one scenario and its parameters
  ./study run syzkaller --design freeable --design bump:leak --seed 7 --out /tmp/s
  ./study run hosts --zones my-vmstat-z.txt --set memory_gb=32 --out /tmp/mine
  ./study parity data/golden/*.csv.gz              does the model answer like the kernel?
"""


class Parser(argparse.ArgumentParser):
    """A parser whose complaint about a command suggests the nearest one."""

    def error(self, message: str) -> NoReturn:
        """Print one sentence and how to learn more, and exit with 2."""
        self.exit(2, f"study: {message} (see {self.prog} --help)\n")


def main(argv: list[str] | None = None) -> int:
    """Run one command; give its exit status."""
    try:
        try:
            with obeyed():
                return _dispatch(sys.argv[1:] if argv is None else argv)
        finally:
            if sys.stdout is not None:  # it was closed before we began
                sys.stdout.flush()
    except StudyError as error:
        sys.stderr.write(f"study: {error}\n")
        return 2
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package == "vmmodel":
            raise
        sys.stderr.write(f"study: {package} is not installed: delete .venv and start again\n")
        return 1
    except KeyboardInterrupt:
        return tell_stopped()
    except BrokenPipeError:
        # The reader went away (`| head`): not our mistake, and nothing more to say.
        _discard_output()
        return 141
    except OSError as error:
        place = f"{error.filename}: " if error.filename else ""
        told = type(error).__str__ is not OSError.__str__  # it has a sentence of its own
        sys.stderr.write(f"study: {error if told else place + (error.strerror or str(error))}\n")
        _discard_output()
        return 1


def _discard_output() -> None:
    """Let what is still to be written to standard output go nowhere, without complaint."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _dispatch(arguments: list[str]) -> int:
    parser = Parser(
        prog="./study",
        description=DESCRIPTION,
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"vmmodel {__version__}")
    commands = parser.add_subparsers(title="commands", metavar="COMMAND", dest="command")
    chosen = next((word for word in arguments if not word.startswith("-")), None)
    for name, summary in COMMANDS.items():
        sub = commands.add_parser(name, help=summary, description=f"{summary.capitalize()}.")
        sub.formatter_class = argparse.RawDescriptionHelpFormatter
        if name == chosen:
            module = import_module(f"vmmodel.commands.{name}")
            sub.description, sub.epilog = module.__doc__, getattr(module, "EPILOG", None)
            module.add_arguments(sub)
            sub.set_defaults(run=module.run)
    if chosen is not None and chosen not in COMMANDS:
        near = get_close_matches(chosen, COMMANDS, n=1)
        meant = f", did you mean {near[0]}?" if near else f", expected {', '.join(COMMANDS)}"
        parser.error(f"unknown command {chosen!r}{meant}")
    parsed = parser.parse_args(arguments)
    if parsed.command is None:
        parser.print_help()
        return 0
    status = parsed.run(parsed)
    assert isinstance(status, int)
    return status


if __name__ == "__main__":
    sys.exit(main())
