#!/usr/bin/env bash
# Keras 3.15.1 on PyTorch 2.13.0 (Python 3.11): a model's own `compute_loss` gets tensors from `fit`,
# and the caller's NumPy arrays from `train_on_batch` (`y_pred` is a tensor either way). Arithmetic of
# y and y_pred works with `fit` and raises with `train_on_batch` as soon as an operator meets one of
# each; on JAX and TensorFlow it never does.
# Seen, the types of x, y and y_pred:
#   fit Tensor Tensor Tensor
#   train_on_batch ndarray ndarray Tensor
# Here: training/model/assignment.py makes tensors of what it is given.
set -euo pipefail
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install --quiet --disable-pip-version-check keras==3.15.1 torch==2.13.0
cat > "$tmp/try.py" <<'PY'
import os

os.environ["KERAS_BACKEND"] = "torch"
import keras
import numpy as np

seen = []


class Noting(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(1)

    def call(self, x):
        return self.dense(x)

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        seen.append([type(value).__name__ for value in (x, y, y_pred)])
        return keras.ops.mean(y_pred * keras.ops.cast(y, "float32"))


model = Noting()
model.compile(optimizer="sgd")
x, y = np.zeros((4, 3), "float32"), np.ones((4, 1), "int32")
model.train_on_batch(x, y)  # builds it, with symbolic tensors
for way in ("fit", "train_on_batch"):
    seen.clear()
    if way == "fit":
        model.fit(x, y, verbose=0)
    else:
        model.train_on_batch(x, y)
    print(way, *seen[-1])
PY
"$tmp/venv/bin/python" "$tmp/try.py" 2>/dev/null | tee "$tmp/seen"
diff "$tmp/seen" - <<'SEEN'
fit Tensor Tensor Tensor
train_on_batch ndarray ndarray Tensor
SEEN
