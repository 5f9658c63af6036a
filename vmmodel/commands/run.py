"""Run one scenario under one or more designs and write its tables.

The folder holds runs, samples, regions, latencies and events as Parquet, and meta.json.
"""

import argparse
import sys
from pathlib import Path

from vmmodel.errors import InputError, meant

EPILOG = """\
  ./study run syzkaller --out /tmp/s                                 all designs, one replication
  ./study run second-resource --design freeable --design batch --replications 20 --out /tmp/r
  ./study run hosts --variant M1 --out /tmp/m1                       one recorded machine
  ./study run desktop --design ordinary --check --out /tmp/desktop   two days, some 15 s
  ./study run my-workload.toml --out /tmp/own                        a workload file of your own
  vmstat -z > zones.txt; ./study run hosts --zones zones.txt --set memory_gb=32 --out /tmp/mine
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("scenario", help="see ./study list; or a workload file, NAME.toml")
    parser.add_argument(
        "--design", action="append", default=[], help="a design; may be repeated (default: all)"
    )
    parser.add_argument("--seed", type=natural, default=1, help="seed of all streams (default: 1)")
    parser.add_argument(
        "--replications", type=positive, default=1, help="replications of each design (default: 1)"
    )
    parser.add_argument("--variant", action="append", help="a variant; may be repeated")
    parser.add_argument(
        "--zones", type=Path, help="own zone table for hosts: vmstat -z, or with --libxo json"
    )
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="set a parameter"
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="assert at every sample that no page is missing and that all lists are sound",
    )
    parser.add_argument("--workers", type=positive, help="processes (default: one for each CPU)")
    parser.add_argument("--out", type=Path, required=True, help="folder for the tables")


def run(arguments: argparse.Namespace) -> int:
    """Run and print where the tables are."""
    from vmmodel.commands.sweeping import command_line, progress_console, sweep_with_progress
    from vmmodel.experiment.scenario import scenario as find
    from vmmodel.experiment.store import check_replaceable
    from vmmodel.experiment.sweep import Sweep

    chosen = find(arguments.scenario, arguments.zones, pairs(arguments.set))
    if arguments.variant:
        chosen = chosen.choose(*dict.fromkeys(arguments.variant))
    check_replaceable(arguments.out)
    for note in chosen.notes:
        sys.stderr.write(f"study: {arguments.zones}: {note}\n")
    sweep = Sweep(
        scenarios=(chosen,),
        designs=known_designs(arguments.design),
        replications=arguments.replications,
        seed=arguments.seed,
        profile="run",
        check=arguments.check,
    )
    words = _words(arguments, sweep.designs)
    sweep_with_progress(
        sweep, arguments.out, command_line(words), arguments.workers, progress_console()
    )
    print(arguments.out)
    return 0


def _words(arguments: argparse.Namespace, designs: tuple[str, ...]) -> list[str]:
    own_file = arguments.scenario.endswith(".toml")
    words = ["run", Path(arguments.scenario).name if own_file else arguments.scenario]
    for design in designs:
        words += ["--design", design]
    for variant in arguments.variant or []:
        words += ["--variant", variant]
    if arguments.zones:
        words += ["--zones", arguments.zones.name]
    for pair in arguments.set:
        words += ["--set", pair]
    words += ["--seed", str(arguments.seed), "--replications", str(arguments.replications)]
    return [*words, "--out", "DIR"]


def known_designs(names: list[str]) -> tuple[str, ...]:
    """Check design names, all of them by default; `InputError` suggests the nearest one.

    >>> known_designs(["batch", "ordinary"])
    ('ordinary', 'batch')
    """
    from vmmodel.nofree import DESIGNS

    for name in names:
        if name not in DESIGNS:
            what = f"{name!r} is unknown{meant(name, DESIGNS)}"
            raise InputError("--design", what, ", ".join(DESIGNS))
    return tuple(name for name in DESIGNS if not names or name in names)


def pairs(words: list[str]) -> dict[str, str]:
    """Split NAME=VALUE words.

    >>> pairs(["cpus=8"])
    {'cpus': '8'}
    """
    for word in words:
        if "=" not in word:
            raise InputError("--set", f"{word!r} has no value", "NAME=VALUE")
    return dict(word.split("=", 1) for word in words)


def natural(text: str) -> int:
    """Read a whole number from 0 to 2**63 - 1."""
    if not text.isascii() or not text.isdigit() or int(text) >= 1 << 63:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 0 to 2**63 - 1")
    return int(text)


def positive(text: str) -> int:
    """Read a whole number from 1 to 100000."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 100_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 to 100000")
    return int(text)
