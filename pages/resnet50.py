"""Screening with ResNet-50, the baseline."""

from pulmoscan.ui.model_page import model_page

model_page("resnet50")
