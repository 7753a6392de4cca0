"""Reads YAML whose aliases do not make it far larger than it is written."""

from typing import Any

import yaml

_FREE, _TIMES = 1000, 10  # nodes that aliases may add to any file, and times that they may grow it


class YamlBombError(yaml.YAMLError):
    """The aliases of a YAML text go in a circle, or make it far larger than it is written."""


class UntypedError(yaml.YAMLError):
    """A value of a YAML text is none of the type that its tag names."""


def load_yaml(text: str | bytes) -> Any:
    """The value of a YAML text, of plain types.

    Raises:
        yaml.YAMLError: it is no YAML, its aliases are a bomb, or it nests too deeply.
        ValueError: it is not UTF-8, or what only looks like a date.
    """
    loader = yaml.SafeLoader(text)
    try:
        return construct(loader, compose(loader))
    except RecursionError:
        raise YamlBombError("nests too deeply") from None
    finally:
        loader.dispose()


def construct(loader: yaml.SafeLoader, top: yaml.Node | None) -> Any:
    """The value of a document, by its top node; None where it is empty.

    Raises:
        yaml.YAMLError: a value is none of the type that its tag names.
        ValueError: likewise, or what only looks like a date.
    """
    try:
        return None if top is None else loader.construct_document(top)
    except (LookupError, TypeError, AttributeError) as error:  # PyYAML's own, of `!!int ""`
        raise UntypedError("a value is not of the type that its tag names") from error


def compose(loader: yaml.SafeLoader) -> Any:
    """The top node of a document, or None; each alias stands for one shared node.

    Constructed, shared nodes are shared values: small in memory, but whoever goes through them, as
    `<<` and every message does, meets each as often as it is named.

    Raises:
        yaml.YAMLError: it is no YAML, or its aliases are a bomb.
        RecursionError: it nests too deeply.
    """
    top = loader.get_single_node()
    sizes: dict[int, int] = {}
    if top is not None and _size(top, sizes) > _FREE + _TIMES * len(sizes):
        raise YamlBombError("its aliases make it far larger than it is written")
    return top


def _size(node: yaml.Node, sizes: dict[int, int]) -> int:
    """Nodes of a node with every alias written out; those known are in `sizes`, by their ids."""
    if id(node) not in sizes:
        sizes[id(node)] = 0  # until it is known
        inner = [] if isinstance(node, yaml.ScalarNode) else node.value
        pairs = isinstance(node, yaml.MappingNode)
        nodes = [one for pair in inner for one in pair] if pairs else inner
        sizes[id(node)] = 1 + sum(_size(one, sizes) for one in nodes)
    elif not sizes[id(node)]:
        raise YamlBombError("an alias in it names what it stands in")
    return sizes[id(node)]
