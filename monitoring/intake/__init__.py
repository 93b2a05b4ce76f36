"""What the pipeline's own tools write (OpenTelemetry, Langfuse, MLflow, Prometheus) → the contract's tables."""
