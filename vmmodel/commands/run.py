"""Run one scenario under one or more designs and write its tables.

The folder holds runs, samples, regions, latencies and events as Parquet, and meta.json.
"""

import argparse
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from vmmodel.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from vmmodel.experiment.sweep import Sweep

EPILOG = """\
  ./study run syzkaller --out /tmp/s                                 all designs, one replication
  ./study run second-resource --design freeable --design batch --replications 20 --out /tmp/r
  ./study run hosts --variant M1 --out /tmp/m1                       one recorded machine
  ./study run desktop --design ordinary --check --out /tmp/desktop   two days, some 15 s
  ./study run second-resource --precision 0.1 --max-replications 200 --out /tmp/p
                                      replications until differences are known to 10 %
  ./study run my-workload.toml --out /tmp/own                        a workload file of your own
  ./study run replay --trace trace.csv --out /tmp/trace              what a machine asked for
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
    parser.add_argument(
        "--precision", type=share, metavar="SHARE", help="add replications until the primary "
        "differences are known to this share of themselves, or to 1 region, 1 page, 10 ns where "
        "that is more; what was reached is precision.parquet"
    )  # fmt: skip
    parser.add_argument(
        "--max-replications", type=positive, default=200, help="at most (default: 200)"
    )
    parser.add_argument("--variant", action="append", help="a variant; may be repeated")
    parser.add_argument(
        "--zones", type=Path, help="own zone table for hosts: vmstat -z, or with --libxo json"
    )
    parser.add_argument("--trace", type=Path, help="own trace for replay: docs/traces.md")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="set a parameter"
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="assert at every sample that no page is missing and that all lists are sound",
    )
    parser.add_argument("--workers", type=positive, help="processes (default: one for each CPU)")
    parser.add_argument(
        "--out",
        type=Path,
        required=True,
        help="folder for the tables; another sweep that is there is replaced, and named",
    )


def run(arguments: argparse.Namespace) -> int:
    """Run and print where the tables are."""
    from vmmodel.commands.sweeping import command_line, progress_console, sweep_with_progress
    from vmmodel.experiment.scenario import scenario as find
    from vmmodel.experiment.store import check_replaceable
    from vmmodel.experiment.sweep import Sweep
    from vmmodel.nofree import known_designs

    values = pairs(arguments.set)
    chosen = find(arguments.scenario, arguments.zones, values, arguments.trace)
    if arguments.variant:
        chosen = chosen.choose(*dict.fromkeys(arguments.variant))
    check_replaceable(arguments.out)
    for note in chosen.notes:
        sys.stderr.write(f"study: {arguments.zones or arguments.trace or chosen.name}: {note}\n")
    sweep = Sweep(
        scenarios=(chosen,),
        designs=known_designs(arguments.design),
        replications=arguments.replications,
        seed=arguments.seed,
        profile="run",
        check=arguments.check,
    )
    command = command_line(_words(arguments, sweep.designs))
    console = progress_console()

    def go(stage: Sweep, *, keep: bool = False) -> None:
        sweep_with_progress(stage, arguments.out, command, arguments.workers, console, keep=keep)

    if arguments.precision is None:
        go(sweep)
    else:
        _until_precise(sweep, arguments, partial(go, keep=True), go)
    print(arguments.out)
    return 0


def _until_precise(
    sweep: "Sweep",
    arguments: argparse.Namespace,
    run_more: "Callable[[Sweep], None]",
    run_last: "Callable[[Sweep], None]",
) -> None:
    """Add replications until the differences are precise; write and print what was reached.

    The last stage is put together once more, from finished units, without keeping them.
    """
    from vmmodel.analysis.precision import FEWEST, LOOK_AHEAD, precision_table, wanted
    from vmmodel.analysis.tables import BASELINE, load
    from vmmodel.experiment.sequential import run_until
    from vmmodel.experiment.store import add_table
    from vmmodel.report.terminal import print_frame

    if BASELINE not in sweep.designs or len(sweep.designs) < 2:
        what = f"differences are taken against {BASELINE}"
        raise InputError("--precision", what, f"--design {BASELINE} and one more")

    def precise() -> bool:
        return not wanted(precision_table(load(arguments.out), arguments.precision))

    first = replace(sweep, replications=max(sweep.replications, FEWEST + LOOK_AHEAD))
    limit = max(arguments.max_replications, sweep.replications)
    last = run_until(first, limit, run_more, precise)
    run_last(last)
    table = precision_table(load(arguments.out), arguments.precision)
    add_table(arguments.out, "precision", table)
    print_frame(table, f"After {last.replications} replications")


def _words(arguments: argparse.Namespace, designs: tuple[str, ...]) -> list[str]:
    own_file = arguments.scenario.endswith(".toml")
    words = ["run", Path(arguments.scenario).name if own_file else arguments.scenario]
    for design in designs:
        words += ["--design", design]
    for variant in arguments.variant or []:
        words += ["--variant", variant]
    if arguments.zones:
        words += ["--zones", arguments.zones.name]
    if arguments.trace:
        words += ["--trace", arguments.trace.name]
    for pair in arguments.set:
        words += ["--set", pair]
    words += ["--seed", str(arguments.seed), "--replications", str(arguments.replications)]
    if arguments.precision is not None:
        words += ["--precision", f"{arguments.precision:g}"]
        words += ["--max-replications", str(arguments.max_replications)]
    return [*words, "--out", "DIR"]


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


def share(text: str) -> float:
    """Read a number above 0 and below 1."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number between 0 and 1")
    return value


def positive(text: str) -> int:
    """Read a whole number from 1 to 100000."""
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 100_000:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 to 100000")
    return int(text)
