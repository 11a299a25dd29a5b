"""Labels for a site's radiographs, by readers who see no score."""

from pulmoscan.ui.blind_reading import blind_reading_page

blind_reading_page()
