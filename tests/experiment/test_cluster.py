"""The same tables from Dask: on this machine, at an address, with a worker that is killed."""

import gc
import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from commands.calls import refusal
from experiment.clusters import scheduler, worker
from experiment.deadly import deadly_sweep
from experiment.small import (
    DESIGNS,
    TINY,
    TINY_RUNS,
    in_own_session,
    leftovers,
    small_sweep,
    table_bytes,
)

from vmmodel.errors import InputError, StudyError
from vmmodel.experiment import cluster as cluster_module
from vmmodel.experiment.cluster import Cluster, Watch, model_identity
from vmmodel.experiment.shards import SHARDS
from vmmodel.experiment.sweep import run_sweep
from vmmodel.experiment.unit import Unit
from vmmodel.paths import DATA, ROOT

pytest.importorskip("distributed")
# Dask itself leaves sockets and event loops behind when it is closed in a hurry.
pytestmark = pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore:::distributed")

SWEEP = small_sweep(8)
RUNS = 8 * len(DESIGNS)


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sweep in one process, without Dask."""
    folder = tmp_path_factory.mktemp("undisturbed") / "out"
    run_sweep(SWEEP, folder, {}, workers=1)
    return folder


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A scheduler without workers."""
    with scheduler(tmp_path_factory.mktemp("scheduler")) as found:
        yield found


def run_at(address: str, out: Path, done: list[Unit] | None = None) -> None:
    """Run the sweep at a scheduler."""
    counted = done.append if done is not None else lambda _unit: None
    run_sweep(SWEEP, out, {}, done=counted, cluster=Cluster(address))


def test_two_workers_of_which_one_is_killed(
    undisturbed: Path, tmp_path: Path, address: str
) -> None:
    """Two workers over TCP give the bytes of one process, though one of them dies on the way."""
    finished: list[Unit] = []
    said: list[str] = []
    with ExitStack() as stack:
        workers = [stack.enter_context(worker(address, tmp_path / str(i))) for i in range(2)]

        def done(unit: Unit) -> None:
            finished.append(unit)
            if len(finished) == 3:
                workers[0].kill()

        cluster = Cluster(address)
        run_sweep(SWEEP, tmp_path / "out", {}, done=done, cluster=cluster, say=said.append)

    assert not any("damaged" in sentence for sentence in said)
    assert RUNS == sum(len(unit.designs) for unit in finished)
    assert table_bytes(undisturbed) == table_bytes(tmp_path / "out")


def test_workers_of_our_own(undisturbed: Path, tmp_path: Path) -> None:
    """Dask on this machine gives them, too."""
    run_sweep(SWEEP, tmp_path / "out", {}, workers=2, cluster=Cluster("local"))

    assert table_bytes(undisturbed) == table_bytes(tmp_path / "out")


