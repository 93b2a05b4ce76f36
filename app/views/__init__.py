"""One file a page: artifacts in, a page out; no maths."""
