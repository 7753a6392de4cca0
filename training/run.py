"""A training run: from a data set and a configuration to a folder with the best model."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from configs.errors import UserError
from configs.load import dump_config
from configs.schema import Config
from detector.artefact import DetectorSpec
from detector.blocks import STOCK_NORM
from detector.data.dataset import Dataset
from detector.data.orientation import read_sample
from detector.files import make_folder, write_text
from detector.preprocess import resize
from detector.ssdlite import build_ssdlite
from training.callbacks import Deadline, Keeper, MovingAverage, count_objects, relabelled
from training.freezing import freeze
from training.fused_norm import FusedBatchNormalization
from training.loader import Loader, make_loader
from training.schedule import make_optimizer, scaled_rate, without_decay
from training.start import start_from
from training.trainer import Trainer, as_fit_data
from training.unfold import is_folded, unfold

_FEW_PICTURES = 1000  # under which batch norm keeps its statistics
_FEW_STEPS = 5000  # under which its statistics must move faster
_UNFOLD_PICTURES = 256


@dataclass(frozen=True)
class Result:
    """What came of a run.

    Attributes:
        best_ap: on the validation part.
        epochs: completed.
        failed: pictures that could not be read.
    """

    best_ap: float
    epochs: int
    failed: int


def train(
    config: Config,
    training: Dataset,
    validation: Dataset,
    output: Path,
    start: str,
    seconds: float | None,
    tell: Callable[[str], None],
) -> Result:
    """Train a detector.

    Args:
        config: of model, augmentation, loss and training.
        training: to learn from; its classes are the model's.
        validation: to choose the best model by.
        output: a new folder: `config.yaml`, `log.csv`, `best/` and `last/`.
        start: weights to begin with (`training.start.start_from`).
        seconds: after which training ends early; None for all epochs.
        tell: takes a line for the user.

    Raises:
        UserError: the folder holds a run, the data have no object, or the weights do not fit.
    """
    _require_new(output)
    keras.utils.set_random_seed(config.seed)
    samples = relabelled(training, training.classes)
    counts = count_objects(samples, training.classes)
    if not sum(counts.values()):
        raise UserError(f"{training.name} holds no object to learn; see python -m training.check")
    loader = make_loader(samples, config, augment=True)
    steps = loader.steps * config.train.epochs
    network, stock = _networks(config, training, start, samples, steps, tell)
    make_folder(output)
    write_text(output / "config.yaml", dump_config(config))
    spec = DetectorSpec(
        name=output.name,
        model=config.model,
        postprocess=config.postprocess,
        class_names=training.classes.names,
        category_ids=training.classes.category_ids,
        training_objects=counts,
    )
    trainer = _compiled(network, config, steps)
    average = None
    if config.train.ema_momentum:
        average = MovingAverage(network, config.train.ema_momentum)
    scored = replace(
        validation, samples=relabelled(validation, training.classes), classes=training.classes
    )
    keeper = Keeper(network, average, scored, spec, config, stock, output, tell)
    rate = scaled_rate(config.train, config.loader.batch_size)
    tell(f"{len(samples):,} pictures, {sum(counts.values()):,} objects")
    tell(f"{config.train.epochs} epochs of {loader.steps} steps; learning rate {rate:.2g}")
    history = trainer.fit(
        _endless(loader, config.train.epochs),
        epochs=config.train.epochs,
        steps_per_epoch=loader.steps,
        shuffle=False,
        callbacks=[
            *([average] if average else []),
            keeper,  # before the log, which takes its figures
            keras.callbacks.CSVLogger(str(output / "log.csv")),
            keras.callbacks.TerminateOnNaN(),
            *([Deadline(seconds)] if seconds else []),
        ],
    )
    return Result(keeper.best, len(history.epoch), len(loader.failed))


def _require_new(output: Path) -> None:
    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise UserError(f"{output} holds something already; name a new folder for this run")


def _networks(
    config: Config,
    training: Dataset,
    start: str,
    samples: list[Any],
    steps: int,
    tell: Callable[[str], None],
) -> tuple[keras.Model, keras.Model]:
    """The network that trains, and one of stock layers with the same weights, to be saved."""
    options = config.train
    few = len(samples) < _FEW_PICTURES
    freeze_norm = few if options.freeze_norm == "auto" else options.freeze_norm
    norm = STOCK_NORM if freeze_norm else FusedBatchNormalization
    stock = build_ssdlite(config.model, len(training.classes))
    for line in start_from(stock, config.model, training.classes.names, start).to_lines():
        tell(line)
    if freeze_norm and start == "none":
        tell("warning: batch norm is frozen, and there are no weights to start from")
    if not freeze_norm and any(map(is_folded, stock.layers)):
        names = unfold(stock, _pictures(samples, config.model.input_size))
        tell(f"{len(names)} folded batch norms got the statistics of the training pictures")
    network = build_ssdlite(config.model, len(training.classes), norm)
    network.set_weights(stock.get_weights())
    tell(freeze(network, options.freeze, norm=freeze_norm))
    momentum = options.norm_momentum
    if momentum == "auto":
        momentum = 0.97 if steps < _FEW_STEPS else 0.999
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = momentum
    return network, stock


def _pictures(samples: list[Any], input_size: int) -> Iterator[np.ndarray]:
    """Batches of 8 training pictures as they are, spread over the data set."""
    chosen = samples[:: max(1, len(samples) // _UNFOLD_PICTURES)][:_UNFOLD_PICTURES]
    readable: list[np.ndarray] = []
    for sample in chosen:
        try:
            readable.append(resize(read_sample(sample)[0], input_size))
        except UserError:
            continue  # the loader reports it
    return (np.stack(readable[i : i + 8]) for i in range(0, len(readable), 8))


def _compiled(network: keras.Model, config: Config, steps: int) -> Trainer:
    trainer = Trainer(network, config)
    optimizer = make_optimizer(config.train, config.loader.batch_size, steps)
    spared = without_decay(network)
    if config.train.weight_decay and spared:
        optimizer.exclude_from_weight_decay(var_list=spared)
    xla: Any = False  # 5 times slower on a CPU
    trainer.compile(optimizer=optimizer, jit_compile=xla)
    return trainer


def _endless(loader: Loader, epochs: int) -> Iterator[Any]:
    """The batches of all epochs, one after the other."""
    batches = (loader.batches(epoch) for epoch in range(epochs))
    return (as_fit_data(batch) for batch in itertools.chain.from_iterable(batches))
