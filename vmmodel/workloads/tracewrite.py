"""Write a script as a trace, to be read, changed and replayed."""

from collections.abc import Iterator
from pathlib import Path

from vmmodel.consumers.layout import PAGE_SIZE, SlabLayout, keg_layout
from vmmodel.consumers.memory import Injection
from vmmodel.errors import InputError
from vmmodel.sim.script import Action, Give, ObjectPage, Refill, Release, Script, Squeeze, Take
from vmmodel.workloads.traceform import COLUMNS, TITLE, VERSION, fails_text


def write_trace(script: Script, path: Path, name: str) -> None:
    """Write *script*, whole or not at all; `InputError` where it has what no trace has.

    What would come after the end of the run is left out.
    """
    text = "\n".join([_first(script, name), COLUMNS, *_rows(script, name)]) + "\n"
    unfinished = path.with_name(path.name + ".part")
    try:
        unfinished.write_text(text, encoding="ascii")
        unfinished.replace(path)
    except OSError as error:
        unfinished.unlink(missing_ok=True)
        raise InputError(path, f"cannot be written ({error.strerror})", "a file") from None


def _first(script: Script, name: str) -> str:
    machine = f"pages={script.npages} cpus={len(script.cpus)} ns={script.horizon_ns}"
    more = f"bucket={script.bucket} kasan={int(script.kasan)}"
    return f"{TITLE} {VERSION} {machine} {more} (drawn by the model: {name})"


def _rows(script: Script, name: str) -> Iterator[str]:
    for zone, layout in script.zones:
        yield f"0,,zone,{zone},{layout.item_size},{_alignment(layout, script.kasan)},,"
    for action in script.boot:
        yield _row(0, "", action, script, name)
    timed = [(at, str(cpu), a) for cpu, line in enumerate(script.cpus) for at, a in line]
    timed += [(at, "", action) for at, action in script.pressure]
    for at, cpu, action in sorted(timed, key=lambda event: event[0]):
        if at <= script.horizon_ns:
            yield _row(at, cpu, action, script, name)


def _row(time_ns: int, cpu: str, action: Action, script: Script, name: str) -> str:
    match action:
        case Refill(zone, items, injections):
            cells = f"refill,{script.zones[zone][0]},{items},,,{_fails(injections, name)}"
        case ObjectPage(injection):
            cells = f"page,,,,,{_fails((injection,), name)}"
        case Take(burst, npages, pool, parts):
            cells = f"take,{pool.name},{npages},{burst},{parts if parts > 1 else ''},"
        case Give(burst, part):
            cells = f"give,,,{burst},{part or ''},"
        case Squeeze(leave):
            cells = f"squeeze,,{leave},,,"
        case Release():
            cells = "release,,,,,"
        case _:
            raise _bug(name)
    return f"{time_ns},{cpu},{cells}"


def _fails(injections: tuple[Injection, ...], name: str) -> str:
    if any(fail.unconverted or fail.twice or fail.queued for fail in injections):
        raise _bug(name)
    return fails_text(injections)


def _bug(name: str) -> InputError:
    what = f"{name} has callers that free wrongly, which are no events of a trace"
    return InputError("--write-trace", what, "another workload")


def _alignment(layout: SlabLayout, kasan: bool) -> int:
    """Find the alignment with which a zone is laid out so."""
    aligns = [8, *(1 << shift for shift in range(PAGE_SIZE.bit_length()))]  # most are 8
    for align in aligns:
        if keg_layout(layout.item_size, align, kasan=kasan, invariants=kasan) == layout:
            return align
    raise AssertionError("a layout comes from keg_layout")
