"""R10: an item of a later round takes the earlier one's place in those leaf parts that take it, and in no other."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import reactive_dag as rd
from reactive_dag.triggers.base import Trigger
from tests.support.dying import DyingLog
from tests.support.engines import parts
from tests.support.world import World
from tests.support.zoo import give_up, succeed


def well() -> Trigger:
    return rd.completed("make")


def ended() -> Trigger:
    return rd.completed("make", states="any")


def world_of(on: Callable[[], Trigger], log: object = None, paused: bool = False) -> World:
    """`make`, whose run has succeeded; `reads` has heard it."""
    graph = rd.Graph("parts")
    graph.dataset("go")
    graph.dag("make").add(lambda run: world.body(run), id="t")
    graph.dag("reads", on=on().by(None), paused=paused).add(lambda run: world.body(run), id="t")
    world = World(graph, log)
    world.engine.start("make", logical_date="2026-11-20")
    settled(world)
    return world


def settled(world: World, outcome: Callable[[rd.Run], object] = succeed) -> None:
    world.settle()
    world.finish(0, outcome)
    world.settle()


def again(world: World, outcome: Callable[[rd.Run], object] = give_up) -> None:
    """A further round of `make` ends so."""
    world.engine.rerun(world.engine.runs("make")[0])
    settled(world, outcome)


def held(world: World) -> list[list[str]]:
    return [[event.state for event in part.items] for part in world.engine.pending("reads").parts]


def causes(world: World) -> list[str]:
    """The states of what the only run of `reads` has as causes."""
    (run,) = world.engine.runs("reads")
    return sorted(event.state or event.kind for event in run.events)


def test_R10_a_part_that_does_not_take_the_new_item_keeps_the_old_one() -> None:
    world = world_of(lambda: well() & ended() & rd.updated("go"))
    again(world)
    assert held(world) == [["success"], ["failed"], []]
    world.engine.publish("go")
    world.settle()
    assert causes(world) == ["failed", "success", "updated"]


def test_R10_a_part_that_kept_an_item_has_it_replaced_by_one_that_it_takes() -> None:
    world = world_of(lambda: well() & ended() & rd.updated("go"))
    again(world)
    again(world, succeed)
    assert held(world) == [["success"], ["success"], []]
    world.engine.publish("go")
    world.settle()
    assert causes(world) == ["success", "updated"]


@pytest.mark.parametrize(
    "on",
    [
        lambda: (well() & ended()).batch(count=2),
        lambda: (well() | ended()).batch(count=2),
        lambda: (well() & ended()).batch(max_wait="1h"),
        lambda: (well() & ended()).where(lambda events: True).batch(count=2),
        lambda: (well() & ended()).by("logical_date").batch(count=2),
        lambda: rd.all_of(well() & ended(), rd.updated("go"), consume="each"),
        lambda: rd.all_of(well() | ended(), rd.updated("go"), consume="latest"),
        lambda: rd.sequence(well() & ended(), rd.updated("go")),
        lambda: rd.at_least(2, well() & ended(), rd.updated("go"), rd.updated("b")),
        lambda: rd.updated("go").with_latest(well() & ended()),
        lambda: (well().with_latest(ended())).batch(count=2),
        lambda: (well() & ended()).debounce("1h"),
    ],
)
@pytest.mark.parametrize("died", ["no", "before a snapshot", "after a snapshot"])
def test_R10_one_release_has_the_new_item_for_one_part_and_the_old_one_for_another(on, died: str, tmp_path) -> None:
    world = world_of(on, DyingLog(tmp_path / "s.db"))
    if died == "after a snapshot":
        parts(world.engine).turn.snapshot_at = -(10**9)
    again(world)
    if died != "no":
        world.die()
        world.open()
        world.settle()
    assert held(world)[:2] == [["success"], ["failed"]] or held(world)[1:] == [["success"], ["failed"]]
    world.check()


@pytest.mark.parametrize(
    "on", [lambda: well() & ended(), lambda: (well() & ended()).batch(count=1), lambda: well() | ended()]
)
def test_R10_what_a_pause_holds_is_replaced_in_the_parts_that_take_the_new_item(on) -> None:
    world = world_of(on, paused=True)
    again(world)
    world.engine.resume("reads")
    world.settle()
    assert causes(world) == ["failed", "success"]
    world.check()


def test_R10_what_a_map_said_of_an_item_stays_said_of_the_one_in_its_place() -> None:
    world = world_of(lambda: well().map(lambda event: event) & ended().map(lambda event: event) & rd.updated("go"))
    again(world)
    world.engine.publish("go")
    world.settle()
    (run,) = world.engine.runs("reads")
    assert causes(world) == ["failed", "success", "updated"]
    assert sorted(each["state"] or each["kind"] for each in run.payload) == ["success", "success", "updated"]


def test_R10_a_callable_that_raised_is_asked_again_about_the_item_of_its_part() -> None:
    raises = [True]

    def judged(event: rd.Event) -> bool:
        if raises:
            raise ValueError("not now")
        return True

    world = world_of(lambda: well().where(judged) & ended().where(judged))
    again(world)
    raises.clear()
    world.engine.retry_faults("reads")
    world.settle()
    assert causes(world) == ["failed", "success"]
    assert [each.consumed for each in world.engine.pending("reads").parts] == [1, 1]