def test_last_worker_is_gone_and_another_comes(
    undisturbed: Path, tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At a scheduler without a worker a sweep says so and waits, and goes on with the next one."""
    monkeypatch.setattr(cluster_module, "LOOK_S", 0.1)
    said: list[str] = []
    with ExitStack() as stack:
        first = stack.enter_context(worker(address, tmp_path / "first"))

        def say(sentence: str) -> None:
            said.append(sentence)
            if "left" in sentence:
                stack.enter_context(worker(address, tmp_path / "second"))

        def done(_unit: Unit) -> None:
            first.kill()

        run_sweep(SWEEP, tmp_path / "out", {}, done=done, cluster=Cluster(address), say=say)

    assert "No worker is left: waiting for one ..." in said
    assert table_bytes(undisturbed) == table_bytes(tmp_path / "out")


class NoWorkers:
    """A client whose scheduler has lost all workers."""

    def scheduler_info(self) -> dict[str, dict[str, object]]:
        """As Dask's."""
        return {"workers": {}}


def test_own_workers_that_do_not_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where our own workers are gone for good, a sweep ends with a sentence and waits no more."""
    monkeypatch.setattr(cluster_module, "LOOK_S", 0.0)
    monkeypatch.setattr(cluster_module, "GONE_S", 0.05)
    said: list[str] = []
    watch = Watch(NoWorkers(), True, said.append)  # type: ignore[arg-type]
    watch.look()
    time.sleep(0.1)

    with pytest.raises(StudyError, match="all workers died and could not be started again"):
        watch.look()

    assert [] == said


def test_cluster_that_does_not_close_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker process that outlives the closing of its cluster is ended, others are not."""
    context = multiprocessing.get_context("spawn")
    other, stray = (context.Process(target=time.sleep, args=(60,)) for _ in range(2))
    other.start()
    others = set(multiprocessing.active_children())
    stray.start()

    class Stuck:
        def close(self, timeout: float) -> None:
            raise TimeoutError

    cluster_module._end(Stuck(), others)

    stray.join(10)
    assert not stray.is_alive()
    assert other.is_alive()
    other.kill()
    other.join(10)


def test_what_is_finished_is_not_sent(tmp_path: Path, undisturbed: Path) -> None:
    """Where all runs are finished, no scheduler is asked for."""
    run_sweep(SWEEP, tmp_path / "out", {}, workers=1, keep=True)

    run_at("tcp://127.0.0.1:1", tmp_path / "out")

    assert table_bytes(undisturbed) == table_bytes(tmp_path / "out")


def test_worker_with_another_model(tmp_path: Path, address: str) -> None:
    """A worker whose input data differ is refused with both versions, and nothing is kept."""
    data = Path(shutil.copytree(DATA, tmp_path / "data", ignore=shutil.ignore_patterns("runs")))
    prices = data / "costs.toml"
    prices.write_text(prices.read_text() + "# another\n")

    with (
        worker(address, tmp_path / "w", VMMODEL_DATA=str(data)),
        pytest.raises(StudyError) as caught,
    ):
        run_at(address, tmp_path / "out")

    sentence = str(caught.value)
    assert sentence.startswith("the worker on ")
    assert f"expected {model_identity()}: install the same version" in sentence
    own = sentence.split(" runs model ")[1].split(",")[0]
    assert not model_identity().startswith(own.split()[0])
    assert not (tmp_path / "out").exists()


def test_tls(undisturbed: Path, tmp_path: Path) -> None:
    """With certificates everything is encrypted; without them nobody gets in."""
    files = certificates(tmp_path)
    options = [f"--tls-{name}={path}" for name, path in files.items()]
    with scheduler(tmp_path, options) as address, worker(address, tmp_path / "w", options):
        assert address.startswith("tls://")
        tls = Cluster(address, files["ca-file"], files["cert"], files["key"])
        run_sweep(SWEEP, tmp_path / "out", {}, cluster=tls)
        with pytest.raises(InputError, match=r"--scheduler: tls://.* cannot be reached"):
            run_at(address, tmp_path / "other")

    assert table_bytes(undisturbed) == table_bytes(tmp_path / "out")


def certificates(folder: Path) -> dict[str, Path]:
    """An authority of our own that signs itself, and its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("no openssl here")
    cert, key = folder / "cert.pem", folder / "key.pem"
    words = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=vmmodel"
    subprocess.run(
        [openssl, *words.split(), "-keyout", key, "-out", cert], check=True, capture_output=True
    )
    return {"ca-file": cert, "cert": cert, "key": key}


def test_nobody_at_the_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address at which nobody answers is refused with the reason."""
    monkeypatch.setattr(cluster_module, "CONNECT_S", 0.3)

    for address in ("tcp://127.0.0.1:1", "nonsense://x", "tcp://127.0.0.1:notaport"):
        with pytest.raises(InputError, match=r"--scheduler: .* cannot be reached"):
            run_at(address, tmp_path / "out")

    assert [] == open_clients()


def open_clients() -> list[object]:
    """Clients that the garbage collector would have to close, who knows when."""
    from distributed import Client

    found = [each for each in gc.get_objects() if isinstance(each, Client)]
    return [each for each in found if each.status != "closed"]


SMALL = str(DATA / "sweeps" / "small.toml")


def test_options_that_make_no_sense(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """TLS without a scheduler, and certificates that are not there, are refused."""
    line = refusal(capsys, "sweep", SMALL, "--tls-cert", "x.pem")
    assert "study: --tls-*: there is nothing to encrypt, expected --scheduler ADDRESS too" == line

    tls = Cluster("tls://127.0.0.1:1", key=tmp_path / "none.pem")
    with pytest.raises(InputError, match=r"--tls-key: .*none\.pem is no file, expected a PEM file"):
        run_sweep(SWEEP, tmp_path / "out", {}, cluster=tls)


def test_dask_is_imported_when_asked_for_only(tmp_path: Path) -> None:
    """Without it a sweep runs, and --scheduler says how to install it."""
    hide = "import sys; sys.modules['distributed'] = None; from vmmodel.__main__ import main; "
    words = ["sweep", SMALL, "--scheduler", "local", "--out", str(tmp_path / "out")]
    code = hide + f"sys.exit(main({words!r}))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )

    last = done.stderr.splitlines()[-1]
    assert 2 == done.returncode
    assert (
        "study: --scheduler needs Dask, which is not installed: pip install 'vmmodel[dask]'" == last
    )
    code = "import sys, vmmodel.experiment.sweep; print('distributed' in sys.modules)"
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "False\n" == done.stdout


@pytest.mark.parametrize("presses", [1, 2])
def test_interrupted_sweep(tmp_path: Path, presses: int) -> None:
    """Ctrl-C ends what has begun, a second one ends at once; finished runs stay, processes not."""
    file, out = tmp_path / "longer.toml", tmp_path / "out"
    file.write_text(TINY.replace("requests = 20", "requests = 6000"))
    words = [sys.executable, "-m", "vmmodel", "sweep", str(file), "--out", str(out)]
    process = in_own_session([*words, "--scheduler", "local", "--workers", "2"])
    try:
        wait_for(lambda: bool(finished(tmp_path)) or process.poll() is not None, 120)
        for _ in range(presses):
            os.killpg(process.pid, signal.SIGINT)
            time.sleep(0.1)
        stdout, stderr = process.communicate(timeout=20)  # all who hold the pipes are gone then
        wait_for(lambda: not members(process.pid), 20)
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)

    last = "study: stopped; what was finished is kept and will not be run again"
    assert (130, "") == (process.returncode, stdout)
    assert last == stderr.splitlines()[-1]
    assert "Traceback" not in stderr
    assert 1 <= len(finished(tmp_path)) < TINY_RUNS
    assert [] == leftovers(out)


def finished(folder: Path) -> list[Path]:
    """Runs that are kept for a sweep into a folder in *folder*."""
    return list(folder.glob(f"{SHARDS}/*/*/[0-9a-f]*"))


def members(session: int) -> list[int]:
    """Processes of a session, but for those that ended and wait to be forgotten."""
    import psutil  # Dask needs it

    found = []
    for process in psutil.process_iter():
        with suppress(ProcessLookupError, psutil.NoSuchProcess):
            if os.getsid(process.pid) == session and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
    return found


def wait_for(condition: Callable[[], bool], seconds: float) -> None:
    """Wait until something is so, but not for ever."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_unit_on_which_workers_die_is_named(tmp_path: Path) -> None:
    """A unit that ends three workers is named; the others are finished and kept."""
    import dask

    sweep, few = deadly_sweep(tmp_path, 1000), {"distributed.scheduler.allowed-failures": 2}
    kept: list[Unit] = []

    with dask.config.set(few), pytest.raises(StudyError) as caught:
        run_sweep(
            sweep, tmp_path / "out", {}, workers=1, done=kept.append, cluster=Cluster("local")
        )

    said, finished = str(caught.value), {unit.replication for unit in kept}
    named = {int(number) for number in re.findall(r"replication (\d)", said)}
    assert "died on every worker that tried: memory may not suffice" in said
    assert 3 in named  # and at worst one that waited behind it each time
    assert len(named) <= 2
    assert {0, 1, 2, 3} == finished | named
    assert not (tmp_path / "out").exists()
