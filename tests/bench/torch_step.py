"""The same network and training step in PyTorch: what the speed of training is stated against.

Whoever has PyTorch need have nothing else of the project's: so this imports neither Keras nor
pydantic, and numbers of `detector.backbones`, `detector.ssdlite` and `configs.schema` stand here
once more. The tests compare them.
"""

from __future__ import annotations

import argparse
import functools
import importlib
import json
import math
import sys
import time
from collections.abc import Iterable
from typing import Any

from configs.errors import UserError
from detector.command import EXIT_OK, CommandParser, positive, run

Tensor = Any  # a torch.Tensor; of images and feature maps `(B, C, H, W)`

# `detector.backbones.V2_ROWS`: (expansion, filters, repeats, stride of the first).
_ROWS = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
_EXTRA_FILTERS = (512, 256, 256, 128)
_ANCHORS_PER_CELL = (3, 6, 6, 6, 6, 6)

_EXAMPLES = """examples:
  echo 5 | /environment/with/torch/bin/python -m tests.bench.torch_step --batch 16 --size 300

Prints lines of JSON: one when ready, then for every number of steps read one with their seconds.
"""


def _import_torch() -> Any:
    try:
        return importlib.import_module("torch")
    except ImportError as error:
        raise UserError(
            f"{sys.executable} cannot import PyTorch ({error}), which the project itself does not "
            "need; name the Python of any environment that has it"
        ) from error


