"""Describe a workload: its story, machine, phases, parameters, and a picture of its load."""

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vmmodel.sim.machine import AnyScript

EPILOG = """\
  ./study describe server-spike                    one of ours
  ./study describe my-workload.toml                a file of your own, like those in data/workloads
  ./study describe desktop --set cpus=4            with another value
  ./study describe hosts --variant M1              one of its variants
  ./study describe replay --trace my-trace.csv     what a trace asks for
  ./study describe desktop --out desktop.svg       the picture for a page
  ./study describe syzkaller --write-trace s.csv   what was drawn, to be changed and replayed
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
    parser.add_argument("--variant", help="a variant (default: the first of those chosen)")
    parser.add_argument("--zones", type=Path, help="own zone table for hosts")
    parser.add_argument("--trace", type=Path, help="own trace for replay")
    parser.add_argument("--out", type=Path, help="write the picture there as SVG")
    parser.add_argument(
        "--write-trace", type=Path, metavar="FILE", help="write there what was drawn, as a trace"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print the description."""
    from vmmodel.commands.files import check_file
    from vmmodel.commands.list import show_workload
    from vmmodel.commands.run import pairs
    from vmmodel.experiment.scenario import scenario as find
    from vmmodel.experiment.scenario import workload as find_workload
    from vmmodel.report.terminal import plain_console
    from vmmodel.workloads.benchmarks import Fragmentation, LockBulk

    console, values = plain_console(), pairs(arguments.set)
    files = [path for path in (arguments.write_trace, arguments.out) if path]
    for path in files:
        check_file(path)
    workload = find_workload(arguments.workload, values)
    scenario, script, variant = None, None, ""
    if not isinstance(workload.description, Fragmentation | LockBulk):
        scenario = find(arguments.workload, arguments.zones, values, arguments.trace)
        asked = [arguments.variant] if arguments.variant is not None else scenario.chosen
        variant = scenario.choose(*asked).chosen[0]
        script = scenario.script(arguments.seed, variant, 0)
    columns = _columns(workload.description, script)
    _write_files(arguments, workload.description.name, columns, script)
    show_workload(console, workload, scenario)
    if scenario is not None and script is not None:
        for note in scenario.notes:
            console.print(f"Note: {note}")
        _show_machine(console, script, variant)
    _show_load(console, columns)
    for path in files:
        console.print(f"\n{path}", soft_wrap=True)
    return 0


def _write_files(
    arguments: argparse.Namespace,
    name: str,
    columns: Mapping[str, Any],
    script: "AnyScript | None",
) -> None:
    """Write what was asked for before anything is printed: a refusal stands alone."""
    if arguments.write_trace:
        _write_trace(arguments.write_trace, name, script)
    if arguments.out:
        _write(arguments.out, name, columns, script)


def _columns(description: Any, script: "AnyScript | None") -> Mapping[str, Any]:
    """Sum up the load over time, the way that belongs to the model."""
    from vmmodel.sim.whole import WholeScript
    from vmmodel.workloads.benchload import bulk_over_time, fragmentation_over_time
    from vmmodel.workloads.benchmarks import Fragmentation
    from vmmodel.workloads.burstload import bursts_over_time
    from vmmodel.workloads.overtime import load_over_time

    if script is None:
        if isinstance(description, Fragmentation):
            return fragmentation_over_time(description, SLICES)
        return bulk_over_time(description, SLICES)
    if isinstance(script, WholeScript):
        return load_over_time(script, SLICES)
    return bursts_over_time(script, SLICES)


def _show_machine(console, script: "AnyScript", variant: str) -> None:  # type: ignore[no-untyped-def]
    from rich.table import Table

    from vmmodel.sim.whole import WholeScript

    domains = script.domains if isinstance(script, WholeScript) else (script.npages,)
    cpus = script.load.timelines if isinstance(script, WholeScript) else script.cpus
    gb = " + ".join(f"{pages / 262_144:g}" for pages in domains)
    kernel = ", KASAN kernel" if script.kasan else ""
    zones = ", ".join(name for name, _ in script.zones) or "none"
    which = f" {variant}" if variant else ""
    console.print(f"\nMachine{which}: {gb} GB, {len(cpus)} CPUs{kernel}; NOFREE zones {zones}")
    if not isinstance(script, WholeScript):
        console.print(f"Length: {script.horizon_ns / 1e9:g} s")
        return
    table = Table("phase", "from", "to", title="Phases", title_justify="left")
    for phase in script.phases:
        table.add_row(phase.name, _clock(phase.start_ns), _clock(phase.end_ns))
    console.print(table)


def _clock(ns: int) -> str:
    seconds = ns // 1_000_000_000
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def _show_load(console, columns: Mapping[str, Any]) -> None:  # type: ignore[no-untyped-def]
    """Print a row of bars for each column, against its own greatest value."""
    first = next(iter(columns))
    if first in ("hours", "seconds"):
        console.print("\nLoad over time, as drawn before any design sees it (0 to the greatest):")
    else:
        console.print(f"\nLoad by {first} (0 to the greatest):")
    for name, values in columns.items():
        if name != first:
            most = max(values)
            greatest = f"{most:,.0f}" if most >= 10 else f"{most:.2g}"
            console.print(f"{name:>15} {bars(values)} {greatest}", soft_wrap=True)


def _write_trace(path: Path, name: str, script: "AnyScript | None") -> None:
    from vmmodel.errors import InputError
    from vmmodel.sim.script import Script
    from vmmodel.workloads.tracewrite import write_trace

    if not isinstance(script, Script):
        what = f"{name} is no subject beside bursts, and a trace has nothing else"
        raise InputError("--write-trace", what, "hosts, syzkaller, second-resource, init-failure")
    write_trace(script, path, name)


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
    phases = getattr(script, "phases", ())
    phases = [(p.name, p.start_ns / hour, p.end_ns / hour) for p in phases]
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
