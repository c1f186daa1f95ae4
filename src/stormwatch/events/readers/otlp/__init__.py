"""OpenTelemetry's protocol: trace and log requests, as protobuf or JSON, to usage events and what is joined to them."""
