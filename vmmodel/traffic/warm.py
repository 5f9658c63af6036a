"""Everything that a run of the study may call, compiled or loaded in one go."""

from vmmodel.kernel import entries as of_kernel
from vmmodel.kernel.warm import Tell, compile_entries
from vmmodel.traffic import entries as of_traffic


def warm_up(tell: Tell = lambda _name, _number, _of: None) -> None:
    """Compile every entry point, or load it from the cache; *tell* is told of each."""
    compile_entries((of_kernel, of_traffic), tell)
