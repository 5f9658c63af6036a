"""Run a sweep file: scenarios x designs x lists of parameters and prices x replications.

First comes a plan with the number of runs and the time they will take.  A sweep that was stopped,
killed or ran out of disk goes on where it was: start the same command again.
"""

import argparse
import re
from pathlib import Path
from typing import TYPE_CHECKING

from vmmodel.commands.run import positive
from vmmodel.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console

    from vmmodel.experiment.cluster import Cluster
    from vmmodel.experiment.plan import Plan
    from vmmodel.experiment.sweep import Sweep

EPILOG = """\
  ./study sweep data/sweeps/small.toml                some seconds; into data/runs/small
  ./study sweep FILE.toml --dry-run                   the plan only
  ./study sweep --estimate-full                       what the full study costs, on 2 to 1000 CPUs
  ./study sweep FILE.toml --scheduler tcp://HOST:8786 on machines of a Dask scheduler
  ./study sweep FILE.toml --scheduler local           Dask on this machine

docs/distributed.md tells how to start schedulers and workers, also under Slurm and Kubernetes.
"""

CORES = (2, 32, 1000)
"""For which the full study is estimated."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("file", nargs="?", type=Path, metavar="FILE.toml", help="the sweep file")
    parser.add_argument(
        "--out",
        type=Path,
        help="folder for the tables (data/runs/FILE); another sweep there is replaced, and named",
    )
    parser.add_argument("--dry-run", action="store_true", help="plan and estimate, write nothing")
    parser.add_argument(
        "--estimate-full", action="store_true", help="estimate all scenarios, designs, replications"
    )
    parser.add_argument("--workers", type=positive, help="processes (default: one for each CPU)")
    parser.add_argument("--again", action="store_true", help="run again what is there already")
    parser.add_argument(
        "--scheduler", metavar="ADDRESS", help="of Dask, as tcp://HOST:PORT; or local"
    )
    for name, what in (("ca-file", "authority"), ("cert", "certificate"), ("key", "private key")):
        parser.add_argument(f"--tls-{name}", type=Path, metavar="FILE", help=f"TLS {what}, PEM")


def run(arguments: argparse.Namespace) -> int:
    """Plan, run, and print where the tables are."""
    from vmmodel.commands.sweeping import command_line, progress_console, sweep_with_progress
    from vmmodel.cpus import available_cpus
    from vmmodel.experiment.locks import forget_shards
    from vmmodel.experiment.store import check_replaceable, read_meta
    from vmmodel.experiment.sweepfile import read_sweep

    console = progress_console()
    if arguments.estimate_full:
        return _estimate_full(console)
    if arguments.file is None:
        raise InputError("sweep", "no file is named", "FILE.toml, or --estimate-full")
    cluster = _cluster(arguments)
    sweep = read_sweep(arguments.file)
    out = arguments.out or _folder_of(arguments.file)
    workers = arguments.workers or available_cpus()
    if arguments.dry_run:
        _show(sweep, _plan(sweep, out, console), workers, cluster)
        return 0
    check_replaceable(out)
    if arguments.again:
        forget_shards(out)
    meta = read_meta(out)
    if arguments.again or meta is None or meta.get("key") != sweep.key():
        plan = _plan(sweep, out, console, workers if cluster is None else 0)
        _show(sweep, plan, workers, cluster, console)
        command = command_line(["sweep", arguments.file.name, "--out", "DIR"])
        sweep_with_progress(
            sweep,
            out,
            command,
            workers,
            console,
            keep=True,
            cluster=cluster,
            cost=plan.costs.of_unit,
        )
    else:
        console.print(f"The runs are there already: {out}")
    print(out)
    return 0


def _folder_of(file: Path) -> Path:
    from vmmodel.paths import ROOT

    if not re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}", file.stem):
        raise InputError(file, "its name makes no name of a folder", "--out DIR")
    return ROOT / "data" / "runs" / file.stem


def _cluster(arguments: argparse.Namespace) -> "Cluster | None":
    tls = (arguments.tls_ca_file, arguments.tls_cert, arguments.tls_key)
    if arguments.scheduler is None:
        if any(tls):
            raise InputError("--tls-*", "there is nothing to encrypt", "--scheduler ADDRESS too")
        return None
    from vmmodel.experiment.cluster import Cluster

    return Cluster(arguments.scheduler, *tls)


def _plan(sweep: "Sweep", out: Path, console: "Console", workers: int = 0) -> "Plan":
    """Make the plan; what *workers* will be forked from loads meanwhile."""
    from vmmodel.commands.sweeping import compile_kernel
    from vmmodel.experiment.plan import make_plan
    from vmmodel.experiment.sweep import shards_of
    from vmmodel.experiment.workers import prepare

    compile_kernel(console)
    if workers > 1:
        prepare()
    return make_plan(sweep, shards_of(out), console.print)


def _show(
    sweep: "Sweep",
    plan: "Plan",
    workers: int,
    cluster: "Cluster | None",
    console: "Console | None" = None,
) -> None:
    """Print the plan: to standard output if it is what was asked for, else as progress."""
    say = console.print if console else print
    say(_worded(sweep, plan))
    if not plan.left:
        return
    from vmmodel.experiment.plan import duration

    costs = plan.costs
    basis = f"{costs.earlier} earlier and {costs.pilots} pilot runs"
    where = f"{workers} processes" if cluster is None else "one processor"
    wall = plan.wall(workers if cluster is None else 1)
    say(f"About {duration(wall)} on {where}, measured on {basis}.")


def _worded(sweep: "Sweep", plan: "Plan") -> str:
    cases = sum(len(scenario.chosen) for scenario in sweep.scenarios)
    todo = plan.runs - plan.finished
    return (
        f"{plan.runs:,} runs: {cases} settings and variants x {len(sweep.designs)} designs x "
        f"{sweep.replications} replications; {plan.finished:,} are finished, {todo:,} to be run."
    )


def _estimate_full(console: "Console") -> int:
    """Estimate the study with everything there is, from measured runs."""
    from rich.table import Table

    from vmmodel.commands.report import REPLICATIONS
    from vmmodel.experiment.plan import Plan, duration
    from vmmodel.experiment.scenario import SCENARIOS
    from vmmodel.experiment.sweep import Sweep
    from vmmodel.nofree import DESIGNS
    from vmmodel.paths import ROOT
    from vmmodel.report.terminal import plain_console

    chosen = [scenario for scenario in SCENARIOS.values() if "full" in scenario.profiles]
    scenarios = tuple(scenario.choose(*scenario.variants) for scenario in chosen)
    sweep = Sweep(scenarios, tuple(DESIGNS), REPLICATIONS["full"], 1, "full")
    found = _plan(sweep, ROOT / "data" / "runs" / "full", console)
    plan = Plan(found.runs, 0, tuple(sweep.units()), found.costs)
    basis = f"{plan.costs.earlier} earlier and {plan.costs.pilots} pilot runs"
    print(_worded(sweep, plan))
    print(f"{duration(plan.computing)} of computing, measured on {basis} of this machine.")
    table = Table("processors", "time")
    for cores in CORES:
        table.add_row(f"{cores:,}", duration(plan.wall(cores)))
    plain_console().print(table)
    return 0
