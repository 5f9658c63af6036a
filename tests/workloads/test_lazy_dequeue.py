"""Trials of lazy dequeue are drawn so that each meets its hazard."""

from vmmodel.workloads.lazy_dequeue import BATCH, CHUNK, OTHERS, draw_trials
from vmmodel.workloads.streams import Streams


def test_every_import_trial_meets_the_hazard() -> None:
    """A page that is pending is taken before its batch is processed; a batch holds 63 at most."""
    for trial in draw_trials("import", 50, Streams(1, "test", "", 0)):
        names = [name for name, _ in trial.steps]
        assert min(trial.pending) < names[: names.index("process")].count("take")
        assert len(trial.pending) <= BATCH
        assert sorted(trial.queued) == sorted([*trial.pending, *range(CHUNK, CHUNK + OTHERS)])


def test_every_free_trial_frees_before_its_batch_is_processed() -> None:
    """The page is used, freed, and only then does the batch get to it."""
    for trial in draw_trials("free", 50, Streams(1, "test", "", 0)):
        names = [name for name, _ in trial.steps]
        assert names.index("use") < names.index("free") < names.index("process")


def test_trials_depend_on_seed_and_replication_alone() -> None:
    """The same streams give the same trials, others give others."""
    first, again, other = (draw_trials("import", 2, Streams(1, "test", "", r)) for r in (0, 0, 1))

    assert first == again
    assert first != other
