"""Folders of mapping files to compiled mappings, each name once."""

from __future__ import annotations

from collections.abc import Iterable
from importlib import resources
from pathlib import Path

from stormwatch.events.client_address import NOBODY_TRUSTED, TrustedProxies
from stormwatch.events.mapping.compiled import CompiledMapping
from stormwatch.events.mapping.reading import read_specification
from stormwatch.events.mapping.specification import Specification
from stormwatch.model.errors import InvalidInput

SUFFIXES = (".yaml", ".yml")


def shipped_mappings() -> Path:
    """The folder of the mappings that come with the software."""
    return Path(str(resources.files("stormwatch.events"))) / "mappings"


def mapping_files(paths: Iterable[Path]) -> list[Path]:
    """The mapping files below the paths, each once; InvalidInput for a path that does not exist."""
    found: dict[Path, Path] = {}
    for path in paths:
        if not path.exists():
            raise InvalidInput("this path does not exist", where=str(path), remedy="name a mapping file or a folder")
        for file in sorted(path.rglob("*.y*ml")) if path.is_dir() else [path]:
            if file.suffix in SUFFIXES or file == path:
                found.setdefault(file.resolve(), file)
    return list(found.values())


def read_mappings(paths: Iterable[Path], taken: Iterable[str] = ()) -> list[Specification]:
    """The specifications below the paths; InvalidInput for the first fault, or a name that is taken."""
    known = dict.fromkeys(taken, "this software")
    found = []
    for file in mapping_files(paths):
        specification = read_specification(file)
        if specification.name in known:
            what = f"the name {specification.name} is taken by {known[specification.name]}"
            raise InvalidInput(what, where=str(file), remedy="give the mapping a name of its own")
        known[specification.name] = str(file)
        found.append(specification)
    return found


def load_mappings(
    folders: Iterable[Path] = (), proxies: TrustedProxies = NOBODY_TRUSTED, taken: Iterable[str] = ()
) -> list[CompiledMapping]:
    """The mappings of the folders, then the shipped ones, compiled."""
    specifications = read_mappings([*folders, shipped_mappings()], taken)
    return [CompiledMapping(specification, proxies) for specification in specifications]
