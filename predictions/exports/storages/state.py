"""How the synchronisations of export storages stand."""

from predictions.models import ExportStorage
from predictions.storages.state import Synchronisations

EXPORTS = Synchronisations(ExportStorage)
