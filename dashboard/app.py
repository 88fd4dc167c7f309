"""The app's entry: who reads, in which language, which pages there are.

`streamlit run dashboard/app.py`, or `modelworth dashboard`. Pages are files in `views/`; settings
and themes stand in `.streamlit/config.toml` beside this file.
"""

from __future__ import annotations

import streamlit as st

from modelworth.dashboard import state, team
from modelworth.dashboard.parts import frame

st.set_page_config(page_title="modelworth", page_icon=str(frame.ICON), layout="wide")
team.open_no_files()
frame.require_login()
opened = state.begin()
pages = frame.pages(state.words())
page = st.navigation(pages, position="hidden")
if opened == "refused" and page.url_path != "":
    st.switch_page(frame.VIEWS / "start.py")
if opened == "link" and page.url_path == "" and state.guide() is None:
    st.switch_page(frame.VIEWS / "verdict.py")
frame.style()
frame.sidebar(pages)
frame.notices()
state.remember()
page.run()
