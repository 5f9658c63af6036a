"""Run the study and write the report: an HTML page for each notebook, and the answer in front.

Runs that were finished before, with the same source, parameters and seed, are not run again.
"""

import argparse
import time
from pathlib import Path

from vmmodel.commands.run import natural, positive

EPILOG = """\
profiles:
  quick   5 scenarios, 3 recorded machines, 10 designs, 10 replications: about five minutes
  full    all scenarios, workloads and recorded machines, 50 replications: many hours
"""

REPLICATIONS = {"quick": 10, "full": 50}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("--profile", choices=REPLICATIONS, default="quick", help="how much to run")
    parser.add_argument("--replications", type=positive, help="other than the profile's")
    parser.add_argument("--seed", type=natural, default=1, help="seed of all streams (default: 1)")
    parser.add_argument("--workers", type=positive, help="processes (default: one for each CPU)")
    parser.add_argument(
        "--runs",
        type=Path,
        help="folder of tables (data/runs/PROFILE); another sweep there is named and replaced",
    )
    parser.add_argument("--out", type=Path, help="folder for the pages (default: reports/)")
    parser.add_argument("--again", action="store_true", help="run again what is there already")


def run(arguments: argparse.Namespace) -> int:
    """Run what is not there yet, execute the notebooks, write the pages."""
    from vmmodel.commands.sweeping import command_line, progress_console, sweep_with_progress
    from vmmodel.experiment.locks import forget_shards
    from vmmodel.experiment.scenario import SCENARIOS
    from vmmodel.experiment.store import check_replaceable, read_meta
    from vmmodel.experiment.sweep import Sweep
    from vmmodel.nofree import DESIGNS
    from vmmodel.paths import ROOT

    console = progress_console()
    start = time.monotonic()
    profile = arguments.profile
    scenarios = tuple(each for each in SCENARIOS.values() if profile in each.profiles)
    if profile == "full":
        scenarios = tuple(scenario.choose(*scenario.variants) for scenario in scenarios)
    replications = arguments.replications or REPLICATIONS[profile]
    sweep = Sweep(scenarios, tuple(DESIGNS), replications, arguments.seed, profile)
    folder = arguments.runs or ROOT / "data" / "runs" / profile
    out = (arguments.out or ROOT / "reports").absolute()
    check_replaceable(folder)
    words = ["report", "--profile", profile, "--replications", str(replications)]
    command = command_line([*words, "--seed", str(arguments.seed)])
    if arguments.again:
        forget_shards(folder)
    meta = read_meta(folder)
    if arguments.again or meta is None or meta.get("key") != sweep.key():
        sweep_with_progress(sweep, folder, command, arguments.workers, console, keep=True)
    else:
        console.print(f"The runs are there already: {folder}")
    from vmmodel.report.export import build_report

    pages = build_report(folder, out, progress=console.print)
    console.print(f"Done in {time.monotonic() - start:.0f} s.")
    print(pages[0])
    return 0
