"""R21: outputs that are no JSON are kept in files, each attempt's in one of its own, and come back as they were."""

from __future__ import annotations

import json
import pickle
import sys
from pathlib import Path

import pandas
import polars
import pyarrow
import pytest

import reactive_dag as rd
from reactive_dag.model.records import TaskFinished
from tests.support.engines import kill, live, of_kind, opened, parts

FRAME = pandas.DataFrame(
    {"n": [1, 2], "day": pandas.to_datetime(["2026-11-23", None]), "of": ["a", None]}, index=[7, 9]
)


def graph_of(save: object, value: object, seen: list) -> rd.Graph:
    """A task that saves `value`, one that follows it, and a DAG that follows both."""
    graph = rd.Graph("saved")
    etl = graph.dag("etl")
    etl.add(lambda: value, id="extract", save=save)
    etl.add(lambda extract: seen.append(extract), id="load")
    graph.dag("report", on=rd.completed(etl)).add(lambda run: seen.append(run.results["etl"]["extract"]), id="of")
    return graph


def read(run: rd.Run) -> object:
    """What the first task gave."""
    return run.tasks["extract"].output


def equal(found: object, value: object) -> bool:
    """Whether two tables are alike, and of one library."""
    return type(found) is type(value) and found.equals(value)


@pytest.mark.parametrize(
    "value",
    [
        FRAME,
        polars.DataFrame({"n": [1, None], "s": [[1], []], "c": polars.Series(["u", "v"], dtype=polars.Categorical)}),
        pyarrow.table({"n": [1, 2], "b": [b"x", None]}, metadata={"of": "me"}),
    ],
    ids=["pandas", "polars", "pyarrow"],
)
def test_R21_a_table_comes_back_as_what_it_was(tmp_path: Path, value: object) -> None:
    seen: list = []
    graph, store = graph_of(rd.parquet(tmp_path / "lake"), value, seen), tmp_path / "s.db"
    with live(graph, str(store)) as engine:
        run = engine.start("etl")
        engine.run_until_idle()
        [done] = [each for each in of_kind(engine, TaskFinished) if each.task == "extract"]
    assert len(seen) == 2 and all(equal(found, value) for found in seen)
    [file] = (tmp_path / "lake").iterdir()
    assert done.saved and done.output["file"] == str(file) and done.output["size"] == file.stat().st_size
    with rd.Engine(graph, store=str(store), read_only=True) as engine:
        run = engine.runs("etl")[0]
        assert equal(run.tasks["extract"].output, value) and run.tasks["load"].output is None
        assert f"{run.key}-1.1.parquet" in file.name and file.name in repr(run.tasks["extract"])


def test_R21_any_value_is_kept_by_functions_of_the_user(tmp_path: Path) -> None:
    seen: list = []
    save = rd.files(
        tmp_path / "models", suffix=".json",
        dump=lambda value, path: path.write_text(json.dumps(sorted(value))),
        load=lambda path: set(json.loads(path.read_text())),
    )  # fmt: skip
    with live(graph_of(save, {3, 1}, seen)) as engine:
        engine.start("etl")
        engine.run_until_idle()
    assert seen == [{1, 3}, {1, 3}]
    assert [file.read_text() for file in (tmp_path / "models").iterdir()] == ["[1, 3]"]


def test_R21_without_functions_it_is_pickled_and_none_is_none(tmp_path: Path) -> None:
    seen: list = []
    with live(graph_of(rd.files(tmp_path), {(1, 2): {3j}}, seen)) as engine:
        engine.start("etl")
        engine.run_until_idle()
    assert seen == [{(1, 2): {3j}}] * 2
    with live(graph_of(rd.files(tmp_path / "none"), None, seen)) as engine:
        engine.start("etl")
        engine.run_until_idle()
    assert seen[2:] == [None, None] and not (tmp_path / "none").exists()


def test_R21_a_directory_is_a_value_too(tmp_path: Path) -> None:
    def dump(value: list, path: Path) -> None:
        path.mkdir()
        for n, each in enumerate(value):
            (path / f"{n}").write_text(each)

    save = rd.files(tmp_path / "d", dump=dump, load=lambda path: [each.read_text() for each in sorted(path.iterdir())])
    seen: list = []
    with live(graph_of(save, ["a", "bc"], seen)) as engine:
        engine.start("etl")
        engine.run_until_idle()
        assert seen == [["a", "bc"]] * 2
        assert [(file.size, file.unused) for file in engine.outputs()] == [(3, False)]


