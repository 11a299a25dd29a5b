"""One radiograph through all models, side by side."""

from pulmoscan.ui.compare import compare_page

compare_page()
