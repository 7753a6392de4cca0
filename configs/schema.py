"""The schema of a configuration: frozen pydantic models, the only home of a default.

A number with a paper or a reference file behind it says so beside the number.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class AnchorConfig(_Section):
    """Anchors of SSD (Liu et al. 2016, section 2.2), laid out as TF OD API does."""

    min_scale: float = Field(
        default=0.2, gt=0, lt=1
    )  # of the image side; second feature map excepted
    max_scale: float = Field(default=0.95, gt=0, le=1)
    # Width / height, in the official order; 0.3333 is the official config's third.
    aspect_ratios: tuple[float, ...] = Field(default=(1.0, 2.0, 0.5, 3.0, 0.3333), min_length=1)
    # Box deltas are divided by these: cx, cy, w, h (SSD's code: prior_box variances).
    variances: tuple[float, float, float, float] = (0.1, 0.1, 0.2, 0.2)

    @model_validator(mode="after")
    def _in_order(self) -> "AnchorConfig":
        if self.min_scale >= self.max_scale:
            raise ValueError(f"min_scale {self.min_scale} must be below max_scale {self.max_scale}")
        if min(self.aspect_ratios) <= 0 or min(self.variances) <= 0:
            raise ValueError("aspect_ratios and variances must be positive")
        return self


class ModelConfig(_Section):
    """The network: everything that is needed to build it before its weights are read."""

    backbone: Literal["mobilenet_v1", "mobilenet_v2"] = "mobilenet_v2"
    width_multiplier: float = Field(default=1.0, gt=0, le=4)  # alpha of the MobileNet papers
    input_size: int = Field(default=300, ge=96, le=2048)  # px, height and width
    anchors: AnchorConfig = AnchorConfig()
    # sigmoid: TF OD API's weights; softmax: SSD's paper and most others
    score_activation: Literal["sigmoid", "softmax"] = "sigmoid"


class PostprocessConfig(_Section):
    """From raw outputs to detections (official config: IoU 0.6, 100 detections)."""

    score_threshold: float = Field(default=0.4, ge=0, le=1)
    iou_threshold: float = Field(default=0.6, ge=0, le=1)
    max_detections: int = Field(default=100, ge=1)


class Config(_Section):
    """A whole file of `configs/*.yaml`."""

    model: ModelConfig = ModelConfig()
