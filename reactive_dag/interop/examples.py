"""The estates that come along: where they lie, in a checkout and in an installed wheel.

Owns their names. The wheel holds the folder `examples` as `reactive_dag/examples`; in a checkout it stands beside the
package. Cost: O(1), and reading the file for `open_example`.
"""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from reactive_dag.interop.estate import Estate, load_estate
from reactive_dag.model.errors import UnknownId
from reactive_dag.model.hints import did_you_mean

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
    package = Path(str(files("reactive_dag")))
    found = [folder / file for folder in (package / "examples", package.parent / "examples")]
    for each in found:
        if each.is_file():
            return each
    raise UnknownId(f"the example {name!r} is not installed: {file} stands neither in the package nor beside it")


def open_example(name: str) -> Estate:
    """An example, read. O(its size). Raises UnknownId for one that there is not.

    >>> len(open_example("mozilla").graph.dags)
    157
    """
    return load_estate(estate_path(name))
