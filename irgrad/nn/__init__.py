"""Neural networks over scalars, written once: they run on ``Value``, on floats and compiled."""

from irgrad.nn.layer import Layer as Layer
from irgrad.nn.losses import cross_entropy as cross_entropy
from irgrad.nn.losses import hinge as hinge
from irgrad.nn.losses import squared_error as squared_error
from irgrad.nn.losses import squared_norm as squared_norm
from irgrad.nn.mlp import MLP as MLP
from irgrad.nn.module import Module as Module
from irgrad.nn.neuron import Neuron as Neuron
from irgrad.nn.neuron import relu as relu
from irgrad.nn.optimisers import SGD as SGD
from irgrad.nn.optimisers import Adam as Adam
from irgrad.nn.optimisers import Momentum as Momentum
from irgrad.nn.optimisers import Optimiser as Optimiser
