"""What Python code and notebooks use."""
