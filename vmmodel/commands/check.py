"""Put the model beside what others measured: benchmarks of the literature.

Writes tables with units, a figure and meta.json into a folder, and prints a summary.
"""

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from vmmodel.commands.run import natural, pairs, positive

if TYPE_CHECKING:
    from vmmodel.workloads.benchmarks import Fragmentation, LockBulk
    from vmmodel.workloads.story import Story

CHECKS = {
    "llfree-frag": "LLFree's fragmentation benchmark on FreeBSD's buddy lists",
    "desktop": "the published share of 2 MB chunks with a VM OBJECT slab, two days of a desktop",
    "lock-bulk": "calibrate the free lock on 1 to 8 published cores, predict 64",
}

EPILOG = """\
  ./study check llfree-frag --memory-gb 16 --seed 1 --out DIR
  ./study check llfree-frag --memory-gb 128 --no-pgcache --out DIR    each page to the buddy lists
  ./study check llfree-frag --set rounds=20 --set moved=50 --out DIR  more is freed in a round
  ./study check desktop --replications 5 --out DIR
  ./study check desktop --set zfs_share=0 --out DIR                   would speak against it
  ./study check lock-bulk --out DIR
  ./study describe llfree-frag                                        its parameters and sources

checks:
""" + "".join(f"  {name:<12} {what}\n" for name, what in CHECKS.items())


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the checks and their arguments."""
    checks = parser.add_subparsers(metavar="CHECK", dest="check", required=True)
    frag = checks.add_parser("llfree-frag", help=CHECKS["llfree-frag"])
    frag.add_argument("--memory-gb", metavar="GB", help="short for --set memory_gb=GB")
    frag.add_argument("--seed", type=natural, default=1, help="seed of all streams (default: 1)")
    frag.add_argument(
        "--no-pgcache", action="store_true", help="pages come from the buddy lists one by one"
    )
    frag.add_argument(
        "--drain", action="store_true", help="empty the page caches between frees and allocations"
    )
    bulk = checks.add_parser("lock-bulk", help=CHECKS["lock-bulk"])
    desk = checks.add_parser("desktop", help=CHECKS["desktop"])
    desk.add_argument("--seed", type=natural, default=1, help="seed of all streams (default: 1)")
    desk.add_argument("--replications", type=positive, default=3, help="(default: %(default)s)")
    for check in (frag, bulk):
        check.add_argument(
            "--workload", type=Path, metavar="FILE.toml", help="a workload file of your own"
        )
    for check in (frag, bulk, desk):
        check.add_argument(
            "--set", action="append", default=[], metavar="NAME=VALUE", help="set a parameter"
        )
        check.add_argument("--out", type=Path, required=True, help="folder for tables and figure")


def _workload(arguments: argparse.Namespace, name: str) -> "Story":
    """Find the benchmark *name*, ours or the user's, with what is set."""
    from vmmodel.errors import InputError
    from vmmodel.experiment.scenario import WORKLOADS
    from vmmodel.workloads.described import described

    found = described(arguments.workload) if arguments.workload else WORKLOADS[name]
    values = pairs(arguments.set)
    if getattr(arguments, "memory_gb", None) is not None:
        values["memory_gb"] = arguments.memory_gb
    chosen = found.with_values(values).description
    if type(chosen) is not type(WORKLOADS[name].description):
        raise InputError(arguments.workload, "it is another workload", f'model = "{name}"')
    return chosen


def run(arguments: argparse.Namespace) -> int:
    """Run the check that was asked for."""
    from vmmodel.commands.sweeping import compile_kernel, progress_console
    from vmmodel.experiment.store import check_replaceable
    from vmmodel.workloads.benchmarks import Fragmentation, LockBulk

    check_replaceable(arguments.out)
    benchmark = None if arguments.check == "desktop" else _workload(arguments, arguments.check)
    compile_kernel(progress_console())
    match benchmark:
        case Fragmentation():
            _llfree_frag(arguments, benchmark)
        case LockBulk():
            _lock_bulk(arguments, benchmark)
        case _:
            _desktop(arguments)
    print(arguments.out)
    return 0


