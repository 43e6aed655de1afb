"""The nodes of the naive model that wait for time: windows (T5) and silences (T9)."""

from __future__ import annotations

from reactive_dag.model.callables import Call
from reactive_dag.model.records import Mark
from reactive_dag.model.times import NEVER
from tests.reference.naive_given import Given, united
from tests.reference.naive_nodes import Node


class BatchNode(Node):
    def __init__(self, *args):
        super().__init__(*args)
        self.begin()

    def begin(self):
        self.gathered, self.opened = [], None

    def own_pending(self):
        return self.gathered

    def own_due(self):
        return NEVER if self.trigger.max_wait is None or not self.gathered else self.opened + self.trigger.max_wait

    def close(self, now):
        gathered, self.gathered = self.gathered, []
        return [united(gathered)]

    def gather(self, given, now):
        if not self.gathered:
            self.opened = now
        elif len(self.gathered) == self.model.limit:
            self.drop("expired", self.gathered.pop(0))
        self.gathered.append(given)

    def take(self, arrived, now):
        fired = []
        for _, given in arrived:
            self.gather(given, now)
            if len(self.gathered) == self.trigger.count:
                fired += self.close(now)
        return fired


class DebounceNode(BatchNode):
    def own_due(self):
        if not self.gathered:
            return NEVER
        longest = NEVER if self.trigger.max_wait is None else self.opened + self.trigger.max_wait
        return min(self.latest + self.trigger.pause, longest)

    def take(self, arrived, now):
        for _, given in arrived:
            self.gather(given, now)
            self.latest = now
        return []


class ThrottleNode(BatchNode):
    period_end = -NEVER

    def own_due(self):
        return self.period_end if self.gathered else NEVER

    def close(self, now):
        self.period_end = now + self.trigger.period
        return super().close(now)

    def take(self, arrived, now):
        fired = []
        for _, given in arrived:
            self.gather(given, now)
            if now >= self.period_end:
                fired += self.close(now)
        return fired

    def begin(self):
        super().begin()
        self.period_end = -NEVER

    def own_idle(self, now):
        return super().own_idle(now) and now >= self.period_end


class AbsentNode(Node):
    """`armed`: None, or (since when, the name of what armed it); `heard`: whether the part came since the last tick."""

    def __init__(self, *args):
        super().__init__(*args)
        self.armed, self.heard = None, False
        self.part = self.model.numbers[self.place]

    def own_due(self):
        if self.armed is None:
            return NEVER
        if self.trigger.for_ is not None:
            return self.armed[0] + self.trigger.for_
        return self.trigger.at.schedule.after(self.armed[0]) or NEVER

    def arm(self, now, name):
        super().arm(now, name)
        if self.trigger.after is None:
            self.armed = (now, name)

    def go(self, landing, now, path):
        return ([landing[self.part]] if self.part in landing else []) + super().go(landing, now, path)

    def close(self, now):
        heard, name, self.heard = self.heard, self.armed[1], False
        goes = self.trigger.for_ is not None or ((self.path or self.trigger.after is not None) and not heard)
        self.armed = None if goes else (now, name)
        if heard:
            return []
        if any(isinstance(key, Call) for by in self.model.parts[self.part][1] for key in by.keys_inside):
            name = f"{name}[{' / '.join(k if isinstance(k, str) else repr(k) for k in self.path)}]"
        by = name if self.trigger.at is None else f"{name}@{now}"
        mark = Mark("absent", now, self.model.last, by, self.model.silences.index(self.part))
        self.model.fates[self.part, mark] = "pending"
        return [Given([(self.part, mark)], mark)]

    def take(self, arrived, now):
        for which, given in arrived:
            name = self.model.identity(given.items[-1])
            if which == 1:
                self.armed, self.heard = (now, name), False
            elif self.trigger.after is not None:
                self.armed = None
            elif self.trigger.for_ is not None:
                self.armed = (now, name)
            else:
                self.armed, self.heard = (now if self.armed is None else self.armed[0], name), True
            self.drop("heard", given)
        if self.own_due() == NEVER:
            self.armed = None
        return []

    def own_idle(self, now):
        return self.own_due() == NEVER
