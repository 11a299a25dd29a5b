"""The reader first, then the model: what does the pair gain, and what does it cost?"""

from pulmoscan.ui.second_reader import second_reader_page

second_reader_page()
