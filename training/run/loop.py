"""A training run: from a data set and a configuration to a folder with the best model."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import keras

from configs.errors import UserError
from configs.schema import Config
from detector.artefact import DetectorSpec
from detector.hardware import describe_machine
from training.batches.loader import Loader, make_loader
from training.model.anchors_fit import fit_finest_anchors
from training.model.devices import all_devices, has_gpu, replica_count, replica_scope
from training.model.networks import (
    Networks,
    keeps_statistics,
    make_networks,
    precision,
    set_norm_momentum,
)
from training.model.schedule import make_optimizer, without_decay
from training.model.trainer import Trainer
from training.run.log import Log
from training.run.plan import Plan, sampled_fit, time_steps
from training.run.prefetch import Feed
from training.run.run_folder import Origin, RunFolder, with_finest
from training.run.run_report import write_run_report
from training.run.session import Session, pausing_on_signals
from training.run.splits import Task
from training.run.state import Progress, Snapshot, read_state, restore
from training.run.step_guard import RESERVE, Watch
from training.run.tensorboard_log import Board
from training.run.validation import Keeper

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Request:
    """What is to be done.

    Attributes:
        asked: configuration of model, augmentation, loss and training, as asked for.
        task: what is to be learnt.
        folder: of the run.
        origin: `begin` plans its epochs and fits its anchors.
    """

    asked: Config
    task: Task
    folder: RunFolder
    origin: Origin

    @property
    def config(self) -> Config:
        """As asked for, with the anchors that were fitted to the data."""
        return with_finest(self.asked, self.origin.finest)


@dataclass(frozen=True)
class Result:
    """What came of a run.

    Attributes:
        best_ap: on the validation part.
        epochs: completed.
        failed: images that could not be read.
        paused: the signal that stopped it before its end; "" where it is complete.
    """

    best_ap: float
    epochs: int
    failed: int
    paused: str


def begin(request: Request, tell: Tell) -> Result:
    """Train a detector from the first step on.

    The folder then holds `config.yaml`, `run.json`, `environment.json`, `log.csv`,
    `tensorboard/`, `best/`, `last/` and `report.html`, and, until the run is complete,
    `state.npz`, with which `go_on` goes on.

    Args:
        request: its folder holds nothing yet.
        tell: takes a line for the user.

    Raises:
        UserError: the folder holds something, the weights do not fit, the disk is full, no
            image can be read, or the loss became no number.
    """
    begun = time.monotonic()
    request.folder.require_new()
    request = _with_fitted_anchors(request, tell)
    parts = _prepare(request, request.origin.start, tell)
    plan = _plan(request, parts)
    epochs = _epochs_in_time(plan, request.origin.seconds, time.monotonic() - begun)
    if epochs < plan.epochs:
        tell(f"{plan.epochs} epochs would take too long: {epochs} are planned")
        parts.compile(request.config, epochs)
        plan = replace(plan, epochs=epochs)
    for line in plan.to_lines():
        tell(line)
    request = replace(request, origin=replace(request.origin, epochs=epochs))
    request.folder.create(request.asked, request.origin, _environment())
    return _go(request, parts, Progress(), None, begun, tell)


def go_on(request: Request, tell: Tell) -> Result:
    """Resume a run where its last state was saved; on a CPU, as if it had never stopped.

    Args:
        request: as read from its folder.
        tell: takes a line for the user.

    Raises:
        UserError: there is no state, or what `begin` raises.
    """
    begun, folder = time.monotonic(), request.folder
    folder.clean()
    saved, progress = read_state(folder.state)
    parts = _prepare(request, None, lambda _: None)
    try:
        restore(parts.trainer, saved)
    except ValueError as error:
        raise UserError(f"{folder.state} is the state of another model") from error
    tell(
        f"resumed behind step {progress.step} of {parts.loader.steps}, epoch "
        f"{progress.epoch + 1} of {request.origin.epochs}"
    )
    return _go(request, parts, progress, saved, begun, tell)


def _with_fitted_anchors(request: Request, tell: Tell) -> Request:
    anchors = request.config.model.anchors
    if not request.config.train.fit_anchors or anchors.finest is not None:
        return request
    fitted = fit_finest_anchors(request.task.training, anchors, request.config.seed)
    if fitted is None:
        return request
    finest, before, after = fitted
    shown = ", ".join(f"{width:.3f} x {height:.3f}" for width, height in finest)
    tell(
        f"finest anchors fitted to the small objects: {shown} of the image; mean IoU "
        f"{before:.2f} -> {after:.2f}"
    )
    return replace(request, origin=replace(request.origin, finest=finest))


@dataclass
class _Parts:
    """What a run is made of."""

    networks: Networks
    loader: Loader
    feed: Feed
    trainer: Trainer

    def compile(self, config: Config, epochs: int) -> None:
        """With a schedule over so many epochs."""
        network = self.networks.trained
        steps = self.loader.steps * epochs
        set_norm_momentum(network, config.train, steps)
        with replica_scope(self.trainer):
            optimizer = make_optimizer(config.train, config.loader.batch_size, steps)
            spared = without_decay(network)
            if config.train.weight_decay and spared:
                optimizer.exclude_from_weight_decay(var_list=spared)
            optimizer.build(self.trainer.trainable_variables)
            # XLA is five times slower on a CPU, and cannot share variables between devices.
            xla: Any = has_gpu() and replica_count() == 1
            self.trainer.compile(optimizer=optimizer, jit_compile=xla)
        self.trainer.built = True


def _prepare(request: Request, start: str | None, tell: Tell) -> _Parts:
    config, origin = request.config, request.origin
    samples = request.task.training
    keras.utils.set_random_seed(config.seed)
    loader = make_loader(samples, config, augment=origin.overfit is None)
    keeps_norm = keeps_statistics(config.train, len(samples), origin.start)
    with all_devices():
        names = request.task.classes.names
        networks = make_networks(config, names, samples, start, keeps_norm, tell)
        parts = _Parts(networks, loader, Feed(loader, config), Trainer(networks.trained, config))
        parts.compile(config, origin.epochs)
    return parts


def _plan(request: Request, parts: _Parts) -> Plan:
    config, task = request.config, request.task
    return Plan(
        config=config,
        images=len(task.training),
        validation=len(task.validation),
        counts=task.counts,
        steps=parts.loader.steps,
        epochs=request.origin.epochs,
        fit=sampled_fit(task.training, config, "this run"),
        timing=time_steps(parts.trainer, parts.feed),
        trains_norm=parts.networks.folding is None,
        precision=precision(config.train),
        has_gpu=has_gpu(),
    )


def _epochs_in_time(plan: Plan, seconds: float | None, spent: float) -> int:
    """As many as there is time for, at least one, at most all."""
    if seconds is None:
        return plan.epochs
    left = RESERVE * seconds - spent
    return max(1, min(plan.epochs, math.floor(left / plan.epoch_seconds)))


def _environment() -> dict[str, Any]:
    return {**describe_machine(), "backend": keras.backend.backend(), "gpu": has_gpu()}


def _go(
    request: Request,
    parts: _Parts,
    progress: Progress,
    saved: Snapshot | None,
    begun: float,
    tell: Tell,
) -> Result:
    session = Session(
        config=request.config,
        folder=request.folder,
        networks=parts.networks,
        trainer=parts.trainer,
        feed=parts.feed,
        steps=parts.loader.steps,
        epochs=request.origin.epochs,
        progress=progress,
        tell=tell,
        begun=begun,
    )
    with pausing_on_signals(session):
        if saved is None:
            session.save()  # from here on the run can be resumed
        _fit(session, request, parts.loader, saved)
    if session.failure:
        raise UserError(session.failure)
    if not session.pausing:
        _finish(session, request)
    return Result(progress.best, progress.epoch, len(parts.loader.failed), session.pausing)


def _fit(session: Session, request: Request, loader: Loader, saved: Snapshot | None) -> None:
    """Train to the end of the last epoch, or to where the session ends, pauses or fails."""
    task, config, progress = request.task, request.config, session.progress
    spec = DetectorSpec(
        name=request.folder.path.absolute().name,
        model=config.model,
        postprocess=config.postprocess,
        class_names=task.classes.names,
        category_ids=task.classes.category_ids,
        training_objects=task.counts,
    )
    keeper = Keeper(session, task.validation, task.data, spec)
    log, board = Log(session, config.loader.batch_size), Board(session, keeper)
    is_within = 0 < progress.step < session.steps
    watch = Watch(session, loader, request.origin.seconds, saved if is_within else None)
    callbacks = [keeper, log, board, watch]  # in this order: figures, their row, what is saved
    try:
        if progress.step:
            _end_epoch(session, callbacks)
        if progress.epoch < session.epochs and not progress.ending and not session.is_halted:
            _fit_epochs(session, callbacks, session.epochs, session.steps)
    finally:
        log.close()
        board.close()


def _end_epoch(session: Session, callbacks: list[keras.callbacks.Callback]) -> None:
    """What is left of an epoch in which the run was stopped."""
    progress = session.progress
    left = session.steps - progress.step
    if left and not progress.ending:
        _fit_epochs(session, callbacks, progress.epoch + 1, left)
        return
    # Nothing but the measurement, in which it was stopped.
    logs = {one.name: float(one.result()) for one in session.trainer.metrics}
    keras.callbacks.CallbackList(callbacks, model=session.trainer).on_epoch_end(
        progress.epoch, logs
    )


def _fit_epochs(
    session: Session, callbacks: list[keras.callbacks.Callback], epochs: int, steps: int
) -> None:
    progress, feed = session.progress, session.feed
    run: Any = session.trainer.fit  # its `verbose` is declared a str
    with feed.own_errors():
        run(
            feed.from_step(progress.epoch, progress.step),
            initial_epoch=progress.epoch,
            epochs=epochs,
            steps_per_epoch=steps,
            shuffle=False,
            verbose=0,
            callbacks=callbacks,
        )


def _finish(session: Session, request: Request) -> None:
    """Write the report, and then the result: the state is of no more use."""
    folder, progress, task = request.folder, session.progress, request.task
    if progress.ending:
        session.tell(f"ended behind epoch {progress.epoch}: {progress.ending}")
    progress.seconds = session.seconds
    write_run_report(folder.report, folder.path / "best", task.validation, task.data, progress)
    folder.finish(progress)
