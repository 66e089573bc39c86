"""How is a sweep spread over many machines? On a Dask cluster: here two worker processes on this machine.

Anything with the interface of `concurrent.futures.Executor` will do as `executor=`. Needs
`pip install 'dnnaccel[dask]'`. From a shell: `dnnaccel sweep ... --executor dask://HOST:PORT`.

    python examples/dask_sweep.py
"""

from __future__ import annotations

import dnnaccel as da

if __name__ == "__main__":  # worker processes import this file, and must not begin anew
    try:
        from distributed import Client, LocalCluster
    except ImportError:
        raise SystemExit("this example needs Dask: pip install 'dnnaccel[dask]'") from None

    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50) as cluster,
        Client(cluster) as client,
    ):
        found = da.sweep(
            "alexnet",
            "eyeriss",
            {"glb.size_bytes": "16384..131072*2", "pe_array.rows": [8, 12]},
            executor=client.get_executor(),
        )
    print(found)
    print()
    for point in found.pareto("energy", "on_chip_bytes"):
        print(f"{point['on_chip_bytes']:>8,} bytes on chip: {point['energy'] * 1e-9:.3f} mJ")
