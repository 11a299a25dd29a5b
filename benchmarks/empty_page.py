"""The least that a Streamlit app can be: what the start of ours is compared with."""

import streamlit as st

st.write("Nothing.")
