"""Vary all that is assumed, prices and parameters, and see on what a difference rests.

Morris' screening over everything, Sobol's indices of what survives it, and an even sample of the
whole space: in what share of it does the ranking hold, and where does it turn first?
"""

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vmmodel.commands.run import natural, pairs, positive
from vmmodel.errors import InputError

if TYPE_CHECKING:
    from rich.console import Console

    from vmmodel.experiment.factors import Values
    from vmmodel.experiment.sensitivity import Study

EPILOG = """\
  ./study sensitivity second-resource --out /tmp/v          batch against freeable
  ./study sensitivity hosts --design ordinary --variant M5 --profile full --out /tmp/v
  ./study sensitivity syzkaller --set refills=600 --out /tmp/v        refills is not varied
  ./study sensitivity my-workload.toml --out /tmp/v                   a workload file of your own

profiles:
  quick   2 replications at 100 to 200 points: two to six minutes on 2 quiet cores
  full    5 replications at 1,000 to 1,500 points: an hour or two
"""


@dataclass(frozen=True)
class Profile:
    """How thoroughly to look."""

    replications: int
    trajectories: int
    """Of Morris; each has one point more than there are factors."""
    space: int
    """Points of the even sample."""
    sobol: int
    """A power of two; times survivors plus two are points."""
    survivors: int
    """At most so many factors go to Sobol."""


PROFILES = {"quick": Profile(2, 4, 16, 8, 2), "full": Profile(5, 20, 256, 64, 6)}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("scenario", help="see ./study list; or a workload file, NAME.toml")
    parser.add_argument("--design", default="batch", help="the design (default: batch)")
    parser.add_argument("--against", default="freeable", help="the other (default: freeable)")
    parser.add_argument("--variant", help="a variant (default: the last of those chosen)")
    parser.add_argument("--profile", choices=PROFILES, default="quick", help="how thoroughly")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="fix a parameter"
    )
    parser.add_argument("--seed", type=natural, default=1, help="seed of all streams (default: 1)")
    parser.add_argument("--workers", type=positive, help="processes (default: one for each CPU)")
    parser.add_argument("--out", type=Path, required=True, help="folder for the tables")


def run(arguments: argparse.Namespace) -> int:
    """Run the points, write the tables, print what they say."""
    from vmmodel.commands.sweeping import compile_kernel, progress_console
    from vmmodel.experiment.locks import sole_writer
    from vmmodel.experiment.sensitivity import POINTS, forget_points
    from vmmodel.experiment.store import check_replaceable
    from vmmodel.report.terminal import print_frame

    study = _study(arguments)
    check_replaceable(arguments.out)
    console = progress_console()
    with sole_writer(arguments.out, POINTS) as held:
        compile_kernel(console)
        tables = _Explorer(study, arguments, console).tables()
        _write(study, arguments, tables)
        if held.alone():
            forget_points(arguments.out)
    one, other = study.designs
    morris = tables["morris"]
    tables["morris"] = morris[morris.mu_star > 0].sort_values(["metric", "mu_star"])
    for name in ("morris", "sobol", "robustness"):
        print_frame(tables[name], f"{name}: {one} minus {other}")
    print(arguments.out)
    return 0


def _study(arguments: argparse.Namespace) -> "Study":
    from vmmodel.experiment.factors import factors
    from vmmodel.experiment.scenario import scenario as find
    from vmmodel.experiment.sensitivity import Study
    from vmmodel.nofree import known_designs
    from vmmodel.sim.prices import load_prices
    from vmmodel.workloads.bursts import Bursts

    designs = tuple(known_designs([name])[0] for name in (arguments.design, arguments.against))
    if designs[0] == designs[1]:
        raise InputError("--design", f"{designs[0]} is compared with itself", "another --against")
    values = pairs(arguments.set)
    chosen = find(arguments.scenario, values=values)
    fixed = {chosen.parameters.full_name(name) for name in values}
    variant = arguments.variant if arguments.variant is not None else chosen.chosen[-1]
    chosen = chosen.choose(variant)
    told = chosen.parameters.description
    if isinstance(told, Bursts) and variant in told.machine.memory_gb_of:
        fixed.add("memory_gb")  # it goes with the recorded machine
    prices = load_prices()
    return Study(
        chosen, variant, (designs[0], designs[1]), PROFILES[arguments.profile].replications,
        arguments.seed, prices, factors(chosen, prices, fixed),
    )  # fmt: skip


