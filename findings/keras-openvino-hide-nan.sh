#!/usr/bin/env bash
# Keras 3.15.1, TensorFlow 2.21.0, OpenVINO 2026.4.1, ONNX Runtime 1.32.0, onnx 1.23.2 (Python 3.11, x86): a
# convolution with NaN in its weights, followed by ReLU, gives 0. Keras gives NaN when the model is called directly, but
# 0 from `predict` and any tf.function, as Grappler makes one kernel of oneDNN of the two (`TF_ENABLE_ONEDNN_OPTS=0`
# ends it). OpenVINO gives 0 as well, with ReLU6 too. ONNX Runtime hands NaN on. So outputs that are all finite do not
# show that the weights are: a damaged or diverged model goes on detecting, with dead channels.
# Seen, the values of a channel whose weights are NaN:
#   Keras, model(x): [nan]
#   Keras, model.predict(x): [0.0]
#   Keras, model.predict(x), Grappler's remapping off: [nan]
#   OpenVINO Relu: [0.0], Clip: [0.0], Sigmoid: [nan]
#   ONNX Runtime Relu: [nan], Clip: [nan], Sigmoid: [nan]
# Here: weights themselves are looked at when a model is opened: those of Keras (detector/artefact.py, `require_finite`)
# and of OpenVINO (detector/runtimes/engines.py); of the other engines the outputs tell.
set -euo pipefail
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install --quiet --disable-pip-version-check \
  keras==3.15.1 tensorflow==2.21.0 openvino==2026.4.1 onnxruntime==1.32.0 onnx==1.23.2
cat > "$tmp/try.py" <<'PY'
import os

os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}
import keras
import numpy as np
import onnx
import onnxruntime
import openvino
import tensorflow as tf
from onnx import TensorProto, helper, numpy_helper

BAD = 2  # the channel


def values(channels_last):
    return sorted({float(value) for value in np.unique(channels_last[..., BAD])})


def keras_model():
    conv = keras.layers.Conv2D(8, 3, padding="same", activation="relu")
    model = keras.Sequential([keras.Input((8, 8, 3)), conv])
    weights = np.ones(conv.kernel.shape, np.float32)
    weights[..., BAD] = np.nan
    conv.kernel.assign(weights)
    return model


def write_onnx(activation):
    weights = np.ones((8, 3, 3, 3), np.float32)
    weights[BAD] = np.nan
    constants = {"weights": weights, "bias": np.zeros(8, np.float32)}
    inputs = ["conv"]
    if activation == "Clip":
        constants |= {"low": np.float32(0), "high": np.float32(6)}
        inputs += ["low", "high"]
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["x", "weights", "bias"], ["conv"], pads=[1, 1, 1, 1]),
            helper.make_node(activation, inputs, ["y"]),
        ],
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 8, 8, 8])],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.save(model, f"{activation}.onnx")
    return f"{activation}.onnx"


x = np.ones((1, 8, 8, 3), np.float32)
print("Keras, model(x):", values(keras_model()(x).numpy()))
print("Keras, model.predict(x):", values(keras_model().predict(x, verbose=0)))
tf.config.optimizer.set_experimental_options({"remapping": False})
print("Keras, model.predict(x), Grappler's remapping off:", values(keras_model().predict(x, verbose=0)))
x = x.transpose(0, 3, 1, 2)
seen = {"OpenVINO": {}, "ONNX Runtime": {}}
for activation in ("Relu", "Clip", "Sigmoid"):
    path = write_onnx(activation)
    (given,) = openvino.Core().compile_model(path, "CPU")(x).values()
    seen["OpenVINO"][activation] = values(given.transpose(0, 2, 3, 1))
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    seen["ONNX Runtime"][activation] = values(session.run(None, {"x": x})[0].transpose(0, 2, 3, 1))
for engine, by_activation in seen.items():
    print(engine, ", ".join(f"{name}: {given}" for name, given in by_activation.items()))
PY
cd "$tmp"
"$tmp/venv/bin/python" "$tmp/try.py" 2>/dev/null | tee "$tmp/seen"
diff "$tmp/seen" - <<'SEEN'
Keras, model(x): [nan]
Keras, model.predict(x): [0.0]
Keras, model.predict(x), Grappler's remapping off: [nan]
OpenVINO Relu: [0.0], Clip: [0.0], Sigmoid: [nan]
ONNX Runtime Relu: [nan], Clip: [nan], Sigmoid: [nan]
SEEN
