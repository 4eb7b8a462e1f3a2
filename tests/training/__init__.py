"""What trains the models that the samples ship (`make train-audio`). Its data lie in tests/data, not in the wheel."""
