"""Exports a preset to LiteRT once, into the cache, so that it starts and runs faster."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from configs.errors import UserError
from detector.exporting.calibration import photo_views
from detector.exporting.exporter import Exporter, ExportJob
from detector.exporting.install import install
from detector.weights.presets import PRESETS, load_preset

_FORMAT = "tflite"  # exact, and its engine is always installed


def export_preset(preset: str, folder: Path) -> None:
    """Export a preset.

    Args:
        preset: its name.
        folder: of `detector.weights.presets.exported_folder`.

    Raises:
        UserError: the preset cannot be fetched, its export differs from it here, or the folder
            cannot be written to.
    """
    network, spec = load_preset(PRESETS[preset])
    sys.stderr.write(f"making {preset} fast for this machine; this is done once\n")
    job = ExportJob(preset, network, spec, (), photo_views(spec.model.input_size))
    with tempfile.TemporaryDirectory() as scratch:
        outcome = Exporter(job, False, lambda _: None).export(_FORMAT, Path(scratch))
        if outcome.objections:
            raise UserError(
                f"{preset} as {_FORMAT} differs from the original on this machine: "
                f"{'; '.join(outcome.objections)}; use --runtime keras"
            )
        install(Path(scratch), outcome.files, {_FORMAT: outcome.as_record()}, folder, spec)
