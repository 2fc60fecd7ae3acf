"""How the synchronisations of import storages stand."""

from predictions.models import ImportStorage
from predictions.storages.state import Synchronisations

IMPORTS = Synchronisations(ImportStorage)
