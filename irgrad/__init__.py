"""irgrad: compiled derivatives of plain NumPy functions, as readable source."""

from irgrad import ops as _ops
from irgrad.api import CompiledFunction as CompiledFunction
from irgrad.api import compile as compile
from irgrad.errors import IrgradError as IrgradError
from irgrad.interpret.draw import draw_graph as draw_graph
from irgrad.interpret.value import Value as Value

__version__ = "0.1.0"
