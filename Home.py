"""The app's entry: navigation only. Start it with `python -m pulmoscan app`."""

import streamlit as st

from pulmoscan.ui.navigation import ICON, navigation

st.set_page_config(page_title="PulmoScan", page_icon=ICON, layout="wide")
navigation().run()
