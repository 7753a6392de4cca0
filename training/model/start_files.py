"""Files of start weights that come from the network, and what there is to begin with without it."""

from __future__ import annotations

from pathlib import Path

from configs.errors import UserError
from configs.schema import ModelConfig
from detector.weights.download import NotFetchedError, RemoteFile, cache_folder, fetch
from detector.weights.presets import PRESETS, fetch_preset, missing_files

_APPLICATIONS = "https://storage.googleapis.com/tensorflow/keras-applications"
# `keras.applications`: the widths that have weights, and where those for 224 px lie.
_IMAGENET_FILES = {
    "mobilenet_v1": {
        width: f"{_APPLICATIONS}/mobilenet/mobilenet_{text}_224_tf_no_top.h5"
        for width, text in ((0.25, "2_5"), (0.5, "5_0"), (0.75, "7_5"), (1.0, "1_0"))
    },
    "mobilenet_v2": {
        width: f"{_APPLICATIONS}/mobilenet_v2/"
        f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{width}_224_no_top.h5"
        for width in (0.35, 0.5, 0.75, 1.0, 1.3, 1.4)
    },
}


def imagenet_file(config: ModelConfig) -> RemoteFile:
    """ImageNet's weights of a backbone.

    Raises:
        UserError: there are none of this width.
    """
    files, width = _IMAGENET_FILES[config.backbone], config.width_multiplier
    if width not in files:
        raise UserError(
            f"there are no ImageNet weights of {config.backbone} at width {width}; "
            f"set model.width_multiplier to one of {', '.join(map(str, files))}"
        )
    return RemoteFile(files[width])


def fetch_start(config: ModelConfig, source: str) -> Path:
    """Fetch what start weights need where the cache lacks it.

    Args:
        config: of the network to train.
        source: of `training.model.init_weights`; nothing is fetched for what is on disk.

    Returns:
        the folder of the files.

    Raises:
        UserError: a file cannot be fetched, with what there is to begin with instead; it is not
            the one expected; or there is none for this backbone.
    """
    folder = cache_folder() / source
    if source in PRESETS:
        fetch_preset(PRESETS[source], _instead(config))
    elif source == "imagenet":
        try:
            fetch(imagenet_file(config), folder)
        except NotFetchedError as error:
            raise NotFetchedError(f"{error}, {_instead(config)}") from error
    return folder


def about_missing(config: ModelConfig, source: str) -> str:
    """What is still to be fetched for start weights, and what to do without it; "" for nothing."""
    folder = cache_folder() / source
    if source in PRESETS:
        files = missing_files(PRESETS[source])
    elif source == "imagenet":
        files = [one for one in (imagenet_file(config),) if not (folder / one.name).exists()]
    else:
        return ""
    if not files:
        return ""
    names = ", ".join(one.name for one in files)
    return (
        f"{names} will be downloaded from {files[0].url.rpartition('/')[0]}/; without a network "
        f"put them into {folder} yourself, {_instead(config)}"
    )


def _instead(config: ModelConfig) -> str:
    return (
        f"or begin with what is on disk: --start RUN (another run or a model folder), a .npz of "
        f"the official model, a .h5 of ImageNet's {config.backbone}; --config shapes --start "
        "shapes for drawn or printed forms; or --start none, from random weights, which a few "
        "hundred photos are not enough for"
    )
