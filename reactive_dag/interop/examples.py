"""The estates that come along: where they lie, in a checkout and in an installed wheel.

Owns their names. The wheel holds the folder `examples` as `reactive_dag/examples`; in a checkout it stands beside the
package. Cost: O(1), and reading the file for `open_example`.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from reactive_dag.interop.estate import Estate, load_estate
from reactive_dag.model.errors import UnknownId
from reactive_dag.model.suggest import did_you_mean

EXAMPLES = {"mozilla": "mozilla-bigquery-etl.json"}
"""Each example's name and file."""


def estate_path(name: str) -> Path:
    """The file of an example, by its name or its file name. O(1). Raises UnknownId for one that there is not.

    >>> estate_path("mozilla").name
    'mozilla-bigquery-etl.json'
    """
    file = EXAMPLES.get(name, name)
    if file not in EXAMPLES.values():
        raise UnknownId(f"there is no example {name!r}{did_you_mean(name, EXAMPLES)}; known are {', '.join(EXAMPLES)}")
    found = in_folders(file, Path(str(files("reactive_dag"))))
    if found is None:
        raise UnknownId(f"example {name!r} is not installed: {file} lies neither in the package nor beside it")
    return found


def in_folders(file: str, package: Path) -> Path | None:
    """Where a file of the examples lies: in the package (a wheel), or beside it (a checkout); else None. O(1)."""
    places = [folder / "examples" / file for folder in (package, package.parent)]
    return next((place for place in places if place.is_file()), None)


def open_example(name: str) -> Estate:
    """An example, read. O(its size). Raises UnknownId for one that there is not.

    >>> len(open_example("mozilla").graph.dags)
    157
    """
    return load_estate(estate_path(name))
