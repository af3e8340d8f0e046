"""The graph IR: sizes, dtypes, typed nodes, verification and text."""
