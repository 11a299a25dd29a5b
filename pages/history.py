"""What this session has screened."""

from pulmoscan.ui.history_page import history_page

history_page()
