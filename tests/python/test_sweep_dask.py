"""A sweep on a real Dask cluster of two worker processes, one of which is killed half-way."""

from __future__ import annotations

import os
import signal
import warnings

import pytest

import dnnaccel as da

distributed = pytest.importorskip("distributed")

GRID = {"glb.size_bytes": "16384..131072*2", "pe_array.rows": [8, 10, 12], "pe_array.columns": [7, 14]}


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_a_cluster_gives_the_same_table_though_a_worker_is_killed() -> None:
    here = da.sweep("lenet5", "eyeriss", GRID)
    done_when_killed: list[int] = []
    with (
        warnings.catch_warnings(),
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        warnings.simplefilter("ignore")
        victims = sorted(client.run(os.getpid).values())
        assert len(victims) == 2
        assert os.getpid() not in victims

        def kill_half_way(done: int, total: int, what: str) -> None:
            if done >= total // 2 and not done_when_killed:
                os.kill(victims[0], signal.SIGKILL)
                done_when_killed.append(done)

        there = da.sweep(
            "lenet5", "eyeriss", GRID, executor=client.get_executor(retries=3), progress=kill_half_way
        )
        assert done_when_killed
        assert done_when_killed[0] < len(there)
        survivors = client.run(os.getpid)
        assert victims[0] not in survivors.values()
    assert there == here
    assert there.to_csv() == here.to_csv()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_the_command_runs_on_a_cluster_by_its_address() -> None:
    from click.testing import CliRunner

    from dnnaccel.cli import cli

    arguments = ["sweep", "lenet5", "--arch", "eyeriss", "--set", "pe_array.rows=8,12", "--format", "csv"]
    here = CliRunner().invoke(cli, arguments)
    assert here.exit_code == 0, here.output
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster:
        address = cluster.scheduler_address.replace("tcp://", "dask://")
        there = CliRunner().invoke(cli, [*arguments, "--executor", address])
    assert there.stdout == here.stdout
