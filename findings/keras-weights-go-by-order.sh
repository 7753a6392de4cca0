#!/usr/bin/env bash
# Keras 3.15.1, TensorFlow 2.21.0 (Python 3.11): `.weights.h5` holds no names of layers: each is filed under its class
# and its turn (`dense`, `dense_1`), whatever its `name=` is. `load_weights` into a model with the same layers
# in another order, or under other names, succeeds without a word wherever the shapes fit, and each layer gets what was
# another's. (`by_name`, of the older form, is refused for this one.) The order is that in which the graph is walked
# from the outputs, so that swapping the two outputs of a model is enough.
# Seen, of a model with the heads "boxes" and "scores", both of four units:
#   file: ['dense', 'dense_1']
#   outputs in the same order: "boxes" has the weights of "boxes"
#   outputs swapped: "boxes" has the weights of "scores"
#   another name, "corners": it has the weights of "boxes"
# Here: weights are kept in `model.keras`, which holds the layers themselves, or in `.npz` under their names
# (detector/weights/variables.py). A `.weights.h5` of ImageNet is read by the very model of `keras.applications` that it
# was saved from (detector/weights/keras_imagenet.py), and goes on from there by name.
set -euo pipefail
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install --quiet --disable-pip-version-check keras==3.15.1 tensorflow==2.21.0
cat > "$tmp/try.py" <<'PY'
import os
import warnings

os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}
import h5py
import keras

warnings.simplefilter("error", UserWarning)  # a word of Keras would end it here


def model(*names):
    image = keras.Input((3,))
    return keras.Model(image, [keras.layers.Dense(4, name=name)(image) for name in names])


saved = model("boxes", "scores")
saved.save_weights("saved.weights.h5")
with h5py.File("saved.weights.h5") as file:
    print("file:", sorted(name for name in file["layers"] if "dense" in name))


def given(names, asked):
    other = model(*names)
    other.load_weights("saved.weights.h5")
    kernel = other.get_layer(asked).kernel.numpy()
    (name,) = (one for one in ("boxes", "scores") if (saved.get_layer(one).kernel.numpy() == kernel).all())
    return f'has the weights of "{name}"'


print('outputs in the same order: "boxes"', given(("boxes", "scores"), "boxes"))
print('outputs swapped: "boxes"', given(("scores", "boxes"), "boxes"))
print('another name, "corners": it', given(("corners", "scores"), "corners"))
PY
cd "$tmp"
"$tmp/venv/bin/python" "$tmp/try.py" 2>/dev/null | tee "$tmp/seen"
diff "$tmp/seen" - <<'SEEN'
file: ['dense', 'dense_1']
outputs in the same order: "boxes" has the weights of "boxes"
outputs swapped: "boxes" has the weights of "scores"
another name, "corners": it has the weights of "boxes"
SEEN
