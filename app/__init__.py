"""Floor 4: the Streamlit dashboard."""