class _Explorer:
    """Runs stage after stage and gathers what all of them found."""

    def __init__(self, study: "Study", arguments: argparse.Namespace, console: "Console") -> None:
        self.study, self.console = study, console
        self.profile = PROFILES[arguments.profile]
        self.folder, self.workers = arguments.out, arguments.workers
        self.found: list[Any] = []

    def tables(self) -> dict[str, Any]:
        """Run all stages; give the tables by name."""
        from vmmodel.analysis import sensitivity as analysis
        from vmmodel.experiment import sensitivity as design
        from vmmodel.experiment.factors import assumed

        factors, seed, profile = self.study.factors, self.study.seed, self.profile
        self._stage("assumed", [assumed(factors)])
        points = design.morris_points(factors, profile.trajectories, seed)
        apart, places = self._stage("morris", points), design.places(factors, points)
        morris = analysis.morris_table(design.named(factors), places, apart, design.LEVELS, seed)
        self._stage("space", design.space_points(factors, profile.space, seed))
        kept = analysis.survivors(morris, profile.survivors)
        varied = [factor for factor in factors if factor.name in kept]
        tables = {"morris": morris, "sobol": analysis.NO_SOBOL}
        if varied:
            points = design.sobol_points(factors, varied, profile.sobol, seed)
            apart = self._stage("sobol", points)
            tables["sobol"] = analysis.sobol_table(design.named(varied), apart, seed)
        every = analysis.gathered(self.found)
        robustness = analysis.robustness_table(every, [factor.name for factor in factors])
        return {"points": every, **tables, "robustness": robustness}

    def _stage(self, name: str, points: Sequence["Values"]) -> Any:
        """Run *points*; give the differences, and keep them with what they rest on."""
        from vmmodel.analysis.sensitivity import differences
        from vmmodel.experiment.sensitivity import described, run_points

        study = self.study
        with _Bar(self.console, name, len(points)) as done:
            found = run_points(study, points, self.folder, workers=self.workers, done=done)
        apart = differences(found["runs"], found["latencies"], study.designs)
        if apart.isna().any(axis=None):
            what = f"at some points no replication ends under both {' and '.join(study.designs)}"
            raise InputError("--design", what, "designs that do not panic")
        self.found.append(described(study.factors, name, points).join(apart))
        return apart


class _Bar:
    """A bar on a terminal, else a line for each tenth."""

    def __init__(self, console: "Console", name: str, total: int) -> None:
        self.console, self.name, self.total, self.n = console, name, total, 0

    def __enter__(self) -> Callable[[], None]:
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description}", markup=False), BarColumn(),
            TextColumn("{task.completed:.0f}/{task.total:.0f} points, left"),
            TimeRemainingColumn(),
        )  # fmt: skip
        console = self.console
        self.bar = Progress(*columns, console=console, disable=not console.is_terminal)
        self.bar.start()
        self.task = self.bar.add_task(self.name, total=self.total)
        return self._done

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def _done(self) -> None:
        self.n += 1
        self.bar.advance(self.task)
        quiet = not self.console.is_terminal
        if quiet and self.n * 10 // self.total > (self.n - 1) * 10 // self.total:
            self.console.print(f"{self.name}: {self.n} of {self.total} points")


def _write(study: "Study", arguments: argparse.Namespace, tables: dict[str, Any]) -> None:
    """Write all tables and meta.json to the folder, at once."""
    import json
    from dataclasses import asdict

    from vmmodel.commands.sweeping import command_line
    from vmmodel.experiment.meta import describe_sweep
    from vmmodel.experiment.store import META, replace_folder
    from vmmodel.experiment.sweep import Sweep

    words = ["sensitivity", study.scenario.name, "--design", study.designs[0]]
    words += ["--against", study.designs[1], "--profile", arguments.profile]
    words += ["--variant", study.variant] if study.variant else []
    words += [word for pair in arguments.set for word in ("--set", pair)]
    command = command_line([*words, "--seed", str(study.seed), "--out", "DIR"])
    profile = f"sensitivity {arguments.profile}"
    sweep = Sweep((study.scenario,), study.designs, study.replications, study.seed, profile)
    meta = describe_sweep(sweep, command)
    meta["factors"] = [asdict(factor) for factor in study.factors]

    def fill(place: Path) -> None:
        for name, table in tables.items():
            table.to_parquet(place / f"{name}.parquet", index=False, compression="zstd")
        (place / META).write_text(json.dumps(meta, indent=1, sort_keys=True) + "\n")

    replace_folder(arguments.out, fill)
