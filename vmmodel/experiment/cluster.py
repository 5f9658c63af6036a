"""Run units on the workers of a Dask scheduler, on this machine or elsewhere.

Workers give back the bytes of their shards, so they need no disk in common with this machine.  A
unit whose worker dies is given to another one, by the scheduler, a bounded number of times.  The
library is imported when it is asked for: a study alone starts no server.
"""

# mypy: allow-untyped-calls
# Dask is typed in part; what comes from it is given a type where it enters.

import logging
import multiprocessing
import pickle
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vmmodel.errors import InputError, StudyError
from vmmodel.experiment.digest import model_digest
from vmmodel.experiment.interrupts import slow_to_stop
from vmmodel.experiment.local import LostRuns, lost
from vmmodel.experiment.shards import Damaged, Shards, pack, unpack
from vmmodel.experiment.sweep import in_pieces
from vmmodel.experiment.unit import Unit, run_unit
from vmmodel.experiment.workers import deaf_to_interrupts

if TYPE_CHECKING:
    from distributed import Client

LOCAL = "local"
"""The address that stands for a scheduler and workers of our own, on the loopback interface."""

AT_ONCE = 2000
"""Units that are handed out at once, at least: enough for workers that come later."""

CONNECT_S = 20
POLL_S = 0.02
LOOK_S = 2.0
"""Time between two looks at the workers while nothing comes back."""
GONE_S = 60.0
"""Time after which our own workers are given up, if none has started again."""
CLOSE_S = 30.0

DECIDING = ("numpy", "simpy")
"""Libraries whose version decides what is drawn and in which order things happen."""


class ClusterError(StudyError):
    """Workers or a scheduler that cannot be used."""


@dataclass(frozen=True)
class Cluster:
    """Where the scheduler is, and the files that encrypt what is said to it."""

    address: str
    ca_file: Path | None = None
    cert: Path | None = None
    key: Path | None = None

    def security(self) -> Any:
        """Give Dask's security, with encryption required if any file is named."""
        from distributed.security import Security

        files = {
            "tls_ca_file": self.ca_file,
            "tls_client_cert": self.cert,
            "tls_client_key": self.key,
        }
        named = {name: str(path) for name, path in files.items() if path}
        for name, path in files.items():
            if path and not path.is_file():
                option = name.replace("_client", "").replace("_", "-")
                raise InputError(f"--{option}", f"{path} is no file", "a PEM file")
        return Security(**named, require_encryption=True) if named else Security()


def model_identity() -> str:
    """Name what must be the same on all machines, for the tables to be the same."""
    libraries = ", ".join(f"{name} {version(name)}" for name in DECIDING)
    return f"{model_digest()} ({libraries})"


def run_remotely(identity: str, parcel: bytes) -> dict[str, bytes]:
    """Run a unit on a worker; give the shard of each design.

    The unit is unpacked after the worker has seen that it runs the same model: another one might
    not even be able to.  It comes from our own scheduler, which the worker trusts with more.
    """
    own = model_identity()
    if own != identity:
        import socket

        raise ClusterError(
            f"the worker on {socket.gethostname()} runs model {own}, expected {identity}: install "
            "the same version of vmmodel and the same requirements.lock there"
        )
    unit: Unit = pickle.loads(parcel)
    return {design: pack(tables, seconds) for design, tables, seconds in run_unit(unit)}


def run_on_cluster(
    units: Sequence[Unit],
    shards: Shards,
    cluster: Cluster,
    workers: int,
    say: Callable[[str], None],
) -> Iterator[Unit]:
    """Run *units* on the workers; yield each when its runs are kept here.

    *workers* is the number of processes if the cluster is `LOCAL`, else it has its own.
    """
    with slow_to_stop(), _connected(cluster, workers) as client:
        threads = _threads(client, say)
        watch = Watch(client, cluster.address == LOCAL, say)
        yield from _gather(client, in_pieces(units, threads), shards, threads, watch)


