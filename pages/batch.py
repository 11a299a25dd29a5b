"""Many radiographs at once, sorted by urgency."""

from pulmoscan.ui.batch import batch_page

batch_page()
