"""Describe a workload: its story, machine, phases, parameters, and a picture of its load."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

EPILOG = """\
  ./study describe server-spike                    one of ours
  ./study describe my-workload.toml                a file of your own, like those in data/workloads
  ./study describe desktop --set cpus=4            with another value
  ./study describe desktop --out desktop.svg       the picture for a page
"""
SLICES = 60


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    from vmmodel.commands.run import natural

    parser.add_argument("workload", help="its name (./study list), or a file that ends in .toml")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="set a parameter"
    )
    parser.add_argument("--seed", type=natural, default=1, help="seed of all streams (default: 1)")
    parser.add_argument("--out", type=Path, help="write the picture there as SVG")


def run(arguments: argparse.Namespace) -> int:
    """Print the description."""
    from rich.console import Console

    from vmmodel.commands.list import show_scenario
    from vmmodel.commands.run import pairs
    from vmmodel.experiment.scenario import scenario as find
    from vmmodel.sim.whole import WholeScript
    from vmmodel.workloads.overtime import load_over_time

    console = Console(highlight=False, soft_wrap=False)
    scenario = find(arguments.workload, values=pairs(arguments.set))
    show_scenario(console, scenario)
    script = scenario.script(arguments.seed, scenario.chosen[0], 0)
    if not isinstance(script, WholeScript):
        console.print("No picture: the load of this scenario is bursts beside its subject.")
        return 0
    columns = load_over_time(script, SLICES)
    _show_machine(console, script)
    _show_load(console, columns)
    if arguments.out:
        _write(arguments.out, scenario.name, columns, script)
        console.print(f"\n{arguments.out}", soft_wrap=True)
    return 0


def _show_machine(console, script) -> None:  # type: ignore[no-untyped-def]
    from rich.table import Table

    gb = " + ".join(f"{pages / 262_144:g}" for pages in script.domains)
    kernel = ", KASAN kernel" if script.kasan else ""
    console.print(f"\nMachine: {gb} GB, {len(script.load.timelines)} CPUs{kernel}; "
                  f"NOFREE zones {', '.join(name for name, _ in script.zones)}")  # fmt: skip
    table = Table("phase", "from", "to", title="Phases", title_justify="left")
    for phase in script.phases:
        table.add_row(phase.name, _clock(phase.start_ns), _clock(phase.end_ns))
    console.print(table)


def _clock(ns: int) -> str:
    seconds = ns // 1_000_000_000
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def _show_load(console, columns: Mapping[str, Any]) -> None:  # type: ignore[no-untyped-def]
    """Print a row of bars for each column, against its own greatest value."""
    console.print("\nLoad over time, as drawn before any design sees it (from 0 to the greatest):")
    for name, values in columns.items():
        if name != "hours":
            console.print(f"{name:>14} {bars(values)} {max(values):,.0f}", soft_wrap=True)


def bars(values: Any) -> str:
    """Draw numbers as blocks of eight heights.

    >>> bars([0, 1, 4, 8])
    ' ▁▄█'
    """
    most = max([*values, 0]) or 1
    return "".join(" ▁▂▃▄▅▆▇█"[-int(-max(value, 0) * 8 // most)] for value in values)


def _write(path: Path, name: str, columns: Mapping[str, Any], script) -> None:  # type: ignore[no-untyped-def]
    """Write the picture, whole or not at all."""
    from vmmodel.errors import InputError
    from vmmodel.report.style import css_variables
    from vmmodel.report.workload import load_figure

    hour = 3.6e12
    phases = [(p.name, p.start_ns / hour, p.end_ns / hour) for p in script.phases]
    svg = load_figure(name, columns, phases).svg
    style = (
        f"<style>svg {{ color: #222; background: #fff; {css_variables(dark=False)} }} "
        f"@media (prefers-color-scheme: dark) {{ svg {{ color: #ddd; background: #16181d; "
        f"{css_variables(dark=True)} }} }}</style>"
    )
    head, rest = svg.split(">", 1)
    unfinished = path.with_name(path.name + ".part")
    try:
        unfinished.write_text(f"{head}>{style}{rest}", encoding="utf-8")
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise InputError(path, f"cannot be written ({error.strerror})", "a file") from None