def test_R21_values_do_not_count_for_the_payload_limit(tmp_path: Path) -> None:
    seen: list = []
    with live(graph_of(rd.files(tmp_path), "x" * (2 << 20), seen)) as engine:
        engine.start("etl")
        engine.run_until_idle()
    assert [len(each) for each in seen] == [2 << 20] * 2


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (FRAME, 'save=rd.parquet("some/dir")'),
        ({"rows": [FRAME]}, 'save=rd.parquet("some/dir")'),
        (polars.DataFrame({"n": [1]}), 'save=rd.parquet("some/dir")'),
        (object(), "save=rd.files(dir)"),
        ("x" * (2 << 20), "as save= of a task does"),
    ],
)
def test_R21_what_is_no_json_is_refused_with_a_hint_without_save(value: object, hint: str) -> None:
    with live(graph_of(None, value, [])) as engine:
        run = engine.start("etl")
        engine.run_until_idle()
        assert run.state == "failed" and hint in run.tasks["extract"].error


@pytest.mark.parametrize(
    ("save", "value", "said"),
    [
        (rd.parquet, {"n": 1}, "not a dict; give a DataFrame"),
        (rd.parquet, FRAME["n"], "series.to_frame()"),
        (rd.parquet, polars.LazyFrame({"n": [1]}), "frame.collect()"),
        (rd.parquet, pandas.DataFrame([[1, 2]], columns=["a", "a"]), "Duplicate column names"),
        (rd.parquet, pandas.DataFrame({"a": [1, "x"]}), "cannot be written as parquet"),
        (rd.files, lambda: 1, "pickle"),
        (lambda dir: rd.files(dir, dump=lambda value, path: None, load=len), 1, "dump wrote nothing"),
        (lambda dir: rd.files(dir, dump=lambda value, path: path.write_text(value), load=len), 1, "TypeError"),
    ],
)
def test_R21_a_value_that_cannot_be_written_fails_its_attempt_and_leaves_nothing(
    tmp_path: Path, save: object, value: object, said: str
) -> None:
    with live(graph_of(save(tmp_path / "d"), value, [])) as engine:
        run = engine.start("etl")
        engine.run_until_idle()
        assert run.state == "failed" and said in run.tasks["extract"].error
    assert not list((tmp_path / "d").iterdir())


def test_R21_a_directory_that_cannot_be_is_a_failure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("here")
    with live(graph_of(rd.files(tmp_path / "file"), {1}, [])) as engine:
        run = engine.start("etl")
        engine.run_until_idle()
        assert run.state == "failed" and "FileExistsError" in run.tasks["extract"].error


def test_R21_each_attempt_writes_a_file_of_its_own(tmp_path: Path) -> None:
    graph = rd.Graph("saved")

    @graph.dag(save=rd.files(tmp_path), retries=2, outlets=[graph.dataset("out", partitions=rd.day())])
    def extract(run):
        if run.attempt < 3:
            run.publish("out", partition=f"2026-11-0{run.attempt}", extra=object() if run.attempt == 2 else None)
            raise rd.RetryTask
        return {run.attempt}

    with live(graph) as engine:
        run = engine.start("extract", partition="2026-11-23")
        engine.run_until_idle()
        assert run.tasks["extract"].output == {3}
        assert [Path(file.path).name for file in engine.outputs()] == [f"extract.extract-{run.key}-1.3"]


def test_R21_a_rerun_writes_a_file_of_its_own_and_the_earlier_one_stays_named(tmp_path: Path) -> None:
    values, seen = iter(("one", "two")), []
    graph = rd.Graph("saved")
    etl = graph.dag("etl")
    etl.add(lambda: next(values), id="extract", save=rd.files(tmp_path / "d"))
    etl.add(lambda extract: seen.append(extract), id="load")
    with live(graph, str(tmp_path / "s.db")) as engine:
        run = engine.start("etl")
        engine.run_until_idle()
        engine.rerun(run)
        engine.run_until_idle()
        assert seen == ["one", "two"] and read(run) == "two"
        assert [(file.round, file.attempt, file.unused) for file in engine.outputs()] == [(1, 1, False), (2, 1, False)]
        engine.rerun(run, tasks=["load"])
        engine.run_until_idle()
        assert seen == ["one", "two", "two"] and not engine.outputs(unused=True)


def test_R21_another_store_with_these_keys_writes_over_nothing(tmp_path: Path) -> None:
    def ran(value: str, store: str) -> str:
        with live(graph_of(rd.files(tmp_path / "d"), value, []), str(tmp_path / store)) as engine:
            run = engine.start("etl")
            engine.run_until_idle()
            return run.key

    assert ran("one", "a.db") == ran("two", "b.db")
    for store, value in (("a.db", "one"), ("b.db", "two")):
        with rd.Engine(
            graph_of(rd.files(tmp_path / "d"), "", []), store=str(tmp_path / store), read_only=True
        ) as engine:
            assert engine.runs("etl")[0].tasks["extract"].output == value
            assert len(engine.outputs()) == 2 and len(engine.outputs(unused=True)) == 1