class Network:
    """SSDLite-MobileNetV2 of width 1 with random weights, in training mode.

    Args:
        size: height and width of all images that it is to see, px.
        num_classes: C, without background.

    Attributes:
        layers: `nn.ModuleDict` of all that has weights, channels last in memory, by the layer
            names of `detector.ssdlite.build_ssdlite`.
    """

    def __init__(self, size: int, num_classes: int) -> None:
        self._torch = torch = _import_torch()
        self._num_classes = num_classes
        self.layers = torch.nn.ModuleDict()
        with torch.no_grad():  # the first call makes the layers
            self(torch.zeros(2, 3, size, size, dtype=torch.uint8))
        self.layers.to(memory_format=torch.channels_last)

    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Box deltas `(B, A, 4)` and class logits `(B, A, C + 1)` of uint8 `(B, 3, S, S)` RGB."""
        maps = self._taps(images.float() / 127.5 - 1.0)
        for number, filters in enumerate(_EXTRA_FILTERS, start=1):
            maps.append(self._extra(maps[-1], f"extra_{number}", filters))
        return self._heads(maps, "box", 4), self._heads(maps, "class", self._num_classes + 1)

    def _taps(self, x: Tensor) -> list[Tensor]:
        x = self._norm(self._conv(x, "Conv1", 32, 3, 2), "bn_Conv1")
        expansions = []
        for expansion, filters, repeats, first_stride in _ROWS:
            for repeat in range(repeats):
                prefix = f"block_{len(expansions)}_" if expansions else "expanded_conv_"
                stride = first_stride if repeat == 0 else 1
                x, expanded = self._inverted_residual(x, prefix, filters, stride, expansion)
                expansions.append(expanded)
        return [expansions[13], self._norm(self._conv(x, "Conv_1", 1280), "Conv_1_bn")]

    def _inverted_residual(
        self, x: Tensor, prefix: str, filters: int, stride: int, expansion: int
    ) -> tuple[Tensor, Tensor]:
        channels = x.shape[1]
        expanded = x
        if expansion != 1:
            expanded = self._pointwise(x, f"{prefix}expand", expansion * channels)
        y = self._depthwise(expanded, f"{prefix}depthwise", stride)
        y = self._pointwise(y, f"{prefix}project", filters, linear=True)
        return (x + y if stride == 1 and channels == filters else y), expanded

    def _extra(self, x: Tensor, name: str, filters: int) -> Tensor:
        x = self._pointwise(x, f"{name}_reduce", filters // 2)
        x = self._depthwise(x, f"{name}_depthwise", stride=2)
        return self._pointwise(x, f"{name}_project", filters)

    def _heads(self, maps: list[Tensor], kind: str, channels: int) -> Tensor:
        parts = []
        for level, (x, per_cell) in enumerate(zip(maps, _ANCHORS_PER_CELL, strict=True)):
            x = self._depthwise(x, f"head_{level}_{kind}_depthwise")
            x = self._conv(x, f"head_{level}_{kind}_conv", per_cell * channels, bias=True)
            parts.append(x.permute(0, 2, 3, 1).reshape(len(x), -1, channels))
        return self._torch.cat(parts, dim=1)

    def _pointwise(self, x: Tensor, name: str, filters: int, linear: bool = False) -> Tensor:
        return self._norm(self._conv(x, name, filters), f"{name}_BN", linear)

    def _depthwise(self, x: Tensor, name: str, stride: int = 1) -> Tensor:
        x = self._conv(x, name, x.shape[1], 3, stride, groups=x.shape[1])
        return self._norm(x, f"{name}_BN")

    def _norm(self, x: Tensor, name: str, linear: bool = False) -> Tensor:
        """Batch norm, and ReLU6 unless `linear`."""
        if name not in self.layers:
            self.layers[name] = self._torch.nn.BatchNorm2d(x.shape[1], eps=1e-3)
        x = self.layers[name](x)
        return x if linear else self._torch.nn.functional.relu6(x, inplace=True)

    def _conv(
        self, x: Tensor, name: str, filters: int, kernel: int = 1, stride: int = 1, **options: Any
    ) -> Tensor:
        """Convolution with TensorFlow's "same" padding: of odd sums, less above than below."""
        nn, size = self._torch.nn, x.shape[2]
        total = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
        if name not in self.layers:
            options = {"bias": False, "padding": 0 if total % 2 else total // 2, **options}
            self.layers[name] = nn.Conv2d(x.shape[1], filters, kernel, stride, **options)
        if total % 2:  # which a convolution cannot
            x = nn.functional.pad(x, (total // 2, total - total // 2) * 2)
        return self.layers[name](x)


def detection_loss(
    box_deltas: Tensor, class_logits: Tensor, class_targets: Tensor, box_targets: Tensor
) -> Tensor:
    """SSD's loss, a scalar, as training has it by default: sigmoid entropy, hard negatives.

    Args:
        box_deltas: `(B, A, 4)`.
        class_logits: `(B, A, C + 1)`, channel 0 the background.
        class_targets: int64 `(B, A)`: 0 for background, label + 1 for an object.
        box_targets: float32 `(B, A, 4)`.
    """
    functional = _import_torch().nn.functional
    has_object = class_targets > 0
    truth = functional.one_hot(class_targets, class_logits.shape[-1]).float()
    entropies = functional.binary_cross_entropy_with_logits(class_logits, truth, reduction="none")
    per_anchor = entropies.sum(-1)
    chosen = has_object | _hard_negatives(per_anchor.detach(), has_object)
    found, wanted = box_deltas[has_object], box_targets[has_object]
    box = functional.smooth_l1_loss(found, wanted, reduction="sum")
    return (per_anchor[chosen].sum() + box) / has_object.sum().clamp(min=1)


def _hard_negatives(per_anchor: Tensor, has_object: Tensor) -> Tensor:
    """The costliest background anchors, `(B, A)`: three for each object, at least three."""
    losses = per_anchor.masked_fill(has_object, -1.0)
    wanted = (3 * has_object.sum(dim=1, keepdim=True)).clamp(min=3)
    rank = losses.argsort(dim=1, descending=True, stable=True).argsort(dim=1)
    return (rank < wanted) & ~has_object


class _Training:
    """A network that learns one random batch."""

    def __init__(self, batch: int, size: int, num_classes: int) -> None:
        torch = _import_torch()
        torch.manual_seed(0)
        self._network = Network(size, num_classes)
        self.weights = list(self._network.layers.parameters())
        # Numbers of `configs.schema.TrainConfig`.
        self._optimizer = torch.optim.AdamW(self.weights, lr=3e-4, weight_decay=4e-5)
        self._clip = functools.partial(torch.nn.utils.clip_grad_norm_, self.weights, max_norm=10.0)
        images = torch.randint(256, (batch, 3, size, size), dtype=torch.uint8)
        self._images = images.contiguous(memory_format=torch.channels_last)
        with torch.no_grad():
            shape = self._network(self._images)[0].shape
        labels = torch.randint(1, num_classes + 1, shape[:2])
        self._targets = labels * (torch.rand(shape[:2]) < 0.01), torch.randn(shape)

    def step(self) -> None:
        loss = detection_loss(*self._network(self._images), *self._targets)
        self._optimizer.zero_grad()
        loss.backward()
        self._clip()
        self._optimizer.step()


def _serve(training: _Training, orders: Iterable[str]) -> None:
    for order in orders:
        try:
            steps = positive(int)(order)
        except (ValueError, argparse.ArgumentTypeError):
            raise UserError(f"stdin: expected a number of steps, got {order.strip()!r}") from None
        start = time.perf_counter()
        for _ in range(steps):
            training.step()
        _say(seconds=time.perf_counter() - start)


def _say(**values: Any) -> None:
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = CommandParser(
        "tests.bench.torch_step", "Time steps of training in PyTorch.", _EXAMPLES
    )
    parser.add_argument(
        "--batch", type=positive(int), required=True, metavar="B", help="at least 2"
    )
    parser.add_argument("--size", type=positive(int), required=True, metavar="S", help="px")
    parser.add_argument("--classes", type=positive(int), default=20, metavar="C", help="(20)")
    parser.add_argument("--threads", type=positive(int), metavar="N", help="(PyTorch's choice)")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Run the command; see `--help`."""
    args = _parse(argv)
    if args.batch == 1:  # the last feature map has one cell: a single value
        raise UserError("PyTorch's batch norm cannot train on one image; give --batch 2 or more")
    torch = _import_torch()
    if args.threads:
        torch.set_num_threads(args.threads)
    training = _Training(args.batch, args.size, args.classes)
    training.step()
    parameters = sum(weight.numel() for weight in training.weights)
    threads = torch.get_num_threads()
    _say(ready=True, torch=torch.__version__, parameters=parameters, threads=threads)
    _serve(training, sys.stdin)
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(run(main))
