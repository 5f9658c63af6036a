"""The tables of `list` about designs: their choices, what FreeBSD has of them, what they cost."""

from rich.console import Console
from rich.table import Table

from vmmodel.nofree import DESIGNS, design
from vmmodel.nofree.parts import PARTS, RETURN, Cost, Part, cost_of, parts_of

COUNTS = {
    "holds": "lock hold",
    "list_ops": "list operation",
    "page_structs": "page structure",
    "atomics": "atomic",
    "percpu": "per-CPU counter",
    "branches": "branch",
}
OPERATIONS = tuple(dict.fromkeys(name for part in PARTS.values() for name, _ in part.costs))


def show_designs(console: Console) -> None:
    """Print the named designs by their choices, then every choice there is."""
    table = _table("Designs by their choices", "design", "choices")
    for name, named in DESIGNS.items():
        assert named.choice is not None
        shown = parts_of(named.choice)
        table.add_row(name, " ".join(f"{axis}={value}" for axis, (value, _) in shown.items()))
    console.print(table)
    _show_parts(console, [(axis, value, part) for (axis, value), part in PARTS.items()])
    table = _table("Work that a choice adds", "choice", "operation", "work")
    for (axis, value), part in PARTS.items():
        for operation, cost in part.costs:
            table.add_row(f"{axis}={value}", operation, _work(cost))
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
    table = _table("Work of an operation", "operation", "work")
    never = {RETURN} if parts.get("return", ("none",))[0] == "none" else set()
    for operation in OPERATIONS:
        cost = cost_of(shown.choice, operation)
        if cost != Cost() and operation not in never:
            table.add_row(operation, _work(cost))
    console.print(table)


def _show_parts(console: Console, rows: list[tuple[str, str, Part]]) -> None:
    table = _table("Choices", "choice", "what it does", "FreeBSD", "in and beside the page")
    for axis, value, part in rows:
        table.add_row(f"{axis}={value}", part.does, part.freebsd, part.page)
    console.print(table)


def _table(title: str, *columns: str) -> Table:
    """Make a table that folds what is too wide, so that no name is cut."""
    table = Table(title=title, title_justify="left")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _work(cost: Cost) -> str:
    """Word the work of an operation.

    >>> _work(Cost(holds=1, list_ops=2, more="for each page"))
    '1 lock hold, 2 list operations; for each page'
    """
    counted = [(getattr(cost, name), word) for name, word in COUNTS.items()]
    said = [f"{n} {word}{_plural(word) if n > 1 else ''}" for n, word in counted if n]
    return "; ".join(filter(None, [", ".join(said), cost.more]))


def _plural(word: str) -> str:
    return "es" if word.endswith("ch") else "s"
