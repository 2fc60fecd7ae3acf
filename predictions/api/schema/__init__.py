"""What the OpenAPI document says of each operation beyond the serializers."""
