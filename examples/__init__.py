"""Programs that use the service; the tests run them."""
