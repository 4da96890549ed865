"""Computations of the lessons: exact cases of the theory of variational autoencoders.

NumPy and SciPy, without a screen: the pages of `pages/learn/` draw these numbers. Only
`one_example` runs a model, with the functions that train. ln is the natural logarithm and every
information is in nats. Each function names its source.
"""

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]
