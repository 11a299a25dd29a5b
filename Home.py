"""The app's entry: navigation only. Start it with `python -m pulmoscan app`."""

import streamlit as st

from pulmoscan.ui.navigation import ICON, navigation

page = navigation()
st.set_page_config(page_title=f"{page.title} · PulmoScan", page_icon=ICON, layout="wide")
page.run()
