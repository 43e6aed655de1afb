"""The part of the naive model that knows reruns with `downstream=True` (R10).

Who consumed what of whom is looked for among all requests there ever were, each time a round has ended.
"""

from __future__ import annotations

from tests.reference.model_parts import Fact
from tests.reference.model_rounds import same_item


def took(station, old, new):
    """Whether a trigger takes the new item; one whose DAG is gone would take what is as the old one was."""
    return station.hits_of(new) if station is not None else old.state == new.state


class Wave:
    """A rerun with what follows: the runs that were given a round, those of them under way, and how the others ended.

    `well` has the round of each that ended well, and since when that is known: who was requested later took what there
    was by then. `left` are those that did not end well, or whose round did not happen.
    """

    def __init__(self, key):
        self.given, self.open, self.well, self.left = {key}, {key}, {}, set()


class Downstream:
    """What a model does with what follows a rerun."""

    def is_settled(self, run, request, well):
        """A round has ended, or does not happen: what it made is decided first, then what follows."""
        if request is not None and request.wave is not None:
            self.push("settled", run=run, wave=request.wave, well=well, number_of_round=run.round)

    def on_settled(self, fact):
        about = {"run": fact.run, "wave": fact.wave, "well": fact.well, "number_of_round": fact.number_of_round}
        self.out.append(Fact("decided", fact.at, **about))

    def on_decided(self, fact):
        wave, key = fact.wave, fact.run.key
        wave.open.discard(key)
        if fact.well:
            wave.well[key] = fact.number_of_round, fact.number
        else:
            wave.left.add(key)
        reached = {key: pairs for key in self.runs if key not in wave.given and (pairs := self.replaced(wave, key))}
        for key, pairs in reached.items():
            if key not in self.behind_runs(wave.open | wave.left | {*reached} - {key}):
                wave.given.add(key)
                wave.open.add(key)
                self.push("rerun", run=self.runs[key], tasks=(), only=False, wave=wave, replaced=pairs)

    def behind_runs(self, keys):
        """The runs that consumed an item of these, or of one that did."""
        found, todo = set(), {*keys}
        while todo:
            todo = {
                run.key for run in self.runs.values()
                if run.key not in found and any(self.maker(item) in todo for item in run.all_causes)
            }  # fmt: skip
            found |= todo
        return found

    def maker(self, item):
        """The key of the run that made an item, if one did."""
        made = isinstance(item, int) and self.facts[item].what in ("finished", "run_finished", "published")
        return self.facts[item].run.key if made and self.facts[item].run is not None else None

    def replaced(self, wave, key):
        """What a run consumed that rounds of a wave made anew, each with the new one, if its trigger takes that."""
        run, pairs = self.runs[key], []
        station = self.stations.get(run.dag)
        for item in run.requested_by:
            number, known = wave.well.get(self.maker(item), (None, 0))
            if number is not None and run.number < known:
                old = self.facts[item]
                new = [f for f in self.facts[item + 1 :] if same_item(f, old) and f.round == number]
                pairs += [(item, f.number) for f in new[-1:] if took(station, old, f)]
        return pairs

    def take_up(self, run):
        """A round begins: its causes are the newest ones."""
        for item, new in run.request.replaced:
            run.standing[item] = max(new, run.standing.get(item, new))
        swap = run.standing.get
        run.causes, run.all_causes = ([swap(item, item) for item in items] for items in (run.driving, run.requested_by))
