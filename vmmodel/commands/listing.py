"""The tables of `list` about designs: their choices, what FreeBSD has of them, what they cost."""

from rich.console import Console
from rich.table import Table

from vmmodel.nofree import AXES, DESIGNS, design
from vmmodel.nofree.parts import PARTS, Cost, Part, cost_of, parts_of

COUNTS = ("holds", "list_ops", "page_structs", "atomics", "percpu", "branches")
OPERATIONS = tuple(dict.fromkeys(name for part in PARTS.values() for name, _ in part.costs))


def show_designs(console: Console) -> None:
    """Print the named designs by their choices, then every choice there is."""
    table = Table("design", *AXES, title="Designs by their choices", title_justify="left")
    for name, named in DESIGNS.items():
        assert named.choice is not None
        shown = parts_of(named.choice)
        table.add_row(name, *(shown[axis][0] if axis in shown else "-" for axis in AXES))
    console.print(table)
    _show_parts(console, [(axis, value, part) for (axis, value), part in PARTS.items()])
    table = _cost_table("Work that a choice adds", "axis", "choice", "operation")
    for (axis, value), part in PARTS.items():
        for operation, cost in part.costs:
            table.add_row(axis, value, operation, *_cells(cost))
    console.print(table)
    console.print("./study list DESIGN adds up one, also one like freeable,reuse=address.")


def show_design(console: Console, name: str) -> None:
    """Print one design: words, choices, costs."""
    shown = design(name)
    console.print(f"{name}: {shown.title}\n\n{shown.summary}\nFreeBSD: {shown.source}\n")
    if shown.choice is None:
        return
    parts = parts_of(shown.choice)
    _show_parts(console, [(axis, value, part) for axis, (value, part) in parts.items()])
    table = _cost_table("Work of an operation", "operation")
    for operation in OPERATIONS:
        cost = cost_of(shown.choice, operation)
        if cost != Cost():
            table.add_row(operation, *_cells(cost))
    console.print(table)


def _show_parts(console: Console, rows: list[tuple[str, str, Part]]) -> None:
    columns = ("axis", "choice", "what it does", "FreeBSD", "in and beside the page")
    table = Table(*columns, title="Choices", title_justify="left")
    for axis, value, part in rows:
        table.add_row(axis, value, part.does, part.freebsd, part.page)
    console.print(table)


def _cost_table(title: str, *columns: str) -> Table:
    table = Table(*columns, title=title, title_justify="left")
    for count in COUNTS:
        table.add_column(count.replace("_", " "), justify="right")
    table.add_column("and")
    return table


def _cells(cost: Cost) -> list[str]:
    return [*(str(getattr(cost, count) or "") for count in COUNTS), cost.more]