def _llfree_frag(arguments: argparse.Namespace, workload: "Fragmentation") -> None:
    from vmmodel.analysis.llfree_frag import FragRun, load_published, report
    from vmmodel.checks.llfree_frag import FragBenchmark, FragState, run_tables
    from vmmodel.checks.store import Outcome, write_outcome
    from vmmodel.commands.sweeping import command_line
    from vmmodel.report.llfree_frag import fragmentation
    from vmmodel.report.picture import standalone

    published = load_published()
    sizes, gb = workload.sizes, float(workload.memory_gb.value)

    def tell(state: FragState) -> None:
        if state.round % 10 == 0:
            sys.stderr.write(f"round {state.round} of {sizes.rounds}\n")

    sys.stderr.write("Filling memory (when it is the first time, its loop is compiled: 10 s) ...\n")
    benchmark = FragBenchmark(
        sizes, arguments.seed, pgcache=not arguments.no_pgcache, drain=arguments.drain
    )
    tables = run_tables(benchmark, tell)
    benchmark.close()
    regions = tables["regions"].to_pandas()
    table = report(tables["rounds"].to_pandas(), regions)
    figure = fragmentation(FragRun(table, regions, _label(arguments, gb)), published)
    outcome = Outcome({"llfree-frag": table}, {"llfree-frag.svg": standalone(figure)}, tables)
    write_outcome(arguments.out, outcome, command_line(_words(arguments, gb)), figure.caption)
    shown = table.filter(regex="^(round|free_|metric_0|compaction)")
    print(shown[table["round"] % 20 == 0].to_string(index=False))


def _label(arguments: argparse.Namespace, gb: float) -> str:
    way = "each page from the buddy lists" if arguments.no_pgcache else "through the page caches"
    drained = ", drained in each round" if arguments.drain else ""
    return f"{gb:g} GB, {way}{drained}"


def _words(arguments: argparse.Namespace, gb: float) -> list[str]:
    words = ["check", "llfree-frag", *_settings(arguments), f"--memory-gb={gb:g}"]
    words += [f"--seed={arguments.seed}"]
    words += ["--no-pgcache"] * arguments.no_pgcache + ["--drain"] * arguments.drain
    return [*words, "--out", "DIR"]


def _settings(arguments: argparse.Namespace) -> list[str]:
    own = [f"--workload={arguments.workload.name}"] if arguments.workload else []
    return own + [word for pair in arguments.set for word in ("--set", pair)]


def _desktop(arguments: argparse.Namespace) -> None:
    from vmmodel.checks.desktop import Picture, pictures, summary
    from vmmodel.checks.store import Outcome, write_outcome
    from vmmodel.commands.sweeping import command_line
    from vmmodel.experiment.scenario import scenario

    def tell(done: Picture) -> None:
        sys.stderr.write(
            f"{done.design}, replication {done.replication}: {done.tainted_percent:.1f} % of "
            f"chunks, {done.page_operations:,} page operations\n"
        )

    designs = ("ordinary", "freeable")
    chosen = scenario("desktop", values=pairs(arguments.set))
    table = pictures(chosen, designs, arguments.replications, arguments.seed, tell)
    found = summary(table)
    words = ["check", "desktop", f"--replications={arguments.replications}"]
    words += [word for pair in arguments.set for word in ("--set", pair)]
    command = command_line([*words, f"--seed={arguments.seed}", "--out", "DIR"])
    caption = "Published: review D23979, one machine; range over replications"
    write_outcome(
        arguments.out, Outcome({"desktop": table, "summary": found}, {}), command, caption
    )
    print(found.to_string(index=False))


def _lock_bulk(arguments: argparse.Namespace, workload: "LockBulk") -> None:
    from vmmodel.checks.lock_bulk import calibrate, load_published
    from vmmodel.checks.lock_tables import is_stored, predictions, price_table, worded
    from vmmodel.checks.store import Outcome, write_outcome
    from vmmodel.commands.sweeping import command_line
    from vmmodel.report.lock_bulk import bulk_curve
    from vmmodel.report.picture import standalone
    from vmmodel.sim.lock_prices import LOCK
    from vmmodel.sim.prices import load_prices

    most = workload.most.whole
    found = calibrate(load_prices(), load_published(), workload)
    table, prices = predictions(found, most), price_table(found)
    figure = bulk_curve(table)
    texts = {"lock.toml": prices, "lock-bulk.svg": standalone(figure)}
    command = command_line(["check", "lock-bulk", *_settings(arguments), "--out", "DIR"])
    write_outcome(arguments.out, Outcome({"lock-bulk": table}, texts), command, figure.caption)
    print(table[table.cores.isin([1, 2, 4, 8, 16, 26, most])].to_string(index=False))
    for name, one in found.items():
        print(worded(name, one))
    print(f"{LOCK} {'is this fit' if is_stored(prices) else 'is another fit than this'}")