class Killed(BaseException):
    """The process dies here."""


@pytest.mark.parametrize("commits", range(1, 12))
def test_R21_a_crash_leaves_files_that_are_listed_as_unused(tmp_path: Path, commits: int) -> None:
    seen: list = []
    graph, store = graph_of(rd.files(tmp_path / "d"), {1}, seen), str(tmp_path / "s.db")
    engine, left = opened(graph, store), [commits]
    commit = parts(engine).log.commit

    def dies() -> int:
        left[0] -= 1
        if left[0] < 0:
            raise Killed
        return commit()

    parts(engine).log.commit = dies
    try:
        engine.start("etl", key="one")
        engine.run_until_idle()
    except Killed:
        pass
    kill(engine)
    with live(graph, store) as engine:
        run = engine.start("etl", key="one")
        engine.run_until_idle()
        assert run.tasks["extract"].output == {1} and engine.runs("report")[0].state == "success"
        attempts = [attempt.state for attempt in run.tasks["extract"].attempts]
        files = engine.outputs()
        assert sorted(file.unused for file in files) == sorted(state == "lost" for state in attempts)[-len(files) :]
        assert [file.attempt for file in files if not file.unused] == [len(attempts)]
        for file in engine.outputs(unused=True):
            Path(file.path).unlink()
        assert run.tasks["extract"].output == {1} and not engine.outputs(unused=True)


def test_R21_only_what_attempts_wrote_is_listed_and_what_is_being_written_is_not_unused(tmp_path: Path) -> None:
    listed: list = []
    graph, folder = rd.Graph("saved"), tmp_path / "d"

    def dump(value: object, path: Path) -> None:
        path.write_text("1")
        listed.append(engine.outputs(unused=True))

    folder.mkdir()
    (folder / "mine.txt").write_text("not an output")
    graph.dag("etl").add(lambda: 1, id="extract", save=rd.files(folder, dump=dump, load=len))
    with live(graph) as engine:
        key = engine.start("etl").key
        engine.run_until_idle()
        assert listed == [[]] and [file.unused for file in engine.outputs()] == [False]
        (folder / f"etl.extract-{key}-1.7").write_text("of an attempt that there never was")
        (folder / f"etl.extract-{'0' * 32}-1.1.pkl").write_text("of a run that is not here")
        unused = engine.outputs(unused=True)
        assert [(file.run, file.attempt, file.round) for file in unused] == [("0" * 32, 1, 1), (key, 7, 1)]
        with pytest.raises(rd.InvalidValue, match="True or False"):
            engine.outputs(unused="yes")


def test_R21_a_file_that_is_gone_or_another_fails_what_wants_it(tmp_path: Path) -> None:
    graph = rd.Graph("saved")
    etl = graph.dag("etl")
    etl.add(lambda: "value", id="extract", save=rd.files(tmp_path))
    etl.add(lambda: next(tmp_path.iterdir()).unlink(), id="tidy", after=["extract"])
    etl.add(lambda extract: extract, id="load", after=["tidy"])
    with live(graph) as engine:
        run = engine.start("etl")
        engine.run_until_idle()
        assert run.tasks["load"].state == "failed"
        assert "OutputGone: the output of etl.extract was saved in" in run.tasks["load"].error
        with pytest.raises(rd.OutputGone, match="not there any more"):
            read(run)
        Path(parts(engine).host.row(run._offset).tasks[0].output["file"]).write_text("other")
        with pytest.raises(rd.OutputGone, match="now that has 5"):
            read(run)


def load_text(path: Path) -> str:
    return path.read_text()


def dump_text(value: str, path: Path) -> None:
    path.write_text(value)


def test_R21_a_value_is_read_by_the_function_that_its_success_names(tmp_path: Path) -> None:
    store = str(tmp_path / "s.db")
    for save, named in (
        (rd.files(tmp_path / "d", dump=dump_text, load=load_text), True),
        (rd.files(tmp_path / "d", dump=dump_text, load=lambda path: path.read_text()), False),
    ):
        with live(graph_of(save, "old", []), store) as engine:
            run = engine.start("etl")
            engine.run_until_idle()
            assert run.tasks["extract"].output == "old"
        with live(graph_of(rd.files(tmp_path / "d"), "new", []), store) as engine:
            run = engine.runs("etl")[0]
            if named:
                assert read(run) == "old"
            else:
                with pytest.raises(rd.GraphError, match=r"the output of etl\.extract cannot be read from .*lambda"):
                    read(run)


