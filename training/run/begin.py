"""Beginning and resuming a run: everything up to its first step."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import keras
import numpy as np

from configs.errors import UserError
from detector.data.findings import counted
from detector.data.splitting.split_record import write_record
from detector.hardware import describe_machine
from training.batches.loader import Loader
from training.batches.repeats import repeats_in_words
from training.model.anchor_coverage import fit_finest_anchors
from training.model.devices import all_devices, has_gpu
from training.model.networks import (
    Networks,
    keeps_statistics,
    make_networks,
    precision,
    set_norm_momentum,
)
from training.model.object_limits import over_limits
from training.model.trainer import Trainer
from training.run.loop import RESERVE, Loop
from training.run.negatives import without_objects
from training.run.plan import Plan, sampled_fit, time_steps
from training.run.run import Result, Run
from training.run.splits import fingerprint, split_lists
from training.run.state import State, read_state, restore

Tell = Callable[[str], None]


def begin(run: Run, tell: Tell) -> Result:
    """Train a detector from the first step on.

    The folder then holds `config.yaml`, `run.json`, `splits.json`, `environment.json`, `log.csv`,
    `tensorboard/`, `best/`, `last/` and `report.html`, and `state.npz`, with which `resume` goes
    on.

    Args:
        run: its folder holds nothing yet.
        tell: takes a line for the user.

    Raises:
        UserError: the folder holds something, the weights do not fit, the disk is full, no
            image can be read, or the loss is no longer finite.
    """
    begun = time.monotonic()
    run.folder.require_new()
    run = _with_fitted_anchors(run, tell)
    settings = run.settings
    loader, networks, trainer = _build(run, settings.start, tell)
    plan = _plan(run, loader, networks, trainer)
    epochs = _epochs_in_time(plan, settings.seconds, time.monotonic() - begun)
    if epochs < plan.epochs:
        tell(f"{plan.epochs} epochs would take too long: {epochs} are planned")
        _schedule(trainer, run, loader.steps * epochs)
        plan = replace(plan, epochs=epochs)
        loader.course = replace(loader.course, epochs=epochs)
    for line in plan.to_lines():
        tell(line)
    digest = fingerprint(run.training, run.validation)
    run = replace(run, settings=replace(settings, epochs=epochs, fingerprint=digest))
    run.folder.create(run.asked, run.settings, _environment())
    write_record(run.folder.splits, split_lists(run.training, run.validation, settings.negatives))
    return Loop(run, loader, networks, trainer, State(), begun, tell).train()


def resume(run: Run, tell: Tell) -> Result:
    """Resume a run where its last state was saved; on a CPU, as if it had never stopped.

    A complete run with more epochs goes on with its optimizer, its average and the learning rate
    that a run of all these epochs has there (`RunSettings.more_from`).

    Args:
        run: as read from its folder.
        tell: takes a line for the user.

    Raises:
        UserError: there is no state, or what `begin` raises.
    """
    begun, folder = time.monotonic(), run.folder
    folder.clean()
    saved, state = read_state(folder.state)
    loader, networks, trainer = _build(run, None, lambda _: None)
    try:
        restore(trainer, saved)
    except (ValueError, TypeError) as error:
        raise UserError(f"{folder.state} is the state of another model") from error
    done, epochs = state.epoch, run.settings.epochs
    before = run.settings.more_from
    if not before <= done <= epochs or state.step > loader.steps or len(state.rows) != done:
        raise UserError(f"{folder.state} is the state of another run: it has {done:,} epochs")
    folder.go_on(run.settings)
    if before and (done, state.step) == (before, 0):
        state.ending, state.since_best = "", 0  # of the epochs before
        rate = float(np.asarray(trainer.optimizer.learning_rate))
        tell(
            f"goes on behind epoch {done} for {counted(epochs - done, 'epoch')}; the learning rate "
            f"is {rate:.2g}, as there in a run of {epochs} epochs, and falls to 0 likewise"
        )
    else:
        tell(f"resumed behind step {state.step} of {loader.steps}, epoch {done + 1} of {epochs}")
    return Loop(run, loader, networks, trainer, state, begun, tell).train()


def _with_fitted_anchors(run: Run, tell: Tell) -> Run:
    anchors = run.config.model.anchors
    if not run.config.train.fit_anchors or anchors.finest is not None:
        return run
    if run.config.model.head != "ssdlite":  # which has the only anchors of several shapes
        return run
    fitted = fit_finest_anchors(run.training, anchors, run.config.seed)
    if fitted is None:
        return run
    finest, before, after = fitted
    shown = ", ".join(f"{width:.3f} x {height:.3f}" for width, height in finest)
    tell(
        f"finest anchors fitted to the small objects: {shown} of the image; mean IoU "
        f"{before:.2f} -> {after:.2f}"
    )
    return replace(run, settings=replace(run.settings, finest=finest))


def _build(run: Run, start: str | None, tell: Tell) -> tuple[Loader, Networks, Trainer]:
    """What trains; with `start` None, with weights that a state is to replace."""
    config, settings, names = run.config, run.settings, run.training.classes.names
    keras.utils.set_random_seed(config.seed)
    augment = settings.overfit is None
    loader = Loader(run.training, config, augment=augment, epochs=settings.epochs)
    keeps_norm = keeps_statistics(config.train, len(run.training), settings.start)
    with all_devices():
        networks = make_networks(config, names, run.training, start, keeps_norm, tell)
        trainer = Trainer(networks.trained, config, networks.at_other_sizes)
        _schedule(trainer, run, loader.steps * settings.epochs)
    return loader, networks, trainer


def _schedule(trainer: Trainer, run: Run, steps: int) -> None:
    """Make it ready for so many steps, of which nothing is done."""
    set_norm_momentum(trainer.network, run.config.train, steps)
    trainer.prepare(steps, run.settings.start)


def _plan(run: Run, loader: Loader, networks: Networks, trainer: Trainer) -> Plan:
    config = run.config
    return Plan(
        config=config,
        images=len(run.training),
        validation=len(run.validation),
        counts=run.training.object_counts(),
        steps=loader.steps,
        epochs=run.settings.epochs,
        start=run.settings.start,
        fit=sampled_fit(run.training, config, "this run"),
        timing=time_steps(trainer, loader),
        trains_norm=networks.folding is None or config.model.head == "ssdlite_plus",
        precision=precision(config.train),
        has_gpu=has_gpu(),
        empty=None if run.settings.overfit else without_objects(run.training),
        over_limits=tuple(over_limits((run.training, run.validation), config)),
        repeats=repeats_in_words(
            run.training, run.training.classes.names, config.loader.repeat_threshold
        ),
    )


def _epochs_in_time(plan: Plan, seconds: float | None, spent: float) -> int:
    """As many as there is time for, at least one, at most all."""
    if seconds is None:
        return plan.epochs
    left = RESERVE * seconds - spent - plan.timing.building
    return max(1, min(plan.epochs, math.floor(left / plan.epoch_seconds)))


def _environment() -> dict[str, Any]:
    return {**describe_machine(), "backend": keras.backend.backend(), "gpu": has_gpu()}
