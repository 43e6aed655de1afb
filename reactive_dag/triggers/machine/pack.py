"""Items, releases and keys as plain data that msgpack and JSON keep.

Owns the form: numbers, text, None and lists as they are; a tuple is `{"t": […]}`, a mark `{"m": […]}`, a mapped release
`{"v": payload, "i": release}`. Invariant: `unpack(pack(x)) == x` for whatever a trigger holds. Cost: O(size).
"""

from __future__ import annotations

from typing import Any

from reactive_dag.model.records import Mark
from reactive_dag.triggers.firing import Firing, Keyed, Mapped, Ref, Rolled


def pack(value: Any) -> Any:
    """Plain data for an item, a release or a key.

    >>> pack((1, [Mark("tick", 50)]))
    {'t': [1, [{'m': ['tick', 50, -1, '', 0, '', None, None]}]]}
    """
    kind = type(value)
    if kind is int or kind is str:
        return value
    if kind is tuple:
        return {"t": [pack(each) for each in value]}
    if kind is list:
        return [pack(each) for each in value]
    if kind is Mark:
        return {"m": [getattr(value, name) for name in Mark.__struct_fields__]}
    if kind is Mapped:
        return {"v": value.value, "i": pack(value.item)}
    if kind is Keyed:
        return {"k": pack(value.key), "r": pack(value.release)}
    return value


def pack_payload(payload: Any) -> Any:
    """Plain data for a firing's payload: what a `.map` gave as it is, an event by its item. O(its events).

    >>> pack_payload([Ref(3), {"i": 1}])
    [[3], [None, {'i': 1}]]
    """
    if type(payload) is list:
        return [[pack(each.item)] if type(each) is Ref else [None, each] for each in payload]
    return {"i": pack(payload.item)} if type(payload) is Ref else {"v": payload}


def unpack_payload(plain: Any) -> Any:
    """What `pack_payload` was given.

    >>> unpack_payload(pack_payload([Ref(3), {"i": 1}])), unpack_payload(pack_payload(Ref(3)))
    ([Ref(item=3), {'i': 1}], Ref(item=3))
    """
    if type(plain) is list:
        return [Ref(unpack(each[0])) if len(each) == 1 else each[1] for each in plain]
    return Ref(unpack(plain["i"])) if "i" in plain else plain["v"]


def pack_firing(firing: Firing) -> list[Any]:
    """Plain data for a firing. O(items)."""
    rolled = [[r.place, pack(r.key), r.start, r.end, r.missing, r.correction, pack(r.known)] for r in firing.rolled]
    return [
        pack(firing.items), pack_payload(firing.payload), firing.mapped, pack(firing.key), list(firing.parts),
        pack(firing.riders), firing.split, pack(firing.pairs), rolled, pack(firing.rest),
    ]  # fmt: skip


def unpack_firing(plain: list[Any]) -> Firing:
    """What `pack_firing` was given."""
    items, payload, mapped, key, parts, riders, split, pairs, rolled, rest = plain
    return Firing(
        unpack(items), unpack_payload(payload), mapped, unpack(key), parts, unpack(riders), split, unpack(pairs),
        [Rolled(at, unpack(of), t0, t1, gone, again, unpack(known)) for at, of, t0, t1, gone, again, known in rolled],
        unpack(rest),
    )  # fmt: skip


def unpack(plain: Any) -> Any:
    """What `pack` was given.

    >>> unpack(pack((1, [Mapped({"rows": 1}, 7)])))
    (1, [Mapped(value={'rows': 1}, item=7)])
    """
    kind = type(plain)
    if kind is int or kind is str:
        return plain
    if kind is list:
        return [unpack(each) for each in plain]
    if kind is not dict:
        return plain
    if "t" in plain:
        return tuple([unpack(each) for each in plain["t"]])
    if "m" in plain:
        return Mark(*plain["m"])
    if "k" in plain:
        return Keyed(unpack(plain["k"]), unpack(plain["r"]))
    return Mapped(plain["v"], unpack(plain["i"]))
