"""Schema of a configuration: frozen pydantic models, and nowhere else are there defaults.

A number with a paper or a reference file behind it says so beside the number.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

InputSize = Annotated[int, Field(ge=96, le=2048)]  # px, height and width


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class AnchorConfig(_Section):
    """Anchors of SSD (Liu et al. 2016, section 2.2), laid out as TF OD API does."""

    # Of the image side; second feature map excepted.
    min_scale: float = Field(default=0.2, gt=0, lt=1)
    max_scale: float = Field(default=0.95, gt=0, le=1)
    # Width / height, in the official order; 0.3333 is the official config's third.
    aspect_ratios: tuple[float, ...] = Field(default=(1.0, 2.0, 0.5, 3.0, 0.3333), min_length=1)
    # Width and height of the finest map's three anchors, in fractions of the image; by default the
    # official ones: half of min_scale as a square, min_scale as 2:1 and as 1:2.
    finest: tuple[tuple[float, float], tuple[float, float], tuple[float, float]] | None = None
    # Box deltas are divided by these: cx, cy, w, h (SSD's code: prior_box variances).
    variances: tuple[float, float, float, float] = (0.1, 0.1, 0.2, 0.2)

    @model_validator(mode="after")
    def _in_order(self) -> "AnchorConfig":
        if self.min_scale >= self.max_scale:
            raise ValueError(f"min_scale {self.min_scale} must be below max_scale {self.max_scale}")
        if min(self.aspect_ratios) <= 0 or min(self.variances) <= 0:
            raise ValueError("aspect_ratios and variances must be positive")
        if not all(0 < side <= 1 for shape in self.finest or () for side in shape):
            raise ValueError(f"finest {self.finest} must lie between 0 and 1")
        return self


class ModelConfig(_Section):
    """The network: everything that is needed to build it before its weights are read."""

    # ssdlite: the official one, from stride 16. ssdlite_plus: our own, a pyramid from stride 8 and
    # one head for all of its maps (detector/ssdlite_plus.py), whose anchors are fixed: of
    # `anchors` the variances count alone. Left out of files where it is the official one, for
    # programs that know no such key.
    head: Literal["ssdlite", "ssdlite_plus"] = Field(
        default="ssdlite", exclude_if=lambda head: head == "ssdlite"
    )

    backbone: Literal["mobilenet_v1", "mobilenet_v2"] = "mobilenet_v2"
    width_multiplier: float = Field(default=1.0, gt=0, le=4)  # alpha of the MobileNet papers
    input_size: InputSize = 300
    anchors: AnchorConfig = AnchorConfig()
    # sigmoid: TF OD API's weights; softmax: SSD's paper and most others
    score_activation: Literal["sigmoid", "softmax"] = "sigmoid"

    def at_size(self, input_size: int) -> "ModelConfig":
        """The same network for images of other sides, px; its weights are the same."""
        return ModelConfig.model_validate({**self.model_dump(), "input_size": input_size})


class PostprocessConfig(_Section):
    """From raw outputs to detections (official config: IoU 0.6, 100 detections)."""

    score_threshold: float = Field(default=0.4, ge=0, le=1)
    iou_threshold: float = Field(default=0.6, ge=0, le=1)
    max_detections: int = Field(default=100, ge=1)
    # What NMS suppresses still says where the object is: a box becomes the mean of those of its
    # class that overlap it by this IoU, weighted by score (Gidaris and Komodakis 2015, section 5).
    # None: as the official model, the best box alone.
    voting_iou: float | None = Field(default=None, gt=0, le=1)
    # NMS takes all classes for one: two classes on one object are one detection, the better one.
    # Left out of files where it is off, for programs that know no such key.
    class_agnostic: bool = Field(default=False, exclude_if=lambda is_on: not is_on)


class AugmentConfig(_Section):
    """Random changes of training images: those of SSD (Liu et al. 2016, sections 2.2 and 3.6).

    A probability of 0 switches a change off.
    """

    flip_probability: float = Field(default=0.5, ge=0, le=1)
    # Upside down: for images without an up, of a microscope or from the air, and for so few
    # that a network overfits to them.
    flip_vertical_probability: float = Field(default=0.0, ge=0, le=1)
    # A patch of the image. With the whole image and a patch without a condition, the IoUs
    # make the paper's seven choices, each as likely as the others.
    crop_probability: float = Field(default=1.0, ge=0, le=1)
    crop_min_ious: tuple[float, ...] = (0.1, 0.3, 0.5, 0.7, 0.9)
    crop_min_area: float = Field(default=0.1, gt=0, le=1)  # of the image
    crop_max_aspect_ratio: float = Field(default=2.0, ge=1, le=10)  # and no less than its inverse
    # The image on a larger grey canvas; section 3.6: "16x", so 4 per side.
    expand_probability: float = Field(default=0.5, ge=0, le=1)
    expand_max_ratio: float = Field(default=4.0, ge=1, le=10)  # per side
    # Colours: for each of the four on its own; ranges of torchvision's SSD recipe
    # (RandomPhotometricDistort).
    photometric_probability: float = Field(default=0.5, ge=0, le=1)
    brightness: float = Field(default=0.125, ge=0, le=1)  # factor 1 - x ... 1 + x
    contrast: float = Field(default=0.5, ge=0, le=1)  # likewise
    saturation: float = Field(default=0.5, ge=0, le=1)  # likewise
    hue: float = Field(default=0.05, ge=0, le=0.5)  # turn of the colour circle, either way
    # Four images in one (YOLOv4, Bochkovskiy et al. 2020); not SSD's.
    mosaic_probability: float = Field(default=0.0, ge=0, le=1)
    # The share of the run's epochs, from its first, that have mosaics. The last ones without show
    # images as they will come (YOLOX, Ge et al. 2021, section 2.1: 15 of 300).
    mosaic_until: float = Field(default=1.0, ge=0, le=1)
    # What stays of an object: square px at the input size, and share of its area. An object
    # whose centre lies in a patch, SSD's rule, shows at least a quarter.
    min_area: float = Field(default=1.0, ge=0)
    min_visibility: float = Field(default=0.25, ge=0, le=1)

    @model_validator(mode="after")
    def _are_ious(self) -> "AugmentConfig":
        if not all(0 <= iou <= 1 for iou in self.crop_min_ious):
            raise ValueError(f"crop_min_ious {self.crop_min_ious} must lie between 0 and 1")
        return self


class LoaderConfig(_Section):
    """From files to batches."""

    batch_size: int = Field(default=24, ge=1, le=4096)  # official config
    max_objects: int = Field(default=100, ge=1, le=10_000)  # per image (TF OD API: 100)
    # Threads. None: one per core, or a single one where a cache leaves nothing to decode.
    workers: int | None = Field(default=None, ge=1, le=256)
    # Images kept at up to 1.5 times the input size, 0.6 MB each at 300 px: for sets that fit.
    cache: Literal["none", "memory", "disk"] = "none"
    # A class in less than this share of the images is shown more often: each image sqrt(this /
    # share) times, by its rarest class (Gupta et al. 2019, LVIS, appendix B.2: 0.001); 0: all once.
    repeat_threshold: float = Field(default=0.0, ge=0, le=1)


class LossConfig(_Section):
    """What training minimises: SSD's loss (Liu et al. 2016, equation 1) unless told otherwise.

    `auto` is what a head was measured with: iou, hard_negatives and smooth_l1 for `ssdlite`,
    task_aligned, varifocal and ciou for `ssdlite_plus`.
    """

    # Which anchors are an object's. iou: those that overlap it; atss, simota, task_aligned: those
    # in it that fit it best (training/model/assigners.py), each with a quality to be learnt
    matcher: Literal["auto", "iou", "atss", "simota", "task_aligned"] = "auto"
    # hard_negatives: cross entropy of objects and of the 3 costliest background anchors for each;
    # focal: of all anchors, the easy ones played down (Lin et al. 2017). With a matcher other than
    # iou, scores learn a quality: quality_focal (Li et al. 2020), varifocal (Zhang et al. 2021)
    classification: Literal["auto", "hard_negatives", "focal", "quality_focal", "varifocal"] = (
        "auto"
    )
    box: Literal["auto", "smooth_l1", "ciou"] = "auto"
    box_weight: float = Field(default=1.0, gt=0, le=100)  # official config
    iou_threshold: float = Field(default=0.5, gt=0, lt=1)  # from which an anchor is an object's

    def of_head(self, head: str) -> "LossConfig":
        """With what each `auto` stands for with a head of `ModelConfig`."""
        by_head = "iou" if head == "ssdlite" else "task_aligned"
        matcher = by_head if self.matcher == "auto" else self.matcher
        kinds = ("hard_negatives", "smooth_l1") if matcher == "iou" else ("varifocal", "ciou")
        known = {"matcher": matcher, "classification": kinds[0], "box": kinds[1]}
        chosen = {name: one for name, one in known.items() if getattr(self, name) == "auto"}
        return self.model_copy(update=chosen)


class TrainConfig(_Section):
    """How long, how fast, and what of the network is trained."""

    epochs: int = Field(default=40, ge=1, le=100_000)
    # px, one an epoch, each as often as the others; the last epochs, all measurements and the model
    # have model.input_size. Empty: that one alone.
    input_sizes: tuple[InputSize, ...] = ()
    optimizer: Literal["adamw", "sgd", "rmsprop"] = "adamw"
    # Of a batch of 16; scaled with the batch size for SGD (Goyal et al. 2017), with its square
    # root for the others (Malladi et al. 2022).
    learning_rate: float = Field(default=3e-4, gt=0, le=10)
    # Of the rate, for the backbone: what it knows is forgotten faster than a new head learns. auto:
    # the less the longer the run is (training/model/optimizer.py), and 1 from random weights
    backbone_rate: Annotated[float, Field(gt=0, le=1)] | Literal["auto"] = 1.0
    warmup_share: float = Field(default=0.05, ge=0, lt=1)  # of all steps; then a half cosine to 0
    # Not of norms, biases and depthwise kernels, which have few parameters (Howard et al. 2017,
    # section 3.2).
    weight_decay: float = Field(default=4e-5, ge=0, le=1)
    clip_norm: float = Field(default=10.0, gt=0)  # of the gradients of all weights together
    accumulate: int = Field(default=1, ge=1, le=1024)  # batches per step of the optimizer
    # Moving average of the weights: min(ema_momentum, (1 + t) / (10 + t)) at step t; 0 for none
    ema_momentum: float = Field(default=0.998, ge=0, lt=1)
    freeze: Literal["none", "tap", "backbone"] = "none"
    # Batch norm keeps its statistics, and is folded into the convolutions. auto: under 1,000
    # images, whose statistics would be noise, unless there are no weights to start from
    freeze_norm: bool | Literal["auto"] = "auto"
    # auto: 0.97 under 5,000 steps, 0.99 otherwise. The backbones' own 0.999 is too slow for random
    # weights: `shapes` measured AP 0.000 after 1,900 steps, and 0.522 with fresh statistics.
    norm_momentum: Annotated[float, Field(ge=0, lt=1)] | Literal["auto"] = "auto"
    # The finest map's anchors get the shapes of the objects that no coarser map serves.
    fit_anchors: bool = False
    precision: Literal["auto", "float32", "bfloat16"] = "auto"  # auto: bfloat16 on a GPU
    save_seconds: float = Field(default=60.0, gt=0)  # between two states that a run resumes from
    evaluate_every: int = Field(default=1, ge=1)  # epochs
    patience: int = Field(default=0, ge=0)  # evaluations without a better AP; 0: never stop early


class ClassifierConfig(_Section):
    """A MobileNet that says what a whole image shows, and how it is trained."""

    network: Literal["mobilenet_v1", "mobilenet_v2"] = "mobilenet_v1"
    width_multiplier: float = Field(default=0.25, gt=0, le=4)
    # px; None: twice the images' side, between 64 and 128
    resolution: int | None = Field(default=None, ge=1, le=2048)
    # None: 30, and more of under 1,280 images
    epochs: int | None = Field(default=None, ge=1, le=100_000)
    mirror: bool | None = None  # show images mirrored too; None: unless all are grey


class Config(_Section):
    """A whole file of `configs/*.yaml`."""

    kind: Literal["detector", "classifier"] = "detector"  # which of the two it describes
    seed: int = Field(default=0, ge=0, lt=2**32)  # of the order, the augmentation and the weights
    model: ModelConfig = ModelConfig()
    postprocess: PostprocessConfig = PostprocessConfig()  # of the model that training makes
    augment: AugmentConfig = AugmentConfig()
    loader: LoaderConfig = LoaderConfig()
    loss: LossConfig = LossConfig()
    train: TrainConfig = TrainConfig()
    classifier: ClassifierConfig = ClassifierConfig()  # of `training.classify` alone

    @property
    def losses(self) -> LossConfig:
        """`loss`, with what each `auto` stands for."""
        return self.loss.of_head(self.model.head)

    @model_validator(mode="after")
    def _losses_fit(self) -> "Config":
        matcher, classification = self.losses.matcher, self.losses.classification
        learns_quality = classification in ("quality_focal", "varifocal")
        if learns_quality == (matcher == "iou"):
            known = "hard_negatives or focal" if matcher == "iou" else "quality_focal or varifocal"
            raise ValueError(
                f"loss.classification {classification} does not go with the matcher {matcher}; "
                f"it takes {known}"
            )
        if learns_quality and self.model.score_activation == "softmax":
            raise ValueError(f"{classification} needs model.score_activation sigmoid")
        return self
