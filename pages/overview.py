"""What PulmoScan is, and the three models side by side."""

from pulmoscan.ui.overview import overview

overview()
