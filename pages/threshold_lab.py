"""What each threshold costs and gains, from stored scores."""

from pulmoscan.ui.threshold_lab import threshold_lab_page

threshold_lab_page()
