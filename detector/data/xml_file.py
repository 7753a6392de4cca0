"""XML files of annotation tools, parsed without entities, and the name of their root."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from configs.errors import UserError
from detector.files import explained

DAMAGED = (ParseError, ValueError, LookupError)
"""What the parser raises; ValueError of an encoding that is unknown, or not the file's."""

_ROOT = re.compile(rb"<([A-Za-z_][\w.-]*)")
_HEAD = 4096  # bytes, which hold the root of an annotation file


def read_xml(path: Path) -> Element:
    """The root of an XML file.

    Raises:
        UserError: it cannot be read, is damaged, or has entities.
    """
    with explained(path, "read"):
        data = path.read_bytes()
    return parse_xml(path, data)


def parse_xml(path: Path, data: bytes) -> Element:
    """The root of an XML file that was read.

    Raises:
        UserError: as `read_xml`.
    """
    try:
        return fromstring(data)
    except DefusedXmlException as error:
        raise UserError(f"{path}: has XML entities, which are not read: they can attack") from error
    except DAMAGED as error:
        raise UserError(f"{path}: damaged XML ({error}); export it again") from error
    except RecursionError as error:
        raise UserError(f"{path}: its elements are nested too deeply") from error


def xml_root(path: Path) -> str:
    """The name of a file's root, from its first bytes; "" if there is none."""
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return ""
    # UTF-16 has a zero byte beside each letter of ours.
    found = _ROOT.search(head.replace(b"\0", b""))
    return found[1].decode() if found else ""
