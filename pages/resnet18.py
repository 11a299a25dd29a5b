"""Screening with ResNet-18, the light one."""

from pulmoscan.ui.model_page import model_page

model_page("resnet18")
