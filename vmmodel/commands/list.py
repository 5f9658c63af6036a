"""Show scenarios, designs and parameters: what there is to run, and what it rests on."""

import argparse

EPILOG = """\
  ./study list                 everything, in short
  ./study list syzkaller       one scenario: story, limits, every parameter with its source
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's arguments."""
    parser.add_argument("scenario", nargs="?", help="show this scenario in full")


def run(arguments: argparse.Namespace) -> int:
    """Print the lists."""
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=False)
    if arguments.scenario:
        from vmmodel.experiment.scenario import scenario as find

        show_scenario(console, find(arguments.scenario))
    else:
        _show_all(console)
    return 0


def _show_all(console) -> None:  # type: ignore[no-untyped-def]
    from rich.table import Column, Table

    from vmmodel.experiment.scenario import SCENARIOS
    from vmmodel.nofree import DESIGNS

    table = Table("scenario", "what happens", "variants", title="Scenarios", title_justify="left")
    for scenario in SCENARIOS.values():
        table.add_row(scenario.name, scenario.story, ", ".join(scenario.variants))
    console.print(table)
    table = Table("design", "what it is", "source", title="Designs", title_justify="left")
    for name, design in DESIGNS.items():
        table.add_row(name, design.summary, design.source)
    console.print(table)
    longest = max(len(name) for each in SCENARIOS.values() for name in each.parameters.described())
    names = Column("parameter", min_width=longest, no_wrap=True)
    table = Table(
        "scenario", names, "value", "unit", "mark", title="Parameters", title_justify="left"
    )
    for scenario in SCENARIOS.values():
        for name, described in scenario.parameters.described().items():
            value, unit, mark = (str(described[key]) for key in ("value", "unit", "mark"))
            table.add_row(scenario.name, name, value, unit, mark)
    console.print(table)
    console.print("./study list SCENARIO tells where each value comes from.")


def show_scenario(console, scenario) -> None:  # type: ignore[no-untyped-def]
    """Print story, limits and every parameter with its source."""
    from rich.table import Column, Table

    console.print(f"{scenario.name}: {scenario.title}\n\n{scenario.story}\n\n{scenario.question}\n")
    console.print("What it does not show:")
    for limit in scenario.limits:
        console.print(f"- {limit}")
    if scenario.variants != ("",):
        console.print(
            f"\nVariants: {', '.join(scenario.variants)}; by default {', '.join(scenario.chosen)}"
        )
    parameters = scenario.parameters.described()
    longest = min(max(map(len, parameters), default=0), 40)
    names = Column("parameter", min_width=longest, overflow="fold")
    table = Table(names, "value", "range", "meaning", "mark", "source")
    for parameter, described in parameters.items():
        span = f"{described['low']:g} to {described['high']:g} {described['unit']}"
        meaning, mark, source = (described[key] for key in ("meaning", "mark", "source"))
        table.add_row(parameter, str(described["value"]), span, meaning, mark, source)
    console.print(table)
