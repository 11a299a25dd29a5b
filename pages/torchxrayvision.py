"""Screening with the models that torchxrayvision publishes."""

from pulmoscan.ui.external_page import external_page

external_page()
