"""What trains the models that the samples ship: `make train-audio` and `make train-volumes`.

Its data lie in tests/data, not in the wheel.
"""
