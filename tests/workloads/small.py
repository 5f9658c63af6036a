"""Workloads of the whole machine, cut down to some ten thousand page operations."""

from vmmodel.experiment.scenario import Scenario, scenario

SMALL = {
    "boot": "horizon=30 memory_gb=1 cpus=2 files.system.rate=5 scripts.rate=1 daemons.rate=5 "
    "memory.kernel.total_gb=0.05 memory.buffers.total_gb=0.01",
    "buildworld": "horizon=1 memory_gb=4 cpus=2 compilers.rate=0.5 shells.rate=0.5 "
    "files.tree.rate=10 processes.cc.pages=480",
    "desktop": "horizon=1 memory_gb=4 cpus=2 files.rate=20000 builds.rate=0 browser.rate=24 "
    "program.rate=100 processes.browser.pages=5000 vnodes=10000",
    "fileserver": "horizon=1 memory_gb=8 cpus=2 files.shared.rate=10000 servers.rate=10 "
    "memory.buffers.total_gb=0.05",
    "server-spike": "horizon=0.1 memory_gb=8 cpus=2 files.content.rate=10000 connections.rate=1 "
    "workers.rate=1 processes.worker.pages=600 database.total_gb=0.1 database.step=256",
    "swap-storm": "horizon=2 memory_gb=0.25 cpus=2 heaps.total_gb=0.45 heaps.used_again=10 "
    "heaps.life.mean=10 jobs.rate=1 programs.rate=10000 heaps.step=16",
}
"""What is set in each, as on a command line."""


def small(name: str) -> Scenario:
    """Give workload *name*, cut down."""
    return scenario(name, values=dict(word.split("=") for word in SMALL[name].split()))
