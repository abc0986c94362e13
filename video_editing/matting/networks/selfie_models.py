"""MediaPipe's selfie segmentation models: small, and without memory of earlier frames."""

import cv2
import numpy as np

from video_editing.frames import Box, FloatPlane
from video_editing.matting.networks.tflite import load_tflite
from video_editing.pixels import convert_to_rgb
from video_editing.pyramid import Pyramid, crop_to_size

LANDSCAPE_MODEL = "selfie_segmentation/selfie_segmentation_landscape.tflite"  #: 256x144
SQUARE_MODEL = "selfie_segmentation/selfie_segmentation.tflite"  #: 256x256


class SelfieModel:
    """One variant of the selfie segmentation model."""

    def __init__(self, name: str) -> None:
        """Load the model.

        Raises:
            ModelUnavailable: the installed mediapipe does not contain it.
        """
        self._interpreter = load_tflite(name)
        (model_input,) = self._interpreter.get_input_details()
        (model_output,) = self._interpreter.get_output_details()
        self._input_index, self._output_index = model_input["index"], model_output["index"]
        _, self._height, self._width, _ = model_input["shape"]

    def predict(self, levels: Pyramid, box: Box, *, is_mirrored: bool = False) -> FloatPlane:
        """Compute the probability of person in a box, 0–1, of the box's size.

        Args:
            levels: the picture and its halves.
            box: in pixels of the last level.
            is_mirrored: give the model the mirror image.
        """
        size = int(self._width), int(self._height)
        view = convert_to_rgb(crop_to_size(levels, box, size), size)
        self._interpreter.set_tensor(
            self._input_index, _mirror(view)[None] if is_mirrored else view[None]
        )
        self._interpreter.invoke()
        field = self._interpreter.get_tensor(self._output_index)[0, :, :, 0]
        field = _mirror(field) if is_mirrored else field
        return np.asarray(cv2.resize(field, box[2:], interpolation=cv2.INTER_LINEAR), np.float32)


def _mirror(field: FloatPlane) -> FloatPlane:
    return np.asarray(cv2.flip(field, 1), np.float32)
