"""The interpreted engines: ``Value``, backpropagation one operation at a time, and ``evaluate``."""
