"""An ML backend that predicts and stores its predictions in the service."""