@dataclass
class Watch:
    """Looks after the workers while nothing comes back.

    Dask waits for ever where the last worker died and none was started in its place.  At a
    scheduler elsewhere others may still come; our own would have been there by now.
    """

    client: "Client"
    own: bool
    say: Callable[[str], None]
    _next: float = field(default=0.0, init=False)
    _gone_since: float | None = field(default=None, init=False)

    def look(self) -> None:
        """Look, unless that was just done; `ClusterError` if our own workers are all gone."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + LOOK_S
        if self.client.scheduler_info()["workers"]:
            self._gone_since = None
        elif self._gone_since is None:
            self._gone_since = now
            if not self.own:
                self.say("No worker is left: waiting for one ...")
        elif self.own and now - self._gone_since > GONE_S:
            raise ClusterError(
                "all workers died and could not be started again: finished runs are kept, so "
                "start again"
            )


def _gather(
    client: "Client", units: list[Unit], shards: Shards, threads: int, watch: Watch
) -> Iterator[Unit]:
    """Keep a number of units handed out, until all are back or given up."""
    from distributed import as_completed

    flying: dict[Any, Unit] = {}
    waiting = iter(units)
    given_up: list[Unit] = []
    identity = model_identity()

    def hand_out(n: int) -> list[Any]:
        """Submit the next *n* units; those that are alike in all are still run apart."""
        futures = []
        for unit in islice(waiting, n):
            futures.append(client.submit(run_remotely, identity, pickle.dumps(unit), pure=False))
            flying[futures[-1].key] = unit
        return futures

    finished = as_completed(hand_out(max(AT_ONCE, 2 * threads)))
    for future in _in_turn(finished, watch):
        unit = flying.pop(future.key)
        results = _result(future)
        future.release()
        for more in hand_out(1):
            finished.add(more)
        if results is None:
            given_up.append(unit)
        else:
            _keep(unit, results, shards)
            yield unit
    if given_up:
        raise LostRuns(lost(given_up, "on every worker that tried"))


def _in_turn(finished: Any, watch: Watch) -> Iterator[Any]:
    """Give futures as they come back; more may be added meanwhile."""
    while not finished.is_empty():
        back = finished.next_batch(block=False)
        yield from back
        if not back:
            time.sleep(POLL_S)
            watch.look()


def _keep(unit: Unit, results: dict[str, bytes], shards: Shards) -> None:
    """Keep the shards of a unit under keys of our own, after a look into them."""
    for design, key in unit.keys().items():
        try:
            unpack(results[design])
        except (Damaged, KeyError, TypeError) as error:
            raise ClusterError(f"a worker gave back no tables for {unit} ({error})") from None
        shards.write(key, results[design])


def _result(future: Any) -> dict[str, bytes] | None:
    """Give what a worker made, or None when all that tried died; else one sentence."""
    from distributed import KilledWorker
    from distributed.client import FutureCancelledError

    try:
        result: dict[str, bytes] = future.result()
        return result
    except (KilledWorker, MemoryError):
        return None
    except FutureCancelledError:
        raise ClusterError("the scheduler is gone; finished runs are kept") from None
    except ImportError as error:
        what = f"a worker cannot import vmmodel ({error})"
        raise ClusterError(f"{what}: install the same version on every worker") from None


def _threads(client: "Client", say: Callable[[str], None]) -> int:
    """Count the threads of all workers, after waiting for the first one."""
    if not client.scheduler_info()["workers"]:
        say("The scheduler has no worker yet: waiting for one ...")
        client.wait_for_workers(1)
    return int(max(1, sum(client.nthreads().values())))


@contextmanager
def _connected(cluster: Cluster, workers: int) -> Iterator["Client"]:
    try:
        from distributed import LocalCluster

        from vmmodel.experiment.daskclient import PromptClient
    except ModuleNotFoundError:
        raise ClusterError(
            "--scheduler needs Dask, which is not installed: pip install 'vmmodel[dask]'"
        ) from None
    security = cluster.security()
    own, others = None, set(multiprocessing.active_children())
    try:
        if cluster.address == LOCAL:
            with deaf_to_interrupts():  # Ctrl-C is for this process, which then ends the others
                own = LocalCluster(
                    n_workers=workers,
                    threads_per_worker=1,
                    host="127.0.0.1",
                    dashboard_address=None,
                    silence_logs=logging.CRITICAL,  # what a reader should know is said by us
                )
        try:
            client = PromptClient(own or cluster.address, timeout=CONNECT_S, security=security)
        except (OSError, ValueError, TypeError, ImportError) as error:
            what = f"{cluster.address} cannot be reached ({_first_line(error)})"
            raise InputError("--scheduler", what, "tcp://HOST:PORT of a Dask scheduler") from None
        try:
            yield client
        finally:
            with suppress(TimeoutError):
                client.close()
    finally:
        if own is not None:
            _end(own, others)


def _end(own: Any, others: set[Any]) -> None:
    """Close our own cluster; what does not end in time, as a worker just starting, is killed."""
    with suppress(TimeoutError):
        own.close(timeout=CLOSE_S)
    for process in set(multiprocessing.active_children()) - others:
        process.kill()


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
