"""Fused batch normalization: TensorFlow's one operation in training steps, same numbers, faster.

Keras 3 composes training-mode batch norm of elementary operations; on a CPU that was measured to
be half of a training step.
"""

from typing import Any

import keras

_RANK = 4  # of `(B, H, W, C)`, which the fused operation is made for


class FusedBatchNormalization(keras.layers.BatchNormalization):
    """Keras' batch norm with the same weights, names, outputs, gradients and moving statistics.

    Fused are training steps over `(B, H, W, C)` on the TensorFlow backend; everything else is
    Keras' own code. Statistics are computed in float32 whatever the layer computes in.

    On disk it is the stock layer: a network saved with it loads without this module, as
    `keras.layers.BatchNormalization`, and weights files of either fit the other.
    """

    __module__ = "keras.layers"

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """See `keras.layers.BatchNormalization`."""
        if not (training and self.trainable and mask is None and self._can_be_fused(inputs)):
            return super().call(inputs, training=training, mask=mask)
        import tensorflow as tf

        outputs, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=inputs,
            scale=tf.cast(self.gamma, tf.float32),
            offset=tf.cast(self.beta, tf.float32),
            mean=tf.zeros(0),  # those of the batch are meant
            variance=tf.zeros(0),
            epsilon=self.epsilon,
            is_training=True,
        )
        values = tf.cast(tf.reduce_prod(tf.shape(inputs)[:-1]), tf.float32)  # per channel
        # What is returned is the unbiased estimate; Keras keeps the variance of the batch itself.
        variance *= (values - 1.0) / values
        _move(self.moving_mean, mean, self.momentum)
        _move(self.moving_variance, variance, self.momentum)
        return outputs

    def _can_be_fused(self, inputs: Any) -> bool:
        return (
            keras.backend.backend() == "tensorflow"
            and len(inputs.shape) == _RANK
            and self.axis in (-1, _RANK - 1)
            and keras.backend.standardize_dtype(inputs.dtype) != "float64"
            and self.scale
            and self.center
            and not (self.renorm or self.synchronized)
        )


# Keras files a layer under the name of its class, also in weights files.
FusedBatchNormalization.__name__ = keras.layers.BatchNormalization.__name__


def _move(statistic: Any, value: Any, momentum: float) -> None:
    statistic.assign(statistic * momentum + value * (1.0 - momentum))
