"""DICOM files: what their header says, whether they can be screened, and their pixels in shades of grey."""

from pulmoscan.reading.dicom.facts import Facts, Identity
from pulmoscan.reading.dicom.greyscale import Greyscale, Lut, Voi, Window
from pulmoscan.reading.dicom.reading import Dicom, read_dicom, stored_values

__all__ = ["Dicom", "Facts", "Greyscale", "Identity", "Lut", "Voi", "Window", "read_dicom", "stored_values"]
