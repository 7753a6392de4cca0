#!/usr/bin/env bash
# Keras 3.15.1, TensorFlow 2.21.0 (Python 3.11): with `gradient_accumulation_steps=k` an optimizer's
# `iterations` counts updates, but its learning rate schedule is asked for the number of batches. A
# schedule over the updates is over after 1/k of the training, and the rest runs at its last value.
# Seen, a schedule that falls to 0 over 4 updates, two batches each:
#   batches 4, iterations 2, learning rate 0.00
# Here: training/model/trainer.py, make_optimizer, whose schedule is over batches.
set -euo pipefail
tmp=$(mktemp -d); trap 'rm -rf "$tmp"' EXIT
python3 -m venv "$tmp/venv"
"$tmp/venv/bin/pip" install --quiet --disable-pip-version-check keras==3.15.1 tensorflow==2.21.0
cat > "$tmp/try.py" <<'PY'
import os

os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "KERAS_BACKEND": "tensorflow"}
import keras
import numpy as np

schedule = keras.optimizers.schedules.PolynomialDecay(1.0, decay_steps=4, end_learning_rate=0.0)
optimizer = keras.optimizers.SGD(schedule, gradient_accumulation_steps=2)
variable = keras.Variable(np.zeros(3, "float32"))
optimizer.build([variable])
for _ in range(4):
    optimizer.apply([np.ones(3, "float32")])
rate = float(np.asarray(optimizer.learning_rate))
print(f"batches 4, iterations {int(optimizer.iterations)}, learning rate {rate:.2f}")
PY
"$tmp/venv/bin/python" "$tmp/try.py" 2>/dev/null | tee "$tmp/seen"
diff "$tmp/seen" - <<'SEEN'
batches 4, iterations 2, learning rate 0.00
SEEN
