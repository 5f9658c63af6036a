"""Run notebooks from a clean kernel, with parameters, in this process.

``nbclient`` does the work.  Kernels talk over IPC sockets (over TCP they print a warning at every
start), two at a time.  The event loop has a thread of its own: ``nbclient`` would otherwise catch
Ctrl-C for itself; here it cancels the runs, and every kernel is shut down on the way out.
"""

import asyncio
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

import nbformat
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbformat import NotebookNode

from vmmodel.errors import StudyError

ROOT = Path(__file__).resolve().parents[2]
CELL_SECONDS = 120
KERNELS = 2


class NotebookError(StudyError):
    """A notebook that did not run to its end; the message names it and the cell."""


def execute(
    notebooks: list[Path],
    parameters: Mapping[str, object],
    progress: Callable[[str], None] = lambda _: None,
) -> list[NotebookNode]:
    """Run *notebooks* and return them with outputs, in the order given."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="notebooks", daemon=True)
    thread.start()
    started: list[asyncio.Task[list[NotebookNode]]] = []

    async def run() -> list[NotebookNode]:
        started.append(asyncio.ensure_future(_all(notebooks, parameters, progress)))
        return await started[0]

    future = asyncio.run_coroutine_threadsafe(run(), loop)
    try:
        return future.result()
    except BaseException:
        asyncio.run_coroutine_threadsafe(_stop(started), loop).result(timeout=15)
        raise
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=5)
        if not thread.is_alive():
            loop.close()


async def _stop(started: list[asyncio.Task[list[NotebookNode]]]) -> None:
    """Cancel what runs and wait until its kernels are shut down."""
    for task in started:
        task.cancel()
        await asyncio.wait({task}, timeout=10)
        if task.done() and not task.cancelled():
            task.exception()  # looked at, so that asyncio does not complain about it later
    left = asyncio.all_tasks() - {asyncio.current_task()}  # nbclient's watch over the kernels
    for watch in left:
        watch.cancel()
    await asyncio.gather(*left, return_exceptions=True)


async def _all(
    notebooks: list[Path],
    parameters: Mapping[str, object],
    progress: Callable[[str], None],
) -> list[NotebookNode]:
    # A short absolute path: socket names have a limit of about 100 bytes.
    try:
        folder = tempfile.mkdtemp(prefix="nb", dir="/tmp" if os.path.isdir("/tmp") else None)
    except OSError as error:
        raise NotebookError(f"no folder for the kernels' sockets ({error})") from None
    sockets = Path(folder)
    turn = asyncio.Semaphore(KERNELS)
    try:
        # All run to their end, also when one fails: a kernel that is stopped while it starts
        # would be left behind.
        done = await asyncio.gather(
            *(_one(path, parameters, progress, turn, sockets) for path in notebooks),
            return_exceptions=True,
        )
    finally:
        shutil.rmtree(sockets, ignore_errors=True)
    for result in done:
        if isinstance(result, BaseException):
            raise result
    return [result for result in done if not isinstance(result, BaseException)]


async def _one(
    path: Path,
    parameters: Mapping[str, object],
    progress: Callable[[str], None],
    turn: asyncio.Semaphore,
    sockets: Path,
) -> NotebookNode:
    async with turn:
        progress(f"running {path.name}")
        try:
            notebook = inject(read(path), parameters)
        except LookupError as error:
            raise NotebookError(f"{path}: {error.args[0]}") from None
        manager = AsyncKernelManager(
            kernel_name="python3", transport="ipc", ip=str(sockets / path.stem[:12])
        )
        # The kernel must be this interpreter, whatever a user-level "python3" kernel points at.
        assert manager.kernel_spec is not None
        manager.kernel_spec.argv[0] = sys.executable
        client = NotebookClient(
            notebook,
            km=manager,
            timeout=CELL_SECONDS,
            resources={"metadata": {"path": str(path.parent)}},
            shutdown_kernel="immediate",
            record_timing=False,
        )
        search = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        environment = {**os.environ, "PYTHONPATH": search, "MPLBACKEND": "agg"}
        try:
            await client.async_execute(env=environment, cleanup_kc=False)
        except CellExecutionError as error:
            raise NotebookError(
                f"{path}: {error.ename}: {error.evalue}, in the cell\n{_cell(error)}"
            ) from None
        except (DeadKernelError, TimeoutError, RuntimeError) as error:
            raise NotebookError(f"{path}: the kernel stopped ({error})") from None
        finally:
            if client.kc is not None:
                client.kc.stop_channels()
            if manager.has_kernel:
                await asyncio.shield(manager.shutdown_kernel(now=True))
            await manager.cleanup_resources()
        progress(f"ran {path.name}")
        return notebook


def read(path: Path) -> NotebookNode:
    """The notebook in *path*, or one sentence on why it cannot be read."""
    try:
        notebook: NotebookNode = nbformat.read(path, as_version=4)
    except (OSError, ValueError, AttributeError) as error:
        raise NotebookError(f"{path}: not readable as a notebook ({error})") from None
    return notebook


def inject(notebook: NotebookNode, parameters: Mapping[str, object]) -> NotebookNode:
    """Put a cell that sets *parameters* after the cell tagged ``parameters``.

    The cell is marked, so that an exported page can leave it out.
    """
    places = [
        index
        for index, cell in enumerate(notebook.cells)
        if "parameters" in cell.metadata.get("tags", [])
    ]
    if not places:
        raise LookupError("no cell is tagged 'parameters', expected the first code cell")
    source = "\n".join(f"{name} = {value!r}" for name, value in parameters.items())
    cell = NotebookNode(
        cell_type="code",
        id="injected",
        metadata=nbformat.from_dict({"tags": ["injected-parameters"]}),
        execution_count=None,
        outputs=[],
        source=source,
    )
    notebook.cells.insert(places[0] + 1, cell)
    return notebook


def _cell(error: CellExecutionError) -> str:
    """The source of the failed cell: what stands between the first two rules of the report."""
    parts = str(error).split("------------------")
    return (parts[1] if len(parts) > 2 else parts[0]).strip()
