"""The forms of annotation tools that show by files of their own, in the order of being asked."""

from __future__ import annotations

from detector.data.tools.read_create_ml import CREATE_ML
from detector.data.tools.read_datumaro import DATUMARO
from detector.data.tools.read_fiftyone import FIFTY_ONE
from detector.data.tools.read_hugging_face import HUGGING_FACE
from detector.data.tools.read_kitti import KITTI
from detector.data.tools.read_label_studio import LABEL_STUDIO
from detector.data.tools.read_labelme import LABELME
from detector.data.tools.read_open_images import OPEN_IMAGES
from detector.data.tools.read_supervisely import SUPERVISELY
from detector.data.tools.read_tfrecord import TF_RECORD
from detector.data.tools.read_via import VIA

TOOL_FORMS = (
    LABELME,
    LABEL_STUDIO,
    CREATE_ML,
    HUGGING_FACE,
    OPEN_IMAGES,
    TF_RECORD,
    VIA,
    KITTI,
    DATUMARO,
    SUPERVISELY,
    FIFTY_ONE,
)
"""Asked after COCO, YOLO's YAML and VOC, beside which stray files of these may lie."""