def test_R21_results_can_be_sent_to_another_process(tmp_path: Path) -> None:
    seen: list = []
    graph = graph_of(rd.files(tmp_path, dump=dump_text, load=load_text), "kept", [])
    graph.dag("sends", on=rd.completed("etl")).add(lambda run: seen.append(pickle.dumps(run.results)), id="of")
    with live(graph) as engine:
        engine.start("etl")
        engine.run_until_idle()
    assert pickle.loads(seen[0]) == {"etl": {"extract": "kept", "load": None}}


def test_R21_worker_processes_get_values_and_give_them(tmp_path: Path) -> None:
    graph = rd.Graph("saved")
    etl = graph.dag("etl")
    etl.add(lambda: FRAME, id="extract", save=rd.parquet(tmp_path / "lake"))
    etl.add(lambda extract: extract.n.sum().item(), id="load")
    graph.dag("report", on=rd.completed(etl)).add(lambda run: list(run.results["etl"]["extract"].index), id="of")
    with rd.Engine(graph, runner=rd.ProcessRunner(1)) as engine:
        run = engine.start("etl")
        engine.run_until_idle("60s")
        assert run.tasks["load"].output == 3 and equal(run.tasks["extract"].output, FRAME)
        assert engine.runs("report")[0].tasks["of"].output == [7, 9]


def test_R21_it_goes_through_json(tmp_path: Path) -> None:
    graph = rd.Graph("saved")
    dag = graph.dag("etl", defaults={"save": rd.parquet(tmp_path)})
    dag.add(json.dumps, id="table")
    dag.add(json.dumps, id="text", save=rd.files("d", dump=dump_text, load=load_text, suffix=".txt"))
    dag.add(json.dumps, id="plain", save=None)
    read = rd.Graph.from_json(json.loads(json.dumps(graph.to_json())))
    tasks = read.dags["etl"].tasks
    assert repr(tasks["table"].save) == f"rd.parquet({str(tmp_path)!r})" and tasks["plain"].save is None
    assert tasks["text"].save == dag.tasks["text"].save and not tasks["text"].save.load.bound
    assert read.to_json() == graph.to_json()
    read.bind()
    assert tasks["text"].save.load.fn is load_text and tasks["table"].save.dump.bound
    with pytest.raises(rd.InvalidValue, match=r"dags\[0\]\.defaults: .*does not say how an output is saved"):
        rd.Graph.from_json(json.loads(json.dumps(graph.to_json()).replace('"suffix"', '"sufix"')))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: rd.parquet(""), "must be a path"),
        (lambda: rd.parquet(3), "must be a path"),
        (lambda: rd.parquet("s3://lake/tmp"), "one of this machine's"),
        (lambda: rd.files("d", dump=dump_text), "both, or none"),
        (lambda: rd.files("d", dump="x", load="y"), "must be a function"),
        (lambda: rd.files("d", dump=json.dump, load=json.load), "takes an open file"),
        (lambda: rd.files("d", suffix="pkl"), "end of a file's name"),
        (lambda: rd.files("d", suffix="../x"), "end of a file's name"),
        (
            lambda: rd.Graph("g").dag("d").add(json.dumps, id="t", save="lake"),
            r"task 't'.*save must be rd\.parquet",
        ),
    ],
)
def test_R21_nonsense_is_refused_where_it_is_written(make: object, said: str) -> None:
    with pytest.raises(rd.InvalidValue, match=said):
        make()


def test_R21_without_pyarrow_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with live(graph_of(rd.parquet(tmp_path / "d"), FRAME, [])) as engine:
        run = engine.start("etl")
        engine.run_until_idle()
        assert "pip install 'reactive-dag[parquet]'" in run.tasks["extract"].error


def test_R21_a_wait_tells_where_the_value_is_and_its_run_gives_it(tmp_path: Path) -> None:
    graph, seen = rd.Graph("saved"), []
    graph.dag("up", schedule="0 1 * * *").add(lambda: {1}, id="t", save=rd.files(tmp_path))
    down = graph.dag("down", schedule="0 1 * * *")
    up = down.wait_for("up", timeout="1h")
    down.add(lambda wait_up: seen.append(wait_up.tasks["t"].output), id="use", after=[up])
    with live(graph) as engine:
        engine.advance("2h")
        told = engine.runs("down")[0].tasks["wait_up"].output
        assert Path(told["results"]["t"]["file"]).parent == tmp_path
    assert seen == [{1}]


def test_R21_a_simulation_writes_nothing(tmp_path: Path) -> None:
    graph = rd.Graph("saved")
    graph.dag("etl", schedule="0 1 * * *").add(lambda: {1}, id="t", save=rd.files(tmp_path / "d"))
    found = rd.simulate(graph, start="2026-11-23T00:00Z", until="1d", default_duration="1m")
    assert [run.state for run in found.runs] == ["success"] and not (tmp_path / "d").exists()
