"""Installs exports in a model folder, whole or not at all."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from configs.errors import UserError
from detector.artefact import (
    DESCRIPTION,
    NMS_FILES,
    SAVED_MODEL,
    DetectorSpec,
    Export,
    is_artefact,
    read_spec,
)
from detector.digests import digest_of, with_weights
from detector.files import atomic_folder, atomic_path, check_folder, write_text

_BARE = {"exports": {}, "digests": {}}  # a description that knows of no other file


def check_target(folder: Path, spec: DetectorSpec) -> None:
    """Show, before any work is done, that exports of a model may go into a folder.

    Args:
        folder: new or empty, or a folder of this very model.
        spec: of the model.

    Raises:
        UserError: it holds something else, or cannot be written to.
    """
    check_folder(folder)
    if is_artefact(folder):
        if _identity(read_spec(folder)) != _identity(spec):
            raise UserError(f"{folder} holds another model; name a new folder for the exports")
    elif folder.exists() and any(folder.iterdir()):
        raise UserError(f"{folder} holds other files; name a new folder for the exports")


def install(
    made: Path,
    files: Sequence[str],
    exports: Mapping[str, Export],
    folder: Path,
    spec: DetectorSpec,
) -> None:
    """Move exports into the model's folder, and describe them there.

    Args:
        made: folder that holds the files.
        files: their names; `saved_model` is a folder.
        exports: what is known of them, by format.
        folder: of `check_target`.
        spec: of the model.

    Raises:
        UserError: the folder cannot be written to, or holds another model by now.
    """
    check_target(folder, spec)  # again: a run that goes on may have replaced its `best/`
    known = read_spec(folder) if is_artefact(folder) else spec.model_copy(update=_BARE)
    stale = {NMS_FILES.get(name) for name in exports} - {None, *files}  # of an earlier network
    kept = {name: one for name, one in known.digests.items() if name not in {*files, *stale}}
    changes = {"exports": {**known.exports, **exports}, "digests": kept}
    described = spec.model_copy(update=changes)
    # The description first: what was accepted in spite of a loss never stands there without it.
    # Without the digests of what is replaced, so that whoever is killed here leaves nothing that
    # is refused; they come last.
    write_text(folder / DESCRIPTION, described.model_dump_json(indent=1))
    for name in sorted(files):  # an OpenVINO model's weights before its graph
        if name == SAVED_MODEL:
            with atomic_folder(folder / name) as new:
                shutil.copytree(made / name, new, dirs_exist_ok=True)
        else:
            with atomic_path(folder / name) as temporary:
                shutil.copyfile(made / name, temporary)
    for name in stale:
        (folder / str(name)).unlink(missing_ok=True)
    weights = [name for name in with_weights(files) if (made / name).is_file()]
    digests = kept | {name: digest_of(made / name) for name in sorted(set(weights))}
    described = described.model_copy(update={"digests": digests})
    write_text(folder / DESCRIPTION, described.model_dump_json(indent=1))


def _identity(spec: DetectorSpec) -> DetectorSpec:
    """What must be equal for two folders to hold one model."""
    return spec.model_copy(update={**_BARE, "versions": {}})
