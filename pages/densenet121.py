"""Screening with DenseNet-121, the champion."""

from pulmoscan.ui.model_page import model_page

model_page("densenet121")
