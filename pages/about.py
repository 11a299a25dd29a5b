"""Versions, model cards, licence, and how to cite."""

from pulmoscan.ui.about import about_page

about_page()
