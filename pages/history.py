"""What this session has screened."""

from pulmoscan.ui.history import history_page

history_page()
