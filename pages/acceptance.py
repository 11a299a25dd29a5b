"""A site's own labelled radiographs, and whether the model is good enough for them."""

from pulmoscan.ui.acceptance import acceptance_page

acceptance_page()
