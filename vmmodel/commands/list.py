"""Show scenarios, designs and parameters: what there is to run, and what it rests on."""

import argparse

EPILOG = """\
  ./study list                 everything, in short
  ./study list syzkaller       one scenario: story, limits, every parameter with its source
  ./study list --designs       every choice of a design: what FreeBSD has of it, what it costs
  ./study list freeable,reuse=address,return=chunk        one design, also one of your own
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("name", nargs="?", help="show this scenario or design in full")
    parser.add_argument("--designs", action="store_true", help="show what designs are made of")


def run(arguments: argparse.Namespace) -> int:
    """Print the lists."""
    from vmmodel.commands.listing import show_designs
    from vmmodel.report.terminal import plain_console

    console = plain_console()
    if arguments.designs:
        show_designs(console)
    elif arguments.name:
        _show(console, arguments.name)
    else:
        _show_all(console)
    return 0


def _show(console, name: str) -> None:  # type: ignore[no-untyped-def]
    """Show the design or scenario of that *name*; the nearest kind complains if it is neither."""
    from vmmodel.commands.listing import show_design
    from vmmodel.errors import meant
    from vmmodel.experiment.scenario import SCENARIOS, WORKLOADS, workload
    from vmmodel.nofree import DESIGNS

    base = name.partition(",")[0]
    of_design = base in DESIGNS or (not meant(base, WORKLOADS) and meant(base, DESIGNS))
    of_design = of_design or ("=" in name and not name.endswith(".toml"))
    if name not in WORKLOADS and of_design:
        show_design(console, name)
    elif name in SCENARIOS:
        show_workload(console, SCENARIOS[name].parameters, SCENARIOS[name])
    else:
        show_workload(console, workload(name))


def _show_all(console) -> None:  # type: ignore[no-untyped-def]
    from rich.table import Column, Table

    from vmmodel.experiment.scenario import SCENARIOS, WORKLOADS
    from vmmodel.nofree import DESIGNS

    table = Table("scenario", "what happens", "variants", title="Scenarios", title_justify="left")
    for name, workload in WORKLOADS.items():
        checked = name not in SCENARIOS
        variants = f"./study check {name}" if checked else ", ".join(SCENARIOS[name].variants)
        table.add_row(name, workload.description.story, variants)
    console.print(table)
    table = Table("design", "what it is", "source", title="Designs", title_justify="left")
    for name, design in DESIGNS.items():
        table.add_row(name, design.summary, design.source)
    console.print(table)
    longest = max(len(name) for each in WORKLOADS.values() for name in each.described())
    names = Column("parameter", min_width=longest, no_wrap=True)
    table = Table(
        "scenario", names, "value", "unit", "mark", title="Parameters", title_justify="left"
    )
    for name, workload in WORKLOADS.items():
        for parameter, described in workload.described().items():
            value, unit, mark = (str(described[key]) for key in ("value", "unit", "mark"))
            table.add_row(name, parameter, value, unit, mark)
    console.print(table)
    console.print("./study list SCENARIO tells where each value comes from.")


def show_workload(console, workload, scenario=None) -> None:  # type: ignore[no-untyped-def]
    """Print story, limits and every parameter with its source."""
    from rich.table import Column, Table

    told, parameters = workload.description, workload.described()
    console.print(f"{told.name}: {told.title}\n\n{told.story}\n\n{told.question}\n")
    console.print("What it does not show:")
    for limit in told.limits:
        console.print(f"- {limit}")
    if scenario is not None and scenario.variants != ("",):
        console.print(
            f"\nVariants: {', '.join(scenario.variants)}; by default {', '.join(scenario.chosen)}"
        )
    if not parameters:
        console.print("\nIt has no parameters.")
        return
    longest = min(max(map(len, parameters), default=0), 40)
    names = Column("parameter", min_width=longest, overflow="fold")
    table = Table(names, "value", "range", "meaning", "mark", "source")
    for parameter, described in parameters.items():
        span = f"{described['low']:g} to {described['high']:g} {described['unit']}"
        meaning, mark, source = (described[key] for key in ("meaning", "mark", "source"))
        table.add_row(parameter, str(described["value"]), span, meaning, mark, source)
    console.print(table)
