#!/usr/bin/env bash
# Keras 3.15.1, TensorFlow 2.21.0 (Python 3.11): under tf.distribute.MirroredStrategy, `fit` gives each
# replica its part of a batch; `train_on_batch` gives each replica the whole batch. Nothing warns: two
# devices then do the same work twice, and of a loss that sums over the batch, twice the gradient.
# Seen, a batch of 8 on two devices, the shapes that the model is called with:
#   fit [(4, 1)]
#   train_on_batch [(8, 1)]
# Here: training/model/devices.py, split_by_replica.
set -euo pipefail
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install --quiet --disable-pip-version-check keras==3.15.1 tensorflow==2.21.0
cat > "$tmp/try.py" <<'PY'
import os

os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}
import keras
import numpy as np
import tensorflow as tf

devices = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], devices)
shapes = set()


class Noting(keras.layers.Dense):
    def call(self, inputs):
        if inputs.shape[0] is not None:
            shapes.add(tuple(inputs.shape))
        return super().call(inputs)


images = np.arange(8, dtype="float32").reshape(8, 1)
for way in ("fit", "train_on_batch"):
    with tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"]).scope():
        model = keras.Sequential([keras.Input((1,)), Noting(1)])
        model.compile(optimizer=keras.optimizers.SGD(0.01), loss="mse")
    shapes.clear()
    if way == "fit":
        model.fit(images, images, batch_size=8, epochs=1, verbose=0)
    else:
        model.train_on_batch(images, images)
    print(way, sorted(shapes))
PY
"$tmp/venv/bin/python" "$tmp/try.py" 2>/dev/null | tee "$tmp/seen"
diff "$tmp/seen" - <<'SEEN'
fit [(4, 1)]
train_on_batch [(8, 1)]
SEEN
