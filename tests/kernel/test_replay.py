"""A batch of operations does what the same operations do one at a time."""

from hypothesis import given
from hypothesis import strategies as st
from strategies import examples, layouts, orders, pools

from vmmodel.kernel import NO_PAGE, Vm
from vmmodel.kernel.cstruct import StructArray
from vmmodel.kernel.replay import ALLOC, FREE, FREE_RANGE, OTHER, Block, Operation

picks = st.integers(0, 10**6)
operations = st.lists(
    st.one_of(
        st.tuples(st.just(ALLOC), orders, pools),
        st.tuples(st.just(FREE), picks, picks),
        st.tuples(st.just(FREE_RANGE), picks, st.integers(0, 9)),
    ),
    max_size=120,
)


def one_at_a_time(vm: Vm, script: list[tuple[int, int, int]]) -> list[int]:
    """Run a script by single calls; give the results."""
    held: dict[int, tuple[int, int, int]] = {}
    ids, results = 0, []

    def free(each: int) -> int:
        if each not in held:
            return NO_PAGE
        m, order, pool = held.pop(each)
        vm.set_free_count(vm.free_count() + (1 << order))
        return vm.free_pages(m, order, pool)

    for kind, first, second in script:
        if kind == ALLOC:
            m = vm.alloc_pages(first, second)
            if m != NO_PAGE:
                held[ids] = m, first, second
                vm.set_free_count(vm.free_count() - (1 << first))
            ids += 1
            results.append(m)
        elif kind == FREE:
            results.append(free(first % (ids + 1)))
        else:
            start = first % (ids + 1)
            span = range(start, min(start + second, ids))
            results.append(sum(free(each) != NO_PAGE for each in span))
    return results


def as_batch(script: list[tuple[int, int, int]]) -> tuple[StructArray, StructArray]:
    """Write a script as operations and as many empty blocks as it has allocations."""
    batch, ids = StructArray(Operation, len(script)), 0
    for op, (kind, first, second) in zip(batch.records, script, strict=True):
        op["kind"] = kind
        if kind == ALLOC:
            op["id"], op["order"], op["pool"] = ids, first, second
            ids += 1
        else:
            op["id"] = first % (ids + 1)
            op["end_id"] = max(op["id"], min(op["id"] + second, ids))
    blocks = StructArray(Block, ids + 1)
    blocks.column("pfn")[:] = NO_PAGE
    return batch, blocks


@examples(80)
@given(layout=layouts(), script=operations)
def test_batch_equals_one_at_a_time(
    layout: list[tuple[int, int]], script: list[tuple[int, int, int]]
) -> None:
    """Results, list orders and the free count are those of single calls."""
    single, batched = Vm(layout), Vm(layout)
    batch, blocks = as_batch(script)

    expected = one_at_a_time(single, script)
    assert len(script) == batched.replay(batch, blocks, 0, len(script))

    assert expected == batch.column("result").tolist()
    assert single.checksum() == batched.checksum()
    assert single.free_count() == batched.free_count() == batched.check()
    assert single.take_work() == batched.take_work()
    for closable in (single, batched, batch, blocks):
        closable.close()


def test_batch_stops_at_what_python_must_do(vm: Vm) -> None:
    """Every other operation ends the batch, and the next call goes on behind it."""
    batch, blocks = as_batch([(ALLOC, 0, 0), (ALLOC, 1, 0), (ALLOC, 2, 1)])
    batch.records[1]["kind"] = OTHER

    assert 1 == vm.replay(batch, blocks, 0, 3)
    assert 3 == vm.replay(batch, blocks, 2, 3)
    assert [4096, 0, 6144] == batch.column("result").tolist()
    batch.close()
    blocks.close()


def test_batch_work_is_counted(vm: Vm) -> None:
    """Taking one page from one block of order 12 is 1 removal and 12 insertions."""
    vm.alloc_pages(0)

    assert 13 == vm.take_work().list_ops
    assert 0 == vm.take_work().list_ops
