"""Pure building blocks of a page: values and words in, escaped HTML out."""
