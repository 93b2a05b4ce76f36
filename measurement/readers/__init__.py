"""Readers: files and tables → Panel and event tables, with every problem named."""
