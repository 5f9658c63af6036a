"""The subject of the study: designs of NOFREE pages, put together from small parts.

``axes`` says what there is to choose, ``composed`` puts a design together, ``named`` names it.
"""

from vmmodel.nofree.axes import AXES, IMPORT_ORDERS, Composition, ImpossibleDesign
from vmmodel.nofree.base import IllegalFree, Nofree, Traits
from vmmodel.nofree.composed import compose
from vmmodel.nofree.named import (
    BASELINE,
    DESIGNS,
    Design,
    canonical,
    design,
    known_designs,
    spelled,
)

__all__ = [
    "AXES",
    "BASELINE",
    "DESIGNS",
    "IMPORT_ORDERS",
    "Composition",
    "Design",
    "IllegalFree",
    "ImpossibleDesign",
    "Nofree",
    "Traits",
    "canonical",
    "compose",
    "design",
    "known_designs",
    "spelled",
]
