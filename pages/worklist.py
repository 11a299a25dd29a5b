"""The node's studies, the most urgent first."""

from pulmoscan.ui.hospital import hospital_page

hospital_page()
