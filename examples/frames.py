"""DataFrames between tasks: each table is kept in a parquet file, and what follows gets it back as what it was.

The log holds where each file is, so a restart reads it again, and a rerun writes one of its own. Needs pandas, polars
and pyarrow (`pip install 'reactive-dag[parquet]' pandas polars`). `python examples/frames.py` runs it in a folder that
is gone afterwards, `python examples/frames.py FOLDER` in one that stays.
"""

from __future__ import annotations

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd
import polars as pl

import reactive_dag as rd


def declare(folder: Path) -> rd.Graph:
    """The graph; its tables go to `folder`/lake."""
    graph = rd.Graph("frames")
    lake = rd.parquet(folder / "lake")
    sales = graph.dag("sales", schedule="0 6 * * *", tz="Europe/Berlin")

    @sales.task(save=lake)
    def orders(run: rd.Run) -> pd.DataFrame:
        """One row an order: a table of pandas, with an index and a time."""
        times = pd.date_range(run.logical_date, periods=4, freq="6h")
        return pd.DataFrame({"shop": ["a", "b", "a", "c"], "cents": [1250, 300, 75, 9900], "at": times})

    @sales.task(save=lake)
    def shops() -> pl.DataFrame:
        """A table of polars."""
        return pl.DataFrame({"shop": ["a", "b", "c"], "city": ["Kiel", "Ulm", "Kiel"]})

    @sales.task(save=lake)
    def by_city(orders: pd.DataFrame, shops: pl.DataFrame) -> pl.DataFrame:
        """What both give, joined: of pandas and of polars, as they were."""
        joined = pl.from_pandas(orders).join(shops, on="shop")
        return joined.group_by("city").agg(pl.col("cents").sum()).sort("city")

    @sales.task
    def total(by_city: pl.DataFrame) -> dict[str, int]:
        """Small enough to be JSON."""
        return dict(by_city.iter_rows())

    @graph.dag(on=rd.completed(sales))
    def report(run: rd.Run) -> str:
        """Another DAG: it reads the table of the run that it follows."""
        table = run.results["sales"]["by_city"]
        best = table.sort("cents", descending=True).row(0, named=True)
        return f"{run.local_date}: {best['city']} sold most, {best['cents'] / 100:.2f}"

    return graph


graph = declare(Path("frames-data"))


def main(folder: Path) -> list[str]:
    """Two days; what was reported. The second engine opens the store again and reads the tables from their files."""
    graph, store = declare(folder), str(folder / "frames.db")
    with rd.Engine(graph, store, clock=rd.VirtualClock("2026-11-23T00:00+01:00")) as engine:
        engine.advance("2d")
    with rd.Engine(graph, store, read_only=True) as engine:
        newest = engine.runs("sales")[0]
        print(newest.tasks["by_city"].output)
        print([Path(file.path).name for file in engine.outputs() if file.run == newest.key])
        assert not engine.outputs(unused=True)
        return [run.tasks["report"].output for run in reversed(engine.runs("report"))]


if __name__ == "__main__":
    with TemporaryDirectory() as folder:
        for line in main(Path(sys.argv[1] if len(sys.argv) > 1 else folder)):
            print(line)
